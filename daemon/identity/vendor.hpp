// Who makes certificates: one kind for each method of `cloud.provisioning`. A life applies, once at a time;
// the answer comes on the loop. tests/unit/identity holds every kind to this.
#pragma once

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <variant>

#include "aws/http.hpp"
#include "core/clock.hpp"
#include "core/cloud_talk.hpp"
#include "core/error.hpp"
#include "core/log.hpp"
#include "core/options.hpp"
#include "core/secret.hpp"

namespace sluice::identity {

struct Application {
  std::string id;   // productid, and the name that its thing must get
  Secret token;     // empty where none is wanted
  std::string csr;  // PEM; empty where the vendor makes the key
};

struct Issued {
  std::string certificate;                                          // PEM; a chain where one is to be sent
  std::string certificate_id;                                       // empty: to be computed
  std::string thing;                                                // empty: not told
  std::string endpoint, credentials_endpoint, role_alias, root_ca;  // empty: as configured
  bool told_before = false;  // the answer with endpoints and role alias was lost: those of the present one
  Secret key;                // only of a vendor that makes the key
};

// fleet: the certificate is there, but is nobody's until enlist().
struct Promise {
  std::string certificate, certificate_id;
  Secret ownership;  // AWS's certificateOwnershipToken, good for an hour
};

struct Refusal {
  enum class Kind {
    later,   // network, throttled, unavailable: ask again
    lapsed,  // the promise is not good any more: apply again
    denied,  // the token is not right
    clash,   // registered already, and not given out again
    wrong,   // the request or the answer is not as it should be
  };
  Kind kind = Kind::later;
  std::string text;
  std::optional<std::chrono::seconds> retry_after;
  bool for_all = false;  // the service is throttling: everybody goes slower, and waits for retry_after
  bool reached = true;   // false: nobody answered
};

// What was to be taken out of use is.
struct Retired {};

using Answer = std::variant<Issued, Promise, Retired, Refusal>;

class Vendor {
 public:
  // Answers that have not come do not come any more. May wait for a request that runs to notice.
  virtual ~Vendor() = default;
  virtual bool makes_the_key() const { return false; }
  virtual bool wants_a_token() const { return true; }
  // How often the first connection may be turned down before the certificate is given up: AWS drops the first
  // contacts of a certificate that it has just begun to register.
  virtual unsigned first_contacts() const { return 12; }
  // Can retire(). After a rotation the former certificate stays good until then.
  virtual bool retires() const { return false; }
  virtual void apply(Application application, std::function<void(Answer)> done) = 0;
  // `begun`: this was called before, perhaps with success that we did not hear of. `key`: of the certificate.
  virtual void enlist(Application application, Promise promise, Secret key, bool begun,
                      std::function<void(Answer)> done);
  // Takes the certificates of this id out of use, but the one whose id is `keep`; empty: all.
  virtual void retire(Application application, std::string keep, std::function<void(Answer)> done);
};

// What vendors are made of; everything given by reference must outlive them.
struct VendorParts {
  boost::asio::io_context& loop;
  Clock& clock;
  const Options& options;  // read while they are made
  CloudTalkOpener talk;
  std::function<std::unique_ptr<aws::Http>(aws::HttpOptions)> http;  // empty: aws::make_http
};

// By options.cloud.provisioning.method, but `given`. Errors: files that cannot be read, in words.
result<std::unique_ptr<Vendor>> make_vendor(const VendorParts& parts);

result<std::unique_ptr<Vendor>> make_cvm(const VendorParts& parts);      // cvm.cpp
result<std::unique_ptr<Vendor>> make_awslabs(const VendorParts& parts);  // awslabs.cpp
result<std::unique_ptr<Vendor>> make_fleet(const VendorParts& parts);    // fleet.cpp
result<std::unique_ptr<Vendor>> make_own_ca(const VendorParts& parts);   // own_ca.cpp

}  // namespace sluice::identity

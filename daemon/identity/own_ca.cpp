// The gateway holds an intermediate CA key and issues certificates itself; AWS knows the CA and registers
// each certificate at its first contact (JITP, or JITR with its function), dropping that first connection.
#include <fmt/format.h>

#include <fstream>
#include <sstream>

#include "core/workers.hpp"
#include "identity/key_pair.hpp"
#include "identity/sealing_key.hpp"
#include "identity/vendor.hpp"

namespace sluice::identity {
namespace {

constexpr std::int64_t kBackdated = 300;  // seconds: AWS's clock and ours need not agree
constexpr const char* kTooLong =
    "AWS knows who comes with a certificate of an own CA by its common name, which has 64 bytes at most; "
    "this "
    "name is longer";

class OwnCa final : public Vendor {
 public:
  OwnCa(const VendorParts& parts, std::string certificate, Secret key)
      : clock_(parts.clock),
        certificate_(std::move(certificate)),
        key_(std::move(key)),
        valid_(
            std::chrono::duration_cast<std::chrono::seconds>(parts.options.cloud.provisioning.issuer.valid)),
        workers_(parts.loop, 1, 256) {}

  bool wants_a_token() const override { return false; }
  unsigned first_contacts() const override { return 40; }

  void apply(Application application, std::function<void(Answer)> done) override {
    if (application.id.size() > kMaxCommonName)
      return done(Refusal{Refusal::Kind::wrong, kTooLong, {}, false});
    const auto now =
        std::chrono::duration_cast<std::chrono::seconds>(clock_.wall().time_since_epoch()).count();
    auto answer = std::make_shared<Answer>(Refusal{});
    auto work = [this, csr = std::move(application.csr), now, answer] {
      auto made = issue_certificate({.issuer_certificate_pem = certificate_,
                                     .issuer_key_pem = key_,
                                     .csr_pem = csr,
                                     .not_before = now - kBackdated,
                                     .not_after = now + valid_.count()});
      if (!made) {
        *answer = Refusal{Refusal::Kind::wrong, made.error().text, {}, false};
        return;
      }
      Issued issued;
      issued.certificate = std::move(*made);
      *answer = std::move(issued);
    };
    auto shared = std::make_shared<std::function<void(Answer)>>(std::move(done));
    if (!workers_.submit(std::move(work), [answer, shared] { (*shared)(std::move(*answer)); }))
      (*shared)(Refusal{Refusal::Kind::later, "too many certificates wait for their signature", {}, false});
  }

 private:
  Clock& clock_;
  std::string certificate_;
  Secret key_;
  std::chrono::seconds valid_;
  Workers workers_;  // last: joined first
};

}  // namespace

result<std::unique_ptr<Vendor>> make_own_ca(const VendorParts& parts) {
  const auto& options = parts.options.cloud.provisioning.issuer;
  std::ifstream file(options.certificate);
  std::ostringstream text;
  text << file.rdbuf();
  if (auto facts = read_certificate(text.str()); !facts) {
    return Error{errc::io, fmt::format("cloud.provisioning.issuer.certificate {}: {}",
                                       options.certificate.string(), facts.error().text)};
  }
  auto key = read_secret_file(options.key, "the issuer's key", true);
  if (!key) return key.error();
  if (auto fits = check_certificate_of_key(text.str(), *key); !fits) {
    return Error{errc::invalid_argument, fmt::format("cloud.provisioning.issuer: {} is not the key of {}",
                                                     options.key.string(), options.certificate.string())};
  }
  return std::make_unique<OwnCa>(parts, text.str(), std::move(*key));
}

}  // namespace sluice::identity

// Who is it? Checks the CONNECT of a client against the directory: client certificate, token, or (on
// loopback, where the listener allows it) nothing. Loop thread; token hashes are computed on workers.
//
// Client ids: empty (the device id is taken), the device id itself, or `<device id>.<anything>` for a second
// session. The dot is the separator because no device id contains one: with `-`, device `a` could take the
// session of `a-b`.
#pragma once

#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/clock.hpp"
#include "core/enrolment.hpp"
#include "core/log.hpp"
#include "core/workers.hpp"
#include "device/buckets.hpp"
#include "device/directory.hpp"
#include "device/peer.hpp"
#include "mqtt/packet.hpp"

namespace sluice::device {

struct AuthRequest {
  Peer peer;
  bool anonymous_allowed = false;  // by the listener
  std::string certificate;         // CN of the verified client certificate; empty: none
  std::string client_id;
  std::optional<std::string> username, password;
};

struct AuthAnswer {
  mqtt::Reason reason = mqtt::Reason::not_authorized;
  std::string text;                // for the client; says nothing that helps to guess
  std::shared_ptr<Device> device;  // on success
  AuthMethod method = AuthMethod::none;
};

// `<device id>` of a client id; the whole if there is no dot.
std::string_view device_of_client_id(std::string_view client_id);

struct AuthStats {
  std::uint64_t accepted = 0, refused = 0, busy = 0, throttled = 0, hashes = 0;
  std::uint64_t newcomers = 0;  // unknown devices whose token was judged by the provisioning service
};

class Authenticator {
 public:
  Authenticator(boost::asio::io_context& loop, Clock& clock, Log log, Directory& directory);
  ~Authenticator();
  // Who judges the tokens of unknown devices, and who hears of devices that want an identity. Null: nobody.
  void enrol_with(Enrolment* enrolment) { enrolment_ = enrolment; }
  using Reply = std::function<void(AuthAnswer)>;
  // Replies once, from inside or later.
  void check(AuthRequest request, Reply reply);
  // A device that an adapter vouches for: has it an identity, if its product wants one?
  void check_vouched(const std::shared_ptr<Device>& device, const Peer& peer, Reply reply);
  const AuthStats& stats() const { return stats_; }

 private:
  struct Waiting {
    AuthRequest request;
    Reply reply;
  };
  struct Check {  // one hash being computed, for all who brought the same token for the same device
    std::string hash;
    Secret token;  // only if an identity may have to be asked for with it
    std::vector<Waiting> waiting;
  };
  void check_certificate(const AuthRequest& request, const Reply& reply);
  void check_anonymous(const AuthRequest& request, const Reply& reply);
  void check_token(AuthRequest request, Reply reply);
  void hashed(const std::pair<std::string, TokenSeal::Mark>& key, bool matches);
  // `token`: the one that was proven; empty: none.
  void accept(const AuthRequest& request, const std::shared_ptr<Device>& device, AuthMethod method,
              std::string_view token, const Reply& reply);
  // `why` is for the log; the client hears `told`, or the same.
  void refuse(const AuthRequest& request, mqtt::Reason reason, std::string_view why, const Reply& reply,
              std::string_view told = {});
  void count_wrong(const AuthRequest& request, const std::string& name);

  // newcomers.cpp: devices that nobody here knows yet.
  bool admit(AuthRequest& request, const Reply& reply);
  void admitted(std::shared_ptr<AuthRequest> request, const std::string& product, const Admission& admission,
                const Reply& reply);
  void remember(std::shared_ptr<AuthRequest> request, const std::string& product, const Reply& reply);
  bool throttled(const AuthRequest& request, MonoTime now);

  Clock& clock_;
  Log log_;
  Directory& directory_;
  Enrolment* enrolment_ = nullptr;
  Workers workers_;
  BucketTable by_source_, by_source_and_name_, log_limit_;
  std::map<std::pair<std::string, TokenSeal::Mark>, Check> checks_;
  const std::string no_hash_;
  AuthStats stats_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace sluice::device

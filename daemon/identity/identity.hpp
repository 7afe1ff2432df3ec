// The identity room's door: every device becomes somebody in AWS, by proxy. Keys are made here and sealed; a
// vendor (CVM, fleet, own CA) makes the certificates; lanes open with them. Made and wired by app; on the
// loop thread.
//
//   device room ─ admit ─▶ Life (a row of the table) ─▶ desk ─▶ vendor ─▶ proof ─▶ lane
//                              │ written to the registry before each step
#pragma once

#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "aws/http.hpp"
#include "core/clock.hpp"
#include "core/cloud_identity.hpp"
#include "core/cloud_talk.hpp"
#include "core/enrolment.hpp"
#include "core/error.hpp"
#include "core/failpoint.hpp"
#include "core/log.hpp"
#include "core/message.hpp"
#include "core/options.hpp"
#include "identity/credentials_source.hpp"
#include "store/registry.hpp"
#include "store/store.hpp"

namespace sluice::identity {

// What identity asks of others; app connects them. All must be there but `http`.
struct Doors {
  CloudTalkOpener talk;
  // A lane with this identity, or another identity for the lane that is there.
  std::function<void(LaneId, CloudIdentity)> open_lane;
  std::function<void(LaneId)> close_lane;
  // The lane connects with it, and stays with it if that works; else it goes back to what it had.
  std::function<void(LaneId, TlsIdentity, std::function<void(result<void>)>)> try_lane;
  std::function<std::unique_ptr<aws::Http>(aws::HttpOptions)> http;  // empty: aws::make_http
};

struct Import {
  std::string id, product;
  Secret token;
};

using Done = std::function<void(result<void>)>;

class Identities : public Enrolment {
 public:
  // Goes on where the registry says that we were.
  virtual void start() = 0;
  // No more requests; who asks from now on is told to come later. May wait a moment for a call that runs.
  virtual void stop() = 0;
  // Limits and waiting times at once; what a method is made of at the next start.
  virtual void reload(const Options& options) = 0;
  // From uplink: AWS does not take this lane's certificate, which was good before.
  virtual void trouble(LaneId lane, errc code, const std::string& words) = 0;

  // Commands. `id` is a device's; the gateway's own is meant by `gateway()`.
  static std::string gateway();
  // Asks now instead of later. `again`: also where there is a certificate, or was a refusal.
  virtual void provision(const std::string& id, bool again, Done done) = 0;
  virtual std::size_t provision_all() = 0;  // how many are asked for now
  // A device that we know needs no token of its own here (own-ca).
  virtual void enrol(const std::string& id, const std::string& product, Done done) = 0;
  virtual void rotate(const std::string& id, Done done) = 0;
  virtual std::size_t rotate_all() = 0;
  // Decommissions: its lane closes, the key is destroyed, what waits is counted. It cannot come in again
  // until provision(id, again).
  virtual void revoke(const std::string& id, Done done) = 0;
  // All of them or none. `done` when every token is on disk, sealed.
  virtual void import(std::vector<Import> devices, Done done) = 0;
  // With what temporary credentials are asked for; endpoint and role alias are empty where the service told
  // none. Errors: not_found, denied (it has no certificate in use).
  virtual result<CredentialsSource> credentials_source(const std::string& id) const = 0;

  // {"method", "counts": {state: n}, "waiting", "under_way", "gateway": {...}, "troubles": [{"id", "text"}]}
  virtual nlohmann::json status() const = 0;
  // By device id: {state, certificate_id, expires_ms, since_ms, judged, error}.
  virtual nlohmann::json identities() const = 0;
};

// Errors: the sealing key or the method's files cannot be read, in words; the registry cannot be read.
// Everything given by reference must outlive it.
result<std::unique_ptr<Identities>> make_identities(const Options& options, boost::asio::io_context& loop,
                                                    Clock& clock, store::Store& store,
                                                    store::Registry& registry, Doors doors, Log log,
                                                    FailPoints failpoints = FailPoints::from_environment());

}  // namespace sluice::identity

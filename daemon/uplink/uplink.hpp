// Carries stored readings to AWS IoT and brings commands back: one lane per identity. App makes it, tells it
// of commits, adds and removes the lanes of devices with their own certificate, and stops it with a last
// drain. Loop thread.
#pragma once

#include <functional>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <span>
#include <string>

#include "core/clock.hpp"
#include "core/cloud_identity.hpp"
#include "core/error.hpp"
#include "core/log.hpp"
#include "core/message.hpp"
#include "core/options.hpp"
#include "core/sinks.hpp"

namespace boost::asio {
class io_context;
}
namespace sluice::store {
class Store;
}

namespace sluice::uplink {

class LinkEvents;
class CloudLink;
using LinkFactory = std::function<std::unique_ptr<CloudLink>(std::weak_ptr<LinkEvents>)>;  // cloud_link.hpp

class Uplink {
 public:
  virtual ~Uplink() = default;
  // Opens a lane: the gateway's (kGatewayLane) or a device's own. Known already: it reconnects if what it
  // needs for a connection has changed. Another thing: the lane is a new one.
  virtual void add_lane(LaneId lane, CloudIdentity identity) = 0;
  // Its readings stay in the store until someone moves or drops them.
  virtual void remove_lane(LaneId lane) = 0;
  // For rotation: the lane reconnects with this certificate. Connected: it stays with it, and whoever keeps
  // identities makes it the lane's (add_lane with it changes nothing any more). Otherwise the lane goes back
  // to what it had. Never two connections at once; what was in flight is sent again. `done` once, bounded in
  // time; at once for a lane that is not there or tries one already. Errors: unreachable (nothing is known
  // about the certificate), tls, unauthorized, closed, refused (it is not taken), timeout, not_found, exists.
  virtual void try_identity(LaneId lane, TlsIdentity tls, std::function<void(result<void>)> done) = 0;
  // The cloud does not take a lane's certificate: it says so in TLS (errc::tls) or in CONNACK (unauthorized),
  // or closes each time without a word (closed). Told once, and again only after the lane was connected.
  virtual void on_identity_trouble(std::function<void(LaneId, errc, const std::string& words)> told) = 0;
  // Of Store::on_committed.
  virtual void committed(Ticket ticket, std::span<const LaneId> lanes_with_new_records) = 0;
  // Lanes reconnect only if what they need for a connection has changed.
  virtual void reload(const Options& options) = 0;
  // Sends what can still be sent, for at most `deadline`, then disconnects; `done` on the loop, once.
  virtual void drain_and_stop(Duration deadline, std::function<void()> done) = 0;
  // {"lanes": [{thing, state, since_s, error, in_flight, queued, sent, acknowledged, delivered, …}]}
  virtual nlohmann::json status() = 0;
};

// Everything given by reference must outlive it. `links`: those over MQTT when empty.
std::unique_ptr<Uplink> make_uplink(const Options& options, boost::asio::io_context& loop, Clock& clock,
                                    store::Store& store, CommandSink& commands, Log log,
                                    LinkFactory links = {});

}  // namespace sluice::uplink

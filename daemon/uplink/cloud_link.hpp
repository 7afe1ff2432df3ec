// One connection to AWS IoT as one identity: the interface between a lane and whatever speaks MQTT for it
// (MqttLink in the daemon, a script in tests). A link lives for one attempt: connect once, run, end; the next
// attempt is a new link, so that files, DNS and options are looked at afresh. tests/contract/cloud_link holds
// the kinds together.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/clock.hpp"
#include "core/cloud_identity.hpp"
#include "core/error.hpp"
#include "core/log.hpp"

struct addrinfo;
namespace boost::asio {
class io_context;
}

namespace sluice::uplink {

struct LinkOptions {
  std::string host;
  std::uint16_t port = 8883;
  bool plain = false;  // no TLS: for the tests of a link; no configuration can ask for it
  std::string client_id;
  TlsIdentity tls;
  std::string alpn;
  bool mqtt5 = true;
  Duration keep_alive = 60s;
  Duration connect_timeout = 20s;
  bool clean_start = false;             // true: nothing of an earlier connection is wanted
  std::uint32_t session_expiry = 3600;  // seconds the cloud keeps commands for us; AWS's default cap
};

// What the other side grants in CONNACK; 3.1.1 grants nothing, so its defaults are ours.
struct Granted {
  bool session_present = false;
  bool mqtt5 = true;
  std::uint32_t receive_maximum = 65'535;
  std::uint32_t maximum_packet_size = 0;  // bytes; 0: no limit told
  std::uint32_t server_keep_alive = 0;    // seconds; 0: ours. The link keeps to it
  std::int64_t certificate_expires = 0;   // our own one's notAfter, seconds since 1970; 0: unknown
};

struct ConnectFailure {
  enum class Kind : std::uint8_t {
    dns,                  // the endpoint's name does not resolve
    tcp,                  // no connection, or none in time
    own_certificate,      // ours: missing, unreadable, expired, key of another certificate
    peer,                 // the server's certificate: expired, another host's, of an unknown CA
    certificate_refused,  // the server does not take ours: a TLS alert says so
    tls,                  // any other handshake trouble
    version,              // does not speak this MQTT version
    refused,              // CONNACK says no; `reason` says why. Or it speaks something else: reason 0
    closed,               // closed after TLS without a word
    silent,               // takes the connection but does not answer CONNECT in time
  };
  Kind kind = Kind::tcp;
  std::uint8_t reason = 0;  // MQTT 5 reason code of the CONNACK (3.1.1's codes are mapped)
  Error error;
};

struct Loss {
  std::uint8_t reason = 0;  // of the server's DISCONNECT (MQTT 5); 0: it closed without one
  std::string text;
};

// A publish with QoS 1. Views stay valid as long as `keep` is held; a link lets go once the bytes are taken
// over.
struct Publication {
  std::string_view topic, payload, content_type;
  std::string user_properties;  // MQTT 5, wire form (0x26 key value …)
  std::shared_ptr<const void> keep;
};

struct Puback {
  std::uint64_t token = 0;
  std::uint8_t reason = 0;  // MQTT 5; 0 on 3.1.1
};

struct Incoming {
  std::string topic, payload;
  std::string content_type, response_topic, correlation_data, user_properties;  // MQTT 5
  std::uint32_t expiry = 0;                                                     // seconds; 0: none
  std::uint8_t qos = 1;
  std::uint64_t ack = 0;  // for CloudLink::accept(); 0: nothing to acknowledge
};

// All calls on the loop thread, never from inside a call to the link.
class LinkEvents {
 public:
  virtual ~LinkEvents() = default;
  // Exactly one of these two answers connect().
  virtual void connected(const Granted& granted) = 0;
  virtual void connect_failed(const ConnectFailure& failure) = 0;
  // After connected(); the last event.
  virtual void lost(const Loss& loss) = 0;
  virtual void published(std::span<const Puback> acks) = 0;
  // One reason code per filter: 0, 1, or a refusal >= 0x80.
  virtual void subscribed(std::span<const std::uint8_t> reasons) = 0;
  virtual void message(Incoming&& message) = 0;
  // The link takes publishes again; comes after CloudLink::writable() has said no.
  virtual void writable() = 0;
};

class CloudLink {
 public:
  // Closing is part of it; no event afterwards. Never blocks.
  virtual ~CloudLink() = default;
  virtual void connect(const LinkOptions& options) = 0;
  // False: enough is waiting to be sent; LinkEvents::writable() tells when it has gone. One more may be
  // given.
  virtual bool writable() const = 0;
  // Only while connected. The token comes back in published(); none comes back once the connection is lost.
  virtual void publish(Publication&& publication, std::uint64_t token) = 0;
  // At most 8 filters (AWS); one at a time; QoS 1.
  virtual void subscribe(std::vector<std::string> filters) = 0;
  // The message is safe with us: its PUBACK may leave. In any order; the link keeps MQTT's.
  virtual void accept(std::uint64_t ack) = 0;
  // DISCONNECT and down; `closed` is called on the loop when nothing can come any more.
  virtual void close(std::function<void()> closed) = 0;
};

using LinkFactory = std::function<std::unique_ptr<CloudLink>(std::weak_ptr<LinkEvents>)>;

// The answer to a name: what getaddrinfo(3) says. Runs on a thread of its own and may block.
using Lookup = std::function<int(const char* host, const char* port, addrinfo** list)>;

// Links over TCP, TLS and MQTT. The factory's copies share worker threads and must outlive their links; the
// loop and the clock must outlive the factory. `lookup`: getaddrinfo(3) when empty.
LinkFactory make_mqtt_links(boost::asio::io_context& loop, Clock& clock, Lookup lookup = {});

}  // namespace sluice::uplink

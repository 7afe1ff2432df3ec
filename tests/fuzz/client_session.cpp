// Any bytes as what a server says to our client: it never reads beyond them, grows with nothing but what it
// was given, and whatever it answers is MQTT. How the bytes are cut changes nothing.
#include "uplink/client_session.hpp"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace {

using namespace sluice;
using uplink::ClientSession;
using uplink::Heard;

void must(bool kept) {
  if (!kept) std::abort();
}

struct Outcome {
  std::string out;
  std::size_t messages = 0, bytes = 0;
  bool granted = false, failed = false, lost = false;
  bool operator==(const Outcome&) const = default;
};

// The lane's part. An active one publishes, subscribes, and accepts every second message at once, the others
// later; a passive one only hears.
class Lane {
 public:
  Lane(const uplink::LinkOptions& options, bool active) : session_(options), active_(active) {}

  void take(std::string_view bytes) {
    heard_.clear();
    session_.receive(bytes, heard_);
    must(!heard_.granted || !heard_.failure);
    if (heard_.granted) {
      must(!std::exchange(outcome_.granted, true));
      must(heard_.granted->receive_maximum > 0);
      if (active_) speak();
    }
    for (const auto& message : heard_.messages) {
      outcome_.bytes += message.payload.size() + message.topic.size();
      must(message.qos == 0 ? message.ack == 0 : message.ack == ++last_);
      if (++outcome_.messages % 2 == 0 && active_) session_.accept(message.ack);
    }
    for (const auto& ack : heard_.acks) must(ack.token >= 1 && ack.token <= kPublishes);
    acks_ += heard_.acks.size();
    must(acks_ <= (active_ ? kPublishes : 0));
    outcome_.failed |= heard_.failure.has_value();
    must(!heard_.loss || !std::exchange(outcome_.lost, true));
    must((outcome_.failed || outcome_.lost) == (session_.state() == ClientSession::State::ended));
  }
  Outcome end() {
    for (std::uint64_t ack = 1; ack <= last_; ++ack) session_.accept(ack);
    outcome_.out = session_.out();
    return outcome_;
  }

 private:
  static constexpr std::size_t kPublishes = 5;
  void speak() {
    for (std::uint64_t token = 1; token <= kPublishes; ++token) {
      uplink::Publication p;
      p.topic = "t";
      p.payload = "payload";
      session_.publish(p, token);
    }
    session_.subscribe(std::vector<std::string>{"cmd/#"});
  }

  ClientSession session_;
  const bool active_;
  Heard heard_;
  Outcome outcome_;
  std::uint64_t last_ = 0;
  std::size_t acks_ = 0;
};

}  // namespace

// The first byte: bit 0 the version, bit 1 whether CONNACK is put before the rest; the others how it is cut.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  uplink::LinkOptions options;
  options.host = "cloud";
  options.client_id = "one";
  options.mqtt5 = (data[0] & 1) != 0;
  std::string bytes;
  if ((data[0] & 2) != 0)
    mqtt::encode(mqtt::Connack{}, options.mqtt5 ? mqtt::Version::v5 : mqtt::Version::v311, bytes);
  bytes.append(reinterpret_cast<const char*>(data) + 1, size - 1);

  Lane whole(options, false), pieces(options, false), active(options, true);
  whole.take(bytes);
  const std::size_t piece = std::size_t{data[0]} / 4 + 1;
  for (std::string_view rest = bytes; !rest.empty(); rest.remove_prefix(std::min(piece, rest.size()))) {
    pieces.take(rest.substr(0, piece));
    active.take(rest.substr(0, piece));
  }
  must(whole.end() == pieces.end());

  const auto outcome = active.end();
  std::string_view rest = outcome.out;
  for (mqtt::FixedHeader header; !rest.empty(); rest.remove_prefix(header.total())) {
    must(mqtt::read_fixed_header(rest, header) == mqtt::HeaderStatus::complete);
    must(mqtt::decode(rest.substr(0, header.total()), options.mqtt5 ? mqtt::Version::v5 : mqtt::Version::v311)
             .packet.has_value());
  }
  return 0;
}

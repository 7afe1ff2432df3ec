#include "fleet/session.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "core/task.hpp"
#include "mqtt/codec.hpp"

namespace sluice::fleet {
namespace asio = boost::asio;
namespace {

constexpr std::uint16_t kKeepAlive = 30;  // seconds
constexpr Duration kOpenDeadline = 10s, kPingEvery = 20s, kSilence = 45s;

}  // namespace

Session::Session(Fleet& fleet, Device& device)
    : fleet_(fleet),
      device_(device),
      wire_(make_wire(fleet.loop, device.url(), fleet.tls)),
      wake_(fleet.loop, asio::steady_timer::time_point::max()),
      deadline_(fleet.clock),
      ping_(fleet.clock) {}

void Session::close() {
  ended_ = true;
  up_ = false;
  deadline_.cancel();
  ping_.cancel();
  wire_->close();
  wake_.cancel();
}

void Session::disconnect() {
  if (!up_) return close();
  mqtt::encode(mqtt::Disconnect{}, fleet_.options.version, out_);
  leaving_ = true;
  wake();
  deadline_.start(2s, [this] { close(); });
}

void Session::send_connect() {
  mqtt::Connect connect;
  connect.version = fleet_.options.version;
  connect.clean_start = true;
  connect.keep_alive = kKeepAlive;
  connect.client_id = device_.id();
  const auto token = fleet_.options.tokens.find(device_.id());
  if (token != fleet_.options.tokens.end()) {
    connect.username = device_.id();
    connect.password = token->second;
  }
  mqtt::encode(connect, out_);
}

asio::awaitable<std::string> Session::run() {
  auto self = shared_from_this();
  deadline_.start(kOpenDeadline, [this] { close(); });
  if (const auto failed = co_await wire_->connect()) co_return failed.message();
  send_connect();
  heard_ = fleet_.clock.now();
  auto write = [self] { return self->write_loop(); };
  spawn(fleet_.loop, fleet_.log, "write " + device_.id(), write);
  std::string why;
  while (why.empty()) {
    const auto failed = co_await wire_->read(in_);
    heard_ = fleet_.clock.now();
    why = take_packets();
    if (why.empty() && failed) why = failed.message();
    fleet_.acked.flush();
    if (!out_.empty()) wake();
  }
  close();
  co_return why;
}

asio::awaitable<void> Session::write_loop() {
  while (!ended_) {
    if (out_.empty()) {
      co_await wake_.async_wait(asio::as_tuple(asio::use_awaitable));
      continue;
    }
    writing_.swap(out_);
    const auto failed = co_await wire_->write(asio::buffer(writing_));
    writing_.clear();
    if (failed || (leaving_ && out_.empty())) close();
  }
}

void Session::keep_alive() {
  if (fleet_.clock.now() - heard_ > kSilence) return close();  // the peer is gone without a word
  mqtt::encode_pingreq(out_);
  wake();
  ping_.start(kPingEvery, [this] { keep_alive(); });
}

std::string Session::take_packets() {
  std::size_t done = 0;
  std::string why;
  while (why.empty()) {
    mqtt::FixedHeader header;
    const auto rest = std::string_view(in_).substr(done);
    const auto status = mqtt::read_fixed_header(rest, header);
    if (status == mqtt::HeaderStatus::malformed) return "the gateway sent a malformed header";
    if (status == mqtt::HeaderStatus::incomplete || rest.size() < header.total()) break;
    why = take(rest.substr(0, header.total()));
    done += header.total();
  }
  in_.erase(0, done);
  return why;
}

std::string Session::take(std::string_view packet) {
  const auto decoded = mqtt::decode(packet, fleet_.options.version);
  if (!decoded.packet) return std::string("the gateway sent a bad packet: ") + decoded.error.text;
  if (const auto* connack = std::get_if<mqtt::Connack>(&*decoded.packet)) {
    if (connack->reason != mqtt::Reason::success) {
      return "the gateway refuses us: " + std::string(mqtt::to_string(connack->reason)) + " " +
             std::string(connack->reason_string.value_or(""));
    }
    deadline_.cancel();
    up_ = true;
    ping_.start(kPingEvery, [this] { keep_alive(); });
    device_.session_up(connack->receive_maximum.value_or(65535));
  } else if (const auto* ack = std::get_if<mqtt::Ack>(&*decoded.packet)) {
    if (ack->type == mqtt::PacketType::pubrec && ack->reason < mqtt::Reason::unspecified_error) {
      mqtt::encode_ack(mqtt::PacketType::pubrel, ack->packet_id, out_);
    } else {
      device_.on_ack(ack->packet_id, ack->reason);
    }
  } else if (const auto* publish = std::get_if<mqtt::Publish>(&*decoded.packet)) {
    if (publish->qos == 1) mqtt::encode_ack(mqtt::PacketType::puback, publish->packet_id, out_);
  } else if (const auto* disconnect = std::get_if<mqtt::Disconnect>(&*decoded.packet)) {
    return "the gateway disconnects: " + std::string(mqtt::to_string(disconnect->reason));
  }
  return {};
}

}  // namespace sluice::fleet

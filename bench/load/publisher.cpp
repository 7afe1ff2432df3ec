#include "load/publisher.hpp"

#include <algorithm>

#include "mqtt/codec.hpp"

namespace sluice::load {
namespace {

constexpr std::size_t kSeqWidth = 12;

// Digits at the right end, `fill` before them: constant width, so the packet need not be built again.
void write_seq(char* at, std::uint64_t seq, char fill) {
  char* digit = at + kSeqWidth;
  do {
    *--digit = static_cast<char>('0' + seq % 10);
    seq /= 10;
  } while (seq != 0 && digit > at);
  std::fill(at, digit, fill);
}

std::string payload_of(const Options& options, const std::string& device, std::size_t& seq_at) {
  if (options.payload == Payload::zeros) return std::string(options.size, '\0');
  std::string text = "{\"device\":\"" + device + "\",\"seq\":";
  seq_at = text.size();
  text += std::string(kSeqWidth, ' ') + ",\"value\":21.5,\"pad\":\"";
  if (text.size() + 2 < options.size) text.append(options.size - text.size() - 2, 'x');
  return text + "\"}";
}

}  // namespace

Publisher::Publisher(Loop& loop, const Options& options, unsigned index, Tally& tally)
    : Connection(loop, options, index),
      tally_(tally),
      clients_(options.clients),
      position_(index - options.first),
      qos_(options.qos),
      v5_(options.v5),
      window_(options.window),
      open_(options.window) {
  build(options);
  early_.resize(window_);
}

void Publisher::build(const Options& options) {
  const std::string seq(kSeqWidth, '0');
  std::size_t in_payload = 0;
  const std::string topic = expand(options.topic, index(), seq);
  const std::string payload = payload_of(options, client_id(), in_payload);
  mqtt::Publish packet;
  packet.topic = topic;
  packet.payload = payload;
  packet.qos = static_cast<std::uint8_t>(qos_);
  for (std::uint64_t place = 0; place < window_; ++place) {
    packet.packet_id = static_cast<std::uint16_t>(place + 1);
    mqtt::encode(packet, v5_ ? mqtt::Version::v5 : mqtt::Version::v311, ring_);
    if (place == 0) {
      packet_ = ring_.size();
      ring_.reserve(packet_ * window_);
    }
  }
  if (in_payload != 0) payload_seq_ = packet_ - payload.size() + in_payload;
  const std::size_t mark = options.topic.find("%s");
  if (mark != std::string::npos) {
    const std::size_t before = expand(options.topic.substr(0, mark), index()).size();
    topic_seq_ = ring_.find(topic) + before;
  }
}

void Publisher::opened(std::uint16_t receive_maximum) {
  open_ = std::min<std::uint64_t>(window_, receive_maximum);
  // After a reconnect everything without PUBACK goes out again.
  if (sent_ > head_ * packet_) tally_.resent += (sent_ + packet_ - 1) / packet_ - head_;
  sent_ = head_ * packet_;
  const auto again = std::count(early_.begin(), early_.end(), true);
  tally_.acked -= static_cast<std::uint64_t>(again);
  early_.assign(early_.size(), false);
}

void Publisher::claim() {
  const std::uint64_t end = std::min(limit_, head_ + open_);
  for (; claimed_ < end; ++claimed_) {
    char* place = ring_.data() + (claimed_ % window_) * packet_;
    if (payload_seq_ != 0) write_seq(place + payload_seq_, claimed_, ' ');
    if (topic_seq_ != 0) write_seq(place + topic_seq_, claimed_, '0');
    ++tally_.sent;
  }
}

void Publisher::flush() {
  if (!is_open()) return;
  claim();
  const std::uint64_t end = claimed_ * packet_;
  while (sent_ < end) {
    const std::size_t offset = sent_ % ring_.size();
    const std::size_t first = std::min<std::uint64_t>(end - sent_, ring_.size() - offset);
    const iovec parts[] = {{ring_.data() + offset, first}, {ring_.data(), end - sent_ - first}};
    const std::size_t took = send(parts, parts[1].iov_len > 0 ? 2 : 1);
    if (took == 0) break;  // full: writable() comes
    sent_ += took;
  }
  if (qos_ != 0) return;
  // QoS 0: what the kernel took is done.
  for (; head_ < sent_ / packet_; ++head_) count(head_, 0);
  if (sent_ == end && claimed_ < limit_) mark();
}

std::size_t Publisher::take(std::string_view bytes) {
  const Nanos at = now();
  std::size_t used = 0;
  while (used < bytes.size()) {
    const char* packet = bytes.data() + used;
    if (bytes.size() - used >= 4 && packet[0] == 0x40 && packet[1] == 2) {
      const auto high = static_cast<unsigned char>(packet[2]);
      const auto low = static_cast<unsigned char>(packet[3]);
      acknowledge(static_cast<std::uint16_t>(high << 8 | low), at);
      used += 4;
      continue;
    }
    const std::size_t other = take_other(bytes.substr(used), at);
    if (other == 0) break;
    used += other;
  }
  // Refill when a good part of the window is free: a send for each PUBACK would measure system calls.
  if (head_ + open_ - claimed_ >= std::max<std::uint64_t>(1, open_ / 4) || claimed_ == head_) mark();
  return used;
}

std::size_t Publisher::take_other(std::string_view bytes, Nanos at) {
  mqtt::FixedHeader header;
  const mqtt::HeaderStatus status = mqtt::read_fixed_header(bytes, header);
  if (status == mqtt::HeaderStatus::malformed) {
    lose("malformed packet from the server");
    return 0;
  }
  if (status == mqtt::HeaderStatus::incomplete || header.total() > bytes.size()) return 0;
  const mqtt::Decoded decoded =
      mqtt::decode(bytes.substr(0, header.total()), v5_ ? mqtt::Version::v5 : mqtt::Version::v311);
  if (!decoded.packet) {
    lose(decoded.error.text);
    return 0;
  }
  if (const auto* ack = std::get_if<mqtt::Ack>(&*decoded.packet)) {
    if (static_cast<unsigned>(ack->reason) >= 0x80) ++tally_.refused;
    acknowledge(ack->packet_id, at);
  } else if (const auto* disconnect = std::get_if<mqtt::Disconnect>(&*decoded.packet)) {
    lose("DISCONNECT: " + std::string(mqtt::to_string(disconnect->reason)));
    return 0;
  }
  return header.total();
}

void Publisher::acknowledge(std::uint16_t packet_id, Nanos at) {
  const std::uint64_t place = packet_id - 1U;
  const std::uint64_t oldest = head_ % window_;
  if (head_ == claimed_ || place >= window_) {
    ++tally_.unknown;
    return;
  }
  const std::uint64_t n = head_ + (place + window_ - oldest) % window_;
  if (n >= claimed_ || early_[place]) {
    ++tally_.unknown;
    return;
  }
  count(n, at);
  if (n != head_) {
    ++tally_.out_of_order;
    early_[place] = true;
    return;
  }
  ++head_;
  for (; early_[head_ % window_]; ++head_) early_[head_ % window_] = false;
}

void Publisher::count(std::uint64_t n, Nanos at) {
  ++tally_.acked;
  if (tally_.timed && due(n) >= tally_.measure_from) tally_.latency.record(at - due(n));
  if (tally_.log != nullptr) tally_.log->line(client_id(), n);
}

Nanos Publisher::due(std::uint64_t n) const {
  const double k = static_cast<double>(n) * clients_ + position_;
  return tally_.start + static_cast<Nanos>(k * tally_.interval);
}

void Publisher::give_up(Nanos at) {
  for (std::uint64_t n = head_; n < limit_; ++n) {
    const bool acknowledged = n < claimed_ && early_[n % window_];
    if (!acknowledged && due(n) >= tally_.measure_from) tally_.latency.record(at - due(n));
  }
}

}  // namespace sluice::load

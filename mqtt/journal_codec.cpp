#include "mqtt/journal_codec.hpp"

#include <type_traits>

namespace sluice::mqtt::journal {
namespace {

constexpr std::uint8_t kVersion = 1;

template <typename T>
void put(std::string& out, T value) {
  using U = std::make_unsigned_t<T>;
  for (std::size_t shift = sizeof(T) * 8; shift > 0; shift -= 8) {
    out.push_back(static_cast<char>(static_cast<U>(value) >> (shift - 8) & 0xff));
  }
}

void put_text(std::string& out, std::string_view text) {
  put(out, static_cast<std::uint32_t>(text.size()));
  out.append(text);
}

// Reads what put() wrote; `ok` falls at the first byte that is missing.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : rest_(bytes) { ok_ = get<std::uint8_t>() == kVersion; }
  template <typename T>
  T get() {
    if (rest_.size() < sizeof(T)) {
      ok_ = false;
      rest_ = {};
      return T{};
    }
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < sizeof(T); ++i) value = value << 8 | static_cast<unsigned char>(rest_[i]);
    rest_.remove_prefix(sizeof(T));
    return static_cast<T>(value);
  }
  std::string_view take(std::size_t size) {
    if (rest_.size() < size) {
      ok_ = false;
      rest_ = {};
      return {};
    }
    const std::string_view text = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return text;
  }
  std::string_view text() { return take(get<std::uint32_t>()); }
  bool ok() const { return ok_; }
  bool complete() const { return ok_ && rest_.empty(); }
  std::size_t left() const { return rest_.size(); }

 private:
  std::string_view rest_;
  bool ok_ = true;
};

MessageRef read_message(Reader& in) {
  MessageRef ref(new StoredMessage);
  StoredMessage& message = *ref;
  message.arrived = in.get<std::int64_t>();
  message.expiry = in.get<std::uint32_t>();
  message.qos = in.get<std::uint8_t>();
  message.retain = in.get<std::uint8_t>() != 0;
  message.payload_format = in.get<std::uint8_t>();
  message.present = in.get<std::uint8_t>();
  std::uint64_t size = 0;
  for (auto& part : message.sizes) size += part = in.get<std::uint32_t>();
  if (!in.ok() || size > in.left() || message.qos > 2 || message.sizes[StoredMessage::topic] == 0 ||
      message.sizes[StoredMessage::topic] > 0xffff) {
    return {};
  }
  message.bytes = in.take(size);
  return ref;
}

void write_message(const StoredMessage& message, std::string& out) {
  put(out, message.arrived);
  put(out, message.expiry);
  put(out, message.qos);
  put(out, static_cast<std::uint8_t>(message.retain));
  put(out, message.payload_format);
  put(out, message.present);
  for (const std::uint32_t size : message.sizes) put(out, size);
  out.append(message.bytes);
}

}  // namespace

std::string key_of(std::uint64_t number) {
  std::string key;
  put(key, number);
  return key;
}

std::string key_of(std::uint64_t session, std::uint64_t sequence) {
  std::string key = key_of(session);
  put(key, sequence);
  return key;
}

std::string key_of(std::uint64_t session, std::uint16_t packet_id) {
  std::string key = key_of(session);
  put(key, packet_id);
  return key;
}

std::string key_of(std::uint64_t session, std::string_view filter) {
  std::string key = key_of(session);
  key.append(filter);
  return key;
}

void encode(const SessionRecord& record, std::string& out) {
  put(out, kVersion);
  put(out, record.number);
  put(out, static_cast<std::uint8_t>(record.version));
  put(out, record.expiry);
  put(out, record.disconnected_at);
  put_text(out, record.username);
  put(out, static_cast<std::uint8_t>(record.will ? 1 : 0));
  if (record.will) {
    put(out, record.will_delay);
    write_message(*record.will, out);
  }
}

std::optional<SessionRecord> decode_session(std::string_view value) {
  Reader in(value);
  SessionRecord record;
  record.number = in.get<std::uint64_t>();
  const auto version = in.get<std::uint8_t>();
  record.expiry = in.get<std::uint32_t>();
  record.disconnected_at = in.get<std::int64_t>();
  record.username = in.text();
  const auto has_will = in.get<std::uint8_t>();
  if (!in.ok() || record.number == 0 || (version != 4 && version != 5) || has_will > 1) return std::nullopt;
  record.version = static_cast<Version>(version);
  if (has_will == 1) {
    record.will_delay = in.get<std::uint32_t>();
    record.will = read_message(in);
    if (!record.will) return std::nullopt;
  }
  if (!in.complete()) return std::nullopt;
  return record;
}

void encode(const SubscriptionOptions& options, std::string& out) {
  put(out, kVersion);
  put(out, static_cast<std::uint8_t>(options.qos | (options.no_local ? 4 : 0) |
                                     (options.retain_as_published ? 8 : 0) | options.retain_handling << 4));
  put(out, options.identifier);
}

std::optional<SubscriptionOptions> decode_subscription(std::string_view value) {
  Reader in(value);
  const auto bits = in.get<std::uint8_t>();
  SubscriptionOptions options;
  options.qos = bits & 3;
  options.no_local = (bits & 4) != 0;
  options.retain_as_published = (bits & 8) != 0;
  options.retain_handling = bits >> 4 & 3;
  options.identifier = in.get<std::uint32_t>();
  if (!in.complete() || options.qos > 2 || options.retain_handling > 2 || bits > 0x3f) return std::nullopt;
  return options;
}

void encode(const StoredMessage& message, std::string& out) {
  put(out, kVersion);
  write_message(message, out);
}

MessageRef decode_message(std::string_view value) {
  Reader in(value);
  MessageRef message = in.ok() ? read_message(in) : MessageRef();
  return message && in.complete() ? message : MessageRef();
}

void encode(const Outgoing& outgoing, std::string& out) {
  put(out, kVersion);
  put(out, outgoing.message ? outgoing.message->id : std::uint64_t{0});
  put(out, static_cast<std::uint8_t>(outgoing.state));
  put(out, outgoing.packet_id);
  put(out, static_cast<std::uint8_t>(outgoing.qos | (outgoing.retain ? 4 : 0)));
  if (outgoing.identifier != 0) put(out, outgoing.identifier);
  if (outgoing.more_identifiers) {
    for (const std::uint32_t identifier : *outgoing.more_identifiers) put(out, identifier);
  }
}

std::optional<QueuedRecord> decode_queued(std::string_view value) {
  Reader in(value);
  QueuedRecord record;
  record.message = in.get<std::uint64_t>();
  const auto state = in.get<std::uint8_t>();
  record.packet_id = in.get<std::uint16_t>();
  const auto bits = in.get<std::uint8_t>();
  if (!in.ok() || state > 3 || bits > 7) return std::nullopt;
  record.state = static_cast<OutState>(state);
  record.qos = bits & 3;
  record.retain = (bits & 4) != 0;
  while (in.ok() && in.left() > 0) record.identifiers.push_back(in.get<std::uint32_t>());
  const bool released = record.state == OutState::released;
  if (!in.complete() || record.qos < 1 || record.qos > 2 || (record.message == 0) != released ||
      (record.packet_id == 0) != (record.state == OutState::queued) || (released && record.qos != 2)) {
    return std::nullopt;
  }
  return record;
}

std::string inbound_value() { return std::string(1, static_cast<char>(kVersion)); }
bool decode_inbound(std::string_view value) { return Reader(value).complete(); }

std::optional<std::uint64_t> decode_number(std::string_view key) {
  if (key.size() != 8) return std::nullopt;
  std::uint64_t number = 0;
  for (const char c : key) number = number << 8 | static_cast<unsigned char>(c);
  if (number == 0) return std::nullopt;
  return number;
}

std::optional<SubKey> decode_subkey(std::string_view key) {
  const auto number = decode_number(key.substr(0, 8));
  if (!number) return std::nullopt;
  return SubKey{*number, key.substr(8)};
}

std::optional<std::uint16_t> decode_packet_id(std::string_view bytes) {
  if (bytes.size() != 2) return std::nullopt;
  const int id = static_cast<unsigned char>(bytes[0]) << 8 | static_cast<unsigned char>(bytes[1]);
  if (id == 0) return std::nullopt;
  return static_cast<std::uint16_t>(id);
}

}  // namespace sluice::mqtt::journal

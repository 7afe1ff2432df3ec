// On disk: key = device, NUL, number (8 bytes, big-endian); value = version 1, QoS, expiry (4 bytes,
// big-endian), then topic, content type, response topic, correlation data, user properties, payload, each
// with its length (4 bytes).
#include "device/mailbox.hpp"

#include <optional>

namespace sluice::device {
namespace {

constexpr char kFormat = 1;

void put_number(std::string& out, std::uint64_t value, int bytes) {
  for (int shift = (bytes - 1) * 8; shift >= 0; shift -= 8)
    out.push_back(static_cast<char>(value >> shift & 0xff));
}

bool take_number(std::string_view& in, std::size_t bytes, std::uint64_t& value) {
  if (in.size() < bytes) return false;
  value = 0;
  for (std::size_t i = 0; i < bytes; ++i) value = value << 8 | static_cast<unsigned char>(in[i]);
  in.remove_prefix(bytes);
  return true;
}

bool take_text(std::string_view& in, std::string& text) {
  std::uint64_t size = 0;
  if (!take_number(in, 4, size) || in.size() < size) return false;
  text.assign(in.substr(0, size));
  in.remove_prefix(size);
  return true;
}

std::string key_of(std::string_view device, std::uint64_t number) {
  std::string key(device);
  key.push_back('\0');
  put_number(key, number, 8);
  return key;
}

std::string value_of(const Command& command, store::StoreSeconds expires) {
  std::string value;
  value.push_back(kFormat);
  value.push_back(static_cast<char>(command.qos));
  put_number(value, expires, 4);
  for (const auto* text : {&command.topic, &command.content_type, &command.response_topic,
                           &command.correlation_data, &command.user_properties, &command.payload}) {
    put_number(value, text->size(), 4);
    value.append(*text);
  }
  return value;
}

bool parse(std::string_view value, Command& command, store::StoreSeconds& expires) {
  std::uint64_t format = 0, qos = 0, seconds = 0;
  if (!take_number(value, 1, format) || format != kFormat || !take_number(value, 1, qos) || qos > 2 ||
      !take_number(value, 4, seconds)) {
    return false;
  }
  command.qos = static_cast<std::uint8_t>(qos);
  expires = static_cast<store::StoreSeconds>(seconds);
  for (auto* text : {&command.topic, &command.content_type, &command.response_topic,
                     &command.correlation_data, &command.user_properties, &command.payload}) {
    if (!take_text(value, *text)) return false;
  }
  return value.empty();
}

std::size_t size_of(const Command& command) {
  return command.topic.size() + command.payload.size() + command.content_type.size() +
         command.response_topic.size() + command.correlation_data.size() + command.user_properties.size() +
         64;
}

}  // namespace

Mailbox::Mailbox(store::Store& store, Log log, MailboxBounds bounds)
    : store_(store), log_(std::move(log)), bounds_(bounds) {}

result<void> Mailbox::restore() {
  return store_.scan(kMailboxSpace, [this](std::string_view key, std::string_view value) {
    const auto nul = key.find('\0');
    std::uint64_t number = 0;
    Letter letter;
    auto rest = nul == key.npos ? std::string_view() : key.substr(nul + 1);
    if (!take_number(rest, 8, number) || !rest.empty() || !parse(value, letter.command, letter.expires)) {
      log_.error("a command in the mailbox cannot be read and is left out ({} bytes)", value.size());
      return;
    }
    letter.command.device = key.substr(0, nul);
    letter.size = size_of(letter.command);
    last_number_ = std::max(last_number_, number);
    const std::string device = letter.command.device;
    keep(device, number, std::move(letter));
  });
}

void Mailbox::keep(const std::string& device, std::uint64_t number, Letter letter) {
  auto& box = boxes_[device];
  ++messages_;
  bytes_ += letter.size;
  box.bytes += letter.size;
  box.letters.emplace(number, std::move(letter));
}

Ticket Mailbox::put(const Command& command) {
  Letter letter{command, 0, size_of(command)};
  if (letter.size > bounds_.bytes || bytes_ + letter.size > bounds_.bytes_total) {
    ++refused;
    log_.warn("a command for {} on {} ({} bytes) does not fit into the mailbox", command.device,
              command.topic, letter.size);
    return store_.ticket();
  }
  if (command.ttl_seconds != 0) {
    const auto left = std::numeric_limits<store::StoreSeconds>::max() - store_.now();
    letter.expires = store_.now() + std::min<store::StoreSeconds>(command.ttl_seconds, left);
  }
  if (const auto box = boxes_.find(command.device); box != boxes_.end()) {
    auto& letters = box->second.letters;
    while (letters.size() > 1 &&
           (letters.size() >= bounds_.messages || box->second.bytes + letter.size > bounds_.bytes)) {
      ++displaced;
      erase(box, letters.begin());
    }
    // The last one may be the last of its box, which goes with it.
    if (letters.size() >= bounds_.messages || box->second.bytes + letter.size > bounds_.bytes) {
      ++displaced;
      erase(box, letters.begin());
    }
  }
  const auto number = ++last_number_;
  store_.put(kMailboxSpace, key_of(command.device, number), value_of(command, letter.expires));
  keep(command.device, number, std::move(letter));
  return store_.ticket();
}

void Mailbox::erase(Boxes::iterator box, std::map<std::uint64_t, Letter>::iterator letter) {
  store_.erase(kMailboxSpace, key_of(box->first, letter->first));
  --messages_;
  bytes_ -= letter->second.size;
  box->second.bytes -= letter->second.size;
  box->second.letters.erase(letter);
  if (box->second.letters.empty()) boxes_.erase(box);
}

void Mailbox::hand_over(std::string_view device, const std::function<bool(const Command&)>& give) {
  auto box = boxes_.find(device);
  if (box == boxes_.end()) return;
  std::vector<std::uint64_t> numbers;
  for (const auto& [number, letter] : box->second.letters) numbers.push_back(number);
  for (const auto number : numbers) {
    // give() may put and forget: look anew each time.
    box = boxes_.find(device);
    if (box == boxes_.end()) return;
    const auto it = box->second.letters.find(number);
    if (it == box->second.letters.end()) continue;
    auto command = it->second.command;
    if (it->second.expires != 0) {
      if (it->second.expires <= store_.now()) {
        ++expired;
        erase(box, it);
        continue;
      }
      command.ttl_seconds = it->second.expires - store_.now();
    }
    if (!give(command)) continue;
    ++handed_over;
    box = boxes_.find(device);
    if (box == boxes_.end()) return;
    if (const auto given = box->second.letters.find(number); given != box->second.letters.end())
      erase(box, given);
  }
}

void Mailbox::tick() {
  const auto now = store_.now();
  for (auto box = boxes_.begin(); box != boxes_.end();) {
    const auto next = std::next(box);
    std::vector<std::uint64_t> over;
    for (const auto& [number, letter] : box->second.letters) {
      if (letter.expires != 0 && letter.expires <= now) over.push_back(number);
    }
    expired += over.size();
    for (const auto number : over) erase(box, box->second.letters.find(number));
    box = next;
  }
}

void Mailbox::forget(std::string_view device) {
  for (auto box = boxes_.find(device); box != boxes_.end(); box = boxes_.find(device))
    erase(box, box->second.letters.begin());
}

std::size_t Mailbox::waiting(std::string_view device) const {
  const auto box = boxes_.find(device);
  return box == boxes_.end() ? 0 : box->second.letters.size();
}

}  // namespace sluice::device

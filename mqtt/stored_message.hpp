// A message that outlives the packet it came in: one block of bytes, shared by the queues of all sessions
// that wait for it and by the retained store. Never changed after it was made; counted, on one thread.
#pragma once

#include <array>
#include <cstdint>
#include <limits>
#include <string>
#include <utility>

#include "mqtt/broker.hpp"

namespace sluice::mqtt {

inline constexpr std::uint32_t kNoExpiry = std::numeric_limits<std::uint32_t>::max();

struct StoredMessage {
  enum Part { topic, payload, content_type, response_topic, correlation_data, user, part_count };

  std::uint32_t refs = 0;
  std::uint32_t queued = 0;          // entries of session queues that hold it
  std::uint32_t durable = 0;         // of these, written to the journal
  std::uint32_t expiry = kNoExpiry;  // seconds from `arrived`
  std::uint64_t id = 0;              // its key in the journal; 0: never written
  Milliseconds arrived = 0;
  std::uint8_t qos = 0;
  std::uint8_t payload_format = 0xff;  // 0xff: not given
  std::uint8_t present = 0;            // bit per Part that was given, though perhaps empty
  bool retain = false;
  std::array<std::uint32_t, part_count> sizes{};
  std::string bytes;  // the parts, one after the other

  std::string_view part(Part which) const {
    std::size_t at = 0;
    for (int i = 0; i < which; ++i) at += sizes[static_cast<std::size_t>(i)];
    return std::string_view(bytes).substr(at, sizes[which]);
  }
  std::size_t size() const { return sizeof(*this) + bytes.size(); }

  // 3.3.2.3.3: a message that waited longer than its interval must not be sent any more.
  bool expired(Milliseconds now) const {
    if (expiry == kNoExpiry) return false;
    const Milliseconds waited = now - arrived;
    return waited > 0 && waited >= Milliseconds{expiry} * 1000;
  }
  std::uint32_t remaining_expiry(Milliseconds now) const {
    const Milliseconds waited = now > arrived ? (now - arrived) / 1000 : 0;
    return waited >= Milliseconds{expiry} ? 0 : expiry - static_cast<std::uint32_t>(waited);
  }
};

class MessageRef {
 public:
  MessageRef() = default;
  explicit MessageRef(StoredMessage* message) : message_(message) {
    if (message_) ++message_->refs;
  }
  MessageRef(const MessageRef& other) : MessageRef(other.message_) {}
  MessageRef(MessageRef&& other) noexcept : message_(std::exchange(other.message_, nullptr)) {}
  MessageRef& operator=(MessageRef other) noexcept {
    std::swap(message_, other.message_);
    return *this;
  }
  ~MessageRef() {
    if (message_ && --message_->refs == 0) delete message_;
  }
  explicit operator bool() const { return message_ != nullptr; }
  StoredMessage* operator->() const { return message_; }
  StoredMessage& operator*() const { return *message_; }

 private:
  StoredMessage* message_ = nullptr;
};

// Copies what the publish refers to.
MessageRef store_message(const Publish& publish, Milliseconds now);
// Views into the message; packet id, DUP and subscription identifiers are the sender's to fill in. The
// message expiry is what is left of it.
Publish view_of(const StoredMessage& message, Milliseconds now);

}  // namespace sluice::mqtt

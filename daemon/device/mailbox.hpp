// Commands for devices that are away and have no session that would keep them: durable (store space 17),
// bounded per device and in all, handed over when the device subscribes. Loop thread.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "core/error.hpp"
#include "core/log.hpp"
#include "core/sinks.hpp"
#include "store/store.hpp"

namespace sluice::device {

inline constexpr store::Space kMailboxSpace = 17;

struct MailboxBounds {
  std::size_t messages = 100;      // per device; beyond: the oldest goes, counted
  std::size_t bytes = 256 * 1024;  // per device
  std::size_t bytes_total =
      32 * 1024 * 1024;  // in memory and on disk; beyond: the new one is not taken, counted
};

class Mailbox {
 public:
  Mailbox(store::Store& store, Log log, MailboxBounds bounds = {});

  // What the store has; before anything else.
  result<void> restore();
  // Safe when the returned ticket is committed.
  Ticket put(const Command& command);
  bool has(std::string_view device) const { return boxes_.find(device) != boxes_.end(); }
  // Offers each message, oldest first, with the time to live that is left. Those for which give() says true
  // are erased (in the same commit as whatever give() wrote).
  void hand_over(std::string_view device, const std::function<bool(const Command&)>& give);
  // Expired ones go.
  void tick();
  // The device was removed.
  void forget(std::string_view device);

  std::size_t waiting(std::string_view device) const;
  std::size_t waiting() const { return messages_; }
  std::size_t bytes() const { return bytes_; }
  std::uint64_t displaced = 0, expired = 0, refused = 0, handed_over = 0;

 private:
  struct Letter {
    Command command;
    store::StoreSeconds expires = 0;  // 0: never
    std::size_t size = 0;
  };
  struct Box {
    std::map<std::uint64_t, Letter> letters;  // by number, which rises
    std::size_t bytes = 0;
  };
  using Boxes = std::map<std::string, Box, std::less<>>;
  void keep(const std::string& device, std::uint64_t number, Letter letter);
  void erase(Boxes::iterator box, std::map<std::uint64_t, Letter>::iterator letter);

  store::Store& store_;
  Log log_;
  MailboxBounds bounds_;
  Boxes boxes_;
  std::size_t messages_ = 0, bytes_ = 0;
  std::uint64_t last_number_ = 0;
};

}  // namespace sluice::device

// The door between Paho's threads and the loop: what a link has to say is collected here and turned round in
// one post per burst. Filled by any thread; emptied on the loop. One per link; outlives it until nothing can
// come any more.
#pragma once

#include <boost/asio/io_context.hpp>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "uplink/cloud_link.hpp"

namespace sluice::uplink {

class LinkInbox : public std::enable_shared_from_this<LinkInbox> {
 public:
  LinkInbox(boost::asio::io_context& loop, std::weak_ptr<LinkEvents> events)
      : loop_(loop), events_(std::move(events)) {}

  // Any thread.
  void connected(const Granted& granted);
  void connect_failed(ConnectFailure failure);
  void lost(Loss loss);  // the first one counts
  void published(Puback ack);
  void subscribed(std::vector<std::uint8_t> reasons);
  // Blocks until the loop has accepted the message, the link is closing, or `most` is over. False: not
  // accepted.
  bool message(Incoming message, Duration most);
  bool closing() const;
  void post_closed(std::function<void()> closed);

  // Loop.
  void accept(std::uint64_t ack);
  void close();  // from here on only messages come through; message() no longer waits

 private:
  void post(std::unique_lock<std::mutex>& lock);
  void drain();

  boost::asio::io_context& loop_;
  std::weak_ptr<LinkEvents> events_;

  mutable std::mutex mutex_;
  std::condition_variable accepted_or_closing_;
  bool posted_ = false, closing_ = false, loss_told_ = false;
  std::uint64_t last_ack_ = 0, accepted_ = 0;
  std::optional<Granted> granted_;
  std::optional<ConnectFailure> failure_;
  std::optional<Loss> loss_;
  std::vector<Puback> acks_, burst_;
  std::vector<std::uint8_t> suback_;
  std::vector<Incoming> messages_;
};

}  // namespace sluice::uplink

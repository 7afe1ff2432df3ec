// CloudLink over Paho (C API: one callback per publish with its own context, and no token object per
// message).
//
// Paho has one send and one receive thread for all clients, and one lock that they hold during callbacks, DNS
// and TLS steps. So the loop never calls it: publishes go through one courier thread, everything that may
// take long through workers; callbacks only fill the link's inbox. Paho acknowledges an incoming message when
// the callback returns, so that callback waits, bounded, until the command is committed. No automatic
// reconnect, no persistence: the store has everything. A client lives for one connection.
#include "uplink/cloud_link.hpp"
#include "uplink/paho_session.hpp"

namespace sluice::uplink {
namespace {

using paho::Pool;
using paho::Session;

class PahoLink final : public CloudLink {
 public:
  PahoLink(Pool& pool, std::weak_ptr<LinkEvents> events)
      : session_(std::make_shared<Session>(pool, std::move(events))) {}
  ~PahoLink() override { shut({}); }

  void connect(const LinkOptions& options) override {
    session_->pool().workers->post([session = session_, options] { session->connect(options); });
  }
  void publish(Publication&& publication, std::uint64_t token) override {
    session_->pool().courier.take({session_, std::move(publication), token});
  }
  void subscribe(std::vector<std::string> filters) override {
    session_->pool().workers->post(
        [session = session_, filters = std::move(filters)] { session->subscribe(filters); });
  }
  void accept(std::uint64_t ack) override { session_->inbox().accept(ack); }
  void close(std::function<void()> closed) override { shut(std::move(closed)); }

 private:
  void shut(std::function<void()> closed) {
    if (shut_) return;
    shut_ = true;
    session_->inbox().close();
    // The session stays until Paho has let go of it, whatever becomes of this link.
    session_->pool().workers->post([session = session_, closed = std::move(closed)]() mutable {
      session->destroy();
      session->inbox().post_closed(std::move(closed));
    });
  }

  std::shared_ptr<Session> session_;
  bool shut_ = false;
};

}  // namespace

LinkFactory make_paho_links(boost::asio::io_context& loop, Clock& clock, Log log) {
  auto pool = std::make_shared<Pool>(loop, clock, std::move(log));
  return [pool = std::move(pool)](std::weak_ptr<LinkEvents> events) -> std::unique_ptr<CloudLink> {
    return std::make_unique<PahoLink>(*pool, std::move(events));
  };
}

}  // namespace sluice::uplink

#include "plugins/mqtt/site_link.hpp"

#include <fmt/format.h>

#include <boost/asio/post.hpp>
#include <utility>

#include "plugins/mqtt/own_gateway.hpp"

namespace sluice::site {
namespace {

constexpr std::size_t kMostUnsent = 8 * 1024 * 1024;

}  // namespace

result<std::unique_ptr<SiteLink>> SiteLink::make(adapter::House house, LinkSettings settings,
                                                 std::vector<adapter::ListenerAddress> listeners,
                                                 Events events) {
  std::shared_ptr<boost::asio::ssl::context> tls;
  if (settings.tls) {
    auto made = make_tls(settings.files);
    if (!made) return made.error();
    tls = std::move(*made);
  }
  return std::make_unique<SiteLink>(house, std::move(settings), std::move(tls), std::move(listeners),
                                    std::move(events));
}

SiteLink::SiteLink(adapter::House house, LinkSettings settings,
                   std::shared_ptr<boost::asio::ssl::context> tls,
                   std::vector<adapter::ListenerAddress> listeners, Events events)
    : house_(house),
      settings_(std::move(settings)),
      tls_(std::move(tls)),
      listeners_(std::move(listeners)),
      events_(std::move(events)),
      retry_(house.clock),
      deadline_(house.clock),
      alive_timer_(house.clock) {}

SiteLink::~SiteLink() {
  *alive_ = false;
  if (wire_) wire_->close();
}

void SiteLink::connect() {
  ++number_;
  // Those that a dead connection still holds do not reach the next one.
  const auto mine = [this, alive = alive_, number = number_] { return *alive && number == number_; };
  wire_ = std::make_shared<Wire>(house_.loop, tls_,
                                 Wire::Events{[this, mine](const auto& local, const auto& remote) {
                                                if (!mine() || !is_own_gateway(local, remote, listeners_))
                                                  return mine();
                                                deadline_.cancel();
                                                events_.is_ourselves();
                                                return false;
                                              },
                                              [this, mine] {
                                                if (mine()) open();
                                              },
                                              [this, mine](std::string_view bytes) {
                                                if (!mine()) return;
                                                heard_ = house_.clock.now();
                                                const auto session =
                                                    session_;  // may be replaced by what it hears
                                                session->receive(bytes);
                                                if (mine()) flush();
                                              },
                                              [this, mine] {
                                                if (mine()) flush();
                                              },
                                              [this, mine](const std::string& why) {
                                                if (mine()) lost(why);
                                              }});
  deadline_.start(settings_.connect_timeout, [this] { lost("it does not answer in time"); });
  wire_->connect(settings_.host, settings_.port);
}

void SiteLink::open() {
  const auto mine = [this, number = number_] { return number == number_; };
  session_ = std::make_shared<SiteSession>(
      settings_.session, settings_.session.version == mqtt::Version::v5 || !subscribed_,
      SiteSession::Events{
          [this](bool session_present) {
            deadline_.cancel();
            backoff_.up(house_.clock.now());
            ++connects;
            keep_alive();
            events_.up(session_present);
          },
          [this](const std::string& refused) {
            subscribed_ = true;
            if (!refused.empty()) events_.refused(refused);
          },
          [this](const Arrived& arrived) { events_.message(arrived, {number_, arrived.ticket}); },
          [this, mine](SiteSession::End, const std::string& why) {
            if (mine()) lost(why);
          }});
  heard_ = house_.clock.now();
  wire_->pause(paused_);
  flush();
}

void SiteLink::lost(const std::string& why) {
  ++number_;
  deadline_.cancel();
  alive_timer_.cancel();
  wire_->close();
  // From inside the session, perhaps: it lives until it has returned.
  if (session_) {
    boost::asio::post(house_.loop, [session = std::exchange(session_, nullptr)] { session->abandon(); });
  }
  if (stopping_) {
    if (stopped_) std::exchange(stopped_, nullptr)();
    return;
  }
  backoff_.down(house_.clock.now());
  retry_.start(backoff_.next(), [this] { connect(); });
  events_.down(fmt::format("{}: {}", settings_.text, why));
}

// Everything of one turn of the loop leaves together.
void SiteLink::flush() {
  if (std::exchange(flushing_, true)) return;
  boost::asio::post(house_.loop, [this, alive = alive_] {
    if (!*alive) return;
    flushing_ = false;
    if (!session_) return;
    if (session_->out.size() > kMostUnsent) return lost("it does not read");
    if (wire_->is_writing()) return;
    if (session_->out.empty()) {
      if (stopping_ && stopped_) std::exchange(stopped_, nullptr)();
      return;
    }
    sent_ = house_.clock.now();
    wire_->write(std::exchange(session_->out, {}));
  });
}

void SiteLink::keep_alive() {
  const auto period = std::chrono::seconds(settings_.session.keep_alive_s);
  alive_timer_.start(period / 4, [this, period] {
    if (!session_) return;
    const auto now = house_.clock.now();
    if (!paused_ && now - heard_ > period * 3 / 2) return lost("it has fallen silent");
    if (now - sent_ >= period / 2 || now - heard_ >= period / 2) {
      session_->ping();
      flush();
    }
    keep_alive();
  });
}

void SiteLink::stop(std::function<void()> done) {
  stopping_ = true;
  retry_.cancel();
  stopped_ = std::move(done);
  if (!is_up()) return std::exchange(stopped_, nullptr)();
  session_->disconnect();
  flush();
}

void SiteLink::acknowledge(Receipt receipt) {
  if (receipt.ticket == 0 || receipt.connection != number_ || !session_) return;
  session_->acknowledge(receipt.ticket);
  flush();
}

bool SiteLink::publish(std::string_view topic, std::string_view payload, std::uint8_t qos, bool retain,
                       std::function<void(const Taken&)> done) {
  if (!session_ || !session_->publish(topic, payload, qos, retain, std::move(done))) return false;
  flush();
  return true;
}

void SiteLink::pause(bool paused) {
  if (paused_ == paused) return;
  paused_ = paused;
  heard_ = house_.clock.now();
  if (wire_) wire_->pause(paused);
}

}  // namespace sluice::site

// The life of our connection to the site's broker: connect, stay alive, lose it, come back with back-off.
// Used by SiteDriver; loop thread.
//
//   waiting ─(back-off)─▶ connecting ─(CONNACK)─▶ up ─(lost)─▶ waiting
#pragma once

#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/backoff.hpp"
#include "core/clock.hpp"
#include "plugins/mqtt/site_session.hpp"
#include "plugins/mqtt/wire.hpp"
#include "plugins/sdk/run.hpp"

namespace sluice::site {

struct LinkSettings {
  std::string host;
  std::uint16_t port = 1883;
  std::string text;  // the broker, as written, for messages
  bool tls = false;
  TlsFiles files;
  Duration connect_timeout = std::chrono::seconds(10);
  SessionOptions session;
};

// A message's way back: of which connection it was, and its number there.
struct Receipt {
  std::uint64_t connection = 0, ticket = 0;
};

class SiteLink {
 public:
  struct Events {
    std::function<void(bool session_present)> up;
    std::function<void(const std::string& filters)>
        refused;  // subscriptions that the broker does not give us
    std::function<void(const Arrived& arrived, Receipt receipt)> message;
    std::function<void(const std::string& why)> down;
    std::function<void()> is_ourselves;  // the broker is the gateway itself; the link has stopped
  };
  // Errors: files that cannot be used.
  static result<std::unique_ptr<SiteLink>> make(adapter::House house, LinkSettings settings,
                                                std::vector<adapter::ListenerAddress> listeners,
                                                Events events);
  SiteLink(adapter::House house, LinkSettings settings, std::shared_ptr<boost::asio::ssl::context> tls,
           std::vector<adapter::ListenerAddress> listeners, Events events);
  ~SiteLink();

  void start() { connect(); }
  // Says goodbye, the session stays; `done` when that is sent, or cannot be.
  void stop(std::function<void()> done);
  // Of an earlier connection: the broker sends the message again anyway.
  void acknowledge(Receipt receipt);
  bool publish(std::string_view topic, std::string_view payload, std::uint8_t qos, bool retain,
               std::function<void(const Taken&)> done);
  void pause(bool paused);
  bool is_up() const { return session_ && session_->is_up(); }
  std::uint64_t connects = 0;

 private:
  void connect();
  void open();
  void flush();
  void lost(const std::string& why);
  void keep_alive();

  adapter::House house_;
  LinkSettings settings_;
  std::shared_ptr<boost::asio::ssl::context> tls_;
  std::vector<adapter::ListenerAddress> listeners_;
  Events events_;
  std::shared_ptr<Wire> wire_;
  std::shared_ptr<SiteSession> session_;
  std::uint64_t number_ = 0;  // of the connection
  bool subscribed_ = false;   // once in this process
  bool paused_ = false, stopping_ = false, flushing_ = false;
  std::function<void()> stopped_;
  Backoff backoff_{{.first = std::chrono::seconds(1), .most = std::chrono::minutes(1)}};
  Timer retry_, deadline_, alive_timer_;
  MonoTime heard_{}, sent_{};
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace sluice::site

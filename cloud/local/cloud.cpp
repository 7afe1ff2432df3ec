#include "cloud/local/cloud.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/ssl/context.hpp>

#include "cloud/local/admin.hpp"
#include "cloud/local/aws_rules.hpp"
#include "cloud/local/cloud_host.hpp"
#include "cloud/local/http_server.hpp"
#include "cloud/local/listener.hpp"
#include "cloud/local/tls_context.hpp"

namespace sluice::cloud {
namespace {

constexpr Duration kTick = std::chrono::milliseconds(250);
constexpr int kTicksPerSecond = 4;
constexpr int kTicksPerRecheck = 20;

// AWS keeps sessions; this one forgets them when it ends.
class Forgetful final : public mqtt::Journal {
 public:
  void put(Space, std::string_view, std::string_view) override {}
  void erase(Space, std::string_view) override {}
  mqtt::Ticket ticket() const override { return 0; }
};

class LocalCloud final : public Cloud {
 public:
  LocalCloud(boost::asio::io_context& loop, Clock& clock, const CloudOptions& options, Log log)
      : loop_(loop),
        clock_(clock),
        options_(options),
        log_(std::move(log)),
        registry_(options.directory, log_.named("registry")),
        faults_(clock, options.seed),
        publish_log_(options.log_format, clock),
        host_({clock,
               registry_,
               faults_,
               publish_log_,
               options.quotas,
               {options.region, options.account},
               log_,
               [this](std::function<void()> fn) { later(std::move(fn)); }}),
        broker_options_(aws_broker_options()),
        broker_(mqtt::make_broker(broker_options_, host_, journal_)),
        ticker_(clock) {
    host_.attach(*broker_);
  }

  ~LocalCloud() override { faults_.on_change({}); }

  result<void> start() {
    if (auto done = registry_.refresh(); !done) return done;
    if (auto done = publish_log_.open(options_.log); !done) return done;
    auto tls = make_tls_context(options_.directory, TlsUse::mqtt, registry_, clock_, log_.named("tls"));
    if (!tls) return tls.error();
    tls_ = *tls;
    broker_->restored(milliseconds());
    auto secure = parse_host_port(options_.listen);
    if (!secure) return secure.error();
    secure_where_ = *secure;
    secure_ = make_listener(surroundings(tls_.get()));
    if (!options_.insecure_listen.empty()) {
      auto plain = parse_host_port(options_.insecure_listen);
      if (!plain) return plain.error();
      if (!plain->loopback) return Error{errc::denied, "--insecure-listen takes loopback addresses only"};
      plain_where_ = *plain;
      plain_ = make_listener(surroundings(nullptr));
    }
    if (auto done = open_listeners(); !done) return done;
    if (auto done = start_admin(); !done) return done;
    faults_.on_change([this] { follow_faults(); });
    tick();
    return {};
  }

  std::uint16_t port() const override { return secure_->port(); }
  std::uint16_t insecure_port() const override { return plain_ ? plain_->port() : std::uint16_t{0}; }
  std::uint16_t admin_port() const override { return admin_ ? admin_->port() : std::uint16_t{0}; }
  Faults& faults() override { return faults_; }
  std::uint64_t received() const override { return publish_log_.count(); }

  std::size_t publish(std::string_view topic, std::string_view payload, std::uint8_t qos) override {
    mqtt::Publish message;
    message.topic = topic;
    message.payload = payload;
    message.qos = qos;
    std::size_t recipients = 0;
    broker_->publish(message, &recipients);
    return recipients;
  }

  void stop() override {
    ticker_.cancel();
    faults_.on_change({});
    secure_->close();
    if (plain_) plain_->close();
    admin_.reset();
    broker_->shut_down();
  }

 private:
  void later(std::function<void()> fn) {
    boost::asio::post(loop_, [alive = std::weak_ptr(alive_), fn = std::move(fn)] {
      if (!alive.expired()) fn();
    });
  }

  mqtt::Milliseconds milliseconds() const {
    return std::chrono::duration_cast<std::chrono::milliseconds>(clock_.now().time_since_epoch()).count();
  }

  Listener::Surroundings surroundings(boost::asio::ssl::context* tls) {
    return {loop_,
            clock_,
            faults_,
            *broker_,
            tls,
            options_.quotas,
            broker_options_.maximum_unsent,
            20'000,
            log_.named(tls != nullptr ? "tls" : "plain")};
  }

  result<void> open_listeners() {
    if (auto done = secure_->open(secure_where_.address, secure_where_.port); !done) return done;
    return plain_ ? plain_->open(plain_where_.address, plain_where_.port) : result<void>{};
  }

  result<void> start_admin() {
    if (options_.admin.empty()) return {};
    const auto where = parse_host_port(options_.admin);
    if (!where) return where.error();
    view_.emplace(AdminView{*broker_, host_, faults_, registry_, publish_log_, [this] { return sockets(); },
                            [this] { return rate_; }});
    auto admin = make_http_server(
        loop_, *where, [this](const HttpRequest& request) { return answer_admin(*view_, request); });
    if (!admin) return admin.error();
    admin_ = std::move(*admin);
    return {};
  }

  std::size_t sockets() const { return secure_->connections() + (plain_ ? plain_->connections() : 0); }

  void follow_faults() {
    if (faults_.outage() && !down_) {
      down_ = true;
      for (auto* listener : {secure_.get(), plain_.get()}) {
        if (listener == nullptr) continue;
        listener->close();
        listener->drop_all("fault outage");
      }
    } else if (!faults_.outage() && down_) {
      if (auto done = open_listeners(); !done) {
        log_.error("after the outage: {}", done.error().text);
        for (auto* listener : {secure_.get(), plain_.get()}) {
          if (listener != nullptr) listener->close();
        }
        return;  // the tick tries again
      }
      down_ = false;
    }
    if (!faults_.half_open()) {
      secure_->thaw();
      if (plain_) plain_->thaw();
    }
  }

  void tick() {
    ticker_.start(kTick, [this] { tick(); });
    broker_->tick(milliseconds());
    if (++ticks_ % kTicksPerSecond == 0) {
      rate_ = static_cast<double>(publish_log_.count() - counted_);
      counted_ = publish_log_.count();
    }
    if (ticks_ % kTicksPerRecheck == 0) host_.recheck_identities();
    if (down_ && !faults_.outage()) follow_faults();
  }

  boost::asio::io_context& loop_;
  Clock& clock_;
  const CloudOptions options_;
  Log log_;
  std::shared_ptr<int> alive_ = std::make_shared<int>();
  Registry registry_;
  Faults faults_;
  PublishLog publish_log_;
  Forgetful journal_;
  CloudHost host_;
  const mqtt::BrokerOptions broker_options_;
  std::unique_ptr<mqtt::Broker> broker_;
  std::shared_ptr<boost::asio::ssl::context> tls_;
  HostPort secure_where_, plain_where_;
  std::unique_ptr<Listener> secure_, plain_;  // after the broker: connections go first
  std::optional<AdminView> view_;
  std::unique_ptr<HttpServer> admin_;
  bool down_ = false;
  int ticks_ = 0;
  std::uint64_t counted_ = 0;
  double rate_ = 0;
  Timer ticker_;
};

}  // namespace

result<std::unique_ptr<Cloud>> make_cloud(boost::asio::io_context& loop, Clock& clock,
                                          const CloudOptions& options, Log log) {
  auto cloud = std::make_unique<LocalCloud>(loop, clock, options, std::move(log));
  if (auto done = cloud->start(); !done) return done.error();
  return std::unique_ptr<Cloud>(std::move(cloud));
}

}  // namespace sluice::cloud

#include "cloud/local/region.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/ssl/context.hpp>

#include "cloud/local/aws_rules.hpp"
#include "cloud/local/cloud_host.hpp"
#include "cloud/local/listener.hpp"
#include "cloud/local/setup.hpp"
#include "cloud/local/tls_context.hpp"

namespace sluice::cloud {
namespace {

constexpr int kTicksPerSecond = 4;
constexpr int kTicksPerRecheck = 20;

// AWS keeps sessions; this one forgets them when it ends.
class Forgetful final : public mqtt::Journal {
 public:
  void put(Space, std::string_view, std::string_view) override {}
  void erase(Space, std::string_view) override {}
  mqtt::Ticket ticket() const override { return 0; }
};

class LocalRegion final : public Region {
 public:
  LocalRegion(const Shared& shared, const RegionOptions& region, const KeyAndCertificate& authority, Log log)
      : shared_(shared),
        region_(region),
        log_(std::move(log)),
        registry_(registry_folder(shared.options.directory, region.name), log_.named("registry")),
        faults_(shared.clock, shared.options.seed),
        services_(
            {shared.loop, shared.clock, shared.options, region_, registry_, faults_, shared.keys,
             shared.devices, log_, [this] { return public_address(secure_where_, secure_->port()); },
             [this](const std::string& topic, const std::string& payload) { publish(topic, payload, 1); }},
            authority),
        host_({.clock = shared.clock,
               .registry = registry_,
               .faults = faults_,
               .log = shared.log,
               .quotas = shared.options.quotas,
               .scope = {region.name, shared.options.account},
               .words = log_,
               .log_region = shared.options.regions.size() > 1 ? region.name : std::string(),
               .later = [this](std::function<void()> fn) { later(std::move(fn)); },
               .newcomer =
                   [this](const std::string& pem) { later([this, pem] { services_.first_contact(pem); }); },
               .requests = [this](std::string_view topic) { return services_.request(topic); }}),
        broker_options_(aws_broker_options()),
        broker_(mqtt::make_broker(broker_options_, host_, journal_)) {
    host_.attach(*broker_);
  }

  ~LocalRegion() override { faults_.on_change({}); }

  result<void> start() {
    if (auto done = registry_.refresh(); !done) return done;
    auto tls = make_tls_context(shared_.options.directory, TlsUse::mqtt, registry_, shared_.clock,
                                log_.named("tls"));
    if (!tls) return tls.error();
    tls_ = *tls;
    broker_->restored(milliseconds());
    const auto secure = place_of(shared_.options.listen, region_);
    if (!secure) return secure.error();
    secure_where_ = *secure;
    secure_ = make_listener(surroundings(tls_.get()));
    if (!shared_.options.insecure_listen.empty()) {
      const auto plain = place_of(shared_.options.insecure_listen, region_);
      if (!plain) return plain.error();
      if (!plain->loopback) return Error{errc::denied, "--insecure-listen takes loopback addresses only"};
      plain_where_ = *plain;
      plain_ = make_listener(surroundings(nullptr));
    }
    if (auto done = open_listeners(); !done) return done;
    if (auto done = services_.open(); !done) return done;
    faults_.on_change([this] { follow_faults(); });
    return {};
  }

  Ports ports() const override {
    Ports ports = services_.ports();
    ports.mqtt = secure_->port();
    ports.insecure = plain_ ? plain_->port() : std::uint16_t{0};
    return ports;
  }
  Faults& faults() override { return faults_; }
  RegionServices& services() override { return services_; }
  AdminView view() override {
    return {*broker_,
            host_,
            faults_,
            registry_,
            shared_.log,
            region_.name,
            [this] { return sockets(); },
            [this] { return rate_; }};
  }

  std::size_t publish(std::string_view topic, std::string_view payload, std::uint8_t qos) override {
    mqtt::Publish message;
    message.topic = topic;
    message.payload = payload;
    message.qos = qos;
    std::size_t recipients = 0;
    broker_->publish(message, &recipients);
    return recipients;
  }

  void tick() override {
    broker_->tick(milliseconds());
    if (++ticks_ % kTicksPerSecond == 0) {
      rate_ = static_cast<double>(shared_.log.count() - counted_);
      counted_ = shared_.log.count();
    }
    if (ticks_ % kTicksPerRecheck == 0) host_.recheck_identities();
    if ((down_ && !faults_.outage()) || again_) follow_faults();
  }

  void stop() override {
    faults_.on_change({});
    secure_->close();
    if (plain_) plain_->close();
    services_.close();
    broker_->shut_down();
  }

 private:
  void later(std::function<void()> fn) {
    boost::asio::post(shared_.loop, [alive = std::weak_ptr(alive_), fn = std::move(fn)] {
      if (!alive.expired()) fn();
    });
  }

  mqtt::Milliseconds milliseconds() const {
    return std::chrono::duration_cast<std::chrono::milliseconds>(shared_.clock.now().time_since_epoch())
        .count();
  }

  Listener::Surroundings surroundings(boost::asio::ssl::context* tls) {
    return {shared_.loop,
            shared_.clock,
            faults_,
            *broker_,
            tls,
            shared_.options.quotas,
            broker_options_.maximum_unsent,
            20'000,
            log_.named(tls != nullptr ? "tls" : "plain"),
            region_.latency};
  }

  result<void> open_listeners() {
    if (auto done = secure_->open(secure_where_.address, secure_where_.port); !done) return done;
    return plain_ ? plain_->open(plain_where_.address, plain_where_.port) : result<void>{};
  }

  std::size_t sockets() const { return secure_->connections() + (plain_ ? plain_->connections() : 0); }

  void follow_faults() {
    again_ = !services_.follow_faults();  // the tick tries again
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
        return;
      }
      down_ = false;
    }
    if (!faults_.half_open()) {
      secure_->thaw();
      if (plain_) plain_->thaw();
    }
  }

  const Shared shared_;
  const RegionOptions region_;
  Log log_;
  std::shared_ptr<int> alive_ = std::make_shared<int>();
  Registry registry_;
  Faults faults_;
  RegionServices services_;
  Forgetful journal_;
  CloudHost host_;
  const mqtt::BrokerOptions broker_options_;
  std::unique_ptr<mqtt::Broker> broker_;
  std::shared_ptr<boost::asio::ssl::context> tls_;
  HostPort secure_where_, plain_where_;
  std::unique_ptr<Listener> secure_, plain_;  // after the broker: connections go first
  bool down_ = false, again_ = false;
  int ticks_ = 0;
  std::uint64_t counted_ = 0;
  double rate_ = 0;
};

}  // namespace

result<std::unique_ptr<Region>> make_region(const Region::Shared& shared, const RegionOptions& options,
                                            const KeyAndCertificate& authority, Log log) {
  auto region = std::make_unique<LocalRegion>(shared, options, authority, std::move(log));
  if (auto done = region->start(); !done) return done.error();
  return std::unique_ptr<Region>(std::move(region));
}

}  // namespace sluice::cloud

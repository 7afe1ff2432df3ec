// CloudLink over MQTT, TLS and TCP of our own, all on the loop. A link is a handle: the connection that it
// begins may live a little longer than it, until its handlers have come home.
#include <utility>

#include "uplink/cloud_link.hpp"
#include "uplink/connection.hpp"

namespace sluice::uplink {
namespace {

class MqttLink final : public CloudLink {
 public:
  MqttLink(std::shared_ptr<Pool> pool, std::weak_ptr<LinkEvents> events)
      : pool_(std::move(pool)), connection_(std::make_shared<Connection>(*pool_, std::move(events))) {}
  ~MqttLink() override { connection_->drop(); }

  void connect(const LinkOptions& options) override { connection_->start(options); }
  bool writable() const override { return connection_->writable(); }
  void publish(Publication&& publication, std::uint64_t token) override {
    connection_->publish(publication, token);
  }
  void subscribe(std::vector<std::string> filters) override { connection_->subscribe(filters); }
  void accept(std::uint64_t ack) override { connection_->accept(ack); }
  void close(std::function<void()> closed) override { connection_->leave(std::move(closed)); }

 private:
  std::shared_ptr<Pool> pool_;
  std::shared_ptr<Connection> connection_;
};

}  // namespace

LinkFactory make_mqtt_links(boost::asio::io_context& loop, Clock& clock, Lookup lookup) {
  auto pool = std::make_shared<Pool>(loop, clock, std::move(lookup));
  return [pool = std::move(pool)](std::weak_ptr<LinkEvents> events) -> std::unique_ptr<CloudLink> {
    return std::make_unique<MqttLink>(pool, std::move(events));
  };
}

}  // namespace sluice::uplink

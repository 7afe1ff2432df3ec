#include "cloud/local/cloud.hpp"

#include <boost/asio/io_context.hpp>
#include <set>

#include "cloud/local/admin.hpp"
#include "cloud/local/devices.hpp"
#include "cloud/local/files.hpp"
#include "cloud/local/http_server.hpp"
#include "cloud/local/region.hpp"
#include "cloud/local/setup.hpp"

namespace sluice::cloud {
namespace {

constexpr Duration kTick = std::chrono::milliseconds(250);

class LocalCloud final : public Cloud {
 public:
  LocalCloud(boost::asio::io_context& loop, Clock& clock, const CloudOptions& options, Log log)
      : loop_(loop),
        clock_(clock),
        options_(options),
        log_(std::move(log)),
        publish_log_(options.log_format, clock),
        devices_(open_devices(options.directory / "devices", log_.named("devices"))),
        ticker_(clock) {}

  result<void> start() {
    if (auto done = publish_log_.open(options_.log); !done) return done;
    if (auto done = prepare_directory(); !done) return done;
    const auto certificate = read_file(options_.directory / "ca.pem"),
               key = read_file(options_.directory / "ca.key");
    if (!certificate || !key) {
      return Error{errc::not_found,
                   options_.directory.string() +
                       " has no ca.pem or ca.key; make it with sluice-local-cloud --dir DIR --init"};
    }
    std::map<std::string, std::string> cvms;
    for (const auto& options : options_.regions) {
      Log words = options_.regions.size() > 1 ? log_.named(options.name) : log_;
      auto region = make_region({loop_, clock_, options_, publish_log_, keys_, *devices_}, options,
                                {*certificate, *key}, std::move(words));
      if (!region) return region.error();
      if (auto url = (*region)->services().cvm_url(); !url.empty()) cvms[options.name] = std::move(url);
      regions_.push_back(std::move(*region));
    }
    for (std::size_t i = 0; i < regions_.size(); ++i) {
      auto others = cvms;
      others.erase(options_.regions[i].name);
      regions_[i]->services().meet(others);
    }
    if (auto done = start_admin(); !done) return done;
    tick();
    return {};
  }

  Ports ports(std::size_t region) const override { return regions_.at(region)->ports(); }
  std::uint16_t admin_port() const override { return admin_ ? admin_->port() : std::uint16_t{0}; }
  Faults& faults(std::size_t region) override { return regions_.at(region)->faults(); }
  std::uint64_t received() const override { return publish_log_.count(); }
  std::size_t publish(std::string_view topic, std::string_view payload, std::uint8_t qos) override {
    return regions_.front()->publish(topic, payload, qos);
  }

  void stop() override {
    ticker_.cancel();
    admin_.reset();
    for (const auto& region : regions_) region->stop();
  }

 private:
  // Several regions have registries of their own; keys are read once.
  result<void> prepare_directory() {
    std::set<std::string> names;
    for (const auto& region : options_.regions) {
      if (!names.insert(region.name).second)
        return Error{errc::invalid_argument, "the region " + region.name + " is given twice"};
      if (options_.regions.size() == 1) continue;
      if (auto done = add_region(options_.directory, region.name, clock_.wall()); !done) return done;
    }
    if (options_.control.empty()) return {};
    auto keys = AccessKeys::open(options_.directory);
    if (!keys) return keys.error();
    keys_ = std::move(*keys);
    return {};
  }

  result<void> start_admin() {
    if (options_.admin.empty()) return {};
    const auto where = parse_host_port(options_.admin);
    if (!where) return where.error();
    for (const auto& region : regions_) views_.push_back(region->view());
    auto admin = make_http_server({loop_, clock_, *where}, [this](const HttpRequest& request) {
      return answer_admin(views_, request);
    });
    if (!admin) return admin.error();
    admin_ = std::move(*admin);
    return {};
  }

  void tick() {
    ticker_.start(kTick, [this] { tick(); });
    for (const auto& region : regions_) region->tick();
  }

  boost::asio::io_context& loop_;
  Clock& clock_;
  const CloudOptions options_;
  Log log_;
  PublishLog publish_log_;
  AccessKeys keys_;
  std::unique_ptr<lambda::DeviceTable> devices_;
  std::vector<std::unique_ptr<Region>> regions_;
  std::vector<AdminView> views_;
  std::unique_ptr<HttpServer> admin_;
  Timer ticker_;
};

}  // namespace

result<std::unique_ptr<Cloud>> make_cloud(boost::asio::io_context& loop, Clock& clock,
                                          const CloudOptions& options, Log log) {
  if (options.regions.empty()) return Error{errc::invalid_argument, "a cloud has at least one region"};
  auto cloud = std::make_unique<LocalCloud>(loop, clock, options, std::move(log));
  if (auto done = cloud->start(); !done) return done.error();
  return std::unique_ptr<Cloud>(std::move(cloud));
}

}  // namespace sluice::cloud

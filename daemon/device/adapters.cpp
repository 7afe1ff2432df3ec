#include "device/adapters.hpp"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <nlohmann/json.hpp>

#include "device/link.hpp"

namespace sluice::device {
namespace {

using mqtt::Reason;
using Json = nlohmann::json;

constexpr Duration kTick = 1s;

bool same(const AdapterPlan& a, const AdapterPlan& b) {
  return a.options.kind == b.options.kind && a.options.product == b.options.product &&
         a.options.sandbox == b.options.sandbox && a.options.limits == b.options.limits &&
         a.version == b.version && a.section == b.section && a.network == b.network && a.grants == b.grants &&
         a.trouble == b.trouble;
}

mqtt::ConnectVerdict no_entry(Reason reason, std::string text) {
  return {.reason = reason, .reason_string = std::move(text), .host_data = nullptr, .client_id = {}};
}

}  // namespace

Adapters::Adapters(boost::asio::io_context& loop, Clock& clock, Log log, Links& links, Directory& directory,
                   Authenticator& authenticator, SessionHost& host)
    : house_{loop, clock, log, directory, authenticator, host}, links_(links) {
  nobody_->access = std::make_shared<const Access>();
}

Adapters::~Adapters() {
  if (listener_) listener_->close();
  for (const auto& [name, adapter] : adapters_) adapter->shut();
  for (const auto& adapter : leaving_) adapter->shut();
}

result<void> Adapters::open(const std::filesystem::path& socket) {
  if (listener_ && socket == socket_) return {};
  ListenerOptions options;
  options.kind = ListenerOptions::Kind::unix_socket;
  options.address = socket.string();
  options.text = "adapters at " + socket.string();
  auto listener = std::make_shared<Listener>(house_.loop, house_.clock, house_.log, links_, options);
  listener->for_adapters = true;
  if (auto opened = listener->open(); !opened) return opened.error();
  ::chmod(socket.c_str(), 0600);
  listener->start();
  if (listener_) listener_->close();
  listener_ = std::move(listener);
  socket_ = socket;
  return {};
}

void Adapters::run(std::vector<AdapterPlan> plans, const Options& options) {
  trouble_.clear();
  if (!plans.empty()) {
    if (auto opened = open(options.control.socket.parent_path() / "adapters.sock"); !opened) {
      trouble_ = opened.error().text;
      house_.log.error("no adapter can run: {}", trouble_);
      return;
    }
  }
  const bool moved = directory_ != options.adapters_directory;
  directory_ = options.adapters_directory;
  house_.listeners = nlohmann::json::array();
  for (const auto& listener : options.listen) {
    if (listener.kind != ListenerOptions::Kind::unix_socket)
      house_.listeners.push_back({{"address", listener.address}, {"port", listener.port}});
  }
  std::vector<std::string> gone;
  for (const auto& [name, adapter] : adapters_) {
    const auto plan =
        std::find_if(plans.begin(), plans.end(), [&n = name](const auto& p) { return p.options.name == n; });
    if (plan == plans.end() || moved || adapter->is_stuck() || !same(*plan, adapter->plan()))
      gone.push_back(name);
  }
  next_.clear();
  for (const auto& name : gone) retire(name);
  for (auto& plan : plans) {
    if (!adapters_.contains(plan.options.name)) place(std::move(plan));
  }
}

void Adapters::replace(AdapterPlan plan) {
  if (stopping_ || !trouble_.empty()) return;  // there is no socket for it
  retire(plan.options.name);
  place(std::move(plan));
}

void Adapters::place(AdapterPlan plan) {
  const auto name = plan.options.name;
  const bool leaves = std::any_of(leaving_.begin(), leaving_.end(),
                                  [&](const auto& l) { return l->plan().options.name == name; });
  if (leaves) {
    next_.insert_or_assign(name, std::move(plan));
  } else {
    start(std::move(plan));
  }
}

void Adapters::start(AdapterPlan plan) {
  const auto name = plan.options.name;
  auto adapter = std::make_shared<Adapter>(house_, std::move(plan), directory_, socket_);
  adapters_[name] = adapter;
  adapter->start();
}

void Adapters::retire(const std::string& name) {
  auto node = adapters_.extract(name);
  if (node.empty()) return;
  const auto adapter = std::move(node.mapped());
  leaving_.push_back(adapter);
  adapter->stop([this, name, weak = std::weak_ptr(adapter)] {
    const auto gone = weak.lock();
    std::erase(leaving_, gone);
    if (auto next = next_.extract(name); !next.empty() && !stopping_) start(std::move(next.mapped()));
    if (leaving_.empty() && stopped_) std::exchange(stopped_, nullptr)();
  });
}

void Adapters::stop(std::function<void()> done) {
  stopping_ = true;
  next_.clear();
  std::vector<std::string> names;
  for (const auto& [name, adapter] : adapters_) names.push_back(name);
  for (const auto& name : names) retire(name);
  if (listener_) listener_->close();
  if (leaving_.empty()) {
    boost::asio::post(house_.loop, std::move(done));
  } else {
    stopped_ = std::move(done);
  }
}

mqtt::ConnectVerdict Adapters::authenticate(Link& link, const mqtt::Connect& connect) {
  const auto name = connect.username.value_or(std::string_view());
  const auto refuse = [&](Reason reason, std::string text) {
    house_.log.warn("refused an adapter from {}: {}", link.peer().text(), text);
    return no_entry(reason, std::move(text));
  };
  if (connect.version != mqtt::Version::v5)
    return refuse(Reason::unsupported_protocol_version, "adapters speak MQTT 5 (docs/adapters.md)");
  if (connect.will || !connect.clean_start || connect.session_expiry.value_or(0) != 0)
    return refuse(Reason::protocol_error,
                  "adapters connect with Clean Start, without session expiry and will");
  const auto it = adapters_.find(name);
  if (it == adapters_.end() || connect.client_id != std::string(kAdapterClientPrefix) + std::string(name))
    return refuse(Reason::not_authorized, "not the client id and username that an adapter was given");
  auto session = it->second->admit(connect.password.value_or(std::string_view()), link.peer());
  if (!session)
    return refuse(
        Reason::not_authorized,
        "not the credential that an adapter was given, or it was used before, or by another process");
  auto state = std::make_unique<ClientState>();
  state->device = nobody_;
  state->link = &link;
  state->adapter = session.get();
  state->adapter_owner = session;
  const auto& limits = it->second->plan().options.limits;
  link.limit(limits.publishes_per_second, static_cast<double>(limits.bytes_per_second));
  mqtt::ConnectVerdict verdict;
  verdict.host_data = state.get();
  link.client = std::move(state);
  return verdict;
}

void Adapters::tick(MonoTime now) {
  if (now - ticked_ < kTick) return;
  ticked_ = now;
  const auto adapters = adapters_;
  for (const auto& [name, adapter] : adapters) adapter->tick(now);
  const auto leaving = leaving_;
  for (const auto& adapter : leaving) adapter->tick(now);
}

Json Adapters::status() const {
  Json all = Json::array();
  for (const auto& [name, adapter] : adapters_) {
    all.push_back(adapter->status());
    if (!trouble_.empty()) all.back()["trouble"] = trouble_;
  }
  return all;
}

void Adapters::call(const std::string& device, std::string_view operation, std::string_view more,
                    std::string_view payload, Duration deadline, Devices::Answered done) {
  const auto holder = std::find_if(adapters_.begin(), adapters_.end(), [&](const auto& item) {
    return item.second->session() && item.second->session()->attached(device) != nullptr;
  });
  if (holder == adapters_.end())
    return done(Error{errc::not_found, fmt::format("no adapter has device {} now", device)});
  const auto target = more.empty() ? device : fmt::format("{}/{}", device, more);
  holder->second->session()->call(
      operation, target, payload, deadline, [done = std::move(done)](const result<AdapterAnswer>& answer) {
        if (!answer) return done(answer.error());
        if (!answer->ok)
          return done(Error{errc::refused, fmt::format("{}: {}", answer->error, answer->text)});
        done(answer->value.dump(-1, ' ', false, Json::error_handler_t::replace));
      });
}

bool Adapters::owns(pid_t process) const {
  const auto owned = [process](const auto& adapter) { return adapter->has_process(process); };
  return std::any_of(adapters_.begin(), adapters_.end(),
                     [&](const auto& item) { return owned(item.second); }) ||
         std::any_of(leaving_.begin(), leaving_.end(), owned);
}

}  // namespace sluice::device

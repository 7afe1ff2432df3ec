#include "device/room.hpp"

#include <fmt/format.h>
#include <openssl/crypto.h>

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>

#include "device/link.hpp"
#include "device/token_hash.hpp"

namespace sluice::device {
namespace {

constexpr Duration kRoomTick = 250ms;
constexpr Duration kLookAtFiles = 60s;  // certificates of listeners and devices
constexpr Duration kGoodbye = 3s;
constexpr std::size_t kShortestToken = 1, kLongestToken = 4096;

// The broker's own limits are the largest of any product; those of each device are in SessionHost::bounds_of.
mqtt::BrokerOptions broker_options(const Options& options) {
  mqtt::BrokerOptions made;
  if (options.products.empty()) return made;
  std::uint64_t packet = 0, queue_bytes = 0, queue_messages = 0;
  std::uint16_t inflight = 0;
  for (const auto& product : options.products) {
    packet = std::max(packet, product.limits.packet_size);
    queue_bytes = std::max(queue_bytes, product.limits.queue_bytes);
    queue_messages = std::max(queue_messages, product.limits.queue_messages);
    inflight = std::max(inflight, product.limits.inflight);
  }
  // 2.1.4: 256 MiB is the most that MQTT can say.
  made.maximum_packet_size = static_cast<std::uint32_t>(std::clamp<std::uint64_t>(packet, 1024, 268'435'455));
  made.maximum_queued_bytes = queue_bytes;
  made.maximum_queued_messages = queue_messages;
  made.receive_maximum = std::max<std::uint16_t>(inflight, 1);
  return made;
}

Error together(const std::vector<std::string>& problems) {
  return {errc::invalid_argument, fmt::format("{}", fmt::join(problems, "\n"))};
}

// Said at the start, not when somebody finds the open door.
result<void> check_anonymous(const ListenerOptions& options, const std::string& name, const Options& all) {
  if (!options.anonymous) return {};
  const auto& a = options.address;
  const bool local = options.kind == ListenerOptions::Kind::unix_socket || a == "localhost" || a == "::1" ||
                     a == "[::1]" || a.starts_with("127.");
  if (!local) {
    return Error{
        errc::invalid_argument,
        fmt::format("listener {}: anonymous clients are only let in on loopback addresses and Unix sockets",
                    name)};
  }
  if (all.anonymous_product.empty()) {
    return Error{errc::invalid_argument,
                 fmt::format("listener {}: anonymous needs a product for anonymous clients", name)};
  }
  return {};
}

}  // namespace

Room::Room(boost::asio::io_context& loop, Clock& clock, store::Store& store, store::Registry& registry,
           ReadingSink& readings, Log log)
    : loop_(loop),
      clock_(clock),
      store_(store),
      log_(log),
      directory_(store, registry, log),
      mailbox_(store, log),
      authenticator_(loop, clock, log, directory_),
      host_(loop, clock, log, directory_, authenticator_, mailbox_, store, readings),
      journal_(store),
      time_(store.now(), clock.now()),
      links_(loop, clock, log, {}),
      adapters_(loop, clock, log, links_, directory_, authenticator_, host_),
      hashers_(loop, 1, 64),
      tick_(clock),
      files_(clock),
      stop_(clock) {}

Room::~Room() {
  *alive_ = false;
  for (auto& listener : listeners_) listener->close();
  links_.abort_all();
}

result<void> Room::prepare(const Options& options) {
  options_ = options;
  if (auto loaded = directory_.load(options); !loaded) return loaded.error();
  if (auto restored = mailbox_.restore(); !restored) return restored.error();
  broker_ = mqtt::make_broker(broker_options(options), host_, journal_);
  host_.serve(*broker_, adapters_);
  adapters_.serve(*broker_);
  links_.serve(*broker_, [this] { return store_.pressure(); });
  return {};
}

std::shared_ptr<Listener> Room::make_listener(const ListenerOptions& options) {
  return std::make_shared<Listener>(loop_, clock_, log_, links_, options);
}

result<void> Room::start() {
  if (auto restored = journal_.restore(*broker_); !restored) return restored.error();
  broker_->restored(time_.now());
  std::vector<std::string> problems;
  for (const auto& options : options_.listen) {
    auto listener = make_listener(options);
    auto opened = check_anonymous(options, listener->name(), options_);
    if (opened) opened = listener->open();
    if (!opened) problems.push_back(opened.error().text);
    listeners_.push_back(std::move(listener));
  }
  if (!problems.empty()) {
    stop_listening();
    return together(problems);
  }
  for (auto& listener : listeners_) listener->start();
  tick_.start(kRoomTick, [this] { tick(); });
  files_.start(kLookAtFiles, [this] { look_at_files(); });
  return {};
}

void Room::stop_listening() {
  for (auto& listener : listeners_) listener->close();
}

void Room::shut_down(std::function<void()> done) {
  stop_listening();
  files_.cancel();
  // While the broker still acknowledges: adapters may have readings that they owe an answer for.
  adapters_.stop([this, alive = alive_, done = std::move(done)] {
    if (*alive) say_goodbye(done);
  });
}

void Room::say_goodbye(std::function<void()> done) {
  broker_->shut_down();
  auto once = [this, alive = alive_, done = std::move(done), told = std::make_shared<bool>(false)] {
    if (!*alive || std::exchange(*told, true)) return;
    stop_.cancel();
    tick_.cancel();
    done();
  };
  stop_.start(kGoodbye, [this, once] {
    boost::asio::post(loop_, once);
    links_.abort_all();
  });
  links_.when_empty(once);
}

void Room::tick() {
  const auto now = clock_.now();
  host_.tick(now);
  // Held while the store asks for a pause: then it is we who do not read.
  broker_->tick(time_.step(now, links_.paused()));
  links_.tick(now);
  adapters_.tick(now);
  if (++ticks_ % 40 == 0) mailbox_.tick();
  tick_.start(kRoomTick, [this] { tick(); });
}

void Room::look_at_files() {
  for (auto& listener : listeners_) (void)listener->reload_tls(false);  // it has logged what is wrong
  tell_identities();
  files_.start(kLookAtFiles, [this] { look_at_files(); });
}

void Room::tell_identities() {
  if (!directory_.look_for_identities() || !identities_changed_) return;
  boost::asio::post(loop_, [this, alive = alive_] {
    if (*alive) identities_changed_();
  });
}

void Room::relieved() {
  host_.relieved();
  links_.relieved();
}

std::uint16_t Room::port(std::size_t listener) const {
  return listener < listeners_.size() && listeners_[listener]->is_open() ? listeners_[listener]->port() : 0;
}

void Room::hash(std::string token, std::function<void(result<std::string>)> then) {
  if (valid_token_hash(token)) return then(std::move(token));
  if (token.size() < kShortestToken || token.size() > kLongestToken) {
    return then(Error{errc::invalid_argument,
                      fmt::format("a token has {} to {} bytes", kShortestToken, kLongestToken)});
  }
  auto made = std::make_shared<std::string>();
  auto work = [token = std::move(token), made]() mutable {
    *made = hash_token(token);
    OPENSSL_cleanse(token.data(), token.size());
  };
  auto shared = std::make_shared<std::function<void(result<std::string>)>>(std::move(then));
  const bool taken = hashers_.submit(std::move(work), [alive = alive_, made, shared] {
    if (!*alive) return;
    if (made->empty()) return (*shared)(Error{errc::io, "no random bytes or memory to hash a token"});
    (*shared)(std::move(*made));
  });
  if (!taken) (*shared)(Error{errc::full, "too many devices are being added at once; try again"});
}

void Room::add_device(std::string id, std::string product, std::string token, Done done) {
  hash(std::move(token), [this, id, product, done = std::move(done)](result<std::string> hashed) mutable {
    if (!hashed) return done(hashed.error());
    const auto before = directory_.find(id);
    directory_.add(id, product, *hashed, false, [this, before, done = std::move(done)](result<void> added) {
      if (added && before && before->removed) host_.expel(*before, mqtt::Reason::administrative_action, true);
      if (added && identities_changed_) boost::asio::post(loop_, identities_changed_);
      done(std::move(added));
    });
  });
}

void Room::set_token(std::string id, std::string token, Done done) {
  hash(std::move(token), [this, id, done = std::move(done)](result<std::string> hashed) mutable {
    if (!hashed) return done(hashed.error());
    directory_.set_token(id, *hashed, [this, id, done = std::move(done)](result<void> set) {
      // Who came in with the old token goes.
      if (const auto device = directory_.find(id); set && device) {
        host_.expel(*device, mqtt::Reason::administrative_action, false);
      }
      done(std::move(set));
    });
  });
}

void Room::set_enabled(std::string id, bool enabled, Done done) {
  directory_.set_enabled(id, enabled, std::move(done));
  const auto device = directory_.find(id);
  if (device && !device->enabled) host_.expel(*device, mqtt::Reason::administrative_action, false);
}

void Room::remove_device(std::string id, Done done) {
  const auto device = directory_.find(id);
  directory_.remove(id, [this, id, device, done = std::move(done)](result<void> removed) {
    if (removed) {
      mailbox_.forget(id);
      if (enrolment_ != nullptr) enrolment_->forget(id);
      if (identities_changed_) boost::asio::post(loop_, identities_changed_);
    }
    done(std::move(removed));
  });
  if (device && !device->enabled) host_.expel(*device, mqtt::Reason::administrative_action, true);
}

void Room::enrol_with(Enrolment& enrolment) {
  enrolment_ = &enrolment;
  authenticator_.enrol_with(&enrolment);
}

void Room::turn_away(const std::string& id, const std::string& why) {
  const auto device = directory_.find(id);
  if (!device) return;
  log_.warn("{} is sent away: {}", id, why);
  host_.expel(*device, mqtt::Reason::not_authorized, device->admitted);
  if (!device->admitted) return;
  directory_.remove(id, [this, id](const result<void>& removed) {
    if (!removed) return log_.error("{} cannot be forgotten: {}", id, removed.error().text);
    mailbox_.forget(id);
  });
}

std::vector<std::pair<std::string, std::string>> Room::provisioned() const {
  std::vector<std::pair<std::string, std::string>> wanting;
  directory_.for_each([&wanting](const Device& device) {
    if (device.provisioned) wanting.emplace_back(device.ref.id, device.ref.product);
  });
  return wanting;
}

result<void> Room::reload(const Options& options) {
  // First everything that can fail and be undone: new sockets, certificates. Then the devices. Then what
  // cannot fail.
  std::vector<std::string> problems;
  Listeners next;
  std::vector<std::pair<std::shared_ptr<Listener>, ListenerOptions>> changed;
  std::vector<std::shared_ptr<Listener>> fresh;
  for (const auto& wanted : options.listen) {
    const auto it = std::find_if(listeners_.begin(), listeners_.end(), [&](const auto& l) {
      return Listener::same_place(l->options(), wanted) &&
             std::find(next.begin(), next.end(), l) == next.end();
    });
    auto listener = it == listeners_.end() ? make_listener(wanted) : *it;
    if (auto fine = check_anonymous(wanted, listener->name(), options); !fine)
      problems.push_back(fine.error().text);
    if (it == listeners_.end()) {
      if (auto opened = listener->open(); !opened) problems.push_back(opened.error().text);
      fresh.push_back(listener);
    } else {
      const auto before = listener->options();
      if (auto done = listener->change(wanted); !done) {
        problems.push_back(done.error().text);
      } else {
        changed.emplace_back(listener, before);
      }
    }
    next.push_back(std::move(listener));
  }
  if (problems.empty()) {
    auto loaded = directory_.load(options);
    if (!loaded) {
      problems.push_back(loaded.error().text);
    } else {
      for (const auto& device : *loaded)
        host_.expel(*device, mqtt::Reason::administrative_action, device->removed);
    }
  }
  if (!problems.empty()) {
    for (auto& listener : fresh) listener->close();
    for (auto& [listener, before] : changed) (void)listener->change(before);
    return together(problems);
  }
  for (auto& old : listeners_) {
    if (std::find(next.begin(), next.end(), old) != next.end()) continue;
    log_.info("no longer listening on {}", old->name());
    old->close();
    links_.close_all_of(*old);
  }
  for (auto& listener : fresh) listener->start();
  listeners_ = std::move(next);
  options_ = options;
  host_.recheck_all();
  if (identities_changed_) boost::asio::post(loop_, identities_changed_);
  return {};
}

result<std::unique_ptr<Devices>> make_devices(const Options& options, boost::asio::io_context& loop,
                                              Clock& clock, store::Store& store, store::Registry& registry,
                                              ReadingSink& readings, Log log) {
  auto room = std::make_unique<Room>(loop, clock, store, registry, readings, std::move(log));
  if (auto prepared = room->prepare(options); !prepared) return prepared.error();
  return std::unique_ptr<Devices>(std::move(room));
}

}  // namespace sluice::device

#include "uplink/lane.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "uplink/command_topic.hpp"

namespace sluice::uplink {
namespace {

constexpr Duration kLookAtClockEvery = 5s;
// The link promises an answer within its own timeout; this is for a link that breaks its promise (a resolver
// that hangs).
constexpr Duration kLinkGrace = 60s;
constexpr unsigned kClosedToFallBack = 2;

// DISCONNECT codes (MQTT 5, 3.14.2.1) that are about the connection and not about a message in flight.
bool not_about_a_message(std::uint8_t reason) {
  switch (reason) {
    case 0x89:  // server busy
    case 0x8b:  // server shutting down
    case 0x8d:  // keep alive timeout
    case 0x8e:  // session taken over
    case 0x93:  // receive maximum exceeded
    case 0x96:  // message rate too high
    case 0x97:  // quota exceeded
    case 0x98:  // administrative action
    case 0x9c:  // use another server
    case 0x9d:  // server moved
    case 0x9f:  // connection rate exceeded
    case 0xa0:  // maximum connect time
    case 0xa1:  // subscription identifiers not supported
    case 0xa2:  // wildcard subscriptions not supported
      return true;
    default:
      return false;
  }
}

bool asks_for_less(std::uint8_t reason) { return reason == 0x93 || reason == 0x96 || reason == 0x97; }

std::string loss_words(const Loss& loss, const std::string& thing) {
  switch (loss.reason) {
    case 0:
      return loss.text.empty() ? "the connection was closed by the other side" : loss.text;
    case 0x87:
      return "the cloud closed the connection: not authorized; check the policy of this thing's certificate";
    case 0x8d:
      return "the cloud closed the connection: it heard nothing within the keep-alive";
    case 0x8e:
      return fmt::format(
          "another client has connected as {}: the cloud allows one; is this identity used twice?", thing);
    case 0x93:
    case 0x96:
    case 0x97:
      return fmt::format("the cloud closed the connection: too much (0x{:02x}); sending less", loss.reason);
    case 0x95:
      return "the cloud closed the connection: a packet was too large";
    default:
      return fmt::format("the cloud closed the connection with reason 0x{:02x}", loss.reason);
  }
}

}  // namespace

std::string_view to_string(Lane::State state) {
  switch (state) {
    case Lane::State::stopped:
      return "stopped";
    case Lane::State::waiting_for_time:
      return "waiting for time";
    case Lane::State::waiting:
      return "waiting";
    case Lane::State::connecting:
      return "connecting";
    case Lane::State::subscribing:
      return "subscribing";
    case Lane::State::connected:
      return "connected";
  }
  return "unknown";
}

Lane::Lane(Shared& shared, LaneId id, CloudIdentity identity)
    : shared_(shared),
      id_(id),
      thing_(identity.thing),
      identity_(std::move(identity)),
      log_(shared.log.named("lane " + thing_)),
      sender_(shared, id, log_, [this](std::string words) { down(std::move(words), false); }),
      backoff_({.first = shared.cloud.backoff_first, .most = shared.cloud.backoff_most}),
      timer_(shared.clock),
      watchdog_(shared.clock),
      again_(shared.clock),
      certificate_(shared.clock),
      trial_deadline_(shared.clock),
      mqtt5_(shared.cloud.mqtt5) {}

void Lane::enter(State state) {
  state_ = state;
  since_ = shared_.clock.now();
}

void Lane::trouble(std::string words) {
  error_ = std::move(words);
  // Once per distinct trouble: a gateway without network must not fill the journal.
  if (error_ != logged_) log_.warn("{}", error_);
  logged_ = error_;
}

void Lane::start() {
  enter(State::waiting);
  try_connect();
}

TlsIdentity Lane::tls() const {
  TlsIdentity tls = identity_.tls;
  if (tls.ca_pem.empty() && tls.files.ca.empty()) tls.files.ca = shared_.cloud.tls.ca;
  return tls;
}

const std::string& Lane::endpoint() const {
  return identity_.endpoint.empty() ? shared_.cloud.endpoint : identity_.endpoint;
}

void Lane::wait_and_connect() {
  enter(State::waiting);
  // While a message is on trial it is we who provoke the losses: the cloud is well, and waiting longer proves
  // nothing.
  auto wait = sender_.on_trial() ? shared_.cloud.backoff_first : backoff_.next();
  if (tried_) wait = std::max(wait, kBetweenConnectsOfOneId - (shared_.clock.now() - last_connect_));
  timer_.start(std::max(wait, Duration::zero()), [this] { try_connect(); });
}

void Lane::try_connect() {
  options_ = LinkOptions{};
  if (const auto parsed = parse_endpoint(endpoint(), options_); parsed.has_error()) {
    trouble(parsed.error().text);
    return;  // a reload brings the next try
  }
  if (!options_.plain && !shared_.clock.wall_is_plausible()) {
    if (state_ != State::waiting_for_time) enter(State::waiting_for_time);
    trouble(
        "this machine's clock cannot be right, so no certificate can be judged; waiting for the time (check "
        "NTP or "
        "the RTC); readings are kept");
    timer_.start(kLookAtClockEvery, [this] { try_connect(); });
    return;
  }
  if (state_ != State::waiting) enter(State::waiting);
  if (const auto wait = shared_.gate.claim(); wait > Duration::zero()) {
    timer_.start(wait, [this] { connect(); });
  } else {
    connect();
  }
}

void Lane::connect() {
  enter(State::connecting);
  tried_ = true;
  last_connect_ = shared_.clock.now();
  options_.client_id = thing_;
  options_.tls = tls();
  options_.alpn = shared_.cloud.alpn;
  options_.mqtt5 = mqtt5_;
  options_.keep_alive = shared_.cloud.keep_alive;
  options_.connect_timeout = shared_.cloud.connect_timeout;
  watchdog_.start(options_.connect_timeout * 2 + kLinkGrace, [this] {
    down("connecting did not end in time; is the resolver of this machine stuck?", false);
  });
  link_ = shared_.links(weak_from_this());
  link_->connect(options_);
}

void Lane::connect_failed(const ConnectFailure& failure) {
  watchdog_.cancel();
  fall_back(failure);
  if (trial_) return trial_failed(failure);
  down(failure.error.text, false);
  notice_identity_trouble(failure);
}

void Lane::fall_back(const ConnectFailure& failure) {
  using Kind = ConnectFailure::Kind;
  closed_in_a_row_ = failure.kind == Kind::closed ? closed_in_a_row_ + 1 : 0;
  if (failure.kind == Kind::version && mqtt5_) {
    mqtt5_ = false;
    log_.info("the endpoint does not speak MQTT 5; using 3.1.1, without record ids");
  } else if (closed_in_a_row_ >= kClosedToFallBack && shared_.cloud.mqtt5) {
    // Some servers close instead of refusing the version. If that is not it, the next two tries change back.
    mqtt5_ = !mqtt5_;
    closed_in_a_row_ = 0;
  }
}

void Lane::connected(const Granted& granted) {
  watchdog_.cancel();
  granted_ = granted;
  closed_in_a_row_ = closed_untold_ = 0;
  identity_trouble_told_ = false;
  ++connects_;
  backoff_.up(shared_.clock.now());
  command_trouble_.clear();
  filters_ = command_filters(shared_.cloud, thing_);
  subscribed_ = asked_ = 0;
  enter(State::subscribing);
  subscribe_next();
  if (trial_) end_trial({});
}

void Lane::run() {
  lost_subscribing_ = 0;
  if (!error_.empty() || connects_ == 1)
    log_.info("connected to {} with MQTT {}", options_.host, granted_.mqtt5 ? "5" : "3.1.1");
  error_.clear();
  logged_.clear();
  enter(State::connected);
  sender_.up(*link_, granted_);
  watch_certificate();
}

// A connection may live for weeks; its certificate's end must not come as a surprise.
void Lane::watch_certificate() {
  if (granted_.certificate_expires == 0) return;
  const auto wall =
      std::chrono::duration_cast<std::chrono::seconds>(shared_.clock.wall().time_since_epoch()).count();
  const auto days = (granted_.certificate_expires - wall) / 86'400;
  int due = 0;
  for (const int threshold : {30, 7, 1}) {
    if (days < threshold) due = threshold;
  }
  if (due == 0) warned_days_ = 0;
  if (due != 0 && (warned_days_ == 0 || due < warned_days_)) {
    warned_days_ = due;
    log_.warn("the certificate {} expires in {} days; renew it, the new one is used at the next connect",
              options_.tls.certificate_pem.empty() ? options_.tls.files.certificate.string() : "of " + thing_,
              std::max<std::int64_t>(days, 0));
  }
  certificate_.start(1h, [this] { watch_certificate(); });
}

void Lane::lost(const Loss& loss) {
  if (asks_for_less(loss.reason)) sender_.throttled();
  if (state_ == State::subscribing) ++lost_subscribing_;
  down(loss_words(loss, thing_), !not_about_a_message(loss.reason));
}

void Lane::down(std::string words, bool blame) {
  if (state_ == State::stopped) return;
  rest();
  sender_.down(blame);
  if (state_ == State::subscribing || state_ == State::connected) {
    ++losses_;
    backoff_.down(shared_.clock.now());
  }
  link_.reset();
  trouble(std::move(words));
  wait_and_connect();
}

// Nothing of the connection waits any more.
void Lane::rest() {
  watchdog_.cancel();
  timer_.cancel();
  again_.cancel();
  certificate_.cancel();
  closing_.reset();
  unsafe_.clear();  // AWS delivers them again
  shared_.awaiting_commit.erase(id_);
}

CloudIdentity Lane::identity() const {
  CloudIdentity given = identity_;
  if (trial_) given.tls = trial_->old;
  return given;
}

void Lane::use_options(CloudIdentity identity) {
  sender_.use_options();
  if (trial_) {  // its outcome decides first; then the next connect has all of it
    trial_->old = std::move(identity.tls);
    identity_.endpoint = std::move(identity.endpoint);
    return;
  }
  identity_ = std::move(identity);
  LinkOptions wanted;
  const bool usable = parse_endpoint(endpoint(), wanted).has_value();
  const bool same = usable && wanted.host == options_.host && wanted.port == options_.port &&
                    wanted.plain == options_.plain && tls() == options_.tls &&
                    shared_.cloud.alpn == options_.alpn && options_.keep_alive == shared_.cloud.keep_alive &&
                    command_filters(shared_.cloud, thing_) == filters_;
  const bool up = state_ == State::connected || state_ == State::subscribing;
  if ((up && same) || state_ == State::stopped) return;
  backoff_ = Backoff({.first = shared_.cloud.backoff_first, .most = shared_.cloud.backoff_most});
  mqtt5_ = shared_.cloud.mqtt5;
  down(up ? "reconnecting: the configuration has changed" : std::move(error_), false);
}

void Lane::stop(std::function<void()> closed) {
  rest();
  sender_.down(false);
  enter(State::stopped);
  if (link_) {
    link_->close(std::move(closed));
  } else {
    closed();
  }
  if (trial_) end_trial(Error{errc::closed, "the lane was stopped before the new certificate was tried"});
}

}  // namespace sluice::uplink

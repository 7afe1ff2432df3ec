#include "uplink/cloud_talk.hpp"

#include <fmt/format.h>

#include <set>
#include <utility>
#include <vector>

#include "uplink/shared.hpp"

namespace sluice::uplink {
namespace {

constexpr std::uint8_t kLeastFailure = 0x80;

// One conversation, from its connect on. Its link knows it weakly: who waits for it, or holds it, owns it.
class Conversation final : public LinkEvents, public std::enable_shared_from_this<Conversation> {
 public:
  using Opened = std::function<void(result<void>)>;
  using Answered = std::function<void(result<std::string>)>;

  Conversation(Clock& clock, const LinkFactory& links) : links_(links), soon_(clock), deadline_(clock) {}

  void open(LinkOptions options, Opened opened) {
    options_ = std::move(options);
    opened_ = std::move(opened);
    link_ = links_(weak_from_this());
    link_->connect(options_);
  }
  void fail_soon(Error error, Opened opened) {
    opened_ = std::move(opened);
    soon_.start(Duration::zero(), [this, error = std::move(error)] { tell_opened(error); });
  }

  void request(std::string topic, std::string payload, Duration timeout, Answered done) {
    if (!link_ || done_) {
      auto error = done_ ? Error{errc::exists, "another request has no answer yet"}
                         : Error{errc::closed, closed_words_};
      return soon_.start(Duration::zero(),
                         [done = std::move(done), error = std::move(error)] { done(error); });
    }
    payload_ = std::move(payload);
    done_ = std::move(done);
    ++token_;
    deadline_.start(timeout, [this] {
      answer(Error{errc::timeout, fmt::format("{} does not answer on {}", options_.host, topic_)});
    });
    const bool known = subscribed_ && topic == topic_;
    topic_ = std::move(topic);
    if (known) return publish();
    subscribed_ = false;
    link_->subscribe({topic_ + "/accepted", topic_ + "/rejected"});
  }

  void connected(const Granted&) override {
    options_.tls = {};  // keys are kept no longer than they are needed
    tell_opened({});
  }
  void connect_failed(const ConnectFailure& failure) override {
    link_.reset();
    if (failure.kind == ConnectFailure::Kind::version && options_.mqtt5) {
      options_.mqtt5 = false;
      link_ = links_(weak_from_this());
      return link_->connect(options_);
    }
    tell_opened(failure.error);
  }
  void lost(const Loss& loss) override {
    link_.reset();
    closed_words_ = loss.reason != 0    ? fmt::format("{} closed the connection with reason 0x{:02x}",
                                                      options_.host, loss.reason)
                    : loss.text.empty() ? options_.host + " closed the connection"
                                        : loss.text;
    if (done_) answer(Error{errc::closed, closed_words_});
  }
  void subscribed(std::span<const std::uint8_t> reasons) override {
    if (!done_ || subscribed_) return;
    for (const auto reason : reasons) {
      if (reason < kLeastFailure) continue;
      return answer(
          Error{errc::denied,
                fmt::format("{} refuses the subscription to {}/accepted and /rejected (0x{:02x}); allow "
                            "iot:Subscribe and iot:Receive in the policy",
                            options_.host, topic_, reason)});
    }
    subscribed_ = true;
    publish();
  }
  void published(std::span<const Puback> acks) override {
    for (const auto& ack : acks) {
      if (!done_ || ack.token != token_ || ack.reason < kLeastFailure) continue;
      return answer(
          Error{errc::denied, fmt::format("{} refuses the publish to {} (0x{:02x}); allow iot:Publish in "
                                          "the policy",
                                          options_.host, topic_, ack.reason)});
    }
  }
  // AWS answers whether the subscription has become known everywhere or not, so only the topic counts.
  void message(Incoming&& message) override {
    if (message.ack != 0 && link_) link_->accept(message.ack);
    if (!done_ || !message.topic.starts_with(topic_)) return;
    const auto rest = std::string_view(message.topic).substr(topic_.size());
    if (rest == "/accepted") return answer(std::move(message.payload));
    if (rest == "/rejected") answer(Error{errc::refused, std::move(message.payload)});
  }
  void writable() override {}

 private:
  void publish() {
    const auto body =
        std::make_shared<const std::pair<std::string, std::string>>(topic_, std::move(payload_));
    Publication publication;
    publication.topic = body->first;
    publication.payload = body->second;
    publication.keep = body;
    link_->publish(std::move(publication), token_);
  }
  void tell_opened(result<void> outcome) {
    const auto self = shared_from_this();
    if (const auto opened = std::exchange(opened_, {})) opened(std::move(outcome));
  }
  void answer(result<std::string> answer) {
    const auto self = shared_from_this();
    deadline_.cancel();
    if (const auto done = std::exchange(done_, {})) done(std::move(answer));
  }

  const LinkFactory links_;
  LinkOptions options_;
  std::unique_ptr<CloudLink> link_;
  Opened opened_;
  Answered done_;
  Timer soon_, deadline_;
  std::string topic_, payload_, closed_words_ = "the connection has been closed";
  std::uint64_t token_ = 0;
  bool subscribed_ = false;  // to topic_'s answers
};

class Talk final : public CloudTalk {
 public:
  explicit Talk(std::shared_ptr<Conversation> conversation) : conversation_(std::move(conversation)) {}
  void request(std::string topic, std::string payload, Duration timeout,
               std::function<void(result<std::string>)> done) override {
    conversation_->request(std::move(topic), std::move(payload), timeout, std::move(done));
  }

 private:
  std::shared_ptr<Conversation> conversation_;
};

// Those that are being opened.
struct Talks {
  std::set<std::shared_ptr<Conversation>> opening;
};

result<LinkOptions> link_options(const CloudTalkOptions& talk, const CloudOptions& cloud) {
  LinkOptions options;
  const auto& endpoint = talk.identity.endpoint.empty() ? cloud.endpoint : talk.identity.endpoint;
  if (auto parsed = parse_endpoint(endpoint, options); parsed.has_error()) return parsed.error();
  options.client_id = talk.identity.thing;
  options.tls = talk.identity.tls;
  if (options.tls.ca_pem.empty() && options.tls.files.ca.empty()) options.tls.files.ca = cloud.tls.ca;
  options.alpn = cloud.alpn;
  options.mqtt5 = cloud.mqtt5;
  options.keep_alive = cloud.keep_alive;
  options.connect_timeout = talk.timeout;
  options.clean_start = true;
  options.session_expiry = 0;
  return options;
}

}  // namespace

CloudTalkOpener make_cloud_talks(std::function<CloudOptions()> cloud, Clock& clock, LinkFactory links) {
  return [cloud = std::move(cloud), &clock, links = std::move(links), talks = std::make_shared<Talks>()](
             const CloudTalkOptions& talk, std::function<void(result<std::unique_ptr<CloudTalk>>)> opened) {
    auto conversation = std::make_shared<Conversation>(clock, links);
    talks->opening.insert(conversation);
    auto done = [talks = std::weak_ptr(talks), weak = std::weak_ptr(conversation),
                 opened = std::move(opened)](result<void> outcome) {
      const auto made = weak.lock();
      if (const auto all = talks.lock()) all->opening.erase(made);
      if (outcome.has_error()) return opened(outcome.error());
      opened(std::make_unique<Talk>(made));
    };
    auto options = link_options(talk, cloud());
    if (options.has_error()) return conversation->fail_soon(options.error(), std::move(done));
    if (!clock.wall_is_plausible()) {
      return conversation->fail_soon(
          Error{errc::tls,
                "this machine's clock cannot be right, so no certificate can be judged; check NTP or "
                "the RTC"},
          std::move(done));
    }
    conversation->open(std::move(*options), std::move(done));
  };
}

}  // namespace sluice::uplink

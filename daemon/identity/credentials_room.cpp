#include "identity/credentials_room.hpp"

#include <nlohmann/json.hpp>
#include <utility>

#include "aws/time_text.hpp"
#include "identity/credentials_cache.hpp"
#include "identity/credentials_fetcher.hpp"
#include "identity/credentials_http.hpp"
#include "identity/credentials_tokens.hpp"

namespace sluice::identity {
namespace {

using nlohmann::json;

constexpr std::string_view kPath = "/credentials";
constexpr Duration kRefusalsTold = 1min;  // at most one line in this time
constexpr unsigned kAskAgain = 5;         // seconds

std::string text_of(const json& value) { return value.dump(-1, ' ', false, json::error_handler_t::replace); }

LoopbackAnswer denial(unsigned status, std::string_view code, const std::string& message) {
  return {status, text_of({{"code", code}, {"message", message}}), status >= 500 ? kAskAgain : 0,
          status >= 500};
}

LoopbackAnswer answer_of(const result<aws::TemporaryCredentials>& credentials) {
  if (credentials) {
    const auto& keys = credentials->credentials;
    return {200,
            text_of({{"AccessKeyId", keys.access_key_id},
                     {"SecretAccessKey", keys.secret_access_key},
                     {"Token", keys.session_token},
                     {"Expiration", aws::iso_time(credentials->expiration)}}),
            0, true};
  }
  const auto& error = credentials.error();
  if (error.code == errc::denied) return denial(403, "AccessDenied", error.text);
  if (error.code == errc::not_found) return denial(404, "NoSuchIdentity", error.text);
  return denial(503, "Unavailable", error.text);
}

class CredentialsRoom final : public Credentials {
 public:
  CredentialsRoom(CredentialsOptions options, boost::asio::io_context& loop, Clock& clock,
                  store::Registry& registry, CredentialsSourceOf source_of, Log log,
                  std::unique_ptr<CredentialsFetcher> fetcher)
      : options_(std::move(options)),
        loop_(loop),
        clock_(clock),
        log_(log),
        source_of_(std::move(source_of)),
        tokens_(registry, kCredentialsSpace, clock),
        fetcher_(fetcher ? std::move(fetcher) : make_credentials_fetcher(loop)),
        cache_(
            clock, *fetcher_, [this](const std::string& identity) { return source(identity); },
            std::move(log)) {}

  result<void> start() override {
    const auto unreadable = tokens_.load();
    if (unreadable.has_error()) return unreadable.error();
    if (*unreadable > 0) {
      log_.warn(
          "{} client(s) of temporary credentials cannot be read and get nothing: issue their tokens again",
          *unreadable);
    }
    return listen();
  }

  result<void> reload(const CredentialsOptions& options) override {
    const bool elsewhere = options.listen != options_.listen;
    options_ = options;
    if (!elsewhere) return {};
    http_.reset();
    return listen();
  }

  void stop() override { http_.reset(); }

  void forget(const std::string& identity) override { cache_.forget(identity); }

  void issue(const std::string& name, const std::string& identity,
             std::function<void(result<json>)> done) override {
    if (const auto known = source(identity); known.has_error() && known.error().code == errc::not_found) {
      return done(known.error());
    }
    tokens_.issue(name, identity,
                  [this, name, identity, done = std::move(done)](const result<std::string>& token) {
                    if (token.has_error()) return done(token.error());
                    log_.info("client {} may fetch temporary credentials of {}", name,
                              identity.empty() ? "the gateway" : identity);
                    done({boost::system::in_place_value,
                          json{{"name", name}, {"identity", identity}, {"token", *token}, {"uri", uri()}}});
                  });
  }

  void revoke(const std::string& name, std::function<void(result<void>)> done) override {
    log_.info("client {} gets no more temporary credentials", name);
    tokens_.revoke(name, std::move(done));
  }

  json status() const override {
    return {{"uri", uri()},
            {"listening", http_ != nullptr},
            {"clients", tokens_.list()},
            {"cached", cache_.status()},
            {"served", served_},
            {"refused", refused_},
            {"turned_away", http_ ? http_->turned_away() : 0}};
  }

 private:
  result<CredentialsSource> source(const std::string& identity) const {
    auto found = source_of_(identity);
    if (found.has_error()) return found;
    if (!options_.role_alias.empty()) found->role_alias = options_.role_alias;
    if (found->endpoint.empty()) found->endpoint = options_.endpoint;
    const auto who = identity.empty() ? std::string("the gateway") : identity;
    if (found->role_alias.empty()) {
      return Error{errc::denied, "no role alias is known for " + who + ": set credentials.role_alias"};
    }
    if (found->endpoint.empty()) {
      return Error{errc::denied, "no credentials endpoint is known for " + who +
                                     ": set credentials.endpoint (aws iot "
                                     "describe-endpoint --endpoint-type iot:CredentialProvider)"};
    }
    return found;
  }

  result<void> listen() {
    if (options_.listen.empty()) return {};
    auto listening = listen_on_loopback(loop_, clock_, options_.listen,
                                        [this](const LoopbackRequest& request, LoopbackHttp::Answer reply) {
                                          handle(request, std::move(reply));
                                        });
    if (listening.has_error()) return listening.error();
    http_ = std::move(*listening);
    log_.info("temporary credentials at {}", uri());
    return {};
  }

  std::string uri() const {
    if (options_.listen.empty()) return {};
    auto place = options_.listen;
    if (http_) place = place.substr(0, place.rfind(':') + 1) + std::to_string(http_->port());
    return "http://" + place + std::string(kPath);
  }

  void handle(const LoopbackRequest& request, LoopbackHttp::Answer reply) {
    if (request.path != kPath) return reply(denial(404, "NotFound", "ask for " + std::string(kPath)));
    if (request.authorization.empty()) {
      tell_refusal("no token");
      return reply(
          denial(401, "MissingToken",
                 "no Authorization header: set AWS_CONTAINER_AUTHORIZATION_TOKEN to the token of sluicectl "
                 "credentials issue"));
    }
    const auto client = tokens_.find(request.authorization);
    if (!client) {
      tell_refusal("a wrong or revoked token");
      return reply(denial(403, "WrongToken",
                          "this token is not known or was revoked: sluicectl credentials issue NAME"));
    }
    tokens_.used(client->name);
    cache_.get(client->identity,
               [this, reply = std::move(reply)](const result<aws::TemporaryCredentials>& credentials) {
                 if (credentials) ++served_;
                 reply(answer_of(credentials));
               });
  }

  // The first at once, then one line a minute with how many there were.
  void tell_refusal(std::string_view why) {
    ++refused_;
    ++untold_;
    const auto now = clock_.now();
    if (told_ && now - *told_ < kRefusalsTold) return;
    log_.warn("temporary credentials refused: {} ({} time(s) since the last such line)", why, untold_);
    told_ = now;
    untold_ = 0;
  }

  CredentialsOptions options_;
  boost::asio::io_context& loop_;
  Clock& clock_;
  Log log_;
  CredentialsSourceOf source_of_;
  CredentialsTokens tokens_;
  std::unique_ptr<CredentialsFetcher> fetcher_;
  CredentialsCache cache_;
  std::unique_ptr<LoopbackHttp> http_;
  std::uint64_t served_ = 0, refused_ = 0, untold_ = 0;
  std::optional<MonoTime> told_;
};

}  // namespace

std::unique_ptr<Credentials> make_credentials(CredentialsOptions options, boost::asio::io_context& loop,
                                              Clock& clock, store::Registry& registry,
                                              CredentialsSourceOf source_of, Log log,
                                              std::unique_ptr<CredentialsFetcher> fetcher) {
  return std::make_unique<CredentialsRoom>(std::move(options), loop, clock, registry, std::move(source_of),
                                           std::move(log), std::move(fetcher));
}

}  // namespace sluice::identity

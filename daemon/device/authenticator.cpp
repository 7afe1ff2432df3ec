#include "device/authenticator.hpp"

#include <fmt/format.h>
#include <openssl/crypto.h>

#include <algorithm>

#include "device/printable.hpp"
#include "device/token_hash.hpp"

namespace sluice::device {
namespace {

using mqtt::Reason;

constexpr unsigned kThreads = 2;
constexpr std::size_t kMostHashesWaiting =
    128;  // about 3 s of two threads: within a client's patience for CONNACK
constexpr std::size_t kMostWaitingPerHash = 1'000;
constexpr std::size_t kLongestClientId = 256;
constexpr std::size_t kLongestPassword = 4096;

// Wrong tokens that a source may bring: each name from it, and all names together. Who brings a token that
// has been proven before is never held up by them.
constexpr double kTriesPerSecondByName = 0.1, kTriesByName = 10;
constexpr double kTriesPerSecondBySource = 2, kTriesBySource = 50;

bool has_bad_characters(std::string_view id) {
  return std::any_of(id.begin(), id.end(), [](char c) {
    return c == '+' || c == '#' || c == '/' || static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
  });
}

// The device of anonymous clients that send no client id.
constexpr std::string_view kNameless = "anonymous";

}  // namespace

std::string_view device_of_client_id(std::string_view client_id) {
  return client_id.substr(0, client_id.find('.'));
}

Authenticator::Authenticator(boost::asio::io_context& loop, Clock& clock, Log log, Directory& directory)
    : clock_(clock),
      log_(std::move(log)),
      directory_(directory),
      workers_(loop, kThreads, kMostHashesWaiting),
      by_source_(kTriesPerSecondBySource, kTriesBySource, 10'000),
      by_source_and_name_(kTriesPerSecondByName, kTriesByName, 10'000),
      log_limit_(0.1, 5, 1'000),
      no_hash_(unmatchable_token_hash()) {}

Authenticator::~Authenticator() { *alive_ = false; }

void Authenticator::check(AuthRequest request, Reply reply) {
  if (has_bad_characters(request.client_id) || request.client_id.size() > kLongestClientId) {
    return refuse(request, Reason::client_identifier_not_valid,
                  "a client id with + # / or control characters, or too long", reply);
  }
  if (!request.certificate.empty()) return check_certificate(request, reply);
  if (request.username && !request.username->empty())
    return check_token(std::move(request), std::move(reply));
  check_anonymous(request, reply);
}

void Authenticator::check_certificate(const AuthRequest& request, const Reply& reply) {
  const auto device = directory_.find(request.certificate);
  if (!device || device->anonymous)
    return refuse(request, Reason::not_authorized, "its certificate names no known device", reply);
  if (request.username && !request.username->empty() && *request.username != request.certificate) {
    return refuse(request, Reason::not_authorized, "username and certificate name different devices", reply);
  }
  accept(request, device, AuthMethod::certificate, {}, reply);
}

void Authenticator::check_vouched(const std::shared_ptr<Device>& device, const Peer& peer, Reply reply) {
  AuthRequest request;
  request.peer = peer;
  request.client_id = request.username.emplace(device->ref.id);
  accept(request, device, AuthMethod::adapter, {}, reply);
}

// Fail closed: every one of these must hold, whatever the config promised about the listener's address.
void Authenticator::check_anonymous(const AuthRequest& request, const Reply& reply) {
  if (!request.anonymous_allowed || !request.peer.is_local() || request.password) {
    return refuse(request, Reason::not_authorized, "it did not say who it is", reply);
  }
  auto device =
      directory_.anonymous(request.client_id.empty() ? kNameless : device_of_client_id(request.client_id));
  if (!device) {
    const auto code = device.error().code;
    return refuse(request,
                  code == errc::invalid_argument ? Reason::client_identifier_not_valid
                  : code == errc::full           ? Reason::quota_exceeded
                                                 : Reason::not_authorized,
                  device.error().text, reply);
  }
  accept(request, *device, AuthMethod::anonymous, {}, reply);
}

bool Authenticator::throttled(const AuthRequest& request, MonoTime now) {
  const auto source = request.peer.source();
  return by_source_.empty_for(source, now) ||
         by_source_and_name_.empty_for(source + ' ' + *request.username, now);
}

void Authenticator::check_token(AuthRequest request, Reply reply) {
  auto& token = request.password;
  if (!token || token->empty() || token->size() > kLongestPassword ||
      request.username->size() > kLongestClientId) {
    return refuse(request, Reason::bad_user_name_or_password, "no token", reply);
  }
  const auto device = directory_.find(*request.username);
  const bool known = device && !device->unproven();
  const auto mark = directory_.seal().mark(*request.username, *token);
  if (known && device->token && TokenSeal::equal(*device->token, mark)) {
    return accept(request, device, AuthMethod::token, *token, reply);
  }
  if (throttled(request, clock_.now())) {
    ++stats_.throttled;
    return refuse(request, Reason::connection_rate_exceeded, "too many wrong tokens from there", reply);
  }
  if (!known && admit(request, reply)) return;
  // An unknown device costs what a known one costs.
  const auto hash = known && !device->token_hash.empty() ? device->token_hash : no_hash_;
  const std::pair key(*request.username, mark);
  if (const auto it = checks_.find(key); it != checks_.end() && it->second.hash == hash) {
    if (it->second.waiting.size() < kMostWaitingPerHash) {
      OPENSSL_cleanse(token->data(), token->size());
      it->second.waiting.push_back({std::move(request), std::move(reply)});
      return;
    }
  } else if (it == checks_.end()) {
    auto matches = std::make_shared<bool>(false);
    auto work = [secret = *token, hash, matches]() mutable {
      *matches = token_matches(secret, hash);
      OPENSSL_cleanse(secret.data(), secret.size());
    };
    auto done = [this, alive = alive_, key, matches] {
      if (*alive) hashed(key, *matches);
    };
    if (workers_.submit(std::move(work), std::move(done))) {
      ++stats_.hashes;
      auto& check = checks_[key];
      check.hash = hash;
      if (known && device->provisioned) check.token = Secret(std::string_view(*token));
      OPENSSL_cleanse(token->data(), token->size());
      check.waiting.push_back({std::move(request), std::move(reply)});
      return;
    }
  }
  ++stats_.busy;
  reply({Reason::server_busy, "too many logins at once; try again in a few seconds", nullptr,
         AuthMethod::none});
}

void Authenticator::hashed(const std::pair<std::string, TokenSeal::Mark>& key, bool matches) {
  auto node = checks_.extract(key);
  if (node.empty()) return;
  const auto& check = node.mapped();
  // The device may have been removed, or its token changed, while we computed.
  const auto device = directory_.find(key.first);
  const bool right = matches && device && !device->unproven() && device->token_hash == check.hash;
  if (right) device->token = key.second;
  for (const auto& waiting : check.waiting) {
    if (right) {
      accept(waiting.request, device, AuthMethod::token, check.token.text(), waiting.reply);
    } else {
      count_wrong(waiting.request, key.first);
      refuse(waiting.request, Reason::bad_user_name_or_password, "unknown device or wrong token",
             waiting.reply);
    }
  }
}

void Authenticator::count_wrong(const AuthRequest& request, const std::string& name) {
  const auto source = request.peer.source();
  const auto now = clock_.now();
  by_source_.take(source, now);
  by_source_and_name_.take(source + ' ' + name, now);
}

void Authenticator::accept(const AuthRequest& request, const std::shared_ptr<Device>& device,
                           AuthMethod method, std::string_view token, const Reply& reply) {
  if (!device->enabled || device->removed)
    return refuse(request, Reason::banned, "the device is disabled", reply);
  const auto& id = device->ref.id;
  if (!request.client_id.empty() && device_of_client_id(request.client_id) != id) {
    return refuse(request, Reason::client_identifier_not_valid,
                  "the client id must be the device id, or that, a dot, and more", reply);
  }
  const auto let_in = [this, device, method, reply] {
    ++stats_.accepted;
    reply({Reason::success, {}, device, method});
  };
  if (!device->provisioned || enrolment_ == nullptr) return let_in();
  // Each time: it may have been refused or decommissioned since.
  enrolment_->admit({.id = id, .product = device->ref.product, .token = Secret(token), .proven = true},
                    [this, alive = alive_, request, reply, let_in](const Admission& admission) {
                      if (!*alive) return;
                      if (admission.kind != Admission::Kind::refused) return let_in();
                      refuse(request, Reason::not_authorized, admission.text, reply,
                             "its identity was refused");
                    });
}

void Authenticator::refuse(const AuthRequest& request, Reason reason, std::string_view why,
                           const Reply& reply, std::string_view told) {
  ++stats_.refused;
  if (log_limit_.try_take(request.peer.source(), clock_.now())) {
    const auto name =
        request.certificate.empty() ? request.username.value_or(request.client_id) : request.certificate;
    log_.warn("refused `{}` from {}: {}", printable(name, 64), request.peer.text(), why);
  }
  reply({reason, std::string(told.empty() ? why : told), nullptr, AuthMethod::none});
}

}  // namespace sluice::device

#include "cloud/lambda/jitr/handler.hpp"

#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "aws/json_text.hpp"
#include "cloud/lambda/device_thing.hpp"
#include "cloud/lambda/public_key.hpp"
#include "cloud/lambda/token_check.hpp"

namespace sluice::lambda::jitr {
namespace {

constexpr std::size_t kMostEvent = 256 * 1024;  // of an asynchronous invocation

std::string outcome(std::string_view what, std::string_view thing, std::string_view certificate_id) {
  return aws::dumped({{"result", what}, {"thingName", thing}, {"certificateId", certificate_id}});
}

FunctionError again_later(std::string_view step, const aws::Error& error) {
  return {"Aws." + std::string(error.passing() ? "Passing" : "Refused"),
          std::string(step) + ": " + error.text};
}

aws::Error being_served() {
  return {aws::Error::Kind::unavailable, 0, {}, "another request for the device is being served", {}};
}

}  // namespace

JitrHandler::JitrHandler(aws::IotControl& iot, DeviceTable* table, Settings settings, Now now, Log log)
    : iot_(iot), table_(table), settings_(std::move(settings)), now_(std::move(now)), log_(std::move(log)) {}

Answer JitrHandler::operator()(std::string_view event) {
  const auto parsed = aws::parse_object(event, kMostEvent);
  const auto id = parsed ? aws::text_in(*parsed, "certificateId") : std::string();
  if (id.empty()) return FunctionError{"Event.Malformed", "the event has no certificateId"};

  // The event is not believed: what counts is what AWS IoT says of the certificate now.
  const auto certificate = iot_.describe_certificate(id);
  if (!certificate) return again_later("DescribeCertificate", certificate.error());
  const auto thing = common_name_of_certificate(certificate->pem);
  if (!thing || !valid_productid(*thing)) {
    log_.warn("{}: refused: {}", id, thing ? "its common name is no name of a thing" : thing.error().text);
    return outcome("refused", "", id);
  }
  return admit(*thing, *certificate);
}

Answer JitrHandler::admit(const std::string& thing, const aws::Certificate& certificate) {
  const auto& id = certificate.id;
  const bool active = certificate.status == "ACTIVE";
  if (!active && certificate.status != "PENDING_ACTIVATION") {
    log_.warn("{}: refused: {} is {}; an operator took it out of use", thing, id, certificate.status);
    return outcome("refused", thing, id);
  }
  if (!active) {
    const auto allowance = allowed(thing, id);
    if (!allowance) return again_later("the table of devices", allowance.error());
    if (!allowance->yes) {
      log_.warn("{}: refused: {}", thing, allowance->why);
      return outcome("refused", thing, id);
    }
    if (const auto done = activate(thing, allowance->product, certificate); !done) {
      return again_later("activation of " + thing, done.error());
    }
    log_.info("{}: {} is active", thing, id);
  }
  if (const auto done = retire_former(thing, id); !done) return again_later("retiring", done.error());
  return outcome(active ? "already-active" : "activated", thing, id);
}

// Records the certificate as the device's, unless it has another that it must keep.
aws::result<JitrHandler::Allowed> JitrHandler::allowed(std::string_view thing,
                                                       const std::string& certificate_id) {
  if (table_ == nullptr) return Allowed{true, {}, {}};
  const auto found = table_->find(thing);
  if (!found) return found.error();
  if (!*found) return Allowed{false, "it is not in the table of devices", {}};
  const auto& seen = **found;
  if (!seen.region.empty() && seen.region != settings_.region)
    return Allowed{false, "it belongs to the region " + seen.region, {}};
  const auto now = now_().time_since_epoch().count();
  if (seen.apply_state == kInProgress && seen.claim_until > now) return being_served();
  if (seen.apply_state == kRegistered) {
    if (seen.cert_id == certificate_id) return Allowed{true, {}, seen.product};
    const auto refused = why_not_replaced(seen);
    if (!refused) return refused.error();
    if (!refused->empty()) return Allowed{false, *refused, {}};
  } else if (seen.apply_state != kNew && seen.apply_state != kInProgress) {
    return Allowed{false, "the table of devices has it blocked", {}};
  }
  auto next = seen;
  next.apply_state = kRegistered;
  next.cert_id = certificate_id;
  next.attempt = certificate_id;
  next.key_hash.clear();
  next.timestamp = now;
  next.claim_until = 0;
  next.region = settings_.region;
  for (const auto& old : {seen.cert_id, std::exchange(next.pending_cert, {})}) {
    if (!old.empty() && old != certificate_id) next.retiring.push_back(old);
  }
  const auto mine = table_->replace(seen, next);
  if (!mine) return mine.error();
  if (!*mine) {  // the same event twice, or two certificates: the next try sees which
    return being_served();
  }
  return Allowed{true, {}, seen.product};
}

// Empty: the registered certificate may be replaced. What an operator took out of use is not: a key of the CA
// would else overrule the operator.
aws::result<std::string> JitrHandler::why_not_replaced(const DeviceRecord& seen) {
  if (settings_.reissue != Reissue::rotate) return std::string("it has another certificate");
  if (seen.cert_id.empty()) return std::string();
  const auto registered = iot_.describe_certificate(seen.cert_id);
  if (!registered) {
    if (registered.error().kind == aws::Error::Kind::not_found) return std::string();
    return registered.error();
  }
  if (registered->status == "ACTIVE" || registered->status == "PENDING_ACTIVATION") return std::string();
  return "its certificate " + seen.cert_id + " is " + registered->status + "; an operator took it out of use";
}

aws::result<void> JitrHandler::activate(const std::string& thing, const std::string& product,
                                        const aws::Certificate& certificate) {
  if (const auto done = make_thing(iot_, thing, product, settings_.thing_types, log_); !done)
    return done.error();
  const auto& policy = settings_.gateways.or_else(settings_.policy, product);
  if (const auto done = iot_.attach_policy(policy, certificate.arn); !done) return done.error();
  if (const auto done = iot_.attach_thing_principal(thing, certificate.arn); !done) return done.error();
  // The last step, so that a device never runs with half of its rights.
  return iot_.update_certificate(certificate.id, "ACTIVE");
}

aws::result<void> JitrHandler::retire_former(const std::string& thing, std::string_view certificate_id) {
  if (table_ == nullptr) return {};
  const auto found = table_->find(thing);
  if (!found) return found.error();
  if (!*found || (*found)->cert_id != certificate_id || (*found)->retiring.empty()) return {};
  if (const auto done = retire_all(iot_, (*found)->retiring, settings_.retired); !done) return done.error();
  auto clean = **found;
  clean.retiring.clear();
  const auto done = table_->replace(**found, clean);
  return done ? aws::result<void>() : done.error();
}

}  // namespace sluice::lambda::jitr

#include "cloud/lambda/fleet_hook/handler.hpp"

#include <nlohmann/json.hpp>
#include <utility>

#include "aws/json_text.hpp"
#include "cloud/lambda/public_key.hpp"
#include "cloud/lambda/token_check.hpp"

namespace sluice::lambda::fleet_hook {
namespace {

using nlohmann::json;

constexpr std::size_t kMostEvent = 256 * 1024;

std::string no() { return R"({"allowProvisioning":false})"; }

std::string yes(const DeviceRecord& record) {
  json overrides{{"ThingName", record.productid}};
  if (!record.product.empty()) overrides["Product"] = record.product;
  return aws::dumped({{"allowProvisioning", true}, {"parameterOverrides", overrides}});
}

aws::Error being_served(std::string text) {
  return {aws::Error::Kind::unavailable, 0, {}, std::move(text), {}};
}

std::string parameter(const json& event, const char* name, const char* alias) {
  const auto it = event.find("parameters");
  if (it == event.end() || !it->is_object()) return {};
  auto value = aws::text_in(*it, name);
  return value.empty() ? aws::text_in(*it, alias) : value;
}

}  // namespace

FleetHookHandler::FleetHookHandler(aws::IotControl& iot, DeviceTable& table, Settings settings, Now now,
                                   Log log)
    : iot_(iot), table_(table), settings_(std::move(settings)), now_(std::move(now)), log_(std::move(log)) {}

Answer FleetHookHandler::operator()(std::string_view event) {
  const auto parsed = aws::parse_object(event, kMostEvent);
  if (!parsed) return FunctionError{"Event.Malformed", "the event is no JSON object of at most 256 KiB"};
  Asked asked{.productid = parameter(*parsed, "SerialNumber", "productid"),
              .access_token = parameter(*parsed, "accessToken", "deviceToken"),
              .certificate_id = aws::text_in(*parsed, "certificateId"),
              .key_hash = {}};
  const auto key_hash = key_hash_of_certificate(aws::text_in(*parsed, "certificatePem"));
  if (!key_hash || asked.certificate_id.empty()) {
    return FunctionError{"Event.Malformed", "the event has no certificateId or no certificatePem"};
  }
  asked.key_hash = *key_hash;
  const auto seen = check_token(table_, asked.productid, asked.access_token, log_);
  if (!seen && seen.error().status == 401) return no();
  if (!seen) return FunctionError{"Table." + seen.error().code, seen.error().message};
  const auto redeemed = redeem(asked, *seen);
  if (!redeemed) {
    log_.error("{}: {} {}", asked.productid, redeemed.error().code, redeemed.error().text);
    return FunctionError{"Aws.Trouble", redeemed.error().text};
  }
  log_.info("{}: {} for {}", asked.productid, *redeemed ? "allowed" : "not allowed", asked.certificate_id);
  return *redeemed ? yes(*seen) : no();
}

// Another certificate than the registered one.
aws::result<bool> FleetHookHandler::may_replace(const Asked& asked, const DeviceRecord& seen) {
  const bool another_is_due =
      settings_.reissue == Reissue::rotate || (!seen.key_hash.empty() && seen.key_hash == asked.key_hash);
  const auto registered = iot_.describe_certificate(seen.cert_id);
  if (!registered) {
    if (registered.error().kind != aws::Error::Kind::not_found) return registered.error();
    return another_is_due;
  }
  if (registered->status == "PENDING_ACTIVATION")
    return true;                                            // the provisioning after our yes came to nothing
  return registered->status == "ACTIVE" && another_is_due;  // otherwise an operator took it out of use
}

// The certificate is the device's from here on. AWS IoT activates it only after our yes; whatever fails in
// between is asked again with the same certificate, or with another for the same key.
aws::result<bool> FleetHookHandler::redeem(const Asked& asked, DeviceRecord seen) {
  const auto now = now_().time_since_epoch().count();
  if (!seen.region.empty() && seen.region != settings_.region) return false;
  if (seen.apply_state == kInProgress && seen.claim_until > now)
    return being_served("another request with this token is being served");
  const bool same_certificate = seen.apply_state == kRegistered && seen.cert_id == asked.certificate_id;
  if (seen.apply_state == kRegistered && !same_certificate) {
    const auto allowed = may_replace(asked, seen);
    if (!allowed || !*allowed) return allowed;
  }
  auto next = seen;
  if (!same_certificate) {
    next.apply_state = kRegistered;
    next.cert_id = asked.certificate_id;
    next.attempt = asked.certificate_id;  // unique: AWS IoT asks once for each certificate that it made
    next.key_hash = asked.key_hash;
    next.timestamp = now;
    next.claim_until = 0;
    next.region = settings_.region;
    for (const auto& old : {seen.cert_id, seen.pending_cert}) {
      if (!old.empty() && old != asked.certificate_id) next.retiring.push_back(old);
    }
    next.pending_cert.clear();
    const auto mine = table_.replace(seen, next);
    if (!mine) return mine.error();
    if (!*mine) return being_served("another request with this token came first");
  }
  if (settings_.gateways.is_for(next.product)) {
    const auto certificate = iot_.describe_certificate(asked.certificate_id);
    if (!certificate) return certificate.error();
    const auto done = iot_.attach_policy(settings_.gateways.name, certificate->arn);
    if (!done) return done.error();
  }
  if (next.retiring.empty()) return true;
  // No yes before the old ones are out of use. If this is cut off, they are still listed.
  if (const auto done = retire_all(iot_, next.retiring, settings_.retired); !done) return done.error();
  auto clean = next;
  clean.retiring.clear();
  if (const auto done = table_.replace(next, clean); !done) {
    log_.warn("{}: still lists retired certificates: {}", asked.productid, done.error().text);
  }
  return true;
}

}  // namespace sluice::lambda::fleet_hook

// clang-format off
// The steps of one attempt, and what a crash behind each leaves to the next request:
//
//   claim      applyState 0, -1 or an abandoned 1 → 1,    nothing
//              attempt, claimUntil, keyHash
//   clean      retires what crashed attempts left         the rest of it, still listed in `retiring`
//   thing      CreateThing                                the thing; creating it again is no error
//   create     the certificate, INACTIVE                  an INACTIVE certificate attached to nothing
//   record     pendingCert                                pendingCert: the same key goes on with it,
//                                                         another key moves it to `retiring`
//   attach     policy and thing                           likewise
//   retire     the certificate registered so far, unless  likewise; this late, so that what fails before
//              it stays until the new one has proven      costs nobody anything
//              itself (below)
//   activate   the certificate, ACTIVE                    likewise
//   finish     applyState 1 → -1, certID                  all done: the same key gets the certificate again
//   answer
//
// A rotation is create, connect, commit, retire: the former certificate stays ACTIVE and listed in `retiring`
// until the device asks to have it retired (redemption_retire.cpp), which it does when its new certificate has
// connected, or until the next redemption. Not if AWS made the keys (nobody can ask for them again), nor after
// an operator's reset.
//
// Why two requests never end with two certificates that are ACTIVE and not listed: a certificate is activated
// only while its claim holds, after it was recorded; and whoever claims next retires what is recorded before
// activating another.
// clang-format on
#include "cloud/lambda/cvm/redemption.hpp"

#include <openssl/rand.h>

#include <algorithm>
#include <array>
#include <utility>

#include "aws/digest.hpp"
#include "cloud/lambda/device_thing.hpp"
#include "cloud/lambda/token_check.hpp"

namespace sluice::lambda::cvm {
namespace {

using aws::cvm::Refusal;
using Kind = aws::Error::Kind;

// What fleet provisioning leaves when it comes to nothing after its hook said yes.
constexpr std::string_view kNeverUsed = "PENDING_ACTIVATION";

Refusal already_registered(std::string message) {
  return {.status = 409, .code = "AlreadyRegistered", .message = std::move(message), .retry_after_s = {}};
}

Refusal taken_out_of_use(std::string_view status) {
  return already_registered(
      "the device's certificate is " + std::string(status) +
      "; an operator took it out of use, and has to set applyState to 0 to allow another");
}

void add(std::vector<std::string>& ids, const std::string& id) {
  if (!id.empty() && std::ranges::find(ids, id) == ids.end()) ids.push_back(id);
}

}  // namespace

Redemption::Redemption(aws::IotControl& iot, DeviceTable& table, const Settings& settings, Now now, Log log)
    : iot_(iot), table_(table), settings_(settings), now_(std::move(now)), log_(std::move(log)) {}

Refusal Redemption::in_progress(std::int64_t wait_s) {
  constexpr std::int64_t kMostWait = 5;
  return {.status = 409,
          .code = "InProgress",
          .message = "another request with this token is being served; ask again",
          .retry_after_s = static_cast<unsigned>(std::clamp(wait_s, std::int64_t{1}, kMostWait))};
}

std::string Redemption::attempt_name() {
  std::array<unsigned char, 16> bytes{};
  if (RAND_bytes(bytes.data(), static_cast<int>(bytes.size())) != 1) return {};
  return aws::to_hex({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
}

Redeemed Redemption::redeem(const Wanted& wanted) {
  const auto seen = check_token(table_, wanted.productid, wanted.access_token, log_);
  if (!seen) return seen.error();
  return decide(wanted, *seen);
}

Redeemed Redemption::decide(const Wanted& wanted, const DeviceRecord& seen) {
  if (!seen.region.empty() && seen.region != settings_.region) {
    return Refusal{
        .status = 400,
        .code = "BadRequest",
        .message = "this device belongs to the region " + seen.region + ", this is " + settings_.region,
        .retry_after_s = {}};
  }
  if (seen.apply_state == kInProgress) {
    const auto left = seen.claim_until - now_().time_since_epoch().count();
    if (left > 0) return in_progress(left);
  }
  if (seen.apply_state == kRegistered) {
    if (!wanted.key_hash.empty() && wanted.key_hash == seen.key_hash) return hand_out_again(wanted, seen);
    const auto status = status_of(seen.cert_id);
    if (!status) return failed("describe", seen, status.error());
    if (*status != kNeverUsed) {
      if (wanted.reissue == Reissue::refuse) {
        return already_registered(
            seen.cert_id.empty()
                ? "the device's certificate was retired; an operator has to set applyState to 0 to allow "
                  "another"
                : "the device has a certificate for another key, and may not have a second one");
      }
      // An operator's decision about the certificate is one about the device: no token overrules it.
      if (!status->empty() && *status != "ACTIVE") return taken_out_of_use(*status);
    }
  }
  return claim(wanted, seen);
}

// Empty: there is none, or it was deleted.
aws::result<std::string> Redemption::status_of(const std::string& certificate_id) {
  if (certificate_id.empty()) return std::string();
  auto certificate = iot_.describe_certificate(certificate_id);
  if (certificate) return std::move(certificate->status);
  if (certificate.error().kind == Kind::not_found) return std::string();
  return certificate.error();
}

// The answer got lost, or the device lost it: the same key gets the same certificate.
Redeemed Redemption::hand_out_again(const Wanted& wanted, const DeviceRecord& seen) {
  auto certificate = iot_.describe_certificate(seen.cert_id);
  if (!certificate) {
    if (certificate.error().kind != Kind::not_found) return failed("describe", seen, certificate.error());
    if (wanted.reissue == Reissue::refuse) return taken_out_of_use("deleted");
    return claim(wanted, seen);
  }
  if (certificate->status == kNeverUsed) return claim(wanted, seen);
  if (certificate->status != "ACTIVE") return taken_out_of_use(certificate->status);
  log_.info("{}: has its certificate {} handed out again", seen.productid, seen.cert_id);
  return Issued{.certificate = std::move(*certificate), .public_key = {}, .private_key = {}, .device = seen};
}

Redeemed Redemption::claim(const Wanted& wanted, const DeviceRecord& seen) {
  const auto now = now_().time_since_epoch().count();
  auto held = seen;
  held.apply_state = kInProgress;
  held.attempt = attempt_name();
  held.claim_until = now + settings_.claim.count();
  held.timestamp = now;
  if (held.attempt.empty()) {
    return failed("claim", seen, {Kind::unavailable, 0, {}, "OpenSSL has no random bytes", {}});
  }
  // Also of a new one: an operator set applyState back to 0, and the new certificate takes the place of the
  // old.
  if (seen.apply_state != kInProgress) add(held.retiring, seen.cert_id);
  const bool same_key = !wanted.key_hash.empty() && wanted.key_hash == seen.key_hash;
  if (!same_key) add(held.retiring, std::exchange(held.pending_cert, {}));
  held.key_hash = wanted.key_hash;

  const auto mine = table_.replace(seen, held);
  if (!mine) return failed("claim", seen, mine.error());
  if (!*mine) return in_progress(1);
  const bool overlap = wanted.reissue == Reissue::rotate && !wanted.csr.empty() && seen.apply_state != kNew;
  auto done = run(wanted, held, overlap);
  if (!done && done.error().code != "InProgress") {
    // Whoever asks next need not wait for the claim to run out. If this fails, it waits.
    auto released = held;
    released.claim_until = 0;
    if (const auto free = table_.replace(held, released); !free) {
      log_.warn("{}: the claim could not be released: {}", held.productid, free.error().text);
    }
  }
  return done;
}

Redeemed Redemption::run(const Wanted& wanted, DeviceRecord& held, bool overlap) {
  auto left_over = held.retiring;
  std::erase(left_over, held.cert_id);
  if (const auto done = retire_all(iot_, left_over, settings_.retired); !done) {
    return failed("clean", held, done.error());
  }
  std::erase_if(held.retiring, [&](const auto& id) { return id != held.cert_id; });
  if (const auto done = make_thing(iot_, held.productid, held.product, settings_.thing_types, log_); !done)
    return failed("thing", held, done.error());
  auto issued = certificate_of(wanted, held);
  if (!issued) return issued;
  const auto& certificate = issued->certificate;
  const auto& policy = settings_.gateways.or_else(settings_.policy, held.product);
  if (const auto done = iot_.attach_policy(policy, certificate.arn); !done) {
    return failed("attach policy", held, done.error());
  }
  if (const auto done = iot_.attach_thing_principal(held.productid, certificate.arn); !done) {
    return failed("attach thing", held, done.error());
  }
  if (!overlap) {
    if (const auto done = retire_all(iot_, held.retiring, settings_.retired); !done) {
      return failed("retire", held, done.error());
    }
    held.retiring.clear();
  }
  if (certificate.status != "ACTIVE") {
    if (overdue(held)) return in_progress(1);
    if (const auto done = iot_.update_certificate(certificate.id, "ACTIVE"); !done) {
      return failed("activate", held, done.error());
    }
  }
  return finish(std::move(*issued), held);
}

// The certificate of this attempt: that of a crashed one with the same key, or a new one, recorded.
Redeemed Redemption::certificate_of(const Wanted& wanted, DeviceRecord& held) {
  if (!held.pending_cert.empty()) {
    auto left = iot_.describe_certificate(held.pending_cert);
    if (left && left->status != "REVOKED") return Issued{std::move(*left), {}, {}, held};
    if (!left && left.error().kind != Kind::not_found) return failed("describe", held, left.error());
  }
  if (overdue(held)) return in_progress(1);
  Issued issued{{}, {}, {}, held};
  if (wanted.csr.empty()) {
    auto made = iot_.create_keys_and_certificate(false);
    if (!made) return failed("create", held, made.error());
    issued = {std::move(made->certificate), std::move(made->public_key), std::move(made->private_key), held};
  } else {
    auto made = iot_.create_certificate_from_csr(wanted.csr, false);
    if (!made) return failed("create", held, made.error());
    issued.certificate = std::move(*made);
  }
  issued.certificate.status = "INACTIVE";
  auto recorded = held;
  recorded.pending_cert = issued.certificate.id;
  const auto mine = table_.replace(held, recorded);
  if (mine && *mine) {
    held = std::move(recorded);
    return issued;
  }
  // Nobody will find it; and if the record was written after all, the next request finds that it is gone.
  if (const auto gone = retire_certificate(iot_, issued.certificate.id, Retired::remove); !gone) {
    log_.warn("{}: the INACTIVE certificate {} is left over: {}", held.productid, issued.certificate.id,
              gone.error().text);
  }
  return mine ? Redeemed(in_progress(1)) : Redeemed(failed("record", held, mine.error()));
}

Redeemed Redemption::finish(Issued issued, DeviceRecord& held) {
  auto finished = held;
  finished.apply_state = kRegistered;
  finished.cert_id = issued.certificate.id;
  finished.pending_cert.clear();
  finished.claim_until = 0;
  finished.timestamp = now_().time_since_epoch().count();
  finished.region = settings_.region;
  const auto done = table_.replace(held, finished);
  if (!done) return failed("finish", held, done.error());
  if (*done) {
    log_.info("{}: has the certificate {}", held.productid, issued.certificate.id);
    issued.device = std::move(finished);
    issued.certificate.status = "ACTIVE";
    return issued;
  }
  // We were too slow, and somebody took over. Unless it goes on with our certificate, that one must not stay.
  const auto now = table_.find(held.productid);
  if (!now) return failed("finish", held, now.error());
  const bool theirs = now->has_value() && ((*now)->pending_cert == issued.certificate.id ||
                                           (*now)->cert_id == issued.certificate.id);
  if (!theirs) {
    if (const auto gone = retire_certificate(iot_, issued.certificate.id, settings_.retired); !gone) {
      return failed("retire", held, gone.error());
    }
  }
  return in_progress(1);
}

Refusal Redemption::failed(std::string_view step, const DeviceRecord& held, const aws::Error& error) const {
  log_.error("{}: step '{}': {} {}", held.productid, step, error.code, error.text);
  return refusal_of(error);
}

}  // namespace sluice::lambda::cvm

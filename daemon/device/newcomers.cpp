// Devices that nobody here knows: those that devices.admit takes, and those that were imported. The
// provisioning service judges their token; who is let in gets a row of the directory and is known from then
// on.
#include <openssl/crypto.h>

#include "device/authenticator.hpp"
#include "device/token_hash.hpp"

namespace sluice::device {

using mqtt::Reason;

// False: nobody expects it, it is refused like any unknown device.
bool Authenticator::admit(AuthRequest& request, const Reply& reply) {
  if (enrolment_ == nullptr || !valid_device_id(*request.username)) return false;
  auto product = enrolment_->product_of(*request.username);
  if (product.empty()) product = directory_.admitted_product(*request.username);
  if (product.empty()) return false;
  ++stats_.newcomers;
  auto shared = std::make_shared<AuthRequest>(std::move(request));
  enrolment_->admit({.id = *shared->username,
                     .product = product,
                     .token = Secret(std::string_view(*shared->password)),
                     .proven = false},
                    [this, alive = alive_, shared, product, reply](const Admission& admission) {
                      if (*alive) admitted(shared, product, admission, reply);
                      if (shared->password && !*alive) wipe(*shared->password);
                    });
  return true;
}

void Authenticator::admitted(std::shared_ptr<AuthRequest> request, const std::string& product,
                             const Admission& admission, const Reply& reply) {
  switch (admission.kind) {
    case Admission::Kind::granted:
    case Admission::Kind::held:
      return remember(std::move(request), product, reply);
    case Admission::Kind::refused:
      count_wrong(*request, *request->username);
      refuse(*request, Reason::bad_user_name_or_password, admission.text, reply,
             "unknown device or wrong token");
      break;
    case Admission::Kind::unavailable:
      refuse(*request, Reason::server_unavailable, admission.text, reply, "not known yet; try again later");
      break;
    case Admission::Kind::full:
      refuse(*request, Reason::quota_exceeded, admission.text, reply,
             "too many devices at once; try again later");
      break;
  }
  wipe(*request->password);
}

// Its token's hash must be on disk before it hears that it is in: from now on it must bring the same.
void Authenticator::remember(std::shared_ptr<AuthRequest> request, const std::string& product,
                             const Reply& reply) {
  auto hash = std::make_shared<std::string>();
  auto work = [request, hash] { *hash = hash_token(*request->password); };
  auto done = [this, alive = alive_, request, hash, product, reply] {
    if (!*alive) return;
    if (hash->empty()) {
      wipe(*request->password);
      return refuse(*request, Reason::server_unavailable, "no random bytes or memory to hash a token", reply);
    }
    directory_.add(*request->username, product, *hash, true,
                   [this, request, reply](const result<void>& added) {
                     const auto device = directory_.find(*request->username);
                     if (added && device)
                       device->token = directory_.seal().mark(device->ref.id, *request->password);
                     // Another connection of the same device was faster: it is known now, like any other.
                     if (added || added.error().code == errc::exists)
                       return check_token(std::move(*request), reply);
                     wipe(*request->password);
                     refuse(*request, Reason::server_unavailable, added.error().text, reply);
                   });
  };
  if (workers_.submit(std::move(work), std::move(done))) return;
  ++stats_.busy;
  wipe(*request->password);
  reply({Reason::server_busy, "too many logins at once; try again in a few seconds", nullptr,
         AuthMethod::none});
}

}  // namespace sluice::device

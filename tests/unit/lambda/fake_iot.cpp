#include "tests/unit/lambda/fake_iot.hpp"

#include "aws/digest.hpp"

namespace sluice::lambda::test {
namespace {

using Kind = aws::Error::Kind;
constexpr std::string_view kArn = "arn:aws:iot:eu-central-1:123456789012:cert/";

aws::Error not_found(std::string what) {
  return {Kind::not_found, 404, "ResourceNotFoundException", std::move(what) + " does not exist", {}};
}
aws::Error conflict(std::string code, std::string text) {
  return {Kind::conflict, 409, std::move(code), std::move(text), {}};
}

}  // namespace

aws::result<aws::Certificate> FakeIot::create(std::string pem, bool active) {
  const std::scoped_lock lock(mutex_);
  const auto id = aws::sha256_hex(std::to_string(++made_));
  if (pem.empty()) pem = "-----BEGIN CERTIFICATE-----\n" + id + "\n-----END CERTIFICATE-----\n";
  const aws::Certificate certificate{id, std::string(kArn) + id, pem, active ? "ACTIVE" : "INACTIVE"};
  principals_[id].certificate = certificate;
  auto answer = certificate;
  answer.status.clear();  // as the interface says
  return answer;
}

aws::result<aws::Certificate> FakeIot::create_certificate_from_csr(std::string_view, bool active) {
  return faults_.step([&] { return create({}, active); });
}

aws::result<aws::KeysAndCertificate> FakeIot::create_keys_and_certificate(bool active) {
  return faults_.step([&]() -> aws::result<aws::KeysAndCertificate> {
    return aws::KeysAndCertificate{*create({}, active), "the public key", "the private key"};
  });
}

aws::result<aws::Certificate> FakeIot::describe_certificate(std::string_view id) {
  return faults_.step([&]() -> aws::result<aws::Certificate> {
    const std::scoped_lock lock(mutex_);
    const auto it = principals_.find(id);
    if (it == principals_.end()) return not_found("certificate " + std::string(id));
    return it->second.certificate;
  });
}

aws::result<void> FakeIot::update_certificate(std::string_view id, std::string_view status) {
  return faults_.step([&]() -> aws::result<void> {
    const std::scoped_lock lock(mutex_);
    const auto it = principals_.find(id);
    if (it == principals_.end()) return not_found("certificate " + std::string(id));
    it->second.certificate.status = status;
    return {};
  });
}

aws::result<void> FakeIot::delete_certificate(std::string_view id) {
  return faults_.step([&]() -> aws::result<void> {
    const std::scoped_lock lock(mutex_);
    const auto it = principals_.find(id);
    if (it == principals_.end()) return not_found("certificate " + std::string(id));
    if (it->second.certificate.status == "ACTIVE")
      return conflict("CertificateStateException", "it is ACTIVE");
    if (!it->second.policies.empty() || !it->second.things.empty()) {
      return conflict("DeleteConflictException", "something is attached to it");
    }
    principals_.erase(it);
    return {};
  });
}

aws::result<aws::Thing> FakeIot::create_thing(std::string_view name, std::string_view type,
                                              const std::map<std::string, std::string>& attributes) {
  return faults_.step([&]() -> aws::result<aws::Thing> {
    const std::scoped_lock lock(mutex_);
    if (!type.empty() && !thing_types.contains(type)) return not_found("thing type " + std::string(type));
    aws::Thing thing{std::string(name), "arn:thing/" + std::string(name), std::string(type), attributes};
    const auto [it, made] = things.emplace(std::string(name), thing);
    if (!made && (it->second.type != type || it->second.attributes != attributes)) {
      return conflict("ResourceAlreadyExistsException", "the thing exists with another definition");
    }
    return thing;
  });
}

aws::result<aws::Thing> FakeIot::describe_thing(std::string_view name) {
  return faults_.step([&]() -> aws::result<aws::Thing> {
    const std::scoped_lock lock(mutex_);
    const auto it = things.find(name);
    if (it == things.end()) return not_found("thing " + std::string(name));
    return it->second;
  });
}

aws::result<void> FakeIot::create_policy(std::string_view name, std::string_view) {
  const std::scoped_lock lock(mutex_);
  policies.emplace(name);
  return {};
}

FakeIot::Principal* FakeIot::by_arn(std::string_view arn) {
  if (!arn.starts_with(kArn)) return nullptr;
  const auto it = principals_.find(arn.substr(kArn.size()));
  return it == principals_.end() ? nullptr : &it->second;
}

aws::result<void> FakeIot::attach_policy(std::string_view policy, std::string_view principal) {
  return faults_.step([&]() -> aws::result<void> {
    const std::scoped_lock lock(mutex_);
    auto* found = by_arn(principal);
    if (found == nullptr || !policies.contains(policy)) return not_found("policy or certificate");
    found->policies.emplace(policy);
    return {};
  });
}

aws::result<void> FakeIot::detach_policy(std::string_view policy, std::string_view principal) {
  return faults_.step([&]() -> aws::result<void> {
    const std::scoped_lock lock(mutex_);
    auto* found = by_arn(principal);
    if (found == nullptr) return not_found("certificate");
    found->policies.erase(std::string(policy));
    return {};
  });
}

aws::result<std::vector<std::string>> FakeIot::attached_policies(std::string_view principal) {
  return faults_.step([&]() -> aws::result<std::vector<std::string>> {
    const std::scoped_lock lock(mutex_);
    const auto* found = by_arn(principal);
    if (found == nullptr) return not_found("certificate");
    return std::vector<std::string>(found->policies.begin(), found->policies.end());
  });
}

aws::result<void> FakeIot::attach_thing_principal(std::string_view thing, std::string_view principal) {
  return faults_.step([&]() -> aws::result<void> {
    const std::scoped_lock lock(mutex_);
    auto* found = by_arn(principal);
    if (found == nullptr || !things.contains(thing)) return not_found("thing or certificate");
    found->things.emplace(thing);
    return {};
  });
}

aws::result<void> FakeIot::detach_thing_principal(std::string_view thing, std::string_view principal) {
  return faults_.step([&]() -> aws::result<void> {
    const std::scoped_lock lock(mutex_);
    auto* found = by_arn(principal);
    if (found == nullptr) return not_found("certificate");
    found->things.erase(std::string(thing));
    return {};
  });
}

aws::result<std::vector<std::string>> FakeIot::thing_principals(std::string_view thing) {
  return faults_.step([&]() -> aws::result<std::vector<std::string>> {
    const std::scoped_lock lock(mutex_);
    std::vector<std::string> arns;
    for (const auto& [id, principal] : principals_) {
      if (principal.things.contains(thing)) arns.push_back(principal.certificate.arn);
    }
    return arns;
  });
}

aws::result<std::vector<std::string>> FakeIot::principal_things(std::string_view principal) {
  return faults_.step([&]() -> aws::result<std::vector<std::string>> {
    const std::scoped_lock lock(mutex_);
    const auto* found = by_arn(principal);
    if (found == nullptr) return not_found("certificate");
    return std::vector<std::string>(found->things.begin(), found->things.end());
  });
}

aws::result<std::string> FakeIot::endpoint(std::string_view type) {
  return faults_.step([&]() -> aws::result<std::string> {
    return std::string(type == "iot:Data-ATS" ? "data.example.com" : "credentials.example.com");
  });
}

std::string FakeIot::add(std::string_view pem, std::string_view status) {
  const auto made = create(std::string(pem), false);
  set_status(made->id, std::string(status));
  return made->id;
}

std::vector<std::string> FakeIot::active() const {
  const std::scoped_lock lock(mutex_);
  std::vector<std::string> ids;
  for (const auto& [id, principal] : principals_) {
    if (principal.certificate.status == "ACTIVE") ids.push_back(id);
  }
  return ids;
}

std::string FakeIot::status_of(const std::string& id) const {
  const std::scoped_lock lock(mutex_);
  const auto it = principals_.find(id);
  return it == principals_.end() ? std::string() : it->second.certificate.status;
}

std::size_t FakeIot::certificates() const {
  const std::scoped_lock lock(mutex_);
  return principals_.size();
}

bool FakeIot::works(const std::string& id, const std::string& thing, const std::string& policy) const {
  const std::scoped_lock lock(mutex_);
  const auto it = principals_.find(id);
  return it != principals_.end() && it->second.certificate.status == "ACTIVE" &&
         it->second.policies.contains(policy) && it->second.things.contains(thing);
}

void FakeIot::set_status(const std::string& id, const std::string& status) {
  const std::scoped_lock lock(mutex_);
  principals_.at(id).certificate.status = status;
}

void FakeIot::forget(const std::string& id) {
  const std::scoped_lock lock(mutex_);
  principals_.erase(id);
}

}  // namespace sluice::lambda::test

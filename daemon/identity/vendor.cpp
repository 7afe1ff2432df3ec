#include "identity/vendor.hpp"

namespace sluice::identity {

void Vendor::enlist(Application, Promise, Secret, bool, std::function<void(Answer)> done) {
  // A promise in the registry, but of another method: the configuration has changed since.
  done(Refusal{
      Refusal::Kind::lapsed, "the certificate was promised by another method of provisioning", {}, false});
}

void Vendor::retire(Application, std::string, std::function<void(Answer)> done) {
  done(Refusal{
      Refusal::Kind::wrong, "this method of provisioning takes no certificate out of use", {}, false});
}

result<std::unique_ptr<Vendor>> make_vendor(const VendorParts& parts) {
  using Method = ProvisioningOptions::Method;
  switch (parts.options.cloud.provisioning.method) {
    case Method::cvm:
      return make_cvm(parts);
    case Method::awslabs:
      return make_awslabs(parts);
    case Method::fleet:
      return make_fleet(parts);
    case Method::own_ca:
      return make_own_ca(parts);
    case Method::given:
      break;
  }
  return Error{errc::unsupported, "certificates are given by hand: there is no service to ask"};
}

}  // namespace sluice::identity

// Sluice's Certificate Vending Machine: POST /certificates with our CSR (aws/cvm.hpp). It knows the key
// again: the same CSR sent twice is answered with the same certificate, and a former one is retired then.
#include "aws/cvm.hpp"

#include "identity/https_vendor.hpp"

namespace sluice::identity {
namespace {

class Cvm final : public Vendor {
 public:
  Cvm(std::unique_ptr<HttpsCalls> calls, std::string region)
      : calls_(std::move(calls)), region_(std::move(region)) {}

  bool keeps_the_former() const override { return true; }

  void apply(Application application, std::function<void(Answer)> done) override {
    aws::cvm::Request request{.productid = std::move(application.id),
                              .access_token = application.token.text(),
                              .csr = std::move(application.csr),
                              .region = region_};
    HttpsCalls::Call call{
        .method = "POST", .path = "/certificates", .headers = {}, .body = Secret(aws::cvm::to_json(request))};
    for (auto& [name, value] : aws::cvm::authorizer_headers(request))
      call.headers.emplace_back(std::move(name), Secret(std::move(value)));
    wipe(request.access_token);
    calls_->send(
        std::move(call),
        [url = calls_->url()](const aws::HttpResponse& response) { return judge(response, url); },
        std::move(done));
  }

 private:
  static Answer judge(const aws::HttpResponse& response, const std::string& url) {
    auto vended = aws::cvm::parse_response(response.status, response.body, response.header("retry-after"));
    if (!vended) return refusal_of(vended.error(), url);
    Issued issued;
    issued.certificate = std::move(vended->certificate_pem);
    issued.certificate_id = std::move(vended->certificate_id);
    issued.thing = std::move(vended->thing_name);
    issued.endpoint = std::move(vended->data_endpoint);
    issued.credentials_endpoint = std::move(vended->credentials_endpoint);
    issued.role_alias = std::move(vended->role_alias);
    issued.root_ca = std::move(vended->root_ca);
    return issued;
  }

  std::unique_ptr<HttpsCalls> calls_;
  std::string region_;
};

}  // namespace

result<std::unique_ptr<Vendor>> make_cvm(const VendorParts& parts) {
  auto calls = HttpsCalls::make(parts);
  if (!calls) return calls.error();
  return std::make_unique<Cvm>(std::move(*calls), parts.options.cloud.region);
}

}  // namespace sluice::identity

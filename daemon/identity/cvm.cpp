// Sluice's Certificate Vending Machine (aws/cvm.hpp): POST /certificates with our CSR, which is answered with
// the same certificate however often it is sent; POST /certificates/retire when one is to go out of use.
#include "aws/cvm.hpp"

#include "identity/https_vendor.hpp"

namespace sluice::identity {
namespace {

class Cvm final : public Vendor {
 public:
  Cvm(std::unique_ptr<HttpsCalls> calls, std::string region)
      : calls_(std::move(calls)), region_(std::move(region)) {}

  bool retires() const override { return true; }

  void apply(Application application, std::function<void(Answer)> done) override {
    aws::cvm::Request request{.productid = std::move(application.id),
                              .access_token = application.token.text(),
                              .csr = std::move(application.csr),
                              .region = region_};
    post("/certificates", request, issued, std::move(done));
  }

  void retire(Application application, std::string keep, std::function<void(Answer)> done) override {
    aws::cvm::RetireRequest request{.productid = std::move(application.id),
                                    .access_token = application.token.text(),
                                    .keep = std::move(keep)};
    post("/certificates/retire", request, retired, std::move(done));
  }

 private:
  // Wipes the token of the request.
  template <typename Request>
  void post(std::string path, Request& request, Answer (*judge)(const aws::HttpResponse&, const std::string&),
            std::function<void(Answer)> done) {
    HttpsCalls::Call call{
        .method = "POST", .path = std::move(path), .headers = {}, .body = Secret(aws::cvm::to_json(request))};
    for (auto& [name, value] : aws::cvm::authorizer_headers(request.productid, request.access_token))
      call.headers.emplace_back(std::move(name), Secret(std::move(value)));
    wipe(request.access_token);
    calls_->send(
        std::move(call),
        [url = calls_->url(), judge](const aws::HttpResponse& response) { return judge(response, url); },
        std::move(done));
  }

  static Answer retired(const aws::HttpResponse& response, const std::string& url) {
    const auto ids =
        aws::cvm::parse_retire_response(response.status, response.body, response.header("retry-after"));
    if (!ids) return refusal_of(ids.error(), url);
    return Retired{};
  }

  static Answer issued(const aws::HttpResponse& response, const std::string& url) {
    auto vended = aws::cvm::parse_response(response.status, response.body, response.header("retry-after"));
    if (!vended) return refusal_of(vended.error(), url);
    Issued out;
    out.certificate = std::move(vended->certificate_pem);
    out.certificate_id = std::move(vended->certificate_id);
    out.thing = std::move(vended->thing_name);
    out.endpoint = std::move(vended->data_endpoint);
    out.credentials_endpoint = std::move(vended->credentials_endpoint);
    out.role_alias = std::move(vended->role_alias);
    out.root_ca = std::move(vended->root_ca);
    return out;
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

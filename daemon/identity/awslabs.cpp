// The CVM of awslabs, both generations: GET /getcert?serialNumber=&deviceToken=. The second best way: the
// service makes the key, so it has travelled; the token stands in the URL; and a failure's status says
// little, so its words decide.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "aws/json_text.hpp"
#include "identity/https_vendor.hpp"

namespace sluice::identity {
namespace {

using Json = nlohmann::json;

std::string encoded(std::string_view text) {
  std::string out;
  for (const unsigned char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '-' || c == '_' || c == '.' || c == '~';
    if (plain) {
      out += static_cast<char>(c);
    } else {
      out += fmt::format("%{:02X}", c);
    }
  }
  return out;
}

// The first generation answers 200 with a JSON string, the second 500 with text.
Refusal in_words(const aws::HttpResponse& response) {
  const auto& body = response.body;
  const auto says = [&body](std::string_view words) { return body.find(words) != std::string::npos; };
  Refusal refusal;
  if (says("Access Deny") || says("Access Denied") || response.status == 401) {
    refusal.kind = Refusal::Kind::denied;
    refusal.text = "the provisioning service refuses the productid or its token";
  } else if (says("Identical serial number")) {
    refusal.kind = Refusal::Kind::clash;
    refusal.text =
        "registered already, and this service does not issue again: delete its thing and policy in AWS";
  } else if (says("Bad Request")) {
    refusal.kind = Refusal::Kind::wrong;
    refusal.text = "the provisioning service does not take the request: Bad Request";
  } else {
    refusal.text =
        fmt::format("the provisioning service answers with status {} and no certificate", response.status);
    refusal.for_all = response.status == 429 || response.status == 503;
    if (refusal.for_all) {
      const std::string after(response.header("retry-after"));
      if (!after.empty() && after.size() < 6 && after.find_first_not_of("0123456789") == std::string::npos)
        refusal.retry_after = std::chrono::seconds(std::stoul(after));
    }
  }
  return refusal;
}

Answer judge(const aws::HttpResponse& response) {
  auto json = Json::parse(response.body, nullptr, false);
  if (response.status != 200 || !json.is_object()) return in_words(response);
  Issued issued;
  issued.certificate = aws::text_in(json, "certificatePem");
  issued.certificate_id = aws::text_in(json, "certificateId");
  issued.root_ca = aws::text_in(json, "RootCA");
  if (auto pair = json.find("keyPair"); pair != json.end() && pair->is_object()) {
    if (auto key = pair->find("PrivateKey"); key != pair->end() && key->is_string())
      issued.key = Secret(std::move(key->get_ref<std::string&>()));
  }
  if (issued.certificate.empty() || issued.key.empty()) {
    return Refusal{Refusal::Kind::wrong,
                   "the provisioning service's answer has no certificatePem or no keyPair.PrivateKey",
                   {},
                   false};
  }
  return issued;
}

class Awslabs final : public Vendor {
 public:
  explicit Awslabs(std::unique_ptr<HttpsCalls> calls) : calls_(std::move(calls)) {}
  bool makes_the_key() const override { return true; }

  void apply(Application application, std::function<void(Answer)> done) override {
    calls_->send({.method = "GET",
                  .path = "/getcert?serialNumber=" + encoded(application.id) +
                          "&deviceToken=" + encoded(application.token.text()),
                  .headers = {},
                  .body = Secret()},
                 judge, std::move(done));
  }

 private:
  std::unique_ptr<HttpsCalls> calls_;
};

}  // namespace

result<std::unique_ptr<Vendor>> make_awslabs(const VendorParts& parts) {
  auto calls = HttpsCalls::make(parts);
  if (!calls) return calls.error();
  return std::make_unique<Awslabs>(std::move(*calls));
}

}  // namespace sluice::identity

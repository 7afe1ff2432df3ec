// AWS IoT fleet provisioning by claim, over MQTT: create-from-csr gives a certificate that is nobody's and a
// token of ownership; provision registers it with our template. In between is a step on disk (state
// promised): asking for the certificate anew after the registration had worked would leave two.
#include <fmt/format.h>

#include <map>
#include <nlohmann/json.hpp>

#include "aws/digest.hpp"
#include "aws/json_text.hpp"
#include "identity/vendor.hpp"

namespace sluice::identity {
namespace {

using Json = nlohmann::json;

constexpr std::size_t kMostAnswer = 64 * 1024;
constexpr std::size_t kMostName = 256;

// Of the template's DeviceConfiguration, which may hold anything.
std::string setting(const Json& settings, const char* name) {
  if (!settings.is_object()) return {};
  auto text = aws::text_in(settings, name);
  return text.size() <= kMostName ? text : std::string();
}

Answer wrong(std::string text) { return Refusal{Refusal::Kind::wrong, std::move(text), {}, false}; }

// {"statusCode":400,"errorCode":"InvalidCertificateOwnershipToken","errorMessage":"..."}
Refusal rejected(const std::string& payload, const char* step) {
  const auto json = Json::parse(payload, nullptr, false);
  const auto code = json.is_object() ? aws::text_in(json, "errorCode") : std::string();
  const auto status =
      json.is_object() && json.contains("statusCode") && json["statusCode"].is_number_integer()
          ? json["statusCode"].get<int>()
          : 0;
  Refusal refusal;
  refusal.text = fmt::format("AWS IoT rejects {}: {}", step, payload.substr(0, 300));
  if (code.find("OwnershipToken") != std::string::npos) {
    refusal.kind = Refusal::Kind::lapsed;
  } else if (status == 403 || code == "AccessDenied") {
    refusal.kind = Refusal::Kind::denied;
    refusal.text = "the provisioning hook refuses the productid or its token";
  } else if (status == 429 || code.find("Throttl") != std::string::npos ||
             code.find("TooMany") != std::string::npos) {
    refusal.kind = Refusal::Kind::later;
    refusal.for_all = true;
  } else if (status >= 500) {
    refusal.kind = Refusal::Kind::later;
  } else {
    refusal.kind = Refusal::Kind::wrong;
  }
  return refusal;
}

Refusal failed(const Error& error, const char* step) {
  if (error.code == errc::refused) return rejected(error.text, step);
  Refusal refusal;
  refusal.text =
      error.code == errc::denied
          ? fmt::format("{}: the claim certificate's policy does not allow it: {}", step, error.text)
          : fmt::format("{}: {}", step, error.text);
  return refusal;
}

// What the claim connects as. The stack's policy for claims lets them be `claim-*` and nobody else, so that a
// stolen one cannot throw out a device. Two connections with one client id would throw each other off: names
// that are cut to AWS's 128 bytes keep a digest of all of themselves.
std::string claim_client_id(const std::string& thing, std::uint64_t call) {
  constexpr std::size_t kMostClientId = 128, kDigest = 16;
  auto id = fmt::format("claim-{}-{}", thing, call);
  if (id.size() <= kMostClientId) return id;
  const auto end = fmt::format("-{}-{}", aws::sha256_hex(thing).substr(0, kDigest), call);
  return "claim-" + thing.substr(0, kMostClientId - std::string_view("claim-").size() - end.size()) + end;
}

class Fleet final : public Vendor {
 public:
  explicit Fleet(const VendorParts& parts)
      : talk_(parts.talk),
        clock_(parts.clock),
        claim_{.thing = parts.options.thing,
               .endpoint = {},
               .tls = {.certificate_pem = {},
                       .key_pem = {},
                       .ca_pem = {},
                       .files = parts.options.cloud.provisioning.claim}},
        template_(parts.options.cloud.provisioning.fleet_template),
        timeout_(parts.options.cloud.provisioning.timeout) {}
  ~Fleet() override { *alive_ = false; }

  void apply(Application application, std::function<void(Answer)> done) override {
    const auto call = begin(std::move(application), std::move(done));
    open(call, claim_of(call), [this, call] {
      const Json request = {{"certificateSigningRequest", calls_.at(call).application.csr}};
      calls_.at(call).talk->request(
          "$aws/certificates/create-from-csr/json", request.dump(), timeout_,
          [this, call](result<std::string> answer) { vouched(call, std::move(answer)); });
    });
  }

  void enlist(Application application, Promise promise, Secret key, bool begun,
              std::function<void(Answer)> done) override {
    const auto call = begin(std::move(application), std::move(done));
    calls_.at(call).promise = std::move(promise);
    if (!begun) return provision(call);
    // Perhaps it is registered already, and the answer was lost: then AWS takes the certificate.
    auto& c = calls_.at(call);
    CloudIdentity self{.thing = c.application.id,
                       .endpoint = {},
                       .tls = {.certificate_pem = c.promise.certificate,
                               .key_pem = key.text(),
                               .ca_pem = {},
                               .files = {.certificate = {}, .key = {}, .ca = claim_.tls.files.ca}}};
    talk_({.identity = std::move(self), .timeout = timeout_},
          [this, alive = alive_, call](result<std::unique_ptr<CloudTalk>> opened) {
            if (!*alive || !calls_.contains(call)) return;
            if (opened) {
              opened->reset();
              auto issued = issued_of(call);
              issued.thing = calls_.at(call).application.id;
              issued.told_before = true;
              return end(call, std::move(issued));
            }
            const auto code = opened.error().code;
            if (code == errc::unreachable || code == errc::timeout)
              return end(call, Refusal{Refusal::Kind::later, opened.error().text, {}, false});
            provision(call);
          });
  }

 private:
  struct Call {
    Application application;
    Promise promise;
    std::unique_ptr<CloudTalk> talk;
    std::function<void(Answer)> done;
  };

  std::uint64_t begin(Application application, std::function<void(Answer)> done) {
    calls_.emplace(++last_, Call{std::move(application), {}, nullptr, std::move(done)});
    return last_;
  }

  // From a turn of its own: the conversation is destroyed with the call, and not from inside its own
  // callback.
  void end(std::uint64_t call, Answer answer) {
    auto node = calls_.extract(call);
    if (node.empty()) return;
    auto c = std::make_shared<Call>(std::move(node.mapped()));
    clock_.call_after(Duration::zero(), [alive = alive_, c, answer = std::move(answer)]() mutable {
      c->talk.reset();
      if (*alive) c->done(std::move(answer));
    });
  }

  CloudIdentity claim_of(std::uint64_t call) const {
    auto identity = claim_;
    identity.thing = claim_client_id(claim_.thing, call);
    return identity;
  }

  void open(std::uint64_t call, CloudIdentity identity, std::function<void()> then) {
    talk_({.identity = std::move(identity), .timeout = timeout_},
          [this, alive = alive_, call, then = std::move(then)](result<std::unique_ptr<CloudTalk>> opened) {
            if (!*alive || !calls_.contains(call)) return;
            if (!opened) {
              return end(call, Refusal{Refusal::Kind::later,
                                       "no connection with the claim certificate: " + opened.error().text,
                                       {},
                                       false});
            }
            calls_.at(call).talk = std::move(*opened);
            then();
          });
  }

  void vouched(std::uint64_t call, result<std::string> answer) {
    if (!answer) return end(call, failed(answer.error(), "create-from-csr"));
    auto json = Json::parse(answer->substr(0, kMostAnswer), nullptr, false);
    Promise promise;
    if (json.is_object()) {
      promise.certificate = aws::text_in(json, "certificatePem");
      promise.certificate_id = aws::text_in(json, "certificateId");
      promise.ownership = Secret(aws::text_in(json, "certificateOwnershipToken"));
    }
    wipe(*answer);
    if (promise.certificate.empty() || promise.ownership.empty())
      return end(call, wrong("AWS's answer to create-from-csr has no certificate or no ownership token"));
    end(call, std::move(promise));
  }

  void provision(std::uint64_t call) {
    open(call, claim_of(call), [this, call] {
      auto& c = calls_.at(call);
      const Json request = {
          {"certificateOwnershipToken", c.promise.ownership.text()},
          {"parameters", {{"SerialNumber", c.application.id}, {"accessToken", c.application.token.text()}}}};
      c.talk->request(fmt::format("$aws/provisioning-templates/{}/provision/json", template_), request.dump(),
                      timeout_, [this, call](result<std::string> answer) {
                        if (!answer) return end(call, failed(answer.error(), "provision"));
                        const auto json = Json::parse(answer->substr(0, kMostAnswer), nullptr, false);
                        const auto thing = json.is_object() ? aws::text_in(json, "thingName") : std::string();
                        if (thing.empty())
                          return end(call, wrong("AWS's answer to provision names no thing"));
                        auto issued = issued_of(call);
                        issued.thing = thing;
                        const auto settings = json.value("deviceConfiguration", Json::object());
                        issued.credentials_endpoint = setting(settings, "credentialsEndpoint");
                        issued.role_alias = setting(settings, "roleAlias");
                        end(call, std::move(issued));
                      });
    });
  }

  Issued issued_of(std::uint64_t call) const {
    const auto& promise = calls_.at(call).promise;
    Issued issued;
    issued.certificate = promise.certificate;
    issued.certificate_id = promise.certificate_id;
    return issued;
  }

  CloudTalkOpener talk_;
  Clock& clock_;
  CloudIdentity claim_;
  std::string template_;
  Duration timeout_;
  std::map<std::uint64_t, Call> calls_;
  std::uint64_t last_ = 0;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace

result<std::unique_ptr<Vendor>> make_fleet(const VendorParts& parts) {
  if (!parts.talk) return Error{errc::unsupported, "fleet provisioning needs a way to talk to AWS IoT"};
  return std::make_unique<Fleet>(parts);
}

}  // namespace sluice::identity

#include "tests/unit/identity/scripted_cloud.hpp"

#include <fmt/format.h>
#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <boost/asio/post.hpp>
#include <nlohmann/json.hpp>
#include <tuple>

#include "aws/url.hpp"
#include "identity/key_pair.hpp"

namespace sluice::identity::test {
namespace {

using Json = nlohmann::json;

std::string public_key_of_csr(const std::string& csr) {
  BIO* bio = BIO_new_mem_buf(csr.data(), static_cast<int>(csr.size()));
  X509_REQ* request = PEM_read_bio_X509_REQ(bio, nullptr, nullptr, nullptr);
  BIO_free(bio);
  if (request == nullptr) return {};
  BIO* out = BIO_new(BIO_s_mem());
  PEM_write_bio_PUBKEY(out, X509_REQ_get0_pubkey(request));
  char* data = nullptr;
  const long size = BIO_get_mem_data(out, &data);
  std::string text(data, static_cast<std::size_t>(size));
  BIO_free(out);
  X509_REQ_free(request);
  return text;
}

constexpr std::int64_t kLongAgo = 1'700'000'000, kFarAway = 2'500'000'000;

}  // namespace

class ScriptedTalk final : public CloudTalk {
 public:
  explicit ScriptedTalk(ScriptedCloud& cloud) : cloud_(cloud) {}
  ~ScriptedTalk() override { *alive_ = false; }
  void request(std::string topic, std::string payload, Duration,
               std::function<void(result<std::string>)> done) override {
    boost::asio::post(cloud_.loop_, [this, alive = alive_, topic, payload, done] {
      if (!*alive) return;
      auto answer = cloud_.converse(topic, payload);
      if (cloud_.lose_answers) return;
      done(std::move(answer));
    });
  }

 private:
  ScriptedCloud& cloud_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

ScriptedCloud::ScriptedCloud(boost::asio::io_context& loop)
    : ca(sluice::test::make_certificate("Scripted CA", kLongAgo, kFarAway, nullptr)), loop_(loop) {}

Doors ScriptedCloud::doors() {
  Doors doors;
  doors.talk = [this, alive = alive_](CloudTalkOptions options,
                                      std::function<void(result<std::unique_ptr<CloudTalk>>)> opened) {
    boost::asio::post(loop_, [this, alive, options, opened] {
      if (alive != alive_) return;
      ++talks;
      auto contact = this->contact(options.identity);
      if (alive != alive_) return;
      if (!contact) return opened(contact.error());
      opened(std::unique_ptr<CloudTalk>(std::make_unique<ScriptedTalk>(*this)));
    });
  };
  doors.open_lane = [this](LaneId lane, CloudIdentity identity) { lanes[lane] = std::move(identity); };
  doors.close_lane = [this](LaneId lane) {
    lanes.erase(lane);
    closed_lanes.push_back(lane);
  };
  doors.try_lane = [this, alive = alive_](LaneId lane, TlsIdentity tls,
                                          std::function<void(result<void>)> done) {
    boost::asio::post(loop_, [this, alive, lane, tls, done] {
      if (alive != alive_) return;
      auto identity = lanes[lane];
      identity.tls = tls;
      auto contact = this->contact(identity);
      if (contact) lanes[lane] = identity;
      if (alive == alive_) done(std::move(contact));
    });
  };
  struct Front final : aws::Http {
    explicit Front(ScriptedCloud& which) : cloud(which) {}
    aws::result<aws::HttpResponse> send(const aws::HttpRequest& request) override {
      return cloud.serve(request);
    }
    ScriptedCloud& cloud;
  };
  doors.http = [this](const aws::HttpOptions&) { return std::make_unique<Front>(*this); };
  return doors;
}

std::size_t ScriptedCloud::active(const std::string& thing) {
  const std::lock_guard lock(mutex_);
  std::size_t count = 0;
  for (const auto& [id, certificate] : certificates_) {
    if (certificate.thing == thing && certificate.active) ++count;
  }
  return count;
}

bool ScriptedCloud::is_active(const std::string& certificate_id) {
  const std::lock_guard lock(mutex_);
  return certificates_.at(certificate_id).active;
}

void ScriptedCloud::set_active(const std::string& certificate_id, bool active) {
  const std::lock_guard lock(mutex_);
  certificates_.at(certificate_id).active = active;
}

void ScriptedCloud::set_all_active(bool active) {
  const std::lock_guard lock(mutex_);
  for (auto& [id, certificate] : certificates_) certificate.active = active;
}

std::size_t ScriptedCloud::issued() {
  const std::lock_guard lock(mutex_);
  return certificates_.size();
}

void ScriptedCloud::will_answer(unsigned status, const std::string& body) {
  const std::lock_guard lock(mutex_);
  answers_.emplace_back(status, body);
}

bool ScriptedCloud::has_answered_all() {
  const std::lock_guard lock(mutex_);
  return answers_.empty();
}

std::optional<std::string> ScriptedCloud::lane_certificate(LaneId lane) const {
  const auto it = lanes.find(lane);
  if (it == lanes.end()) return {};
  return read_certificate(it->second.tls.certificate_pem)->id;
}

result<void> ScriptedCloud::contact(const CloudIdentity& identity) {
  const std::lock_guard lock(mutex_);
  ++connects;
  if (!reachable) return Error{errc::unreachable, "no network"};
  if (!takes_certificates) return Error{errc::unauthorized, "not authorized"};
  if (identity.thing.starts_with("claim-")) {
    claims.push_back(identity.thing);
    return {};
  }
  const auto facts = read_certificate(identity.tls.certificate_pem);
  if (!facts) return Error{errc::tls, "no certificate"};
  if (!check_certificate_of_key(identity.tls.certificate_pem, Secret(std::string_view(identity.tls.key_pem))))
    return Error{errc::tls, "the key does not fit"};
  const auto it = certificates_.find(facts->id);
  if (it != certificates_.end())
    return it->second.active ? result<void>() : result<void>(Error{errc::unauthorized, "not active"});
  if (!registers_at_contact) return Error{errc::tls, "unknown certificate"};
  if (contacts_[facts->id]++ < drops) return Error{errc::closed, "closed without a word"};
  // As the JITR function does: a newer certificate of the CA replaces the one before.
  for (auto& [id, certificate] : certificates_) {
    if (certificate.thing == facts->common_name) certificate.active = false;
  }
  certificates_[facts->id] = {facts->common_name, {}, identity.tls.certificate_pem, true};
  return {};
}

std::string ScriptedCloud::issue(const std::string& csr, const std::string& thing, bool active) {
  const Secret key{std::string_view(ca.key)};
  auto made = issue_certificate({ca.certificate, key, csr, kLongAgo, kFarAway});
  const auto id = read_certificate(*made)->id;
  certificates_[id] = {thing, public_key_of_csr(csr), *made, active};
  return id;
}

aws::result<aws::HttpResponse> ScriptedCloud::serve(const aws::HttpRequest& request) {
  const std::lock_guard lock(mutex_);
  ++requests;
  urls.push_back(request.url);
  bodies.push_back(request.body);
  for (const auto& [name, value] : request.headers) headers.push_back(name + ": " + value);
  aws::Error lost;
  lost.kind = aws::Error::Kind::network;
  lost.text = "no route to host";
  if (!reachable) return lost;
  if (!answers_.empty()) {
    aws::HttpResponse response;
    std::tie(response.status, response.body) = answers_.front();
    if (!retry_after.empty()) response.headers.emplace_back("retry-after", retry_after);
    answers_.pop_front();
    return response;
  }
  auto response = awslabs ? serve_getcert(request) : serve_cvm(request);
  if (lose_answers) return lost;
  return response;
}

aws::HttpResponse ScriptedCloud::serve_cvm(const aws::HttpRequest& request) {
  aws::HttpResponse response;
  const auto refuse = [&](unsigned status, const std::string& code) {
    ++refused;
    response.status = status;
    response.body = aws::cvm::to_json(
        aws::cvm::Refusal{.status = status, .code = code, .message = "no", .retry_after_s = {}});
    return response;
  };
  if (request.url.ends_with("/certificates/retire")) {
    const auto wish = aws::cvm::parse_retire_request(request.body);
    if (!wish) return refuse(400, "BadRequest");
    const auto known = tokens.find(wish->productid);
    if (known == tokens.end() || known->second != wish->access_token) return refuse(401, "Unauthorized");
    if (!wish->keep.empty() && !certificates_.contains(wish->keep)) return refuse(409, "NotRegistered");
    response.status = 200;
    response.body = serve_retire(*wish);
    return response;
  }
  auto asked = aws::cvm::parse_request(request.body);
  if (!asked) return refuse(400, "BadRequest");
  const auto token = tokens.find(asked->productid);
  if (token == tokens.end() || token->second != asked->access_token) return refuse(401, "Unauthorized");
  const auto key = public_key_of_csr(asked->csr);
  std::string id;
  for (const auto& [known, certificate] : certificates_) {
    if (certificate.thing == asked->productid && certificate.public_key == key) id = known;
  }
  if (id.empty()) {
    for (auto& [known, certificate] : certificates_) {
      if (certificate.thing != asked->productid || !certificate.active) continue;
      if (!reissue) return refuse(409, "AlreadyRegistered");
      certificate.active = !retires_at_once;
    }
    id = issue(other_key ? make_key_pair(asked->productid)->csr_pem : asked->csr, asked->productid, true);
  }
  response.status = 200;
  response.body = aws::cvm::to_json(
      aws::cvm::Vended{.certificate_pem = certificates_[id].pem,
                       .certificate_id = id,
                       .certificate_arn = "arn:aws:iot:eu-central-1:123456789012:cert/" + id,
                       .thing_name = thing_instead.empty() ? asked->productid : thing_instead,
                       .product = "meter",
                       .region = "eu-central-1",
                       .data_endpoint = "data.example",
                       .credentials_endpoint = "credentials.example",
                       .role_alias = "gateway-role",
                       .root_ca = ca.certificate});
  return response;
}

std::string ScriptedCloud::serve_retire(const aws::cvm::RetireRequest& request) {
  std::vector<std::string> retired;
  for (auto& [id, certificate] : certificates_) {
    if (certificate.thing != request.productid || id == request.keep || !certificate.active) continue;
    certificate.active = false;
    certificate.public_key.clear();  // the same key gets another from now on
    retired.push_back(id);
  }
  return aws::cvm::retired_json(retired);
}

aws::HttpResponse ScriptedCloud::serve_getcert(const aws::HttpRequest& request) {
  aws::HttpResponse response;
  const auto value = [&request](const std::string& name) {
    const auto at = request.url.find(name + "=");
    if (at == std::string::npos) return std::string();
    const auto from = at + name.size() + 1;
    return aws::percent_decode(request.url.substr(from, request.url.find('&', from) - from));
  };
  const auto thing = value("serialNumber");
  const auto token = tokens.find(thing);
  if (token == tokens.end() || token->second != value("deviceToken")) {
    ++refused;
    response.status = 500;
    response.body = "Access Denied";
    return response;
  }
  for (auto& [id, certificate] : certificates_) {
    if (certificate.thing == thing) certificate.active = false;
  }
  const auto pair = make_key_pair(thing);
  const auto id = issue(pair->csr_pem, thing, true);
  response.status = 200;
  response.body = Json{{"certificateArn", "arn:aws:iot:eu-central-1:123456789012:cert/" + id},
                       {"certificateId", id},
                       {"certificatePem", certificates_[id].pem},
                       {"keyPair", {{"PublicKey", "-"}, {"PrivateKey", pair->key_pem.text()}}},
                       {"RootCA", ca.certificate}}
                      .dump();
  return response;
}

result<std::string> ScriptedCloud::converse(const std::string& topic, const std::string& payload) {
  const std::lock_guard lock(mutex_);
  ++requests;
  const auto json = Json::parse(payload);
  const auto rejected = [](int status, const char* code) {
    return Error{errc::refused,
                 Json{{"statusCode", status}, {"errorCode", code}, {"errorMessage", "no"}}.dump()};
  };
  if (topic == "$aws/certificates/create-from-csr/json") {
    const auto id = issue(json.at("certificateSigningRequest"), "", false);
    const auto token = fmt::format("ownership-of-{}", id);
    ownership_[token] = id;
    return Json{{"certificateId", id},
                {"certificatePem", certificates_[id].pem},
                {"certificateOwnershipToken", token}}
        .dump();
  }
  if (topic != "$aws/provisioning-templates/sluice/provision/json") return rejected(403, "Forbidden");
  const auto it = ownership_.find(json.at("certificateOwnershipToken").get<std::string>());
  if (it == ownership_.end()) return rejected(400, "InvalidCertificateOwnershipToken");
  const auto& parameters = json.at("parameters");
  const std::string thing = parameters.at("SerialNumber");
  const auto token = tokens.find(thing);
  if (in_kind &&
      (token == tokens.end() || token->second != parameters.at("accessToken").get<std::string>())) {
    ++refused;
    return rejected(403, "AccessDenied");
  }
  for (auto& [id, certificate] : certificates_) {
    if (certificate.thing == thing) certificate.active = false;
  }
  certificates_[it->second].thing = thing;
  certificates_[it->second].active = true;
  ownership_.erase(it);  // good for once
  return Json{{"deviceConfiguration", device_configuration}, {"thingName", thing}}.dump();
}

}  // namespace sluice::identity::test

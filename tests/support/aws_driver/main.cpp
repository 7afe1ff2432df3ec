// Calls each of our AWS clients against an endpoint and prints what came back, a JSON object a line:
//   sluice-aws-driver http://127.0.0.1:5000 CSR_FILE        (credentials from the environment)
#include <boost/asio/io_context.hpp>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>

#include "aws/credentials.hpp"
#include "aws/dynamodb.hpp"
#include "aws/iot_control_https.hpp"
#include "aws/sts.hpp"
#include "core/clock.hpp"

namespace {

using nlohmann::json;
using namespace sluice;
using namespace sluice::aws;

void tell(const char* step, json value) {
  value["step"] = step;
  std::printf("%s\n", value.dump().c_str());
}

void tell(const char* step, const Error& error) {
  tell(step,
       {{"error", name(error.kind)}, {"code", error.code}, {"status", error.status}, {"text", error.text}});
}

void tell(const char* step, const result<void>& outcome) {
  if (!outcome) return tell(step, outcome.error());
  tell(step, {{"ok", true}});
}

template <typename T, typename Describe>
void tell(const char* step, const result<T>& outcome, const Describe& describe) {
  if (!outcome) return tell(step, outcome.error());
  tell(step, describe(*outcome));
}

void drive_iot(IotControl& iot, const std::string& csr) {
  const auto certificate = iot.create_certificate_from_csr(csr, true);
  tell("create_certificate_from_csr", certificate,
       [](const Certificate& c) { return json{{"id", c.id}, {"arn", c.arn}, {"pem", c.pem}}; });
  if (!certificate) return;
  const auto& id = certificate->id;
  const auto& arn = certificate->arn;
  tell("create_keys_and_certificate", iot.create_keys_and_certificate(false),
       [](const KeysAndCertificate& k) {
         return json{{"id", k.certificate.id}, {"key", k.private_key.size() > 100}};
       });
  tell("create_thing", iot.create_thing("dev:1", "", {{"k", "v"}}),
       [](const Thing& t) { return json{{"arn", t.arn}}; });
  tell("describe_thing", iot.describe_thing("dev:1"),
       [](const Thing& t) { return json{{"name", t.name}, {"attributes", t.attributes}}; });
  tell("describe_missing", iot.describe_thing("nobody"), [](const Thing&) { return json::object(); });
  tell("create_policy", iot.create_policy("sluice-device", R"({"Version":"2012-10-17","Statement":[]})"));
  tell("create_policy_again",
       iot.create_policy("sluice-device", R"({"Version":"2012-10-17","Statement":[]})"));
  tell("attach_policy", iot.attach_policy("sluice-device", arn));
  tell("attach_policy_again", iot.attach_policy("sluice-device", arn));
  tell("attached_policies", iot.attached_policies(arn),
       [](const auto& names) { return json{{"names", names}}; });
  tell("attach_thing_principal", iot.attach_thing_principal("dev:1", arn));
  tell("thing_principals", iot.thing_principals("dev:1"),
       [](const auto& arns) { return json{{"arns", arns}}; });
  tell("principal_things", iot.principal_things(arn),
       [](const auto& names) { return json{{"names", names}}; });
  tell("delete_active", iot.delete_certificate(id));
  tell("detach_policy", iot.detach_policy("sluice-device", arn));
  tell("detach_policy_again", iot.detach_policy("sluice-device", arn));
  tell("detach_thing_principal", iot.detach_thing_principal("dev:1", arn));
  tell("update_certificate", iot.update_certificate(id, "INACTIVE"));
  tell("describe_certificate", iot.describe_certificate(id), [](const Certificate& c) {
    return json{{"id", c.id}, {"status", c.status}, {"pem", c.pem.size() > 100}};
  });
  tell("delete_certificate", iot.delete_certificate(id));
  tell("endpoint", iot.endpoint("iot:Data-ATS"), [](const std::string& e) { return json{{"address", e}}; });
}

void drive_dynamodb(Dynamodb& table) {
  const Item key{{"productid", AttributeValue::of("dev-1")}};
  Item item = key;
  item["applyState"] = AttributeValue::of(std::int64_t{0});
  const auto fields = [](const Item& i) {
    return json{{"applyState", number_of(i, "applyState").value_or(-99)}, {"certID", text_of(i, "certID")}};
  };
  tell("put_item", table.put_item("devices", item, {"attribute_not_exists(productid)", {}, {}}));
  tell("put_item_again", table.put_item("devices", item, {"attribute_not_exists(productid)", {}, {}}));
  const ItemChange redeem{"devices",
                          key,
                          "SET applyState = :one, #c = :id",
                          "applyState = :new",
                          {{"#c", "certID"}},
                          {{":one", AttributeValue::of(std::int64_t{1})},
                           {":new", AttributeValue::of(std::int64_t{0})},
                           {":id", AttributeValue::of("abc")}}};
  tell("redeem", table.update_item(redeem), fields);
  tell("redeem_again", table.update_item(redeem), fields);
  tell("get_item", table.get_item("devices", key, true),
       [&](const std::optional<Item>& found) { return found ? fields(*found) : json{{"missing", true}}; });
  for (int i = 0; i < 5; ++i) {
    (void)table.put_item("devices", {{"productid", AttributeValue::of("more-" + std::to_string(i))}});
  }
  PageRequest request;
  request.table = "devices";
  request.limit = 2;
  std::size_t items = 0, pages = 0;
  for (bool more = true; more && pages < 10; ++pages) {
    const auto page = table.read_page(request);
    if (!page) return tell("scan", page.error());
    items += page->items.size();
    request.start = page->next;
    more = !page->next.empty();
  }
  tell("scan", json{{"items", items}, {"pages", pages}});
  tell("delete_item", table.delete_item("devices", key));
  tell("get_deleted", table.get_item("devices", key, true),
       [](const std::optional<Item>& found) { return json{{"missing", !found}}; });
  tell("no_table", table.get_item("nothing", key, true), [](const auto&) { return json::object(); });
}

void drive_sts(Sts& sts) {
  tell("get_caller_identity", sts.get_caller_identity(),
       [](const CallerIdentity& i) { return json{{"account", i.account}, {"arn", i.arn}}; });
  AssumeRole request{"arn:aws:iam::123456789012:role/app",
                     "app-1",
                     R"({"Version":"2012-10-17","Statement":[]})",
                     std::chrono::minutes(15),
                     {}};
  tell("assume_role", sts.assume_role(request), [](const AssumedRole& role) {
    return json{{"key", role.session.credentials.access_key_id},
                {"token", !role.session.credentials.session_token.empty()},
                {"expires", role.session.expiration.time_since_epoch().count()},
                {"arn", role.arn}};
  });
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return 64;
  std::ifstream file(argv[2]);
  const std::string csr((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  const auto keys = credentials_from(process_environment());
  if (!keys) return 1;
  GivenCredentials credentials(*keys);
  boost::asio::io_context loop;
  const auto clock = make_system_clock(loop);
  const auto http = make_http({});
  Pause pause;
  const Caller caller{*http, credentials,
                      [&] { return std::chrono::time_point_cast<std::chrono::seconds>(clock->wall()); },
                      waiting_on(pause)};
  ServiceOptions options;
  options.region = "eu-central-1";
  options.endpoint = argv[1];
  drive_iot(*make_iot_control(options, caller), csr);
  drive_dynamodb(*make_dynamodb(options, caller));
  drive_sts(*make_sts(options, caller));
  return 0;
}

#include "cloud/local/admin.hpp"

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>

#include "cloud/local/json_text.hpp"
#include "mqtt/topic.hpp"

namespace sluice::cloud {
namespace {

using nlohmann::json;

constexpr std::size_t kMostClients = 1000;  // in one answer

HttpAnswer say(unsigned status, const json& body) {
  return {status, body.dump(-1, ' ', false, json::error_handler_t::replace) + "\n"};
}
HttpAnswer wrong(unsigned status, std::string text) { return say(status, {{"error", std::move(text)}}); }

// The value of a query's field, as it stands there; empty: not there.
std::string_view text_in(std::string_view target, std::string_view name) {
  auto query = target.substr(std::min(target.find('?'), target.size()));
  const auto at = query.find(std::string(name) + "=");
  if (at == std::string_view::npos) return {};
  query.remove_prefix(at + name.size() + 1);
  return query.substr(0, query.find('&'));
}

std::uint64_t number_in(std::string_view target, std::string_view name, std::uint64_t otherwise) {
  const auto text = text_in(target, name);
  std::uint64_t value = otherwise;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

HttpAnswer status(const AdminView& view) {
  const auto stats = view.broker.stats();
  json things = json::object(), clients = json::array();
  for (const auto& [name, counts] : view.host.counts()) {
    things[name] = {
        {"received", counts.received},
        {"bytes", counts.bytes},
        {"last_ms",
         std::chrono::duration_cast<std::chrono::milliseconds>(counts.last.time_since_epoch()).count()}};
  }
  for (const auto& [id, context] : view.host.contexts()) {
    if (!context->online || clients.size() >= kMostClients) continue;
    clients.push_back({{"client_id", id},
                       {"thing", context->thing_name()},
                       {"address", context->peer.address},
                       {"server_name", context->peer.server_name},
                       {"alpn", context->peer.alpn},
                       {"tls", context->peer.tls_version},
                       {"mqtt", context->mqtt5 ? 5 : 4},
                       {"received", context->received},
                       {"sent", context->sent},
                       {"dropped", context->dropped}});
  }
  return say(200, {{"accepting", !view.faults.outage()},
                   {"region", view.region},
                   {"sockets", view.connections()},
                   {"connections", stats.connections},
                   {"sessions", stats.sessions},
                   {"subscriptions", stats.subscriptions},
                   {"retained", stats.retained},
                   {"received", view.log.count()},
                   {"rate", view.rate()},
                   {"metered_units", view.host.metered_units()},
                   {"dropped_by_quota", view.host.dropped_by_quota()},
                   {"refused_publishes", view.host.refused_publishes()},
                   {"pubacks_lost", view.host.pubacks_lost()},
                   {"protocol_errors", stats.protocol_errors},
                   {"registered_things", view.registry.size()},
                   {"things", std::move(things)},
                   {"clients", std::move(clients)},
                   {"faults", view.faults.describe()}});
}

// Lines are JSON already: they are put together as text.
HttpAnswer received(const AdminView& view, std::string_view target) {
  const auto after = number_in(target, "after", 0), limit = number_in(target, "limit", 1000);
  std::string entries;
  std::uint64_t next = after, taken = 0;
  for (const auto& line : view.log.latest()) {
    if (line.number <= after || taken >= limit) continue;
    if (taken++ > 0) entries += ',';
    entries += line.text;
    next = line.number;
  }
  const auto first = view.log.latest().empty() ? 0 : view.log.latest().front().number;
  return {200, "{\"count\":" + std::to_string(view.log.count()) + ",\"oldest\":" + std::to_string(first) +
                   ",\"next\":" + std::to_string(next) + ",\"entries\":[" + entries + "]}\n"};
}

HttpAnswer disconnect(const AdminView& view, const json& wish) {
  const auto client = wish.value("client", json()), code = wish.value("code", json(0x98U));
  if (!client.is_string() || !code.is_number_unsigned() || code.get<unsigned>() < 0x80 ||
      code.get<unsigned>() > 0xff) {
    return wrong(400, "disconnect needs \"client\" (a client id) and may have \"code\" (128 to 255)");
  }
  const auto reason = static_cast<mqtt::Reason>(code.get<std::uint8_t>());
  if (!view.broker.disconnect(client.get<std::string>(), reason))
    return wrong(404, "no such client is known");
  return say(200, {{"faults", view.faults.describe()}});
}

HttpAnswer set_fault(const AdminView& view, std::string_view body) {
  const json wish = json::parse(body, nullptr, false);
  if (!wish.is_object()) return wrong(400, "the body must be a JSON object with \"kind\"");
  if (wish.value("kind", json()) == "disconnect") return disconnect(view, wish);
  if (auto done = view.faults.set(wish); !done) return wrong(400, done.error().text);
  return say(200, {{"faults", view.faults.describe()}});
}

HttpAnswer publish(const AdminView& view, std::string_view body) {
  const json wish = json::parse(body, nullptr, false);
  const auto text = [&](const char* name) {
    const auto it = wish.find(name);
    return it != wish.end() && it->is_string() ? it->get<std::string>() : std::string();
  };
  if (!wish.is_object()) return wrong(400, "the body must be a JSON object");
  const std::string topic = text("topic"), content_type = text("content_type"),
                    response_topic = text("response_topic");
  std::string payload = text("text");
  if (!mqtt::valid_topic_name(topic)) return wrong(400, "\"topic\" is missing or not a topic name");
  if (wish.contains("payload") && !from_base64(text("payload"), payload)) {
    return wrong(400, "\"payload\" must be base64; give plain text as \"text\"");
  }
  mqtt::Publish message;
  message.topic = topic;
  message.payload = payload;
  message.qos = wish.value("qos", json(1)) == 0 ? 0 : 1;
  message.retain = wish.value("retain", json(false)) == true;
  if (!content_type.empty()) message.properties.content_type = content_type;
  if (!response_topic.empty()) message.properties.response_topic = response_topic;
  std::size_t recipients = 0;
  view.broker.publish(message, &recipients);
  return say(200, {{"recipients", recipients}});
}

}  // namespace

HttpAnswer answer_admin(std::span<const AdminView> views, const HttpRequest& request) {
  const auto path = request.path();
  std::span<const AdminView> meant = views;
  if (const auto name = text_in(request.target, "region"); !name.empty()) {
    const auto it = std::ranges::find(views, name, &AdminView::region);
    if (it == views.end()) return wrong(404, "no region " + std::string(name) + " is run here");
    meant = {&*it, 1};
  }
  const AdminView& view = meant.front();
  if (request.method == "GET" && path == "/status") return status(view);
  if (request.method == "GET" && path == "/received") return received(view, request.target);
  if (request.method == "POST" && path == "/publish") return publish(view, request.body);
  if (path == "/fault" || path.starts_with("/fault/")) {
    if (request.method == "GET") return say(200, {{"faults", view.faults.describe()}});
    HttpAnswer answer;
    for (const auto& each : meant) {
      if (request.method == "POST") answer = set_fault(each, request.body);
      if (request.method == "DELETE") {
        path == "/fault" ? each.faults.clear() : each.faults.clear(path.substr(7));
        answer = say(200, {{"faults", each.faults.describe()}});
      }
      if (answer.status != 200) return answer;
    }
    if (!answer.body.empty()) return answer;
  }
  return wrong(404,
               "known: GET /status, GET /received?after=&limit=, GET|POST|DELETE /fault, DELETE /fault/KIND, "
               "POST /publish; each with ?region= where there are several");
}

}  // namespace sluice::cloud

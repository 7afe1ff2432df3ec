// What the control socket can ask. docs/sluicectl.md documents the answers.
#include <fmt/format.h>
#include <openssl/crypto.h>
#include <unistd.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "app.hpp"
#include "config/config.hpp"
#include "console/console.hpp"
#include "device/device.hpp"
#include "identity/credentials_room.hpp"
#include "identity/identity.hpp"
#include "ingest/ingest.hpp"
#include "uplink/uplink.hpp"

namespace sluice {
namespace {

using Json = nlohmann::json;

constexpr std::size_t kMostTroubles = 50;

std::uint64_t resident_bytes() {
  std::ifstream statm("/proc/self/statm");
  std::uint64_t total = 0, resident = 0;
  statm >> total >> resident;
  return resident * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

Json health_json(const store::Health& health) {
  return {{"writable", health.writable},
          {"trouble", health.trouble},
          {"commits", health.commits},
          {"written_bytes", health.written_bytes},
          {"commit_ms_p50", health.commit_ms_p50},
          {"commit_ms_p99", health.commit_ms_p99},
          {"tail_hits", health.tail_hits},
          {"disk_reads", health.disk_reads}};
}

Json letter_json(const store::DeadLetter& letter, const store::Store& store, bool with_payload) {
  Json json = {{"id", letter.id},
               {"device", store.name(letter.device)},
               {"lane", letter.lane},
               {"topic", letter.topic},
               {"reason", letter.reason},
               {"time_ms", letter.wall_ms},
               {"bytes", letter.payload.size()}};
  if (with_payload) {
    std::string hex;
    for (const unsigned char byte : letter.payload) hex += fmt::format("{:02x}", byte);
    json["payload_hex"] = std::move(hex);
  }
  return json;
}

}  // namespace

std::function<void(result<void>)> App::answer_empty(std::function<void(result<Json>)> reply) {
  return [reply = std::move(reply)](const result<void>& done) {
    if (done.has_error()) return reply(done.error());
    reply(ok(Json::object()));
  };
}

Json App::status() const {
  const auto totals = store_->totals();
  const auto health = store_->health();
  Json troubles = Json::array();
  for (const auto& trouble : opening_troubles_)
    troubles.push_back({{"part", trouble.part}, {"text", trouble.text}});
  if (!health.trouble.empty()) troubles.push_back({{"part", "store"}, {"text", health.trouble}});
  const Json uplink = uplink_->status();
  for (const auto& lane : uplink.value("lanes", Json::array())) {
    if (troubles.size() >= kMostTroubles) break;  // ten thousand lanes without a network are one trouble
    if (const auto error = lane.value("error", std::string{}); !error.empty()) {
      troubles.push_back(
          {{"part", fmt::format("lane {}", lane.value("thing", std::string{}))}, {"text", error}});
    }
  }
  if (identities_) {
    for (const auto& trouble : identities_->status().value("troubles", Json::array())) {
      if (troubles.size() >= kMostTroubles) break;
      troubles.push_back({{"part", fmt::format("identity {}", trouble.value("id", std::string{}))},
                          {"text", trouble.value("text", std::string{})}});
    }
  }
  const Json devices = devices_->status();
  Json adapters = devices_->adapters();
  for (const auto& adapter : adapters) {
    if (const auto text = adapter.value("trouble", std::string{});
        !text.empty() && troubles.size() < kMostTroubles)
      troubles.push_back(
          {{"part", fmt::format("adapter {}", adapter.value("name", std::string{}))}, {"text", text}});
  }
  return {{"version", SLUICE_VERSION},
          {"thing", options_.thing},
          {"uptime_s", std::chrono::duration_cast<std::chrono::seconds>(clock_->now() - started_).count()},
          {"state", troubles.empty() ? "ok" : "degraded"},
          {"troubles", std::move(troubles)},
          {"totals",
           {{"accepted", totals.accepted},
            {"delivered", totals.delivered},
            {"queued", totals.queued},
            {"queued_bytes", totals.queued_bytes},
            {"dead_letters", totals.dead_letters}}},
          {"rates", {{"accepted_per_s", rates_.accepted_per_s}, {"delivered_per_s", rates_.delivered_per_s}}},
          {"store", health_json(health)},
          {"lanes", uplink.value("lanes", Json::array())},
          {"uplink", uplink},
          {"devices", devices},
          {"adapters", std::move(adapters)},
          {"identity", identities_ ? identities_->status() : Json()},
          {"listeners", devices.value("listeners", Json::array())},
          {"routes", ingest_->status()},
          {"memory_rss", resident_bytes()}};
}

Json App::queue() const {
  Json depths = Json::array();
  for (const auto& depth : store_->depths()) {
    depths.push_back({{"lane", depth.lane},
                      {"thing", depth.lane == kGatewayLane ? options_.thing : store_->name(depth.lane)},
                      {"priority", depth.priority},
                      {"count", depth.count},
                      {"bytes", depth.bytes}});
  }
  const auto totals = store_->totals();
  Json answer = {{"depths", std::move(depths)},
                 {"queued", totals.queued},
                 {"queued_bytes", totals.queued_bytes},
                 {"max_bytes", options_.store.max_bytes},
                 {"buffer_lasts_s", nullptr}};
  if (rates_.bytes_per_s > 1 && totals.queued_bytes < options_.store.max_bytes) {
    answer["buffer_lasts_s"] =
        static_cast<double>(options_.store.max_bytes - totals.queued_bytes) / rates_.bytes_per_s;
  }
  return answer;
}

Json App::ledger() const {
  Json rows = Json::array();
  std::uint64_t counted = 0;
  for (const auto& row : store_->ledger()) {
    counted += row.count;
    rows.push_back({{"device", store_->name(row.device)},
                    {"reason", to_string(row.reason)},
                    {"count", row.count},
                    {"bytes", row.bytes},
                    {"first_ms", row.first_ms},
                    {"last_ms", row.last_ms}});
  }
  const auto totals = store_->totals();
  return {{"rows", std::move(rows)},
          {"equation",
           {{"accepted", totals.accepted},
            {"delivered", totals.delivered},
            {"queued", totals.queued},
            {"ledger", counted},
            {"holds", totals.accepted == totals.delivered + totals.queued + counted}}}};
}

void App::add_commands() {
  console_->add("status", [this](const Json&, Console::Reply reply) { reply(ok(status())); });
  console_->add("devices", [this](const Json&, Console::Reply reply) { reply(ok(devices())); });
  console_->add("queue", [this](const Json&, Console::Reply reply) { reply(ok(queue())); });
  console_->add("ledger", [this](const Json&, Console::Reply reply) { reply(ok(ledger())); });
  console_->add("version", [](const Json&, Console::Reply reply) {
    reply(ok({{"version", SLUICE_VERSION}, {"text", version_text()}}));
  });
  console_->add("config", [this](const Json&, Console::Reply reply) {
    reply(ok({{"file", config_file_.string()}, {"yaml", config::effective_config_yaml(options_)}}));
  });
  console_->add("reload",
                [this](const Json&, Console::Reply reply) { reload(answer_empty(std::move(reply))); });
  console_->add("adapters", [this](const Json&, Console::Reply reply) { reply(ok(devices_->adapters())); });
  console_->add("dead-letters", [this](const Json& args, Console::Reply reply) {
    const bool with_payload = args.value("payload", false);
    store_->dead_letters(
        args.value("after", std::uint64_t{0}), args.value("limit", std::size_t{100}),
        [this, with_payload, reply = std::move(reply)](result<std::vector<store::DeadLetter>> found) {
          if (found.has_error()) return reply(found.error());
          Json letters = Json::array();
          for (const auto& letter : *found) letters.push_back(letter_json(letter, *store_, with_payload));
          reply(ok(std::move(letters)));
        });
  });
  console_->add("dead-letters replay", [this](const Json& args, Console::Reply reply) {
    store_->replay_dead_letter(args.at("id").get<std::uint64_t>(), answer_empty(std::move(reply)));
  });
  console_->add("dead-letters delete", [this](const Json& args, Console::Reply reply) {
    store_->delete_dead_letter(args.at("id").get<std::uint64_t>(), answer_empty(std::move(reply)));
  });
}

void App::add_device_commands() {
  console_->add("devices add", [this](const Json& args, Console::Reply reply) {
    devices_->add_device(args.at("id").get<std::string>(), args.at("product").get<std::string>(),
                         args.value("token", std::string{}), answer_empty(std::move(reply)));
  });
  console_->add("devices token", [this](const Json& args, Console::Reply reply) {
    devices_->set_token(args.at("id").get<std::string>(), args.at("token").get<std::string>(),
                        answer_empty(std::move(reply)));
  });
  console_->add("devices remove", [this](const Json& args, Console::Reply reply) {
    devices_->remove_device(args.at("id").get<std::string>(), answer_empty(std::move(reply)));
  });
  console_->add("devices enable", [this](const Json& args, Console::Reply reply) {
    devices_->set_enabled(args.at("id").get<std::string>(), true, answer_empty(std::move(reply)));
  });
  console_->add("devices disable", [this](const Json& args, Console::Reply reply) {
    devices_->set_enabled(args.at("id").get<std::string>(), false, answer_empty(std::move(reply)));
  });
}

}  // namespace sluice

// The identity room among the others: its doors, its commands, and what `devices` shows of it.
#include "app_identity.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "app.hpp"
#include "console/console.hpp"
#include "device/device.hpp"
#include "identity/identity.hpp"
#include "uplink/cloud_link.hpp"
#include "uplink/cloud_talk.hpp"
#include "uplink/uplink.hpp"

namespace sluice {
namespace {

using Json = nlohmann::json;

constexpr std::size_t kMostImported = 1'000;  // in one request

Error not_provisioned() {
  return {errc::unsupported,
          "certificates are given by hand here: set cloud.provisioning.method, or see what `sluicectl check` "
          "says of "
          "the identity room"};
}

}  // namespace

result<identity::CredentialsSource> App::credentials_source(const std::string& id) const {
  identity::CredentialsSource source;
  if (identities_) {
    auto provisioned = identities_->credentials_source(id.empty() ? identity::Identities::gateway() : id);
    if (!provisioned) return provisioned.error();
    source = std::move(*provisioned);
  } else if (id.empty() && !provisioned()) {
    source.identity.thing = options_.thing;
    source.identity.tls.files = options_.cloud.tls;
  } else {
    const auto owns = devices_->own_identities();
    const auto own = std::ranges::find_if(owns, [&id](const auto& o) { return o.device == id; });
    if (own == owns.end()) return Error{errc::not_found, fmt::format("`{}` has no certificate here", id)};
    source.identity.thing = id;
    source.identity.tls.files = own->tls;
  }
  // Fleet provisioning and a CA of our own tell no roots: those of the lanes count here, too.
  auto& tls = source.identity.tls;
  if (tls.ca_pem.empty() && tls.files.ca.empty()) tls.files.ca = options_.cloud.tls.ca;
  return source;
}

void App::make_identity() {
  credentials_ = identity::make_credentials(
      credentials_options(options_), loop_, *clock_, *registry_,
      [this](const std::string& id) { return credentials_source(id); }, log_.named("credentials"));
  if (!provisioned()) return;
  identity::Doors doors;
  doors.talk = uplink::make_cloud_talks([this] { return options_.cloud; }, *clock_,
                                        uplink::make_mqtt_links(loop_, *clock_));
  doors.open_lane = [this](LaneId lane, CloudIdentity identity) {
    uplink_->add_lane(lane, std::move(identity));
    credentials_->forget(lane == kGatewayLane ? std::string() : store_->name(lane));
  };
  doors.close_lane = [this](LaneId lane) {
    uplink_->remove_lane(lane);
    credentials_->forget(lane == kGatewayLane ? std::string() : store_->name(lane));
  };
  doors.try_lane = [this](LaneId lane, TlsIdentity tls, std::function<void(result<void>)> done) {
    uplink_->try_identity(lane, std::move(tls), std::move(done));
  };
  auto made = identity::make_identities(options_, loop_, *clock_, *store_, *registry_, std::move(doors),
                                        log_.named("identity"));
  if (made.has_error()) {
    // Devices are served all the same; their readings wait until somebody has mended it.
    log_.error("no identities can be provisioned: {}", made.error().text);
    opening_troubles_.push_back({"identity", made.error().text});
    return;
  }
  identities_ = std::move(*made);
}

void App::wire_identity() {
  if (!identities_) return;
  devices_->enrol_with(*identities_);
  identities_->on_turned_away(
      [this](const std::string& id, const std::string& why) { devices_->turn_away(id, why); });
  uplink_->on_identity_trouble(
      [this](LaneId lane, errc code, const std::string& words) { identities_->trouble(lane, code, words); });
}

void App::start_identity() {
  if (identities_) identities_->start();
  if (auto started = credentials_->start(); started.has_error()) {
    log_.error("{}", started.error().text);
    opening_troubles_.push_back({"credentials", started.error().text});
  }
}

// Known devices with what is known of their identity, and identities of devices that have not come yet or
// were sent away.
Json App::devices() const {
  Json list = devices_->devices();
  if (!identities_) return list;
  Json identities = identities_->identities();
  for (auto& device : list) {
    const auto it = identities.find(device.value("id", std::string{}));
    if (it == identities.end()) continue;
    device["identity"] = std::move(*it);
    identities.erase(it);
  }
  for (auto& [id, identity] : identities.items()) {
    list.push_back({{"id", id},
                    {"product", identity.value("product", std::string{})},
                    {"connected", false},
                    {"identity", std::move(identity)}});
  }
  return list;
}

void App::provision(const Json& args, std::function<void(result<Json>)> reply) {
  const auto wanting = devices_->provisioned();
  if (args.value("all", false)) {
    const auto asked = identities_->provision_all();
    const auto known = identities_->identities();
    for (const auto& [id, product] : wanting) {
      if (known.contains(id)) continue;
      // Where no token is needed; else it is asked for when the device brings its own.
      identities_->enrol(id, product, [](const result<void>&) {});
    }
    return reply(ok({{"asked", asked}}));
  }
  const bool again = args.value("again", false);
  const bool gateway = args.value("gateway", false);
  const auto id = gateway ? options_.thing : args.at("id").get<std::string>();
  if (id == options_.thing)
    return identities_->provision(identity::Identities::gateway(), again, answer_empty(std::move(reply)));
  const auto it = std::ranges::find_if(wanting, [&id](const auto& device) { return device.first == id; });
  if (it != wanting.end() && !identities_->identities().contains(id))
    return identities_->enrol(id, it->second, answer_empty(std::move(reply)));
  identities_->provision(id, again, answer_empty(std::move(reply)));
}

void App::add_identity_commands() {
  // Without the room each of them says why.
  const auto add = [this](std::string name, std::function<void(const Json&, Console::Reply)> run) {
    console_->add(std::move(name), [this, run = std::move(run)](const Json& args, Console::Reply reply) {
      if (!identities_) return reply(not_provisioned());
      run(args, std::move(reply));
    });
  };
  add("provision", [this](const Json& args, Console::Reply reply) { provision(args, std::move(reply)); });
  add("rotate", [this](const Json& args, Console::Reply reply) {
    if (args.value("all", false)) return reply(ok({{"asked", identities_->rotate_all()}}));
    const bool gateway = args.value("gateway", false);
    const auto id = gateway ? std::string() : args.at("id").get<std::string>();
    identities_->rotate(gateway || id == options_.thing ? identity::Identities::gateway() : id,
                        answer_empty(std::move(reply)));
  });
  add("revoke", [this](const Json& args, Console::Reply reply) {
    const auto id = args.at("id").get<std::string>();
    identities_->revoke(id == options_.thing ? identity::Identities::gateway() : id,
                        answer_empty(std::move(reply)));
  });
  add("import", [this](const Json& args, Console::Reply reply) {
    const auto& rows = args.at("devices");
    if (rows.size() > kMostImported)
      return reply(Error{errc::invalid_argument, fmt::format("at most {} devices at once", kMostImported)});
    std::vector<identity::Import> devices;
    for (const auto& row : rows) {
      devices.push_back({row.at("productid").get<std::string>(), row.at("product").get<std::string>(),
                         Secret(std::string_view(row.at("accessToken").get_ref<const std::string&>()))});
    }
    identities_->import(std::move(devices), answer_empty(std::move(reply)));
  });
  console_->add("credentials",
                [this](const Json&, Console::Reply reply) { reply(ok(credentials_->status())); });
  console_->add("credentials issue", [this](const Json& args, Console::Reply reply) {
    credentials_->issue(args.at("name").get<std::string>(), args.value("identity", std::string{}),
                        std::move(reply));
  });
  console_->add("credentials revoke", [this](const Json& args, Console::Reply reply) {
    credentials_->revoke(args.at("name").get<std::string>(), answer_empty(std::move(reply)));
  });
}

}  // namespace sluice

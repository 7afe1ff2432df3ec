// What an operator may ask of the room: sluicectl's provision, rotate, revoke, import; and what the room
// shows.
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "aws/cvm.hpp"
#include "identity/room.hpp"

namespace sluice::identity {
namespace {

using Json = nlohmann::json;

constexpr std::size_t kMostTroubles = 50;

Error unknown(const std::string& id) {
  return {errc::not_found,
          fmt::format("no token of `{}` is known here: import it, or let it connect with its token", id)};
}

std::string_view method_name(ProvisioningOptions::Method method) {
  using Method = ProvisioningOptions::Method;
  switch (method) {
    case Method::given:
      return "given";
    case Method::cvm:
      return "cvm";
    case Method::awslabs:
      return "awslabs";
    case Method::fleet:
      return "fleet";
    case Method::own_ca:
      return "own-ca";
  }
  return "given";
}

bool valid_id(std::string_view id) {
  return !id.empty() && id.size() <= aws::cvm::kMaxProductId && std::ranges::all_of(id, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == ':' ||
           c == '_' || c == '-';
  });
}

// What is wrong with one line of an import; empty: nothing.
std::string import_problem(const Import& device, const Options& options) {
  if (!valid_id(device.id)) return "a productid has 1 to 128 of A-Z a-z 0-9 : _ -";
  if (device.id == options.thing) return "this is the gateway itself";
  if (device.token.empty() || device.token.text().size() > aws::cvm::kMaxAccessToken)
    return fmt::format("an access token has 1 to {} bytes", aws::cvm::kMaxAccessToken);
  const auto product =
      std::ranges::find_if(options.products, [&](const auto& p) { return p.name == device.product; });
  if (product == options.products.end()) return fmt::format("there is no product `{}`", device.product);
  if (product->identity != ProductOptions::Identity::own)
    return fmt::format("product `{}` has no identity of its own", device.product);
  return {};
}

Json life_json(const Life& life) {
  const auto& record = life.record();
  const bool has_one =
      in_use(record.state) || record.state == State::revoked || record.state == State::withdrawing;
  const auto& papers = has_one ? record.present : record.next;
  Json json = {{"state", to_string(record.state)},
               {"certificate_id", papers.certificate_id},
               {"expires_ms", papers.not_after * 1000},
               {"since_ms", record.changed * 1000},
               {"judged", record.judged},
               {"product", record.product},
               {"error", life.error().empty() ? record.why : life.error()}};
  return json;
}

}  // namespace

void Room::provision(const std::string& id, bool again, Done done) {
  auto* life = find(id);
  if (life == nullptr) return done(unknown(id));
  const auto& record = life->record();
  const auto state = record.state;
  if (state == State::refused || state == State::gone || state == State::withdrawing ||
      state == State::revoked) {
    if (!again) {
      return done(Error{errc::denied, fmt::format("{} is {}: {}; --again lets it try anew", life->thing(),
                                                  to_string(state), record.why)});
    }
    if (life->is_gateway() && state == State::refused) {
      start_gateway();
      return done({});
    }
    // The present certificate stays until another has taken its place.
    if (state == State::revoked) {
      return life->happen(Event::again, [](Record& anew) { anew.next = {}; }, std::move(done));
    }
    if (!record.sealed_token.empty() || !ground_.vendor->wants_a_token()) {
      return life->happen(
          Event::again,
          [](Record& anew) {
            anew.present = {};
            anew.next = {};
            anew.judged = false;
            anew.forget = false;
            anew.why.clear();
          },
          std::move(done));
    }
    // Its token was destroyed: it brings it at its next connection.
    erase(id);
    return done({});
  }
  if (in_use(state) && !again) {
    return done(Error{errc::exists, fmt::format("{} has the certificate {}; --again asks for another",
                                                life->thing(), record.present.certificate_id)});
  }
  life->happen(Event::again, {}, std::move(done));
}

std::size_t Room::provision_all() {
  std::size_t asked = 0;
  for (const auto& [id, life] : lives_) {
    if (in_use(life->state()) || find_row(life->state(), Event::again) == nullptr || leaves(life->state()) ||
        life->state() == State::refused || life->state() == State::revoked)
      continue;
    life->happen(Event::again);
    ++asked;
  }
  return asked;
}

void Room::enrol(const std::string& id, const std::string& product, Done done) {
  if (stopped_) return done(Error{errc::closed, "the gateway is stopping"});
  if (find(id) != nullptr) return provision(id, false, std::move(done));
  if (ground_.vendor->wants_a_token()) return done(unknown(id));
  if (auto made = create(id, product, Secret(), done); !made) done(made.error());
}

void Room::rotate(const std::string& id, Done done) {
  auto* life = find(id);
  if (life == nullptr) return done(Error{errc::not_found, fmt::format("`{}` has no identity here", id)});
  life->happen(Event::rotate, {}, std::move(done));
}

std::size_t Room::rotate_all() {
  std::size_t asked = 0;
  for (const auto& [id, life] : lives_) {
    if (life->state() != State::active) continue;
    life->happen(Event::rotate);
    ++asked;
  }
  return asked;
}

void Room::revoke(const std::string& id, Done done) {
  auto* life = find(id);
  if (life == nullptr) return done(Error{errc::not_found, fmt::format("`{}` has no identity here", id)});
  if (life->is_gateway()) return done(Error{errc::denied, "the gateway cannot decommission itself"});
  life->happen(
      Event::remove, [](Record& record) { record.why = "decommissioned by command"; }, std::move(done));
}

void Room::import(std::vector<Import> devices, Done done) {
  if (stopped_) return done(Error{errc::closed, "the gateway is stopping"});
  std::string problems;
  for (const auto& device : devices) {
    if (const auto problem = import_problem(device, options_); !problem.empty())
      problems += fmt::format("{}`{}`: {}", problems.empty() ? "" : "\n", device.id.substr(0, 128), problem);
  }
  if (lives_.size() + devices.size() > kMaxIdentities)
    problems += fmt::format("there can be {} identities at most", kMaxIdentities);
  if (!problems.empty()) return done(Error{errc::invalid_argument, problems});

  struct Progress {
    std::size_t left = 1;
    std::optional<Error> error;
    Done done;
  };
  auto progress = std::make_shared<Progress>();
  progress->done = std::move(done);
  const Done one = [progress](const result<void>& written) {
    if (!written && !progress->error) progress->error = written.error();
    if (--progress->left > 0) return;
    if (progress->error) return progress->done(*progress->error);
    progress->done({});
  };
  for (const auto& device : devices) {
    auto* life = find(device.id);
    ++progress->left;
    if (life == nullptr) {
      if (auto made = create(device.id, device.product, device.token, one); !made) one(made.error());
      continue;
    }
    const auto state = life->state();
    const bool anew = state == State::refused || state == State::gone || state == State::withdrawing;
    auto change = renewed(device.id, device.product, device.token);
    if (!change) {
      one(change.error());
    } else if (anew) {
      asking_[device.id] = mark(device.id, device.token);
      life->happen(Event::again, *change, one);
    } else {
      auto sealed = life->close("token", device.token.text());
      if (!sealed) {
        one(sealed.error());
        continue;
      }
      Life::Change token = [text = *sealed](Record& record) { record.sealed_token = text; };
      if (state == State::revoked) {
        life->happen(Event::again, std::move(token), one);
      } else {
        life->amend(std::move(token), one);
      }
    }
  }
  one({});
}

result<CredentialsSource> Room::credentials_source(const std::string& id) const {
  const auto* life = find(id);
  if (life == nullptr) return Error{errc::not_found, fmt::format("`{}` has no identity here", id)};
  if (!in_use(life->state())) {
    return Error{errc::denied, fmt::format("{} has no certificate in use: it is {}", life->thing(),
                                           to_string(life->state()))};
  }
  const auto& papers = life->record().present;
  auto identity = life->cloud_identity(papers);
  if (!identity) return identity.error();
  return CredentialsSource{std::move(*identity), papers.credentials_endpoint, papers.role_alias};
}

Json Room::status() const {
  Json counts = Json::object();
  Json troubles = Json::array();
  for (const auto& text : unreadable_) troubles.push_back({{"id", ""}, {"text", text}});
  for (const auto& [id, life] : lives_) {
    const std::string state(to_string(life->state()));
    if (!life->is_gateway()) counts[state] = counts.value(state, 0) + 1;
    // Whoever tries a wrong token makes no trouble of the gateway: sluicectl devices shows it.
    if (life->state() == State::gone || (life->state() == State::refused && !life->is_gateway())) continue;
    const bool leaving = leaves(life->state());  // why it does is no trouble
    const auto& why = life->error().empty() && !leaving ? life->record().why : life->error();
    if (!why.empty() && troubles.size() < kMostTroubles)
      troubles.push_back({{"id", life->thing()}, {"text", why}});
  }
  const auto* gateway_life = find(gateway());
  return {{"method", method_name(options_.cloud.provisioning.method)},
          {"counts", std::move(counts)},
          {"waiting", ground_.requests->waiting() + ground_.proofs->waiting()},
          {"under_way", ground_.requests->under_way() + ground_.proofs->under_way()},
          {"requests", ground_.requests->begun()},
          {"per_second", ground_.requests->pace()},
          {"gateway", gateway_life == nullptr ? Json() : life_json(*gateway_life)},
          {"troubles", std::move(troubles)}};
}

Json Room::identities() const {
  Json all = Json::object();
  for (const auto& [id, life] : lives_) {
    if (!life->is_gateway()) all[id] = life_json(*life);
  }
  return all;
}

}  // namespace sluice::identity

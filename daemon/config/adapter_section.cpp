#include "config/adapter_section.hpp"

#include <nlohmann/json.hpp>

namespace sluice::config {
namespace {

using Json = nlohmann::json;

constexpr std::size_t kMaxPlaces = 10'000;

std::string pointer_token(std::string_view key) {  // RFC 6901
  std::string out;
  for (const char c : key) {
    if (c == '~') {
      out += "~0";
    } else if (c == '/') {
      out += "~1";
    } else {
      out += c;
    }
  }
  return out;
}

Json as_json(const Node& node, const std::string& pointer, AdapterOptions& adapter) {
  if (adapter.places.size() < kMaxPlaces)
    adapter.places.push_back({pointer, node.place.line, node.place.column});
  switch (node.kind) {
    case Node::Kind::null:
      return nullptr;
    case Node::Kind::scalar:
      return node.value;
    case Node::Kind::sequence: {
      Json list = Json::array();
      for (std::size_t i = 0; i < node.items.size(); ++i)
        list.push_back(as_json(node.items[i], pointer + "/" + std::to_string(i), adapter));
      return list;
    }
    case Node::Kind::map: {
      Json map = Json::object();
      for (const auto& entry : node.entries) {
        const auto below = pointer + "/" + pointer_token(entry.key);
        map[entry.key] = as_json(entry.value, below, adapter);
      }
      return map;
    }
  }
  return nullptr;
}

// `/units/0/address` as the reader of a config writes it: `units[0].address`.
std::string dotted(std::string_view pointer) {
  std::string out;
  while (!pointer.empty()) {
    pointer.remove_prefix(1);
    auto part = std::string(pointer.substr(0, pointer.find('/')));
    pointer.remove_prefix(part.size());
    for (std::size_t at = 0; (at = part.find('~', at)) != std::string::npos; ++at)
      part.replace(at, 2, part.substr(at, 2) == "~1" ? "/" : "~");
    const bool number = !part.empty() && part.find_first_not_of("0123456789") == std::string::npos;
    out += number ? "[" + part + "]" : (out.empty() ? "" : ".") + part;
  }
  return out;
}

// Where it stands, or where the nearest thing above it does.
AdapterOptions::Place place_of(const AdapterOptions& adapter, std::string_view pointer) {
  for (;;) {
    for (const auto& place : adapter.places) {
      if (place.pointer == pointer) return place;
    }
    if (pointer.empty()) return {};
    pointer = pointer.substr(0, pointer.rfind('/'));
  }
}

}  // namespace

void add_to_section(const Entry& entry, const std::string& full_key, const std::filesystem::path& folder,
                    AdapterOptions& adapter, Findings& findings) {
  std::error_code failed;
  adapter.folder = std::filesystem::absolute(folder.empty() ? "." : folder, failed);
  auto section = Json::parse(adapter.section, nullptr, false);
  section[entry.key] = as_json(entry.value, "/" + pointer_token(entry.key), adapter);
  findings.places[full_key] = entry.place;
  try {
    adapter.section = section.dump();
  } catch (const Json::exception&) {
    findings.problem(full_key, "is not UTF-8");
  }
}

AdapterPlan plan_adapter(const AdapterOptions& adapter, std::size_t index, std::string_view description,
                         std::vector<Problem>& problems) {
  AdapterPlan plan;
  plan.options = adapter;
  const auto key = "adapters[" + std::to_string(index) + "]";
  const auto fail = [&](const std::string& pointer, std::string text) {
    const auto place = place_of(adapter, pointer);
    const auto own = dotted(pointer);
    problems.push_back({place.line, place.column, own.empty() ? key : key + "." + own, text});
    if (plan.trouble.empty()) plan.trouble = (own.empty() ? "" : own + ": ") + text;
  };
  const auto said = Json::parse(description, nullptr, false);
  if (description.size() > kMaxDescription || !said.is_object() || said.value("contract", Json()) != "v1" ||
      said.value("kind", Json()) != adapter.kind || !said.value("schema", Json()).is_object()) {
    fail("", "adapter " + adapter.kind + " --describe does not describe it as docs/adapters.md asks (v1)");
    return plan;
  }
  if (const auto it = said.find("version"); it != said.end() && it->is_string())
    plan.version = it->get<std::string>();
  plan.network = said.value("network", Json(false)) == true;
  if (auto fine = check_schema(said.at("schema")); !fine) {
    fail("", "adapter " + adapter.kind + " --describe: " + fine.error().text);
    return plan;
  }
  std::vector<SectionProblem> found;
  const auto typed = typed_section(said.at("schema"), Json::parse(adapter.section, nullptr, false),
                                   adapter.folder, plan.grants, found);
  for (auto& problem : found) fail(problem.pointer, std::move(problem.text));
  plan.section = typed.dump(-1, ' ', false, Json::error_handler_t::replace);
  return plan;
}

std::vector<AdapterPlan> plan_adapters(const Options& options, const Describe& describe,
                                       std::vector<Problem>& problems) {
  std::vector<AdapterPlan> plans;
  std::map<std::string, result<std::string>> described;
  for (std::size_t i = 0; i < options.adapters.size(); ++i) {
    const auto& adapter = options.adapters[i];
    auto it = described.find(adapter.kind);
    if (it == described.end()) it = described.emplace(adapter.kind, describe(adapter.kind)).first;
    if (it->second) {
      plans.push_back(plan_adapter(adapter, i, *it->second, problems));
      continue;
    }
    AdapterPlan broken;
    broken.options = adapter;
    broken.section = "{}";
    broken.trouble = it->second.error().text;
    const auto code = it->second.error().code;
    broken.again = code == errc::timeout || code == errc::io;
    const auto place = place_of(adapter, "");
    problems.push_back(
        {place.line, place.column, "adapters[" + std::to_string(i) + "].kind", broken.trouble});
    plans.push_back(std::move(broken));
  }
  return plans;
}

}  // namespace sluice::config

// The JSON Schema of an adapter against its section. The file has texts; the schema says what each is.
#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "config/adapter_section.hpp"
#include "config/reader.hpp"
#include "config/values.hpp"

namespace sluice::config {
namespace {

using Json = nlohmann::json;

constexpr std::array<std::string_view, 6> kTypes = {"object",  "array",  "string",
                                                    "integer", "number", "boolean"};
constexpr std::array<std::string_view, 14> kWords = {
    "type",    "properties", "required",  "additionalProperties",
    "items",   "minItems",   "maxItems",  "enum",
    "minimum", "maximum",    "minLength", "maxLength",
    "default", "description"};
constexpr std::size_t kMaxProblems = 100;

Error wrong(const std::string& where, const std::string& text) {
  return {errc::invalid_argument, "the schema" + (where.empty() ? "" : " at " + where) + " " + text};
}

result<void> check_node(const Json& schema, const std::string& where, std::size_t depth) {
  if (depth > kMaxDepth) return wrong(where, "is too deep");
  if (!schema.is_object()) return wrong(where, "is no object");
  const auto type = schema.value("type", Json());
  if (!type.is_string() || std::find(kTypes.begin(), kTypes.end(), type.get<std::string>()) == kTypes.end())
    return wrong(where, "needs a `type`: object, array, string, integer, number or boolean");
  for (const auto& [word, value] : schema.items()) {
    const bool known = std::find(kWords.begin(), kWords.end(), word) != kWords.end() || word == "title" ||
                       word.starts_with("x-") || word.starts_with('$');
    if (!known) return wrong(where, "has the word `" + word + "`, which is not checked here");
    const bool number = word == "minimum" || word == "maximum";
    const bool size = word == "minItems" || word == "maxItems" || word == "minLength" || word == "maxLength";
    if ((number && !value.is_number()) || (size && !value.is_number_unsigned()) ||
        ((word == "enum" || word == "required") && !value.is_array()) ||
        (word == "description" && !value.is_string()))
      return wrong(where, "has a `" + word + "` of the wrong kind");
  }
  if (const auto it = schema.find("properties"); it != schema.end()) {
    if (!it->is_object()) return wrong(where, "has `properties` that are no object");
    for (const auto& [name, below] : it->items()) {
      auto at = where;
      at.append("/").append(name);
      if (auto fine = check_node(below, at, depth + 1); !fine) return fine;
    }
  }
  if (const auto it = schema.find("additionalProperties"); it != schema.end() && !it->is_boolean()) {
    if (auto fine = check_node(*it, where + "/*", depth + 1); !fine) return fine;
  }
  if (const auto it = schema.find("items"); it != schema.end()) {
    if (auto fine = check_node(*it, where + "/*", depth + 1); !fine) return fine;
  }
  return {};
}

std::string shown_value(const Json& value) {
  if (value.is_object()) return "a map";
  if (value.is_array()) return "a list";
  if (value.is_null()) return "nothing";
  const auto text = value.is_string() ? value.get<std::string>() : value.dump();
  return "'" + text.substr(0, 60) + "'";
}

class Maker {
 public:
  Maker(const std::filesystem::path& folder, std::vector<AdapterGrant>& grants,
        std::vector<SectionProblem>& problems)
      : folder_(folder), grants_(grants), problems_(problems) {}

  Json make(const Json& schema, const Json& raw, const std::string& pointer) {
    const auto type = schema.at("type").get<std::string>();
    if (type == "object") return object(schema, raw, pointer);
    if (type == "array") return list(schema, raw, pointer);
    auto value = scalar(type, schema, raw, pointer);
    if (value.is_null()) return value;
    if (const auto it = schema.find("enum");
        it != schema.end() && std::find(it->begin(), it->end(), value) == it->end()) {
      std::string allowed;
      for (const auto& word : *it)
        allowed += (allowed.empty() ? "" : ", ") + (word.is_string() ? word.get<std::string>() : word.dump());
      return problem(pointer, raw, "one of " + allowed);
    }
    grant(schema, value);
    return value;
  }

 private:
  Json problem(const std::string& pointer, const Json& found, const std::string& allowed) {
    return say(pointer, "found " + shown_value(found) + ", allowed: " + allowed);
  }
  Json say(const std::string& pointer, std::string text) {
    if (problems_.size() < kMaxProblems) problems_.push_back({pointer, std::move(text)});
    return nullptr;
  }

  static const Json* below(const Json& schema, const std::string& name) {
    if (const auto all = schema.find("properties"); all != schema.end()) {
      if (const auto it = all->find(name); it != all->end()) return &*it;
    }
    const auto more = schema.find("additionalProperties");
    return more != schema.end() && more->is_object() ? &*more : nullptr;
  }

  Json object(const Json& schema, const Json& raw, const std::string& pointer) {
    Json out = Json::object();
    if (!raw.is_object() && !raw.is_null()) return problem(pointer, raw, "a map");
    for (const auto& [name, value] : raw.items()) {
      const auto at = pointer + "/" + pointer_part(name);
      if (const auto* schema_of = below(schema, name)) {
        out[name] = make(*schema_of, value, at);
      } else if (schema.value("additionalProperties", Json(false)) == true) {
        out[name] = value;
      } else {
        say(at, unknown(schema, name));
      }
    }
    if (const auto all = schema.find("properties"); all != schema.end()) {
      for (const auto& [name, value] : all->items()) {
        if (out.contains(name) || !value.contains("default")) continue;
        out[name] = value.at("default");
        grant(value, out[name]);
      }
    }
    if (const auto it = schema.find("required"); it != schema.end()) {
      for (const auto& name : *it) {
        if (!name.is_string() || raw.contains(name.get<std::string>()) ||
            out.contains(name.get<std::string>()))
          continue;
        const auto* of = below(schema, name.get<std::string>());
        const auto what = of == nullptr ? std::string() : of->value("description", std::string());
        say(pointer + "/" + pointer_part(name.get<std::string>()),
            "is missing" + (what.empty() ? "" : "; " + what));
      }
    }
    return out;
  }

  static std::string unknown(const Json& schema, const std::string& name) {
    std::vector<std::string> names;
    if (const auto all = schema.find("properties"); all != schema.end()) {
      for (const auto& item : all->items()) names.push_back(item.key());
    }
    const std::vector<std::string_view> views(names.begin(), names.end());
    auto hint = did_you_mean(name, views);
    if (hint.empty()) {
      for (const auto& known : names) hint += (hint.empty() ? ", allowed: " : ", ") + known;
    }
    return "unknown key" + hint;
  }

  Json list(const Json& schema, const Json& raw, const std::string& pointer) {
    if (!raw.is_array()) return problem(pointer, raw, "a list");
    const auto least = schema.value("minItems", std::size_t{0});
    const auto most = schema.value("maxItems", std::size_t{10'000});
    if (raw.size() < least || raw.size() > most) {
      return say(pointer, "found " + std::to_string(raw.size()) +
                              " items, allowed: " + std::to_string(least) + " to " + std::to_string(most));
    }
    Json out = Json::array();
    const auto items = schema.find("items");
    for (std::size_t i = 0; i < raw.size(); ++i)
      out.push_back(items == schema.end() ? raw[i] : make(*items, raw[i], pointer + "/" + std::to_string(i)));
    return out;
  }

  Json scalar(const std::string& type, const Json& schema, const Json& raw, const std::string& pointer) {
    if (!raw.is_string()) return problem(pointer, raw, type);
    const auto& text = raw.get_ref<const std::string&>();
    if (type == "string") {
      const auto least = schema.value("minLength", std::size_t{0});
      const auto most = schema.value("maxLength", std::size_t{4096});
      if (text.size() >= least && text.size() <= most) return below_folder(schema, raw);
      return problem(pointer, raw,
                     "text of " + std::to_string(least) + " to " + std::to_string(most) + " bytes");
    }
    if (type == "boolean") {
      const auto value = parse_boolean(text);
      return value ? Json(*value) : problem(pointer, raw, value.error().text);
    }
    return number(type, schema, raw, text, pointer);
  }

  // Paths are meant from the config file's folder, as everywhere in it; the adapter runs in another.
  Json below_folder(const Json& schema, const Json& raw) const {
    const auto marked = schema.value("x-sluice", Json());
    const std::filesystem::path path = raw.get_ref<const std::string&>();
    if (marked.is_null() || path.empty() || path.is_absolute()) return raw;
    return (folder_ / path).lexically_normal().string();
  }

  Json number(const std::string& type, const Json& schema, const Json& raw, const std::string& text,
              const std::string& pointer) {
    Json value;
    const auto marked = schema.value("x-sluice", Json());
    std::string allowed = type == "integer" ? "a whole number" : "a number";
    if (marked == "duration") {
      allowed = "a duration, as in 250ms, 10s, 1h";
      if (const auto parsed = parse_duration(text))
        value = std::chrono::duration_cast<std::chrono::milliseconds>(*parsed).count();
    } else if (marked == "size") {
      allowed = "a size, as in 4KiB";
      if (const auto parsed = parse_size(text)) value = *parsed;
    } else if (type == "integer") {
      std::int64_t parsed = 0;
      const bool hex = text.starts_with("0x");  // registers, addresses
      const auto* first = text.data() + (hex ? 2 : 0);
      const auto got = std::from_chars(first, text.data() + text.size(), parsed, hex ? 16 : 10);
      if (got.ec == std::errc() && got.ptr == text.data() + text.size() && got.ptr != first) value = parsed;
    } else {
      double parsed = 0;
      const auto got = std::from_chars(text.data(), text.data() + text.size(), parsed);
      if (got.ec == std::errc() && got.ptr == text.data() + text.size() && std::isfinite(parsed))
        value = parsed;
    }
    if (value.is_null()) return problem(pointer, raw, allowed);
    const auto least = schema.find("minimum"), most = schema.find("maximum");
    if ((least != schema.end() && value < *least) || (most != schema.end() && value > *most)) {
      return problem(pointer, raw,
                     allowed + (least == schema.end() ? "" : ", at least " + least->dump()) +
                         (most == schema.end() ? "" : ", at most " + most->dump()));
    }
    return value;
  }

  void grant(const Json& schema, const Json& value) {
    const auto marked = schema.value("x-sluice", Json());
    if (!value.is_string() || value.get_ref<const std::string&>().empty()) return;
    if (marked == "device") grants_.push_back({AdapterGrant::Kind::device, value.get<std::string>()});
    if (marked == "file") grants_.push_back({AdapterGrant::Kind::file, value.get<std::string>()});
    if (marked == "executable") grants_.push_back({AdapterGrant::Kind::executable, value.get<std::string>()});
  }

  static std::string pointer_part(std::string_view name) {
    std::string out;
    for (const char c : name) out += c == '~' ? "~0" : c == '/' ? "~1" : std::string(1, c);
    return out;
  }

  const std::filesystem::path& folder_;
  std::vector<AdapterGrant>& grants_;
  std::vector<SectionProblem>& problems_;
};

}  // namespace

result<void> check_schema(const Json& schema) {
  if (auto fine = check_node(schema, "", 0); !fine) return fine;
  if (schema.at("type") != "object") return wrong("", "must be of type object");
  return {};
}

Json typed_section(const Json& schema, const Json& raw, const std::filesystem::path& folder,
                   std::vector<AdapterGrant>& grants, std::vector<SectionProblem>& problems) {
  return Maker(folder, grants, problems).make(schema, raw, "");
}

}  // namespace sluice::config

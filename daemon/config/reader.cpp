#include "config/reader.hpp"

#include <algorithm>
#include <limits>
#include <optional>

#include "config/adapter_section.hpp"
#include "config/schema.hpp"
#include "config/values.hpp"

namespace sluice::config {
namespace {

constexpr std::size_t kLongestShown = 60;

// What was found, for a message: bounded, on one line.
std::string shown(std::string_view value) {
  std::string text(value.substr(0, kLongestShown));
  std::replace_if(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20; }, ' ');
  return "'" + text + (value.size() > kLongestShown ? "…'" : "'");
}

std::string_view kind_words(Node::Kind kind) {
  switch (kind) {
    case Node::Kind::null:
      return "nothing";
    case Node::Kind::scalar:
      return "a single value";
    case Node::Kind::sequence:
      return "a list";
    case Node::Kind::map:
      return "a map";
  }
  return "";
}

bool of_letters(std::string_view text, std::string_view extra) {
  return !text.empty() && text.size() <= 128 && std::all_of(text.begin(), text.end(), [&](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           extra.find(c) != std::string_view::npos;
  });
}
bool is_name(std::string_view text) { return of_letters(text, ":_-"); }
bool is_token(std::string_view text) { return of_letters(text, "_"); }

class Reader {
 public:
  Reader(const std::filesystem::path& folder, Findings& findings) : folder_(folder), findings_(findings) {}

  // One object: `schema` is the prefix of its rows, `key` that of its keys in the file; both end with a dot
  // or are empty.
  void read_object(const Node& node, const std::string& schema, const std::string& key, void* object) {
    const auto rows = rows_of(schema);
    read_map(node, rows, schema, key, object);
    for (const auto* row : rows) {
      const auto full = key + std::string(row->path.substr(schema.size()));
      if (row->fallback == kRequired && !findings_.has(full)) {
        findings_.problem(full, "is missing; " + std::string(row->description));
      }
    }
  }

 private:
  // A map of the object: itself, or a group of its keys such as `cloud.tls`.
  void read_map(const Node& node, const std::vector<const Row*>& rows, const std::string& schema,
                const std::string& key, void* object) {
    if (node.kind != Node::Kind::map) {
      findings_.problem(without_dot(key), "found " + std::string(kind_words(node.kind)) +
                                              ", allowed: a map of " + children_text(rows, schema));
      return;
    }
    for (const auto& entry : node.entries) {
      const auto full_schema = schema + entry.key;
      const auto full_key = key + entry.key;
      findings_.places[full_key] = entry.place;
      const auto row =
          std::find_if(rows.begin(), rows.end(), [&](const Row* r) { return r->path == full_schema; });
      if (row != rows.end()) {
        read_row(**row, entry, full_key, object);
      } else if (std::any_of(rows.begin(), rows.end(),
                             [&](const Row* r) { return r->path.starts_with(full_schema + "."); })) {
        read_map(entry.value, rows, full_schema + ".", full_key + ".", object);
      } else if (schema == "adapters[].") {
        add_to_section(entry, full_key, folder_, *static_cast<AdapterOptions*>(object), findings_);
      } else {
        unknown(entry, rows, schema, full_key);
      }
    }
  }

  void unknown(const Entry& entry, const std::vector<const Row*>& rows, const std::string& schema,
               const std::string& full_key) {
    auto hint = did_you_mean(entry.key, children(rows, schema));
    if (hint.empty()) {
      // The right word in the wrong place.
      for (const auto& row : config::schema()) {
        if (row.path.ends_with("." + entry.key) && row.type != Type::later) {
          hint = ", did you mean '" + std::string(row.path) + "'?";
          break;
        }
      }
    }
    if (hint.empty()) hint = ", allowed: " + children_text(rows, schema);
    findings_.problem(full_key, "unknown key" + hint);
  }

  // The names that may stand directly under the prefix.
  static std::vector<std::string_view> children(const std::vector<const Row*>& rows,
                                                const std::string& schema) {
    std::vector<std::string_view> names;
    for (const auto* row : rows) {
      if (!row->path.starts_with(schema) || row->type == Type::later) continue;
      const auto name = row->path.substr(schema.size()).substr(0, row->path.substr(schema.size()).find('.'));
      if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
    }
    return names;
  }
  static std::string children_text(const std::vector<const Row*>& rows, const std::string& schema) {
    std::string text;
    for (const auto name : children(rows, schema)) text += (text.empty() ? "" : ", ") + std::string(name);
    return text;
  }
  static std::string without_dot(const std::string& key) {
    return key.empty() ? key : key.substr(0, key.size() - 1);
  }

  void read_row(const Row& row, const Entry& entry, const std::string& key, void* object) {
    if (row.type == Type::later) {
      findings_.problem(key, "not in this version: " + std::string(row.description));
      return;
    }
    const auto slot = row.slot(object);
    if (row.type == Type::list) return read_list(row, entry.value, key, std::get<Elements>(slot));
    if (row.type == Type::map) return read_named(row, entry.value, key, std::get<Elements>(slot));
    if (row.type == Type::texts)
      return read_texts(entry.value, key, *std::get<std::vector<std::string>*>(slot));
    if (entry.value.kind != Node::Kind::scalar) {
      findings_.problem(
          key, "found " + std::string(kind_words(entry.value.kind)) + ", allowed: " + allowed_words(row));
      return;
    }
    if (auto wrong = read_value(row, entry.value.value, slot); !wrong.empty()) {
      findings_.places[key] = entry.value.place;  // the value, not the key, is what must change
      findings_.problem(key, "found " + shown(entry.value.value) + ", allowed: " + wrong);
    }
  }

  void read_list(const Row& row, const Node& node, const std::string& key, const Elements& elements) {
    if (node.kind != Node::Kind::sequence) {
      findings_.problem(key, "found " + std::string(kind_words(node.kind)) + ", allowed: a list");
      return;
    }
    for (std::size_t i = 0; i < node.items.size(); ++i) {
      const auto& item = node.items[i];
      const auto element_key = key + "[" + std::to_string(i) + "]";
      findings_.places[element_key] = item.place;
      void* element = elements.add(elements.field);
      if (row.path == "adapters") {  // its own keys are checked later, by what the adapter says of itself
        static_cast<AdapterOptions*>(element)->places.push_back({"", item.place.line, item.place.column});
      }
      if (item.kind == Node::Kind::scalar && row.path == "listen") {  // the short form: only the URL
        std::get<std::string*>(rows_of("listen[].").front()->slot(element))->assign(item.value);
        findings_.places[element_key + ".url"] = item.place;
        continue;
      }
      read_object(item, std::string(row.path) + "[].", element_key + ".", element);
    }
  }

  void read_named(const Row& row, const Node& node, const std::string& key, const Elements& elements) {
    if (node.kind != Node::Kind::map) {
      findings_.problem(key, "found " + std::string(kind_words(node.kind)) + ", allowed: a map by name");
      return;
    }
    for (const auto& entry : node.entries) {
      const auto element_key = key + "." + entry.key;
      findings_.places[element_key] = entry.place;
      if (!is_name(entry.key)) {
        findings_.problem(element_key,
                          "found " + shown(entry.key) + ", allowed: " + std::string(type_words(Type::name)));
      }
      void* element = elements.add(elements.field);
      *elements.name(element) = entry.key;
      read_object(entry.value, std::string(row.path) + "{}.", element_key + ".", element);
    }
  }

  void read_texts(const Node& node, const std::string& key, std::vector<std::string>& out) {
    if (node.kind != Node::Kind::sequence) {
      findings_.problem(
          key, "found " + std::string(kind_words(node.kind)) + ", allowed: a list, as in [\"d/{device}/#\"]");
      return;
    }
    out.clear();
    for (std::size_t i = 0; i < node.items.size(); ++i) {
      const auto item_key = key + "[" + std::to_string(i) + "]";
      findings_.places[item_key] = node.items[i].place;
      if (node.items[i].kind == Node::Kind::scalar) {
        out.push_back(node.items[i].value);
      } else {
        findings_.problem(item_key,
                          "found " + std::string(kind_words(node.items[i].kind)) + ", allowed: text");
      }
    }
  }

  static std::string allowed_words(const Row& row) {
    auto text = std::string(type_words(row.type));
    if (row.type == Type::choice) {
      for (const auto word : words(row.allowed)) text += " " + std::string(word);
    } else if (!row.allowed.empty()) {
      text += ", " + std::string(row.allowed);
    }
    return text;
  }

  // What is allowed, if the text is not; else nothing, and the value is in its slot.
  std::string read_value(const Row& row, const std::string& text, const Slot& slot) const {
    switch (row.type) {
      case Type::text:
      case Type::hash:
        *std::get<std::string*>(slot) = text;
        return {};
      case Type::name:
        if (!is_name(text)) return allowed_words(row);
        *std::get<std::string*>(slot) = text;
        return {};
      case Type::token:
        if (!is_token(text)) return allowed_words(row);
        *std::get<std::string*>(slot) = text;
        return {};
      case Type::path:
        return read_path(text, *std::get<std::filesystem::path*>(slot));
      case Type::boolean:
        return read_boolean(text, slot);
      case Type::choice:
        return read_choice(row, text, slot);
      case Type::change:
        return read_change(text, *std::get<FilterOptions*>(slot));
      case Type::duration:
        return read_bounded(row, text, parse_duration, [&](Duration v) { *std::get<Duration*>(slot) = v; });
      case Type::size:
        return read_bounded(row, text, parse_size,
                            [&](std::uint64_t v) { *std::get<std::uint64_t*>(slot) = v; });
      case Type::number:
        return read_bounded(row, text, parse_number, [&](double v) { *std::get<double*>(slot) = v; });
      case Type::integer:
        return read_bounded(row, text, parse_integer, [&](std::uint64_t v) { store_integer(slot, v); });
      case Type::texts:
      case Type::list:
      case Type::map:
      case Type::later:
        break;
    }
    return {};
  }

  std::string read_path(const std::string& text, std::filesystem::path& out) const {
    if (text.empty() || text.size() > 4096) return "a path of 1 to 4096 bytes";
    const std::filesystem::path path(text);
    out = path.is_absolute() || folder_.empty() ? path : (folder_ / path).lexically_normal();
    return {};
  }

  static std::string read_boolean(const std::string& text, const Slot& slot) {
    const auto value = parse_boolean(text);
    if (!value) return value.error().text;
    if (const auto* flag = std::get_if<Flag>(&slot)) {
      if (!*value) return {};
      if (*flag->field != RouteOptions::Action::to) return "one of `to`, `local` and `drop`";
      *flag->field = flag->value;
    } else {
      *std::get<bool*>(slot) = *value;
    }
    return {};
  }

  static std::string read_choice(const Row& row, const std::string& text, const Slot& slot) {
    const auto list = words(row.allowed);
    const auto found = std::find(list.begin(), list.end(), text);
    if (found == list.end()) return allowed_words(row) + did_you_mean(text, list);
    if (const auto* word = std::get_if<std::string*>(&slot)) {
      **word = text;
    } else {
      const auto& choice = std::get<Choice>(slot);
      choice.set(choice.field, static_cast<int>(found - list.begin()));
    }
    return {};
  }

  static std::string read_change(const std::string& text, FilterOptions& filter) {
    const auto change = parse_change(text);
    if (!change) return change.error().text;
    filter.deadband = change->amount;
    filter.percent = change->percent;
    return {};
  }

  template <class Parse, class Set>
  static std::string read_bounded(const Row& row, const std::string& text, Parse parse, Set set) {
    const auto value = parse(text);
    if (!value) return value.error().text + ", " + std::string(row.allowed);
    const auto dots = row.allowed.find("..");
    const auto least = parse(row.allowed.substr(0, dots)), most = parse(row.allowed.substr(dots + 2));
    if (*value < *least || *value > *most) return std::string(row.allowed);
    set(*value);
    return {};
  }

  // The row's bounds fit its field: SchemaTable tests hold them together.
  static void store_integer(const Slot& slot, std::uint64_t value) {
    std::visit(
        [value](auto* field) {
          using T = std::remove_reference_t<decltype(*field)>;
          if constexpr (std::is_unsigned_v<T> && !std::is_same_v<T, bool>) *field = static_cast<T>(value);
        },
        integer_field(slot));
  }
  using IntegerField = std::variant<std::uint8_t*, std::uint16_t*, std::uint32_t*, std::uint64_t*>;
  static IntegerField integer_field(const Slot& slot) {
    if (const auto* u8 = std::get_if<std::uint8_t*>(&slot)) return *u8;
    if (const auto* u16 = std::get_if<std::uint16_t*>(&slot)) return *u16;
    if (const auto* u32 = std::get_if<std::uint32_t*>(&slot)) return *u32;
    return std::get<std::uint64_t*>(slot);
  }

  const std::filesystem::path& folder_;
  Findings& findings_;
};

}  // namespace

void read_options(const Node& root, const std::filesystem::path& folder, Options& options,
                  Findings& findings) {
  Reader(folder, findings).read_object(root, "", "", &options);
}

}  // namespace sluice::config

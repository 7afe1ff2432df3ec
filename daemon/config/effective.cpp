#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "config/render.hpp"
#include "config/values.hpp"

namespace sluice::config {
namespace {

constexpr std::string_view kHidden = "(not shown)";

std::string integer_text(const Slot& slot) {
  return std::visit(
      [](auto field) -> std::string {
        if constexpr (std::is_pointer_v<decltype(field)>) {
          using T = std::remove_pointer_t<decltype(field)>;
          if constexpr (std::is_unsigned_v<T> && !std::is_same_v<T, bool>) return std::to_string(*field);
        }
        return {};
      },
      slot);
}

std::string boolean_text(const Slot& slot) {
  const auto* flag = std::get_if<Flag>(&slot);
  return (flag != nullptr ? *flag->field == flag->value : *std::get<bool*>(slot)) ? "true" : "false";
}

std::string choice_text(const Row& row, const Slot& slot) {
  if (const auto* word = std::get_if<std::string*>(&slot)) return **word;
  const auto& choice = std::get<Choice>(slot);
  return std::string(words(row.allowed)[static_cast<std::size_t>(choice.get(choice.field))]);
}

// Reads back as itself without quotes.
bool plain(std::string_view text) {
  return !text.empty() && text != "null" && text != "Null" && text != "NULL" &&
         text.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789./_-%") ==
             std::string_view::npos &&
         text.front() != '-' && text.front() != '%';
}

class Writer {
 public:
  std::string out;

  void object(const std::string& prefix, void* object, std::size_t indent) {
    std::vector<std::string_view> open;  // the groups that the last line was in
    for (const auto* row : rows_of(prefix)) {
      if (row->type == Type::later) continue;
      const auto slot = row->slot(object);
      const auto value = rendered(*row, object);
      if (value && value->empty()) continue;                                  // unset
      if (std::holds_alternative<Flag>(slot) && *value == "false") continue;  // `to`, `local` or `drop`
      auto name = groups(row->path.substr(prefix.size()), open, indent);
      const auto depth = indent + 2 * open.size();
      line(depth, name, value ? yaml_text(*value) : "");
      if (!value) many(*row, slot, depth);
    }
    if (prefix == "adapters[].") own_section(*static_cast<const AdapterOptions*>(object), indent);
  }

 private:
  void line(std::size_t indent, std::string_view name, std::string_view value) {
    out += fmt::format("{:{}}{}:{}{}\n", "", indent, name, value.empty() ? "" : " ", value);
  }

  // Opens the groups of a dotted name that are not open yet; returns its last part.
  std::string_view groups(std::string_view name, std::vector<std::string_view>& open, std::size_t indent) {
    std::size_t depth = 0;
    for (auto dot = name.find('.'); dot != std::string_view::npos; dot = name.find('.'), ++depth) {
      const auto group = name.substr(0, dot);
      if (depth >= open.size() || open[depth] != group) {
        open.resize(depth);
        line(indent + 2 * depth, group, "");
        open.push_back(group);
      }
      name = name.substr(dot + 1);
    }
    open.resize(depth);
    return name;
  }

  // JSON is YAML. The values were text in the file and are in quotes here: the adapter's schema reads both
  // alike.
  void own_section(const AdapterOptions& adapter, std::size_t indent) {
    const auto section = nlohmann::json::parse(adapter.section, nullptr, false);
    for (const auto& [name, value] : section.items()) line(indent, yaml_text(name), value.dump());
  }

  void many(const Row& row, const Slot& slot, std::size_t indent) {
    if (const auto* texts = std::get_if<std::vector<std::string>*>(&slot)) {
      out.back() = ' ';
      out += "[";
      for (const auto& text : **texts) out += (out.back() == '[' ? "" : ", ") + yaml_text(text);
      out += "]\n";
      return;
    }
    const auto& elements = std::get<Elements>(slot);
    const auto count = elements.size(elements.field);
    if (count == 0) {
      out.back() = ' ';
      out += row.type == Type::list ? "[]\n" : "{}\n";
    }
    for (std::size_t i = 0; i < count; ++i) {
      void* element = elements.at(elements.field, i);
      if (row.type == Type::map) {
        line(indent + 2, yaml_text(*elements.name(element)), "");
        object(std::string(row.path) + "{}.", element, indent + 4);
      } else {
        const auto start = out.size();
        object(std::string(row.path) + "[].", element, indent + 4);
        out.replace(start + indent + 2, 1, "-");
      }
    }
  }
};

}  // namespace

std::string yaml_text(std::string_view text) {
  if (plain(text)) return std::string(text);
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += {'\\', c};
    } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
      out += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
    } else {
      out += c;
    }
  }
  return out + "\"";
}

std::optional<std::string> rendered(const Row& row, void* object) {
  if (row.type == Type::later || row.slot == nullptr) return std::nullopt;
  const auto slot = row.slot(object);
  switch (row.type) {
    case Type::text:
    case Type::name:
    case Type::token:
      return *std::get<std::string*>(slot);
    case Type::hash:
      return std::get<std::string*>(slot)->empty() ? std::string{} : std::string(kHidden);
    case Type::path:
      return std::get<std::filesystem::path*>(slot)->string();
    case Type::integer:
      return integer_text(slot);
    case Type::number:
      return render_number(*std::get<double*>(slot));
    case Type::duration:
      return render_duration(*std::get<Duration*>(slot));
    case Type::size:
      return render_size(*std::get<std::uint64_t*>(slot));
    case Type::boolean:
      return boolean_text(slot);
    case Type::choice:
      return choice_text(row, slot);
    case Type::change: {
      const auto& filter = *std::get<FilterOptions*>(slot);
      return render_change({filter.deadband, filter.percent});
    }
    case Type::texts:
    case Type::list:
    case Type::map:
    case Type::later:
      break;
  }
  return std::nullopt;
}

std::string effective_config_yaml(const Options& options) {
  Options copy = options;  // slots are for writing too
  Writer writer;
  writer.object("", &copy, 0);
  return std::move(writer.out);
}

}  // namespace sluice::config

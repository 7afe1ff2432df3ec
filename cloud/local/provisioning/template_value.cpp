#include "cloud/local/provisioning/template_value.hpp"

#include <charconv>

namespace sluice::cloud {
namespace {

using nlohmann::json;

constexpr int kDeepest = 16;

// The one function of an object {"Fn::X": arguments}; null: it is not one.
const json* function(const json& value, std::string& name) {
  if (!value.is_object() || value.size() != 1) return nullptr;
  name = value.begin().key();
  return &value.begin().value();
}

bool has_size(const json& arguments, std::size_t size) {
  return arguments.is_array() && arguments.size() == size;
}

}  // namespace

result<std::string> TemplateValues::parameter(const std::string& name) const {
  const auto it = parameters_.find(name);
  if (it == parameters_.end()) return wrong_template("the parameter " + name + " is missing");
  return it->second;
}

result<std::vector<std::string>> TemplateValues::list(const json& value, int depth) const {
  if (depth > kDeepest) return wrong_template("functions are nested too deeply");
  std::vector<std::string> items;
  std::string name;
  if (const json* arguments = function(value, name)) {
    if (name != "Fn::Split" || !has_size(*arguments, 2)) return wrong_template(name + " gives no list");
    const auto separator = text((*arguments)[0], depth + 1), whole = text((*arguments)[1], depth + 1);
    if (!separator) return separator.error();
    if (!whole) return whole.error();
    if (separator->empty()) return wrong_template("Fn::Split needs a separator");
    for (std::size_t from = 0;;) {
      const auto end = whole->find(*separator, from);
      items.push_back(whole->substr(from, end - from));
      if (end == std::string::npos) return items;
      from = end + separator->size();
    }
  }
  if (!value.is_array()) return wrong_template("a list is expected, not " + value.dump());
  for (const auto& item : value) {
    auto one = text(item, depth + 1);
    if (!one) return one.error();
    items.push_back(std::move(*one));
  }
  return items;
}

result<std::string> TemplateValues::find_in_map(const json& arguments, int depth) const {
  if (!has_size(arguments, 3)) return wrong_template("Fn::FindInMap needs [map, key, key]");
  const json* place = &mappings_;
  for (const auto& argument : arguments) {
    const auto key = text(argument, depth + 1);
    if (!key) return key.error();
    const auto it = place->is_object() ? place->find(*key) : place->end();
    if (!place->is_object() || it == place->end())
      return wrong_template("Fn::FindInMap: there is no " + *key);
    place = &*it;
  }
  return place->is_string() ? result<std::string>(place->get<std::string>())
                            : result<std::string>(wrong_template("Fn::FindInMap: the value is not a string"));
}

// "text ${Name}" or ["text ${Name}", {"Name": value}]; ${!Name} stays ${Name}.
result<std::string> TemplateValues::substitute(const json& arguments, int depth) const {
  const bool own = has_size(arguments, 2);
  const json& pattern = own ? arguments[0] : arguments;
  const json names = own && arguments[1].is_object() ? arguments[1] : json::object();
  if (!pattern.is_string()) return wrong_template("Fn::Sub needs a string, or [string, {name: value}]");
  std::string rest = pattern.get<std::string>(), out;
  for (;;) {
    const auto at = rest.find("${"), end = at == std::string::npos ? at : rest.find('}', at);
    out += rest.substr(0, end == std::string::npos ? std::string::npos : at);
    if (end == std::string::npos) return out;
    const auto name = rest.substr(at + 2, end - at - 2);
    rest.erase(0, end + 1);
    if (name.starts_with('!')) {
      out += "${" + name.substr(1) + "}";
      continue;
    }
    const auto value = names.contains(name) ? text(names[name], depth + 1) : parameter(name);
    if (!value) return value.error();
    out += *value;
  }
}

result<std::string> TemplateValues::text(const json& value, int depth) const {
  if (depth > kDeepest) return wrong_template("functions are nested too deeply");
  if (value.is_string()) return value.get<std::string>();
  std::string name;
  const json* arguments = function(value, name);
  if (arguments == nullptr) return wrong_template("a string or a function is expected, not " + value.dump());
  if (name == "Ref") {
    return arguments->is_string() ? parameter(arguments->get<std::string>())
                                  : result<std::string>(wrong_template("Ref needs the name of a parameter"));
  }
  if (name == "Fn::Sub") return substitute(*arguments, depth);
  if (name == "Fn::FindInMap") return find_in_map(*arguments, depth);
  if (name == "Fn::Join" && has_size(*arguments, 2)) {
    const auto between = text((*arguments)[0], depth + 1);
    const auto parts = list((*arguments)[1], depth + 1);
    if (!between) return between.error();
    if (!parts) return parts.error();
    std::string joined;
    for (std::size_t i = 0; i < parts->size(); ++i) joined += (i > 0 ? *between : "") + (*parts)[i];
    return joined;
  }
  if (name == "Fn::Select" && has_size(*arguments, 2)) {
    const json& which = (*arguments)[0];
    const std::string digits = which.is_number_unsigned() ? which.dump()
                               : which.is_string()        ? which.get<std::string>()
                                                          : "";
    std::size_t index = 0;
    const auto [end, ec] = std::from_chars(digits.data(), digits.data() + digits.size(), index);
    const auto items = list((*arguments)[1], depth + 1);
    if (!items) return items.error();
    if (ec != std::errc{} || end != digits.data() + digits.size() || index >= items->size())
      return wrong_template("Fn::Select: there is no item " + which.dump());
    return (*items)[index];
  }
  return wrong_template(name + " is no function of provisioning templates, or its arguments are wrong");
}

}  // namespace sluice::cloud

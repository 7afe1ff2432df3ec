// A field of Options that a row of the schema stands for: found by member pointers, read and written by the
// row's type. Used by the schema table, the reader, the reference and the effective config.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <type_traits>
#include <variant>
#include <vector>

#include "core/options.hpp"

namespace sluice::config {

// An enum (or a bool that is written as one of two words); the index is that of the row's words.
struct Choice {
  void* field;
  int (*get)(const void*);
  void (*set)(void*, int);
};

// `local: true` and `drop: true` of a route: one field, a key for each of its values.
struct Flag {
  RouteOptions::Action* field;
  RouteOptions::Action value;
};

// A list or map of objects, each with rows of its own.
struct Elements {
  void* field;
  std::size_t (*size)(const void*);
  void* (*at)(void*, std::size_t);
  void* (*add)(void*);
  std::string* (*name)(void*);  // the map's key of an element; null for lists
};

using Slot = std::variant<std::string*, std::filesystem::path*, bool*, double*, std::uint8_t*, std::uint16_t*,
                          std::uint32_t*, std::uint64_t*, Duration*, std::vector<std::string>*,
                          FilterOptions*, Choice, Flag, Elements>;

namespace detail {

inline std::string* name_of(ProductOptions& product) { return &product.name; }
inline std::string* name_of(DeviceOptions& device) { return &device.id; }
inline std::string* name_of(ListenerOptions&) { return nullptr; }
inline std::string* name_of(RouteOptions&) { return nullptr; }
inline std::string* name_of(AdapterOptions&) { return nullptr; }
inline std::string* name_of(AdmitOptions&) { return nullptr; }

template <class T>
Slot slot_of(T& field) {
  if constexpr (std::is_enum_v<T>) {
    return Choice{&field, [](const void* f) { return static_cast<int>(*static_cast<const T*>(f)); },
                  [](void* f, int index) { *static_cast<T*>(f) = static_cast<T>(index); }};
  } else {
    return &field;
  }
}

template <class T>
Slot slot_of(std::vector<T>& field) {
  using List = std::vector<T>;
  return Elements{&field, [](const void* f) { return static_cast<const List*>(f)->size(); },
                  [](void* f, std::size_t i) -> void* { return &(*static_cast<List*>(f))[i]; },
                  [](void* f) -> void* { return &static_cast<List*>(f)->emplace_back(); },
                  [](void* element) { return name_of(*static_cast<T*>(element)); }};
}

inline Slot slot_of(std::vector<std::string>& field) { return &field; }

template <class T>
struct ClassOf;
template <class C, class M>
struct ClassOf<M C::*> {
  using type = C;
};

template <class T, class M, class... Rest>
auto& dig(T& object, M member, Rest... rest) {
  if constexpr (sizeof...(rest) == 0) {
    return object.*member;
  } else {
    return dig(object.*member, rest...);
  }
}

}  // namespace detail

// The field at the end of a chain of members; `object` is of the first member's class.
template <auto First, auto... Rest>
Slot at(void* object) {
  using Class = typename detail::ClassOf<decltype(First)>::type;
  return detail::slot_of(detail::dig(*static_cast<Class*>(object), First, Rest...));
}

// A bool that is written as the first (false) or the second (true) of the row's words.
template <auto First, auto... Rest>
Slot either(void* object) {
  using Class = typename detail::ClassOf<decltype(First)>::type;
  return Choice{&detail::dig(*static_cast<Class*>(object), First, Rest...),
                [](const void* f) { return *static_cast<const bool*>(f) ? 1 : 0; },
                [](void* f, int index) { *static_cast<bool*>(f) = index == 1; }};
}

template <RouteOptions::Action Value>
Slot action(void* object) {
  return Flag{&static_cast<RouteOptions*>(object)->action, Value};
}

}  // namespace sluice::config

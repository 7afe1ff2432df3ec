#include "cloud/local/registry/arn.hpp"

#include <fmt/format.h>
#include <openssl/rand.h>

#include <algorithm>
#include <vector>

namespace sluice::cloud {
namespace {

bool made_of(std::string_view text, std::size_t most, std::string_view marks) {
  return !text.empty() && text.size() <= most && std::ranges::all_of(text, [marks](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           marks.find(c) != std::string_view::npos;
  });
}

}  // namespace

std::string arn(const ArnScope& scope, std::string_view kind, std::string_view name) {
  return fmt::format("arn:aws:iot:{}:{}:{}/{}", scope.region, scope.account, kind, name);
}

std::optional<std::string> certificate_of_arn(const ArnScope& scope, std::string_view text) {
  const std::string prefix = arn(scope, "cert", "");
  if (!text.starts_with(prefix)) return std::nullopt;
  text.remove_prefix(prefix.size());
  return valid_certificate_id(text) ? std::optional<std::string>(text) : std::nullopt;
}

bool valid_thing_name(std::string_view name) { return made_of(name, 128, ":_-"); }
bool valid_policy_name(std::string_view name) { return made_of(name, 128, "_+=,.@-"); }
bool valid_template_name(std::string_view name) { return made_of(name, 36, "_-"); }
bool valid_role_alias(std::string_view name) { return made_of(name, 128, "_=,@-"); }

bool valid_certificate_id(std::string_view id) {
  return id.size() == 64 && std::ranges::all_of(id, [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
         });
}

std::string random_hex(std::size_t bytes) {
  std::vector<unsigned char> raw(bytes);
  RAND_bytes(raw.data(), static_cast<int>(raw.size()));
  std::string text;
  for (const unsigned char byte : raw) text += fmt::format("{:02x}", byte);
  return text;
}

std::string new_uuid() {
  unsigned char b[16] = {};
  RAND_bytes(b, sizeof b);
  b[6] = static_cast<unsigned char>((b[6] & 0x0f) | 0x40);
  b[8] = static_cast<unsigned char>((b[8] & 0x3f) | 0x80);
  std::string text;
  for (int i = 0; i < 16; ++i)
    text += fmt::format("{}{:02x}", i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "", b[i]);
  return text;
}

}  // namespace sluice::cloud

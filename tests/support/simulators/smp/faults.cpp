#include "smp/faults.hpp"

#include <fmt/format.h>

#include <charconv>

namespace sluice::smp_device {
namespace {

template <typename T>
bool read(std::string_view text, T& out) {
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), out);
  return ec == std::errc{} && end == text.data() + text.size();
}

bool read_share(std::string_view text, double& out) { return read(text, out) && out >= 0 && out <= 1; }

bool read_flag(std::string_view text, bool& out) {
  out = text == "1";
  return text == "1" || text == "0";
}

}  // namespace

result<> Faults::set(std::string_view line) {
  const auto equals = line.find('=');
  const auto name = line.substr(0, equals);
  const auto value = equals == std::string_view::npos ? std::string_view("1") : line.substr(equals + 1);
  const auto said = [&](bool good) -> result<> {
    if (good) return {};
    return Error{errc::invalid_argument,
                 fmt::format("the value of the fault '{}' is not valid: '{}'", name, value)};
  };
  if (name == "drop") return said(read_share(value, drop));
  if (name == "flip") return said(read_share(value, flip));
  if (name == "noise") return said(read_share(value, noise));
  if (name == "latency-ms") return said(read(value, latency_ms));
  if (name == "erase-ms") return said(read(value, erase_ms));
  if (name == "boot-ms") return said(read(value, boot_ms));
  if (name == "reset-at-chunk") return said(read(value, reset_at_chunk));
  if (name == "forget-at-chunk") return said(read(value, forget_at_chunk));
  if (name == "busy") return said(read(value, busy));
  if (name == "revert-on-boot") return said(read_flag(value, revert_on_boot));
  if (name == "self-confirm") return said(read_flag(value, self_confirm));
  if (name == "silent") return said(read_flag(value, silent));
  if (name == "wrong-hash") return said(read_flag(value, wrong_hash));
  if (name == "ignore-reset") return said(read_flag(value, ignore_reset));
  return Error{
      errc::invalid_argument,
      fmt::format(
          "no fault '{}'; there are drop, flip, noise, latency-ms, erase-ms, boot-ms, reset-at-chunk, "
          "forget-at-chunk, busy, revert-on-boot, self-confirm, silent, wrong-hash, ignore-reset",
          name)};
}

}  // namespace sluice::smp_device

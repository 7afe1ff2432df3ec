#include "cloud/local/batch_payload.hpp"

#include <zstd.h>

#include <memory>
#include <nlohmann/json.hpp>

#include "cloud/local/json_text.hpp"

namespace sluice::cloud {
namespace {

constexpr std::size_t kMostUnpacked = 16ULL * 1024 * 1024;
constexpr std::string_view kZstdMagic = "\x28\xb5\x2f\xfd";

std::optional<std::string> decompress(std::string_view payload) {
  const std::unique_ptr<ZSTD_DCtx, decltype(&ZSTD_freeDCtx)> context(ZSTD_createDCtx(), &ZSTD_freeDCtx);
  std::string out;
  ZSTD_inBuffer in{payload.data(), payload.size(), 0};
  std::size_t left = 1;
  while (left != 0) {
    const std::size_t before = out.size();
    if (before >= kMostUnpacked) return std::nullopt;
    out.resize(before + 64ULL * 1024);
    ZSTD_outBuffer buffer{out.data() + before, out.size() - before, 0};
    left = ZSTD_decompressStream(context.get(), &buffer, &in);
    out.resize(before + buffer.pos);
    if (ZSTD_isError(left) != 0 || (left != 0 && buffer.pos == 0 && in.pos == in.size)) return std::nullopt;
  }
  return out;
}

std::string lines_to_array(std::string_view text, bool& all_json) {
  std::string array = "[";
  all_json = true;
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    const auto line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.empty()) continue;
    if (array.size() > 1) array += ',';
    if (nlohmann::json::accept(line)) {
      array += line;
    } else {
      all_json = false;
      append_payload_value(line, array);
    }
  }
  return array + "]";
}

}  // namespace

std::optional<std::string> unpack_batch(std::string_view payload, const BatchHints& hints) {
  std::optional<std::string> unpacked;
  const bool compressed = payload.starts_with(kZstdMagic);
  if (compressed) {
    unpacked = decompress(payload);
    if (!unpacked) return std::nullopt;
    payload = *unpacked;
  }
  const bool says_lines = hints.content_type.find("ndjson") != std::string_view::npos;
  if (!hints.has_ids && !says_lines && !compressed && !hints.mqtt311) return std::nullopt;
  const auto first = payload.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos) return std::nullopt;
  if (!says_lines && payload[first] == '[' && nlohmann::json::accept(payload)) {
    // A line of NDJSON must not hold a line break; an array of the gateway has none, another may.
    std::string array(payload.substr(first));
    for (char& c : array) {
      if (c == '\n' || c == '\r') c = ' ';
    }
    return array;
  }
  bool all_json = false;
  std::string array = lines_to_array(payload, all_json);
  if (hints.has_ids || says_lines || compressed) return array;
  const bool several = payload.substr(0, payload.size() - 1).find('\n') != std::string_view::npos;
  return all_json && several ? std::optional(std::move(array)) : std::nullopt;
}

}  // namespace sluice::cloud

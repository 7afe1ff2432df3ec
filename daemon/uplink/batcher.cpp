#include "uplink/batcher.hpp"

#include <fmt/format.h>
#include <zstd.h>

#include <algorithm>
#include <utility>

#include "aws/limits.hpp"
#include "core/record_properties.hpp"
#include "uplink/json_check.hpp"

namespace sluice::uplink {
namespace {

constexpr std::size_t kMaxOpen = 256;      // batches at once; beyond, the one due first goes
constexpr std::size_t kMaxIdBytes = 1000;  // of the sluice-ids property
constexpr int kZstdLevel = 3;
constexpr std::string_view kJsonType = "application/json", kLinesType = "application/x-ndjson";

bool fits_format(std::string_view payload, BatchOptions::Format format) {
  if (format == BatchOptions::Format::json) return is_json(payload);
  return !payload.empty() && payload.find('\n') == std::string_view::npos;
}

// A batch's bytes live together with its topic; the publication views them.
struct Body {
  std::string topic, payload, content_type;
};

}  // namespace

Batcher::Batcher(Clock& clock, std::string instance) : clock_(clock), instance_(std::move(instance)) {}
Batcher::~Batcher() = default;

void Batcher::FreeContext::operator()(ZSTD_CCtx_s* context) const { ZSTD_freeCCtx(context); }

std::string Batcher::time_text(std::int64_t first_ms, std::int64_t last_ms) const {
  return first_ms == last_ms ? fmt::format("{}", first_ms) : fmt::format("{}-{}", first_ms, last_ms);
}

Packed Batcher::single(const Drawn& drawn) const {
  const auto& record = drawn.record;
  Packed packed;
  packed.publication.topic = record.topic;
  packed.publication.payload = record.payload;
  packed.publication.keep = drawn.keep;
  packed.keys.push_back(record.key);
  if (!mqtt5_) return packed;
  auto& properties = packed.publication.user_properties;
  properties.reserve(96 + record.properties.size());
  if (const auto own = decode_record_properties(record.properties)) {
    packed.publication.content_type = own->content_type;
    properties.append(own->user_properties);
  }
  append_user_property(properties, "sluice-id", fmt::format("{}-{}", instance_, record.key.id));
  append_user_property(properties, "sluice-time", time_text(record.wall_ms, record.wall_ms));
  if (!record.wall_is_plausible) append_user_property(properties, "sluice-clock", "unsynced");
  return packed;
}

void Batcher::add(const Drawn& drawn, const BatchOptions& options, std::deque<Packed>& out) {
  const auto& record = drawn.record;
  // Records of one batch share route, topic and properties.
  key_.assign(reinterpret_cast<const char*>(&record.route), sizeof record.route);
  key_.append(record.topic).push_back('\0');
  key_.append(record.properties);
  auto it = open_.find(key_);

  const std::size_t limit =
      std::min<std::size_t>(std::max<std::uint64_t>(options.max_bytes, 2), aws::kMaxPayload);
  const std::size_t need = record.payload.size() + 2;  // comma and closing bracket, or the line's end
  if (need > aws::kMaxPayload - 1 || !fits_format(record.payload, options.format)) {
    // Alone, and behind what came before it on this topic.
    if (it != open_.end()) flush(it, out);
    out.push_back(single(drawn));
    return;
  }
  if (it != open_.end() &&
      (it->second.payload.size() + need > limit || it->second.ids.bytes_with_one_more() > kMaxIdBytes)) {
    flush(it, out);
    it = open_.end();
  }
  if (it == open_.end()) {
    if (open_.size() >= kMaxOpen) {
      flush(std::min_element(open_.begin(), open_.end(),
                             [](const auto& a, const auto& b) { return a.second.due < b.second.due; }),
            out);
    }
    it = open_.try_emplace(key_).first;
    auto& fresh = it->second;
    fresh.options = options;
    fresh.topic = record.topic;
    fresh.properties = record.properties;
    fresh.first_ms = fresh.last_ms = record.wall_ms;
    fresh.due = clock_.now() + options.max_wait;
    fresh.payload.reserve(std::min<std::size_t>(limit, 8192));
  }
  auto& batch = it->second;
  if (options.format == BatchOptions::Format::json) {
    batch.payload.push_back(batch.payload.empty() ? '[' : ',');
    batch.payload.append(record.payload);
  } else {
    batch.payload.append(record.payload).push_back('\n');
  }
  batch.keys.push_back(record.key);
  batch.ids.add(record.key.id);
  batch.first_ms = std::min(batch.first_ms, record.wall_ms);
  batch.last_ms = std::max(batch.last_ms, record.wall_ms);
  batch.plausible = batch.plausible && record.wall_is_plausible;
  if (batch.payload.size() + 3 > limit) flush(it, out);
}

Batcher::Batches::iterator Batcher::flush(Batches::iterator batch, std::deque<Packed>& out) {
  finish(std::move(batch->second), out);
  return open_.erase(batch);
}

void Batcher::finish(Open&& batch, std::deque<Packed>& out) {
  auto body = std::make_shared<Body>();
  body->topic = std::move(batch.topic);
  body->payload = std::move(batch.payload);
  const bool json = batch.options.format == BatchOptions::Format::json;
  if (json) body->payload.push_back(']');

  Packed packed;
  packed.keys = std::move(batch.keys);
  if (mqtt5_) {
    auto& properties = packed.publication.user_properties;
    if (const auto own = decode_record_properties(batch.properties)) properties.append(own->user_properties);
    const auto ids = fmt::format("{}-{}", instance_, batch.ids.text());
    append_user_property(properties, packed.keys.size() == 1 ? "sluice-id" : "sluice-ids", ids);
    append_user_property(properties, "sluice-time", time_text(batch.first_ms, batch.last_ms));
    if (!batch.plausible) append_user_property(properties, "sluice-clock", "unsynced");
    body->content_type = json ? kJsonType : kLinesType;
    if (batch.options.zstd && compress(body->payload)) {
      append_user_property(properties, "content-encoding", "zstd");
    }
  }
  packed.publication.topic = body->topic;
  packed.publication.payload = body->payload;
  packed.publication.content_type = body->content_type;
  packed.publication.keep = std::move(body);
  out.push_back(std::move(packed));
}

bool Batcher::compress(std::string& payload) {
  if (!zstd_) zstd_.reset(ZSTD_createCCtx());
  if (!zstd_) return false;
  squeezed_.resize(ZSTD_compressBound(payload.size()));
  const auto size = ZSTD_compressCCtx(zstd_.get(), squeezed_.data(), squeezed_.size(), payload.data(),
                                      payload.size(), kZstdLevel);
  if (ZSTD_isError(size) != 0 || size >= payload.size()) return false;
  payload.assign(squeezed_.data(), size);
  return true;
}

void Batcher::flush_due(std::deque<Packed>& out) {
  const auto now = clock_.now();
  for (auto it = open_.begin(); it != open_.end();)
    it = it->second.due <= now ? flush(it, out) : std::next(it);
}

void Batcher::flush_all(std::deque<Packed>& out) {
  // By the age of their first record, so that priorities and devices leave in the order they were drawn.
  std::vector<Batches::iterator> all;
  for (auto it = open_.begin(); it != open_.end(); ++it) all.push_back(it);
  std::sort(all.begin(), all.end(), [](const auto& a, const auto& b) {
    return a->second.keys.front().id < b->second.keys.front().id;
  });
  for (const auto& it : all) finish(std::move(it->second), out);
  open_.clear();
}

void Batcher::clear() { open_.clear(); }

std::optional<MonoTime> Batcher::due() const {
  std::optional<MonoTime> first;
  for (const auto& [key, batch] : open_) {
    if (!first || batch.due < *first) first = batch.due;
  }
  return first;
}

}  // namespace sluice::uplink

#include "cloud/local/publish_log.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <map>
#include <vector>

#include "cloud/local/aws_rules.hpp"
#include "cloud/local/batch_payload.hpp"
#include "cloud/local/json_text.hpp"
#include "mqtt/codec.hpp"

namespace sluice::cloud {
namespace {

constexpr std::size_t kMostLines = 4096, kMostLineBytes = 8ULL * 1024 * 1024;

void field(const char* name, std::string_view value, std::string& out) {
  out += ",\"";
  out += name;
  out += "\":";
  append_json_string(value, out);
}

std::int64_t milliseconds(WallTime wall) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(wall.time_since_epoch()).count();
}

// A name that comes twice gets a list.
void user_object(mqtt::RawUserProperties raw, std::string& out) {
  std::map<std::string_view, std::vector<std::string_view>> values;
  mqtt::for_each_user_property(
      raw, [&](std::string_view name, std::string_view value) { values[name].push_back(value); });
  out += ",\"user\":{";
  bool first = true;
  for (const auto& [name, list] : values) {
    if (!first) out += ',';
    first = false;
    append_json_string(name, out);
    out += list.size() > 1 ? ":[" : ":";
    for (std::size_t i = 0; i < list.size(); ++i) {
      if (i > 0) out += ',';
      append_json_string(list[i], out);
    }
    if (list.size() > 1) out += ']';
  }
  out += '}';
}

// `sluice-id` of a single reading, `sluice-ids` of a batch.
std::string_view record_ids(mqtt::RawUserProperties raw, bool& batch) {
  std::string_view ids;
  mqtt::for_each_user_property(raw, [&](std::string_view name, std::string_view value) {
    if (name == "sluice-id" || name == "sluice-ids") {
      ids = value;
      batch = name == "sluice-ids";
    }
  });
  return ids;
}

}  // namespace

PublishLog::~PublishLog() {
  if (fd_ >= 0) ::close(fd_);
}

result<void> PublishLog::open(const std::filesystem::path& path) {
  if (path.empty()) return {};
  fd_ = ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (fd_ < 0) return Error{errc::io, "--log " + path.string() + ": " + std::strerror(errno)};
  return {};
}

void PublishLog::add(const Received& received) {
  ++count_;
  if (format_ == LogFormat::none) return;
  const std::size_t before = buffer_.size();
  if (format_ == LogFormat::full) {
    write_full(received);
    remember(std::string_view(buffer_).substr(before));
  } else {
    write_ids(received);
  }
  buffer_ += '\n';
  if (fd_ < 0) buffer_.clear();
}

void PublishLog::write_full(const Received& received) {
  const mqtt::Publish& publish = *received.publish;
  bool batch = false;
  record_ids(publish.properties.user, batch);
  buffer_ += "{\"t\":" + std::to_string(milliseconds(clock_.wall()));
  field("client", received.client, buffer_);
  field("thing", received.thing, buffer_);
  if (!received.region.empty()) field("region", received.region, buffer_);
  field("topic", publish.topic, buffer_);
  buffer_ += ",\"qos\":" + std::to_string(publish.qos) + (received.mqtt5 ? ",\"mqtt\":5" : ",\"mqtt\":4");
  if (publish.dup) buffer_ += ",\"dup\":true";
  if (publish.retain) buffer_ += ",\"retain\":true";
  if (received.from_will) buffer_ += ",\"will\":true";
  if (!publish.properties.user.empty()) user_object(publish.properties.user, buffer_);
  const auto content_type = publish.properties.content_type.value_or("");
  if (!content_type.empty()) field("content_type", content_type, buffer_);
  if (const auto rule = rule_topic(publish.topic)) {
    field("rule", rule->rule, buffer_);
    field("rule_topic", rule->rest, buffer_);
  }
  if (const auto readings = unpack_batch(publish.payload, {content_type, batch, !received.mqtt5})) {
    buffer_ += ",\"bytes\":" + std::to_string(publish.payload.size()) + ",\"payloads\":" + *readings;
  } else if (mqtt::valid_utf8_payload(publish.payload)) {
    field("payload", publish.payload, buffer_);
  } else {
    field("payload_b64", base64(publish.payload), buffer_);
  }
  buffer_ += '}';
}

void PublishLog::write_ids(const Received& received) {
  bool batch = false;
  const auto ids = record_ids(received.publish->properties.user, batch);
  buffer_ += "{\"t\":" + std::to_string(milliseconds(clock_.wall()));
  field("thing", received.thing, buffer_);
  if (!received.region.empty()) field("region", received.region, buffer_);
  field("topic", received.publish->topic, buffer_);
  field(batch ? "ids" : "id", ids, buffer_);
  buffer_ += '}';
}

void PublishLog::remember(std::string_view line) {
  latest_.push_back({count_, std::string(line)});
  latest_bytes_ += line.size();
  while (latest_.size() > kMostLines || (latest_bytes_ > kMostLineBytes && latest_.size() > 1)) {
    latest_bytes_ -= latest_.front().text.size();
    latest_.pop_front();
  }
}

result<void> PublishLog::flush() {
  if (dead_) return Error{errc::io, "the publish log could not be written before"};
  std::string_view rest = buffer_;
  while (!rest.empty()) {
    const auto n = ::write(fd_, rest.data(), rest.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) {
      dead_ = true;
      return Error{errc::io, std::string("writing the publish log: ") + std::strerror(errno) +
                                 "; no publish is acknowledged any more"};
    }
    rest.remove_prefix(static_cast<std::size_t>(n));
  }
  buffer_.clear();
  return {};
}

}  // namespace sluice::cloud

// Makes publishes of records: one each, or many of one route and topic in one (JSON array or lines), because
// AWS meters publishes. A batch is acknowledged as a whole: its PUBACK delivers all its records. Used by
// Lane; loop thread.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "core/clock.hpp"
#include "core/options.hpp"
#include "store/store.hpp"
#include "uplink/cloud_link.hpp"
#include "uplink/record_ids.hpp"

struct ZSTD_CCtx_s;

namespace sluice::uplink {

// A record as it was read, with its memory.
struct Drawn {
  store::Record record;
  std::shared_ptr<const void> keep;
};

// One publish and the records in it.
struct Packed {
  Publication publication;
  std::vector<store::RecordKey> keys;
};

class Batcher {
 public:
  Batcher(Clock& clock, std::string instance);
  ~Batcher();

  // Without MQTT 5 there are no properties, hence neither ids nor compression.
  void use_mqtt5(bool on) { mqtt5_ = on; }
  Packed single(const Drawn& drawn) const;
  // For records of routes with a batch format. What becomes ready goes to `out`, in order. A payload that
  // would break the format (not JSON; a line break in lines) goes alone, as it is.
  void add(const Drawn& drawn, const BatchOptions& options, std::deque<Packed>& out);
  // Batches whose oldest record has waited max_wait.
  void flush_due(std::deque<Packed>& out);
  void flush_all(std::deque<Packed>& out);
  void clear();
  std::optional<MonoTime> due() const;
  bool empty() const { return open_.empty(); }

 private:
  struct Open {
    BatchOptions options;
    std::string topic, properties, payload;
    std::vector<store::RecordKey> keys;
    IdRanges ids;
    std::int64_t first_ms = 0, last_ms = 0;
    bool plausible = true;
    MonoTime due{};
  };
  using Batches = std::unordered_map<std::string, Open>;

  void finish(Open&& batch, std::deque<Packed>& out);
  Batches::iterator flush(Batches::iterator batch, std::deque<Packed>& out);
  bool compress(std::string& payload);
  std::string time_text(std::int64_t first_ms, std::int64_t last_ms) const;

  struct FreeContext {
    void operator()(ZSTD_CCtx_s* context) const;
  };

  Clock& clock_;
  std::string instance_;
  bool mqtt5_ = true;
  Batches open_;
  std::string key_, squeezed_;  // scratch
  std::unique_ptr<ZSTD_CCtx_s, FreeContext> zstd_;
};

}  // namespace sluice::uplink

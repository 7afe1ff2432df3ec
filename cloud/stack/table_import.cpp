#include "cloud/stack/table_import.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>

#include "aws/dynamodb.hpp"
#include "cloud/lambda/device_table_dynamodb.hpp"
#include "cloud/lambda/token_check.hpp"
#include "cloud/stack/device_loader.hpp"

namespace sluice::stack {
namespace {

constexpr std::size_t kMostShown = 50;       // devices left alone
constexpr std::size_t kProgressEvery = 250;  // rows

// One region's table, and what became of the rows there.
class Region {
 public:
  Region(Target target, const std::string& endpoint, const aws::Caller& caller)
      : target_(std::move(target)),
        dynamodb_(aws::make_dynamodb(
            {.region = target_.region, .endpoint = endpoint, .signing_name = {}, .retry = {}}, caller)),
        table_(lambda::make_dynamodb_device_table(*dynamodb_, target_.table)),
        loader_(*dynamodb_, *table_, target_.table) {}

  const std::string& name() const { return target_.region; }
  const std::map<Loaded, std::size_t>& counts() const { return counts_; }

  // What stops the whole import; any thread.
  std::optional<std::string> load(const DeviceRow& row, const std::string& hash, bool replace,
                                  std::mutex& mutex) {
    if (!row.region.empty() && row.region != target_.region) return {};
    const auto loaded = loader_.load(row, hash, replace);
    const std::scoped_lock lock(mutex);
    if (!loaded) {
      return fmt::format("line {}, {} in {}: {}", row.line, row.productid, target_.region,
                         loaded.error().text);
    }
    ++counts_[*loaded];
    if ((*loaded == Loaded::kept || *loaded == Loaded::blocked) && shown_++ < kMostShown) {
      fmt::print("line {}, {} in {}: {}\n", row.line, row.productid, target_.region,
                 *loaded == Loaded::kept ? "registered already, left alone (--replace lets it register again)"
                                         : "blocked by its applyState, left alone");
    }
    return {};
  }

 private:
  Target target_;
  std::unique_ptr<aws::Dynamodb> dynamodb_;
  std::unique_ptr<lambda::DeviceTable> table_;
  DeviceLoader loader_;
  std::map<Loaded, std::size_t> counts_;
  std::size_t shown_ = 0;
};

void print_counts(const Region& region) {
  constexpr std::array<std::pair<Loaded, const char*>, 6> kWords = {{{Loaded::added, "added"},
                                                                     {Loaded::updated, "updated"},
                                                                     {Loaded::replaced, "replaced"},
                                                                     {Loaded::unchanged, "unchanged"},
                                                                     {Loaded::kept, "left alone"},
                                                                     {Loaded::blocked, "blocked"}}};
  std::string text;
  for (const auto& [what, word] : kWords) {
    const auto it = region.counts().find(what);
    if (it != region.counts().end())
      text += fmt::format("{}{} {}", text.empty() ? "" : ", ", it->second, word);
  }
  fmt::print("{}: {}\n", region.name(), text.empty() ? "no devices" : text);
}

}  // namespace

// Hashing and DynamoDB's answers take their time: several rows at once.
std::optional<std::string> import_into(const std::vector<DeviceRow>& rows, const std::vector<Target>& targets,
                                       const std::string& endpoint, const aws::Caller& caller, bool replace) {
  constexpr std::size_t kAtOnce = 8;
  std::vector<std::unique_ptr<Region>> regions;
  regions.reserve(targets.size());
  for (const auto& target : targets) regions.push_back(std::make_unique<Region>(target, endpoint, caller));
  std::atomic<std::size_t> next{0}, done{0};
  std::mutex mutex;  // of the counts, the output and `stopped`
  std::optional<std::string> stopped;
  const auto work = [&] {
    for (auto i = next++; i < rows.size(); i = next++) {
      const auto hash = lambda::hash_access_token(rows[i].access_token);
      std::optional<std::string> problem;
      if (hash.empty()) problem = "OpenSSL has no random bytes or memory";
      for (auto& region : regions) {
        if (!problem) problem = region->load(rows[i], hash, replace, mutex);
      }
      const std::scoped_lock lock(mutex);
      if (problem) {
        if (!stopped) stopped = std::move(problem);
        next = rows.size();
        return;
      }
      if (const auto so_far = ++done; so_far % kProgressEvery == 0)
        fmt::print("{} of {}\n", so_far, rows.size());
    }
  };
  {
    std::vector<std::jthread> workers;
    for (std::size_t i = 0; i < std::min(kAtOnce, rows.size()); ++i) workers.emplace_back(work);
  }
  for (const auto& region : regions) print_counts(*region);
  if (!stopped) return {};
  return fmt::format("stopped at {}\n{} of {} devices are done; importing the file again does the rest",
                     *stopped, done.load(), rows.size());
}

}  // namespace sluice::stack

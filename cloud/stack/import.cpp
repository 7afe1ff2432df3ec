// sluice-cloud-import: argv → a file of new devices, or a file of devices into the tables of regions.
// cloud/stack/import finds the tables and AWS's credentials and calls it.
#include <fmt/format.h>

#include <array>
#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/program_options.hpp>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <fstream>
#include <iterator>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <sstream>
#include <thread>

#include "aws/credentials.hpp"
#include "aws/dynamodb.hpp"
#include "aws/http.hpp"
#include "aws/retry.hpp"
#include "cloud/lambda/device_table_dynamodb.hpp"
#include "cloud/lambda/token_check.hpp"
#include "cloud/stack/device_file.hpp"
#include "cloud/stack/device_loader.hpp"
#include "cloud/stack/new_devices.hpp"
#include "core/clock.hpp"

namespace sluice::stack {
namespace {

namespace po = boost::program_options;

constexpr int kDone = 0, kFailed = 1, kUsage = 64, kBadFile = 65, kNoFile = 66, kCannotCreate = 73;
constexpr std::size_t kMostShown = 50;       // problems, devices kept
constexpr std::size_t kProgressEvery = 250;  // rows

int fail(int code, const std::string& text) {
  fmt::print(stderr, "import: {}\n", text);
  return code;
}

po::options_description options_table() {
  po::options_description table(
      "Devices and their tokens\n\n"
      "  sluice-cloud-import FILE.csv --to REGION=TABLE [--to ...] [--replace] [--check]\n"
      "  sluice-cloud-import --generate N --prefix X [--product P] [--first N] --out FILE\n\nOptions");
  auto add = table.add_options();
  add("help,h", "this text");
  add("file", po::value<std::string>(), "CSV with a header: productid,accessToken,product,region");
  add("to", po::value<std::vector<std::string>>()->default_value({}, ""), "table in a region");
  add("replace", "also devices that have registered: their next request gets a new certificate");
  add("check", "only read the file and say what is wrong with it");
  add("list-products", "only read the file and name the products in it");
  add("endpoint", po::value<std::string>()->default_value(""), "DynamoDB's URL; else AWS's own");
  add("generate", po::value<std::size_t>(), "make so many devices with random tokens");
  add("first", po::value<std::size_t>()->default_value(1), "number of the first of them");
  add("prefix", po::value<std::string>()->default_value(""), "what their productids begin with");
  add("product", po::value<std::string>()->default_value(""), "their product");
  add("out", po::value<std::string>(), "the file to make, readable for you only; never over another");
  return table;
}

int generate(const po::variables_map& given) {
  if (!given.contains("out")) return fail(kUsage, "--generate needs --out FILE");
  const auto csv = new_devices_csv({.count = given["generate"].as<std::size_t>(),
                                    .first = given["first"].as<std::size_t>(),
                                    .prefix = given["prefix"].as<std::string>(),
                                    .product = given["product"].as<std::string>()});
  if (!csv) return fail(kUsage, csv.error().text);
  const auto& out = given["out"].as<std::string>();
  if (const auto problem = write_secret_file(out, *csv)) return fail(kCannotCreate, *problem);
  fmt::print("{}: {} devices with their tokens; who reads it can be them: import it, burn it in, delete it\n",
             out, given["generate"].as<std::size_t>());
  return kDone;
}

struct Target {
  std::string region, table;
};

std::optional<std::vector<Target>> targets_from(const std::vector<std::string>& texts) {
  std::vector<Target> targets;
  for (const auto& text : texts) {
    const auto equals = text.find('=');
    if (equals == 0 || equals == std::string::npos || equals + 1 == text.size()) return std::nullopt;
    targets.push_back({text.substr(0, equals), text.substr(equals + 1)});
  }
  return targets;
}

// Nothing, after having said why.
std::optional<DeviceFile> read_devices(const std::string& path, const std::vector<std::string>& regions,
                                       int& code) {
  std::ifstream file(path, std::ios::binary);
  std::string text;
  if (file.is_open()) {
    file.seekg(0, std::ios::end);
    if (const auto size = file.tellg(); size < 0 || static_cast<std::size_t>(size) > kMostFile) {
      code = fail(kBadFile, fmt::format("{}: no plain file, or more than {} MiB", path, kMostFile >> 20U));
      return {};
    }
    file.seekg(0);
    text.assign(std::istreambuf_iterator<char>(file), {});
  }
  if (!file.is_open() || file.bad()) {
    code = fail(kNoFile, path + " cannot be read");
    return {};
  }
  auto devices = parse_device_file(text, regions);
  std::size_t shown = 0;
  for (const auto& problem : devices.problems) {
    if (shown++ == kMostShown) break;
    fmt::print(stderr, "{}:{}: {}\n", path, problem.line, problem.text);
  }
  if (!devices.problems.empty()) {
    if (const auto all = devices.problems.size(); all > kMostShown) {
      fmt::print(stderr, "... and {} more\n", all - kMostShown);
    }
    code = fail(kBadFile, fmt::format("{} problems; nothing was imported", devices.problems.size()));
    return {};
  }
  return devices;
}

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

// Hashing and DynamoDB's answers take their time: several rows at once.
int import_rows(const std::vector<DeviceRow>& rows, std::vector<std::unique_ptr<Region>>& regions,
                bool replace) {
  constexpr std::size_t kAtOnce = 8;
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
  if (!stopped) return kDone;
  return fail(kFailed,
              fmt::format("stopped at {}\n{} of {} devices are done; importing the file again does the rest",
                          *stopped, done.load(), rows.size()));
}

int import_file(const po::variables_map& given) {
  if (!given.contains("file")) return fail(kUsage, "which file? See --help");
  const auto targets = targets_from(given["to"].as<std::vector<std::string>>());
  if (!targets || targets->empty()) return fail(kUsage, "--to REGION=TABLE says where the devices go");
  std::vector<std::string> names;
  for (const auto& target : *targets) names.push_back(target.region);
  int code = kDone;
  const auto devices = read_devices(given["file"].as<std::string>(), names, code);
  if (!devices) return code;
  if (given.contains("list-products")) {
    std::set<std::string_view> products;
    for (const auto& row : devices->rows) {
      if (!row.product.empty()) products.insert(row.product);
    }
    for (const auto product : products) fmt::print("{}\n", product);
    return kDone;
  }
  if (given.contains("check")) {
    fmt::print("{} devices, no problems\n", devices->rows.size());
    return kDone;
  }
  auto keys = aws::credentials_from(aws::process_environment());
  if (!keys) return fail(kFailed, keys.error().text);

  boost::asio::io_context loop;
  const auto clock = make_system_clock(loop);
  aws::GivenCredentials credentials(std::move(*keys));
  const auto http = aws::make_http({});
  aws::Pause pause;
  const aws::Caller caller{.http = *http,
                           .credentials = credentials,
                           .now = [&] { return std::chrono::floor<std::chrono::seconds>(clock->wall()); },
                           .waiting = aws::waiting_on(pause)};
  std::vector<std::unique_ptr<Region>> regions;
  for (const auto& target : *targets) {
    regions.push_back(std::make_unique<Region>(target, given["endpoint"].as<std::string>(), caller));
  }
  return import_rows(devices->rows, regions, given.contains("replace"));
}

int run(int argc, char** argv) {
  const auto table = options_table();
  po::variables_map given;
  try {
    po::positional_options_description positional;
    positional.add("file", 1);
    po::store(po::command_line_parser(argc, argv).options(table).positional(positional).run(), given);
  } catch (const po::error& e) {
    return fail(kUsage, std::string(e.what()) + "; see --help");
  }
  if (given.contains("help")) {
    std::ostringstream text;
    text << table;
    fmt::print("{}\n", text.str());
    return kDone;
  }
  return given.contains("generate") ? generate(given) : import_file(given);
}

}  // namespace
}  // namespace sluice::stack

int main(int argc, char** argv) {
  try {
    return sluice::stack::run(argc, argv);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "import: %s\n", e.what());
    return 70;
  }
}

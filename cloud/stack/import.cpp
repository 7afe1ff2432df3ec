// sluice-cloud-import: argv → a file of new devices, or a file of devices into the tables of regions.
// cloud/stack/import finds the tables and AWS's credentials and calls it.
#include <fmt/format.h>

#include <boost/asio/io_context.hpp>
#include <boost/program_options.hpp>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <fstream>
#include <iterator>
#include <optional>
#include <set>
#include <sstream>

#include "aws/credentials.hpp"
#include "aws/http.hpp"
#include "aws/retry.hpp"
#include "cloud/stack/device_file.hpp"
#include "cloud/stack/new_devices.hpp"
#include "cloud/stack/table_import.hpp"
#include "core/clock.hpp"

namespace sluice::stack {
namespace {

namespace po = boost::program_options;

constexpr int kDone = 0, kFailed = 1, kUsage = 64, kBadFile = 65, kNoFile = 66, kCannotCreate = 73;
constexpr std::size_t kMostShown = 50;  // problems

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

int import_file(const po::variables_map& given) {
  if (!given.contains("file")) return fail(kUsage, "which file? See --help");
  const auto targets = targets_from(given["to"].as<std::vector<std::string>>());
  if (!targets || targets->empty()) return fail(kUsage, "--to REGION=TABLE says where the devices go");
  std::vector<std::string> names;
  names.reserve(targets->size());
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
  const auto stopped = import_into(devices->rows, *targets, given["endpoint"].as<std::string>(), caller,
                                   given.contains("replace"));
  return stopped ? fail(kFailed, *stopped) : kDone;
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
  std::setvbuf(stdout, nullptr, _IOLBF, BUFSIZ);  // progress is for whoever waits, also behind a pipe
  try {
    return sluice::stack::run(argc, argv);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "import: %s\n", e.what());
    return 70;
  }
}

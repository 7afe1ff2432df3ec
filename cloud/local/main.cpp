// sluice-local-cloud: argv → a directory to make, a thing or a device to add, or a cloud to run.
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/program_options.hpp>
#include <charconv>
#include <cstdio>
#include <exception>
#include <iostream>

#include "cloud/local/cloud.hpp"
#include "cloud/local/devices.hpp"
#include "cloud/local/files.hpp"
#include "cloud/local/setup.hpp"
#include "cloud/local/tokens.hpp"

namespace {

namespace po = boost::program_options;
using namespace sluice;
using Words = std::vector<std::string>;

constexpr int kUsage = 64, kCannot = 1;

int fail(int code, const std::string& text) {
  std::fprintf(stderr, "sluice-local-cloud: %s\n", text.c_str());
  return code;
}

po::options_description options_table() {
  po::options_description table(
      "AWS IoT on a laptop\n\n"
      "  sluice-local-cloud --dir DIR --init [--region R[=A]]... [--name DNS-OR-IP]...\n"
      "  sluice-local-cloud --dir DIR add-thing NAME [--type T] [--attribute K=V]... [--policy P]...\n"
      "  sluice-local-cloud --dir DIR add-token PRODUCTID [--product P]\n"
      "  sluice-local-cloud --dir DIR import FILE.csv\n"
      "  sluice-local-cloud --dir DIR [--listen A:P] [--control A:P] [--cvm A:P] [--credentials A:P] "
      "[--admin A:P] ...\n\n"
      "Options");
  auto add = table.add_options();
  add("help,h", "this text");
  add("dir", po::value<std::string>(), "where certificates, things and policies are");
  add("init", "make the directory: authority, server certificate, policies, templates, keys");
  add("name", po::value<Words>()->default_value({}, ""), "one more name for the server's certificate");
  add("region", po::value<Words>()->default_value({"eu-central-1"}, "eu-central-1"),
      "REGION[=ADDRESS][,latency=80ms]; several run side by side");
  add("account", po::value<std::string>()->default_value("123456789012"), "account in ARNs");
  add("type", po::value<std::string>()->default_value(""), "thing type (add-thing)");
  add("attribute", po::value<Words>()->default_value({}, ""), "NAME=VALUE (add-thing)");
  add("policy", po::value<Words>()->default_value({}, ""), "policy of DIR/policies, or a file (add-thing)");
  add("certificate-of", po::value<std::string>()->default_value(""),
      "attach to this thing's certificate (add-thing)");
  add("product", po::value<std::string>()->default_value(""), "the device's model (add-token)");
  add("listen", po::value<std::string>()->default_value("127.0.0.1:8883"), "MQTT over mutual TLS");
  add("insecure-listen", po::value<std::string>()->default_value(""), "plain MQTT for tests, loopback only");
  add("control", po::value<std::string>()->default_value(""), "HTTPS: AWS IoT's control plane");
  add("cvm", po::value<std::string>()->default_value(""), "HTTPS: certificate vending machine");
  add("cvm-rate", po::value<double>()->default_value(0),
      "requests per second that its usage plan allows; 0: no limit");
  add("reissue", po::value<std::string>()->default_value("refuse"),
      "refuse or rotate: a registered device asks the CVM again");
  add("jitr", po::value<std::string>()->default_value("any"),
      "any: its function activates whom the CA vouches for; listed: devices of the table, one certificate "
      "each");
  add("credentials", po::value<std::string>()->default_value(""), "HTTPS: credentials provider");
  add("admin", po::value<std::string>()->default_value(""),
      "HTTP for status, faults and commands, loopback only");
  add("quotas", po::value<std::string>()->default_value("aws"), "aws: AWS's rates; off: none");
  add("log", po::value<std::string>()->default_value(""),
      "file for one JSON line per publish; none: no file, no memory");
  add("log-format", po::value<std::string>()->default_value("full"),
      "full, ids (record ids and topic only) or none");
  add("seed", po::value<std::uint64_t>()->default_value(1), "of random faults");
  add("verbose,v", "log more");
  add("command", po::value<Words>()->default_value({}, ""),
      "add-thing NAME, add-token PRODUCTID, import FILE");
  return table;
}

// "us-east-1=127.0.0.2,latency=80ms"
result<cloud::RegionOptions> parse_region(const std::string& text) {
  cloud::RegionOptions region;
  const auto comma = text.find(',');
  region.name = text.substr(0, comma);
  if (const auto equals = region.name.find('='); equals != std::string::npos) {
    region.address = region.name.substr(equals + 1);
    region.name.resize(equals);
  }
  Error bad{errc::invalid_argument, "--region " + text + " is not REGION[=ADDRESS][,latency=80ms]"};
  const bool named =
      !region.name.empty() &&
      region.name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-") == std::string::npos;
  if (!named) return bad;
  if (comma == std::string::npos) return region;
  constexpr std::string_view kLatency = "latency=";
  std::string_view more = std::string_view(text).substr(comma + 1);
  int milliseconds = 0;
  if (!more.starts_with(kLatency) || !more.ends_with("ms")) return bad;
  more.remove_prefix(kLatency.size());
  more.remove_suffix(2);
  const auto [end, ec] = std::from_chars(more.data(), more.data() + more.size(), milliseconds);
  if (ec != std::errc{} || end != more.data() + more.size() || milliseconds < 0 || milliseconds > 60'000)
    return bad;
  region.latency = std::chrono::milliseconds(milliseconds);
  return region;
}

result<std::vector<cloud::RegionOptions>> regions_of(const po::variables_map& given) {
  std::vector<cloud::RegionOptions> regions;
  for (const auto& text : given["region"].as<Words>()) {
    auto region = parse_region(text);
    if (!region) return region.error();
    regions.push_back(std::move(*region));
  }
  return regions;
}

int init(const po::variables_map& given, const std::string& directory, WallTime now) {
  const auto regions = regions_of(given);
  if (!regions) return fail(kUsage, regions.error().text);
  Words names, alternatives = given["name"].as<Words>();
  for (const auto& region : *regions) {
    names.push_back(region.name);
    if (!region.address.empty()) alternatives.push_back(region.address);
  }
  if (const auto done = cloud::init_directory(directory, names, alternatives, now); !done)
    return fail(kCannot, done.error().text);
  std::printf("AWS_SHARED_CREDENTIALS_FILE=%s/admin-credentials\nAWS_CA_BUNDLE=%s/ca.pem\n",
              directory.c_str(), directory.c_str());
  return 0;
}

int add_one_thing(const po::variables_map& given, const std::string& directory, const std::string& name,
                  WallTime now) {
  cloud::NewThing thing;
  thing.name = name;
  thing.type = given["type"].as<std::string>();
  thing.policies = given["policy"].as<Words>();
  thing.certificate_of = given["certificate-of"].as<std::string>();
  if (!given["region"].defaulted()) {
    const auto regions = regions_of(given);
    if (!regions) return fail(kUsage, regions.error().text);
    thing.region = regions->front().name;
  }
  for (const auto& pair : given["attribute"].as<Words>()) {
    const auto equals = pair.find('=');
    if (equals == std::string::npos) return fail(kUsage, "--attribute " + pair + " is not NAME=VALUE");
    thing.attributes[pair.substr(0, equals)] = pair.substr(equals + 1);
  }
  if (auto done = cloud::add_thing(directory, thing, now); !done) return fail(kCannot, done.error().text);
  std::printf("%s/things/%s\n", cloud::registry_folder(directory, thing.region).c_str(), thing.name.c_str());
  return 0;
}

int add_devices(const std::string& directory, const std::vector<cloud::NewDevice>& devices, bool with_names,
                WallTime now) {
  if (!std::filesystem::exists(directory + "/ca.pem"))
    return fail(kCannot, directory + " is not a local cloud; make it with --init");
  const auto table = cloud::open_devices(directory + "/devices", make_stderr_log(Level::info));
  if (with_names) std::printf("productid,accessToken\n");
  for (const auto& device : devices) {
    // The functions give things the product as their type where the type exists.
    const auto typed =
        device.product.empty() ? result<void>() : cloud::add_thing_type(directory, device.product, now);
    if (!typed) return fail(kCannot, typed.error().text);
    const auto token = cloud::add_token(*table, device);
    if (!token) return fail(kCannot, token.error().text);
    std::printf("%s%s%s\n", with_names ? device.productid.c_str() : "", with_names ? "," : "",
                token->c_str());
  }
  return 0;
}

int command(const po::variables_map& given, const std::string& directory, WallTime now) {
  const auto words = given["command"].as<Words>();
  if (words.size() != 2) return fail(kUsage, "unknown command; see --help");
  if (words[0] == "add-thing") return add_one_thing(given, directory, words[1], now);
  if (words[0] == "add-token") {
    cloud::NewDevice device;
    device.productid = words[1];
    device.product = given["product"].as<std::string>();
    if (!given["region"].defaulted()) device.region = given["region"].as<Words>().front();
    return add_devices(directory, {device}, false, now);
  }
  if (words[0] != "import") return fail(kUsage, "unknown command; see --help");
  const auto text = cloud::read_file(words[1]);
  if (!text) return fail(kCannot, text.error().text);
  const auto devices = cloud::parse_device_csv(*text);
  if (!devices) return fail(kCannot, words[1] + ": " + devices.error().text);
  return add_devices(directory, *devices, true, now);
}

int run(const po::variables_map& given, const std::string& directory, boost::asio::io_context& loop,
        Clock& clock) {
  cloud::CloudOptions options;
  options.directory = directory;
  options.listen = given["listen"].as<std::string>();
  options.insecure_listen = given["insecure-listen"].as<std::string>();
  options.admin = given["admin"].as<std::string>();
  options.control = given["control"].as<std::string>();
  options.cvm = given["cvm"].as<std::string>();
  options.credentials = given["credentials"].as<std::string>();
  if (!options.cvm.empty() && options.credentials.empty())
    return fail(kUsage, "--cvm needs --credentials, whose address is part of its answers");
  options.cvm_rate = given["cvm-rate"].as<double>();
  const auto regions = regions_of(given);
  if (!regions) return fail(kUsage, regions.error().text);
  options.regions = *regions;
  options.account = given["account"].as<std::string>();
  options.seed = given["seed"].as<std::uint64_t>();
  const auto quotas = given["quotas"].as<std::string>(), format = given["log-format"].as<std::string>(),
             file = given["log"].as<std::string>(), reissue = given["reissue"].as<std::string>(),
             jitr = given["jitr"].as<std::string>();
  if (quotas != "aws" && quotas != "off") return fail(kUsage, "--quotas is aws or off");
  if (reissue != "refuse" && reissue != "rotate") return fail(kUsage, "--reissue is refuse or rotate");
  if (jitr != "any" && jitr != "listed") return fail(kUsage, "--jitr is any or listed");
  if (format != "full" && format != "ids" && format != "none")
    return fail(kUsage, "--log-format is full, ids or none");
  options.rotate = reissue == "rotate";
  options.listed = jitr == "listed";
  options.quotas.on = quotas == "aws";
  options.log_format = format == "ids" ? cloud::LogFormat::ids : cloud::LogFormat::full;
  if (format == "none" || file == "none") options.log_format = cloud::LogFormat::none;
  if (options.log_format != cloud::LogFormat::none) options.log = file;

  const Log log = make_stderr_log(given.contains("verbose") ? Level::debug : Level::info).named("cloud");
  auto cloud = cloud::make_cloud(loop, clock, options, log);
  if (!cloud) return fail(kCannot, cloud.error().text);
  for (std::size_t i = 0; i < options.regions.size(); ++i) {
    const auto ports = (*cloud)->ports(i);
    std::string where;
    for (const auto& [name, port] :
         {std::pair("plain", ports.insecure), std::pair("control", ports.control),
          std::pair("cvm", ports.cvm), std::pair("credentials", ports.credentials)}) {
      if (port != 0) where += fmt::format(", {} on {}", name, port);
    }
    log.info("{}: listening on port {}{}", options.regions[i].name, ports.mqtt, where);
  }
  if ((*cloud)->admin_port() != 0) log.info("admin on {}", (*cloud)->admin_port());
  boost::asio::signal_set signals(loop, SIGINT, SIGTERM);
  Timer farewell(clock);
  signals.async_wait([&](boost::system::error_code ec, int) {
    if (ec) return;
    (*cloud)->stop();
    farewell.start(std::chrono::milliseconds(200), [&] { loop.stop(); });  // DISCONNECTs leave
  });
  loop.run();
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    const auto table = options_table();
    po::positional_options_description positional;
    positional.add("command", -1);
    po::variables_map given;
    po::store(po::command_line_parser(argc, argv).options(table).positional(positional).run(), given);
    po::notify(given);
    if (given.contains("help")) {
      std::cout << table;
      return 0;
    }
    if (!given.contains("dir")) return fail(kUsage, "--dir DIR is missing; see --help");
    const auto directory = given["dir"].as<std::string>();
    boost::asio::io_context loop{1};
    const auto clock = make_system_clock(loop);
    if (given.contains("init")) return init(given, directory, clock->wall());
    if (!given["command"].as<Words>().empty()) return command(given, directory, clock->wall());
    return run(given, directory, loop, *clock);
  } catch (const po::error& error) {
    return fail(kUsage, std::string(error.what()) + "; see --help");
  } catch (const std::exception& error) {
    return fail(70, error.what());
  }
}

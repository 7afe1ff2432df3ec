// sluice-local-cloud: argv → a directory to make, a thing to add, or a cloud to run.
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/program_options.hpp>
#include <cstdio>
#include <exception>
#include <iostream>

#include "cloud/local/cloud.hpp"
#include "cloud/local/setup.hpp"

namespace {

namespace po = boost::program_options;
using namespace sluice;

constexpr int kUsage = 64, kCannot = 1;

int fail(int code, const std::string& text) {
  std::fprintf(stderr, "sluice-local-cloud: %s\n", text.c_str());
  return code;
}

po::options_description options_table() {
  po::options_description table(
      "AWS IoT Core on a laptop\n\n"
      "  sluice-local-cloud --dir DIR --init [--region R]... [--name DNS-OR-IP]...\n"
      "  sluice-local-cloud --dir DIR add-thing NAME [--type T] [--attribute K=V]... [--policy P]...\n"
      "  sluice-local-cloud --dir DIR [--listen A:P] [--admin A:P] ...\n\nOptions");
  auto add = table.add_options();
  add("help,h", "this text");
  add("dir", po::value<std::string>(), "where certificates, things and policies are");
  add("init", "make the directory: authority, server certificate, policies");
  add("name", po::value<std::vector<std::string>>()->default_value({}, ""),
      "one more name for the server's certificate");
  add("region", po::value<std::vector<std::string>>()->default_value({"eu-central-1"}, "eu-central-1"),
      "region in ARNs; with --init may be given several times");
  add("account", po::value<std::string>()->default_value("123456789012"), "account in ARNs");
  add("type", po::value<std::string>()->default_value(""), "thing type (add-thing)");
  add("attribute", po::value<std::vector<std::string>>()->default_value({}, ""), "NAME=VALUE (add-thing)");
  add("policy", po::value<std::vector<std::string>>()->default_value({}, ""),
      "policy of DIR/policies, or a file (add-thing)");
  add("certificate-of", po::value<std::string>()->default_value(""),
      "attach to this thing's certificate (add-thing)");
  add("listen", po::value<std::string>()->default_value("127.0.0.1:8883"), "MQTT over mutual TLS");
  add("insecure-listen", po::value<std::string>()->default_value(""), "plain MQTT for tests, loopback only");
  add("admin", po::value<std::string>()->default_value(""),
      "HTTP for status, faults and commands, loopback only");
  add("quotas", po::value<std::string>()->default_value("aws"), "aws: AWS's rates; off: none");
  add("log", po::value<std::string>()->default_value(""),
      "file for one JSON line per publish; none: no file, no memory");
  add("log-format", po::value<std::string>()->default_value("full"),
      "full, ids (record ids and topic only) or none");
  add("seed", po::value<std::uint64_t>()->default_value(1), "of random faults");
  add("verbose,v", "log more");
  add("command", po::value<std::vector<std::string>>()->default_value({}, ""), "add-thing NAME");
  return table;
}

int add_one_thing(const po::variables_map& given, const std::string& directory, WallTime now) {
  const auto words = given["command"].as<std::vector<std::string>>();
  if (words.size() != 2 || words[0] != "add-thing") return fail(kUsage, "unknown command; see --help");
  cloud::NewThing thing;
  thing.name = words[1];
  thing.type = given["type"].as<std::string>();
  thing.policies = given["policy"].as<std::vector<std::string>>();
  thing.certificate_of = given["certificate-of"].as<std::string>();
  for (const auto& pair : given["attribute"].as<std::vector<std::string>>()) {
    const auto equals = pair.find('=');
    if (equals == std::string::npos) return fail(kUsage, "--attribute " + pair + " is not NAME=VALUE");
    thing.attributes[pair.substr(0, equals)] = pair.substr(equals + 1);
  }
  if (auto done = cloud::add_thing(directory, thing, now); !done) return fail(kCannot, done.error().text);
  std::printf("%s/things/%s\n", directory.c_str(), thing.name.c_str());
  return 0;
}

int run(const po::variables_map& given, const std::string& directory, boost::asio::io_context& loop,
        Clock& clock) {
  cloud::CloudOptions options;
  options.directory = directory;
  options.listen = given["listen"].as<std::string>();
  options.insecure_listen = given["insecure-listen"].as<std::string>();
  options.admin = given["admin"].as<std::string>();
  options.region = given["region"].as<std::vector<std::string>>().front();
  options.account = given["account"].as<std::string>();
  options.seed = given["seed"].as<std::uint64_t>();
  const auto quotas = given["quotas"].as<std::string>(), format = given["log-format"].as<std::string>(),
             file = given["log"].as<std::string>();
  if (quotas != "aws" && quotas != "off") return fail(kUsage, "--quotas is aws or off");
  if (format != "full" && format != "ids" && format != "none")
    return fail(kUsage, "--log-format is full, ids or none");
  options.quotas.on = quotas == "aws";
  options.log_format = format == "ids" ? cloud::LogFormat::ids : cloud::LogFormat::full;
  if (format == "none" || file == "none") options.log_format = cloud::LogFormat::none;
  if (options.log_format != cloud::LogFormat::none) options.log = file;

  const Log log = make_stderr_log(given.contains("verbose") ? Level::debug : Level::info).named("cloud");
  auto cloud = cloud::make_cloud(loop, clock, options, log);
  if (!cloud) return fail(kCannot, cloud.error().text);
  log.info("listening on port {}{}{}", (*cloud)->port(),
           (*cloud)->insecure_port() != 0 ? fmt::format(", plain on {}", (*cloud)->insecure_port()) : "",
           (*cloud)->admin_port() != 0 ? fmt::format(", admin on {}", (*cloud)->admin_port()) : "");
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
    if (given.contains("init")) {
      const auto done = cloud::init_directory(directory, given["region"].as<std::vector<std::string>>(),
                                              given["name"].as<std::vector<std::string>>(), clock->wall());
      return done ? 0 : fail(kCannot, done.error().text);
    }
    if (!given["command"].as<std::vector<std::string>>().empty())
      return add_one_thing(given, directory, clock->wall());
    return run(given, directory, loop, *clock);
  } catch (const po::error& error) {
    return fail(kUsage, std::string(error.what()) + "; see --help");
  } catch (const std::exception& error) {
    return fail(70, error.what());
  }
}

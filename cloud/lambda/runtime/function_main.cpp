#include "cloud/lambda/runtime/function_main.hpp"

#include <boost/asio/io_context.hpp>
#include <cstdio>
#include <exception>
#include <fstream>
#include <iterator>

#include "aws/dynamodb.hpp"
#include "aws/iot_control_https.hpp"
#include "cloud/lambda/device_table_dynamodb.hpp"
#include "cloud/lambda/runtime/loop.hpp"
#include "cloud/lambda/setting_words.hpp"
#include "core/clock.hpp"

namespace sluice::lambda {
namespace {

constexpr int kExitSettings = 78;  // EX_CONFIG

// CloudWatch adds the time; a line without line breaks is one entry.
Log stderr_log(std::string_view name) {
  const auto sink = [](Level level, std::string_view part, std::string_view line) {
    constexpr std::string_view kNames[] = {"DEBUG", "INFO", "WARN", "ERROR"};
    std::string text = std::string(kNames[static_cast<std::size_t>(level)]) + " " + std::string(part) + ": ";
    for (const char c : line) text.push_back(static_cast<unsigned char>(c) < 0x20 ? ' ' : c);
    std::fprintf(stderr, "%s\n", text.c_str());
  };
  return {std::make_shared<const Log::Sink>(sink), std::string(name)};
}

// As AWS's own SDKs do: the service's variable wins.
std::string endpoint_of(const aws::Environment& environment, std::string_view service) {
  auto own = setting(environment, "AWS_ENDPOINT_URL_" + std::string(service));
  return own.empty() ? setting(environment, "AWS_ENDPOINT_URL") : own;
}

// The packed libcurl looks where Debian keeps the roots; Amazon Linux keeps them elsewhere.
aws::result<std::string> trust_roots(const aws::Environment& environment) {
  const auto said = setting(environment, "SSL_CERT_FILE");
  for (const auto& path : {said, std::string("/etc/pki/tls/certs/ca-bundle.crt"),
                           std::string("/etc/ssl/certs/ca-certificates.crt")}) {
    if (path.empty()) continue;
    std::ifstream file(path, std::ios::binary);
    std::string text(std::istreambuf_iterator<char>(file), {});
    if (file.is_open() && !text.empty()) return text;
    if (path == said) return aws::invalid_argument("SSL_CERT_FILE: " + said + " cannot be read");
  }
  return aws::invalid_argument("no trust roots found; name a PEM file in SSL_CERT_FILE");
}

aws::ServiceOptions service(const aws::Environment& environment, const std::string& region,
                            const char* name) {
  aws::ServiceOptions options;
  options.region = region;
  options.endpoint = endpoint_of(environment, name);
  // An invocation is short: what does not answer soon is answered with "ask again later".
  options.timeout = std::chrono::seconds(5);
  options.retry = {.most_tries = 4,
                   .first = std::chrono::milliseconds(50),
                   .most = std::chrono::seconds(1),
                   .budget = std::chrono::seconds(3)};
  return options;
}

int run(std::string_view name, const MakeHandler& make, const RuntimeApi& api,
        const aws::Environment& environment, const Log& log) {
  boost::asio::io_context loop;  // only the clock's; it never runs
  const auto clock = make_system_clock(loop);
  const auto refused = [&](const aws::Error& error) {
    log.error("{}", error.text);
    if (const auto told = api.fail_init({"Init.Settings", error.text}); !told)
      log.error("{}", told.error().text);
    return kExitSettings;
  };
  const auto region = needed_setting(environment, "AWS_REGION");
  if (!region) return refused(region.error());
  const auto keys = aws::credentials_from(environment);
  if (!keys) return refused(keys.error());
  const auto roots = trust_roots(environment);
  if (!roots) return refused(roots.error());

  Deadline deadline;
  aws::HttpOptions options;
  options.ca_pem = *roots;
  options.connect_timeout = std::chrono::seconds(2);
  options.cancelled = &deadline.over();
  const auto http = aws::make_http(std::move(options));
  aws::GivenCredentials credentials(*keys);
  aws::Pause pause;
  auto waiting = aws::waiting_on(pause);
  waiting.wait = [&deadline](std::chrono::milliseconds time) { deadline.wait(time); };
  const Now now = [&clock] { return std::chrono::floor<std::chrono::seconds>(clock->wall()); };
  const aws::Caller caller{*http, credentials, now, waiting};
  const auto iot = aws::make_iot_control(service(environment, *region, "IOT"), caller);
  const auto dynamodb = aws::make_dynamodb(service(environment, *region, "DYNAMODB"), caller);
  const auto table_name = setting(environment, "SLUICE_TABLE");
  const auto table = table_name.empty() ? nullptr : make_dynamodb_device_table(*dynamodb, table_name);

  const auto handler = make({environment, *region, *iot, table.get(), now, log.named(std::string(name))});
  if (!handler) return refused(handler.error());
  return serve(
      {api, deadline, [&clock] { return std::chrono::floor<std::chrono::milliseconds>(clock->wall()); },
       [&pause](std::chrono::milliseconds time) { pause.wait(time); }, log.named("runtime")},
      *handler);
}

}  // namespace

int function_main(std::string_view name, const MakeHandler& make) {
  const auto log = stderr_log(name);
  const auto environment = aws::process_environment();
  const auto address = needed_setting(environment, "AWS_LAMBDA_RUNTIME_API");
  if (!address) {
    log.error("{}: this program is a Lambda function, started by Lambda's custom runtime",
              address.error().text);
    return kExitSettings;
  }
  const RuntimeApi api(*address);
  try {
    return run(name, make, api, environment, log);
  } catch (const std::exception& e) {
    log.error("{}", e.what());
    (void)api.fail_init({"Init.Exception", e.what()});
    return 1;
  }
}

}  // namespace sluice::lambda

#include "cloud/lambda/runtime/runtime_api.hpp"

#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <charconv>
#include <nlohmann/json.hpp>
#include <utility>

#include "aws/json_text.hpp"
#include "cloud/lambda/apigw_event.hpp"

namespace sluice::lambda {
namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using Kind = aws::Error::Kind;
using Request = http::request<http::string_body>;
using Response = http::response<http::string_body>;

constexpr const char* kVersion = "/2018-06-01/runtime";

aws::Error trouble(Kind kind, unsigned status, std::string text) {
  return {kind, status, {}, "runtime API: " + std::move(text), {}};
}

// A connection of its own for each call: the host is this machine, and nothing can be left over in it.
aws::result<Response> exchange(const std::string& host, const std::string& port, Request request) {
  asio::io_context context;
  asio::ip::tcp::socket socket(context);
  boost::system::error_code ec;
  const auto failed = [&](const char* what) {
    return trouble(Kind::network, 0, what + (": " + ec.message()));
  };
  const auto found = asio::ip::tcp::resolver(context).resolve(host, port, ec);
  if (ec) return failed("resolve");
  asio::connect(socket, found, ec);
  if (ec) return failed("connect");
  request.set(http::field::host, host + ":" + port);
  request.set(http::field::user_agent, "sluice-lambda");
  request.keep_alive(false);
  request.prepare_payload();
  if (request.method() == http::verb::post)
    request.content_length(request.body().size());  // also when it is 0
  http::write(socket, request, ec);
  if (ec) return failed("send");
  boost::beast::flat_buffer buffer;
  http::response_parser<http::string_body> parser;
  parser.body_limit(kMostEvent);
  http::read(socket, buffer, parser, ec);
  if (ec) return failed("receive");
  return parser.release();
}

std::string header(const Response& response, const char* name) { return std::string(response[name]); }

std::string error_json(const FunctionError& error) {
  return aws::dumped(
      {{"errorMessage", error.message}, {"errorType", error.type}, {"stackTrace", nlohmann::json::array()}});
}

}  // namespace

RuntimeApi::RuntimeApi(const std::string& address)
    : host_(address.substr(0, address.rfind(':'))),
      port_(address.find(':') == address.npos ? "80" : address.substr(address.rfind(':') + 1)) {}

aws::result<Invocation> RuntimeApi::next() const {
  auto response =
      exchange(host_, port_, Request(http::verb::get, std::string(kVersion) + "/invocation/next", 11));
  if (!response) return response.error();
  const auto status = response->result_int();
  if (status != 200) {
    return trouble(status >= 500 ? Kind::unavailable : Kind::protocol, status,
                   "next was answered with status " + std::to_string(status));
  }
  Invocation invocation{.request_id = header(*response, "Lambda-Runtime-Aws-Request-Id"),
                        .trace_id = header(*response, "Lambda-Runtime-Trace-Id"),
                        .function_arn = header(*response, "Lambda-Runtime-Invoked-Function-Arn"),
                        .deadline = {},
                        .event = std::move(response->body())};
  if (invocation.request_id.empty()) return trouble(Kind::protocol, status, "next came without a request id");
  const auto text = header(*response, "Lambda-Runtime-Deadline-Ms");
  std::int64_t deadline_ms = 0;
  std::from_chars(text.data(), text.data() + text.size(), deadline_ms);
  invocation.deadline += std::chrono::milliseconds(deadline_ms);
  return invocation;
}

aws::result<void> RuntimeApi::post(const std::string& path, const std::string& body,
                                   const std::string& error_type) const {
  Request request(http::verb::post, kVersion + path, 11);
  request.set(http::field::content_type, "application/json");
  if (!error_type.empty()) request.set("Lambda-Runtime-Function-Error-Type", error_type);
  request.body() = body;
  const auto response = exchange(host_, port_, std::move(request));
  if (!response) return response.error();
  const auto status = response->result_int();
  if (status >= 200 && status < 300) return {};
  return trouble(
      status >= 500 ? Kind::unavailable : Kind::invalid, status,
      path + " was answered with status " + std::to_string(status) + ": " + response->body().substr(0, 200));
}

aws::result<void> RuntimeApi::respond(const std::string& request_id, const std::string& body) const {
  return post("/invocation/" + request_id + "/response", body, {});
}

aws::result<void> RuntimeApi::fail(const std::string& request_id, const FunctionError& error) const {
  return post("/invocation/" + request_id + "/error", error_json(error), error.type);
}

aws::result<void> RuntimeApi::fail_init(const FunctionError& error) const {
  return post("/init/error", error_json(error), error.type);
}

}  // namespace sluice::lambda

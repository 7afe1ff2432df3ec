// The loop against a runtime API that says what the script says, over real HTTP.
#include <gtest/gtest.h>

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <thread>

#include "cloud/lambda/runtime/loop.hpp"

namespace sluice::lambda {
namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using nlohmann::json;
using Heard = http::request<http::string_body>;
using Says = http::response<http::string_body>;

Says says(unsigned status, const std::string& body = {}) {
  Says response(static_cast<http::status>(status), 11);
  response.body() = body;
  return response;
}

Says event(const std::string& id, const std::string& body, std::int64_t deadline_ms = 0) {
  auto response = says(200, body);
  response.set("Lambda-Runtime-Aws-Request-Id", id);
  response.set("Lambda-Runtime-Trace-Id", "trace of " + id);
  if (deadline_ms != 0) response.set("Lambda-Runtime-Deadline-Ms", std::to_string(deadline_ms));
  return response;
}

// One answer for each request, in order; after the last one it says 500, which ends a function.
class Script {
 public:
  explicit Script(std::vector<Says> script)
      : script_(std::move(script)), acceptor_(context_, {asio::ip::address_v4::loopback(), 0}) {
    thread_ = std::thread([this] { play(); });
  }
  ~Script() {
    if (thread_.joinable()) thread_.join();
  }
  std::string address() const { return "127.0.0.1:" + std::to_string(acceptor_.local_endpoint().port()); }
  // When the script is over.
  const std::vector<Heard>& heard() {
    thread_.join();
    return heard_;
  }

 private:
  void play() {
    for (std::size_t i = 0; i <= script_.size(); ++i) {
      asio::ip::tcp::socket socket(context_);
      acceptor_.accept(socket);
      boost::beast::flat_buffer buffer;
      http::request_parser<http::string_body> parser;
      parser.body_limit(16 * 1024 * 1024);
      http::read(socket, buffer, parser);
      heard_.push_back(parser.release());
      if (i < script_.size() && script_[i].result_int() == 444) continue;  // hangs up
      auto response = i < script_.size() ? script_[i] : says(500);
      if (!response.chunked()) response.prepare_payload();
      http::write(socket, response);
    }
  }

  std::vector<Says> script_;
  std::vector<Heard> heard_;
  asio::io_context context_;
  asio::ip::tcp::acceptor acceptor_;
  std::thread thread_;
};

struct Served {
  explicit Served(std::vector<Says> answers) : script(std::move(answers)) {}
  int with(const Handler& handler) {
    const RuntimeApi api(script.address());
    const int code =
        serve({api, deadline, [this] { return now; }, [this](auto) { ++pauses; }, Log()}, handler);
    heard = script.heard();
    return code;
  }
  std::string target(std::size_t i) const { return std::string(heard.at(i).target()); }
  Script script;
  Deadline deadline;
  std::chrono::sys_time<std::chrono::milliseconds> now{std::chrono::milliseconds(1'000'000)};
  int pauses = 0;
  std::vector<Heard> heard;
};

Answer echo(std::string_view text) { return std::string(text); }

TEST(Runtime, CarriesEventsToTheHandlerAndAnswersBack) {
  Served run({event("r-1", R"({"a":1})"), says(202), event("r-2", ""), says(202)});
  std::vector<std::string> traces;
  EXPECT_EQ(run.with([&](std::string_view text) {
    traces.emplace_back(std::getenv("_X_AMZN_TRACE_ID"));
    return echo(text);
  }),
            1);
  EXPECT_EQ(traces, (std::vector<std::string>{"trace of r-1", "trace of r-2"}));
  EXPECT_EQ(run.target(0), "/2018-06-01/runtime/invocation/next");
  EXPECT_EQ(run.target(1), "/2018-06-01/runtime/invocation/r-1/response");
  EXPECT_EQ(run.heard.at(1).body(), R"({"a":1})");
  EXPECT_EQ(run.heard.at(3)[http::field::content_length], "0") << "explicit, also when it is empty";
  for (const auto& request : run.heard) EXPECT_EQ(request.count(http::field::expect), 0U);
}

TEST(Runtime, ReadsAChunkedEvent) {
  auto chunked = event("r-1", "text of an event");
  chunked.chunked(true);
  Served run({chunked, says(202)});
  run.with(echo);
  EXPECT_EQ(run.heard.at(1).body(), "text of an event");
}

TEST(Runtime, ReportsAnErrorOfTheHandlerAndGoesOn) {
  Served run({event("r-1", ""), says(202), event("r-2", ""), says(202)});
  int calls = 0;
  run.with([&](std::string_view) -> Answer {
    if (++calls == 1) return FunctionError("Unauthorized", "Unauthorized");
    throw std::runtime_error("a defect");
  });
  EXPECT_EQ(run.target(1), "/2018-06-01/runtime/invocation/r-1/error");
  EXPECT_EQ(run.heard.at(1)["Lambda-Runtime-Function-Error-Type"], "Unauthorized");
  EXPECT_EQ(json::parse(run.heard.at(1).body()).at("errorMessage"), "Unauthorized");
  EXPECT_EQ(json::parse(run.heard.at(3).body()).at("errorType"), "Runtime.Exception");
}

TEST(Runtime, TriesNextAgainWhenTheConnectionBreaks) {
  Served run({says(444), says(444), event("r-1", "x"), says(202)});
  run.with(echo);
  EXPECT_EQ(run.pauses, 2);
  EXPECT_EQ(run.target(3), "/2018-06-01/runtime/invocation/r-1/response");
}

TEST(Runtime, LeavesAtOnceWithStatus500) {
  Served run({});
  EXPECT_EQ(run.with(echo), 1);
  EXPECT_EQ(run.heard.size(), 1U);
  EXPECT_EQ(run.pauses, 0);
}

TEST(Runtime, LeavesWhenNextIsRefusedForGood) {
  Served run({says(403), says(403), says(403), says(403)});
  EXPECT_EQ(run.with(echo), 1);
  EXPECT_EQ(run.heard.size(), 5U);
}

TEST(Runtime, TellsTheCallerWhenItsAnswerIsRefused) {
  Served run({event("r-1", "x"), says(413, "too large"), says(202)});
  run.with(echo);
  EXPECT_EQ(run.target(2), "/2018-06-01/runtime/invocation/r-1/error");
  EXPECT_EQ(run.heard.at(2)["Lambda-Runtime-Function-Error-Type"], "Runtime.ResponseRefused");
}

TEST(Runtime, DoesNotSendWhatLambdaWouldNotTake) {
  Served run({event("r-1", "x"), says(202)});
  run.with([](std::string_view) { return Answer(std::string(6 * 1024 * 1024 + 1, 'x')); });
  EXPECT_EQ(run.heard.at(1)["Lambda-Runtime-Function-Error-Type"], "Runtime.ResponseTooLarge");
}

TEST(Runtime, CutsWhatStillRunsWhenTheTimeIsNearlyOver) {
  Served run(
      {event("r-1", "x", 1'000'000 + 520), says(202), event("r-2", "y", 1'000'000 + 60'000), says(202)});
  std::vector<bool> cut;
  run.with([&](std::string_view) {
    if (cut.empty()) run.deadline.wait(std::chrono::minutes(1));  // a call to AWS that hangs
    cut.push_back(run.deadline.over());
    return Answer("late");
  });
  EXPECT_EQ(cut, (std::vector<bool>{true, false}));
}

}  // namespace
}  // namespace sluice::lambda

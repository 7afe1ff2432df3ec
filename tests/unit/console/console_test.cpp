#include "console/console.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <fstream>
#include <nlohmann/json.hpp>

#include "console/control_session.hpp"
#include "tests/support/scratch.hpp"
#include "tests/support/virtual_clock.hpp"

namespace sluice {
namespace {

using Protocol = boost::asio::local::stream_protocol;
using nlohmann::json;

// Talks to the console on the same loop: every call lets the loop run until nothing is ready.
class ConsoleTest : public testing::Test {
 protected:
  std::unique_ptr<Console> make() {
    return make_console({.socket = path_, .log_level = "info"}, loop_, clock_, {});
  }

  struct Client {
    explicit Client(ConsoleTest& test) : test_(test), socket_(test.loop_) {
      socket_.connect(Protocol::endpoint(test.path_.string()));
      socket_.non_blocking(true);
      test.run();
    }
    void send(std::string_view bytes) {
      while (!bytes.empty()) {
        boost::system::error_code error;
        const auto n = socket_.send(boost::asio::buffer(bytes.data(), bytes.size()), 0, error);
        if (error && error != boost::asio::error::would_block) break;
        bytes.remove_prefix(n);
        test_.run();
      }
      test_.run();
    }
    // Everything that has arrived.
    std::string received() {
      test_.run();
      std::string all;
      char part[65536];
      for (;;) {
        boost::system::error_code error;
        const auto n = socket_.receive(boost::asio::buffer(part), 0, error);
        closed = error == boost::asio::error::eof || error == boost::asio::error::connection_reset;
        if (error) return all;
        all.append(part, n);
        test_.run();
      }
    }
    json ask(std::string_view line) {
      send(std::string(line) + "\n");
      return json::parse(received(), nullptr, false);
    }
    bool is_closed() {
      received();
      return closed;
    }
    ConsoleTest& test_;
    Protocol::socket socket_;
    bool closed = false;
  };

  void run() {
    loop_.restart();
    loop_.poll();
  }

  test::Scratch scratch_;
  std::filesystem::path path_ = scratch_.path() / "control.sock";
  boost::asio::io_context loop_{1};
  test::VirtualClock clock_;
};

TEST_F(ConsoleTest, SendsAwayWhoseProcessIsBarred) {
  const auto console = make();
  console->add("ask", [](const json&, const Console::Reply& reply) { reply(ok(1)); });
  int asked = 0;
  console->bar([&](int process) {
    asked = process;
    return process == ::getpid();
  });
  ASSERT_TRUE(console->start());
  Client client(*this);
  EXPECT_TRUE(client.is_closed());
  EXPECT_EQ(asked, ::getpid());
  console->stop();
}

TEST_F(ConsoleTest, AnswersACommandWithItsResult) {
  const auto console = make();
  console->add("status", [](const json& args, const Console::Reply& reply) { reply(ok({{"echo", args}})); });
  ASSERT_TRUE(console->start());
  Client client(*this);
  EXPECT_EQ(client.ask(R"({"command":"status","args":{"a":1}})"),
            json::parse(R"({"ok":true,"result":{"echo":{"a":1}}})"));
  EXPECT_EQ(client.ask(R"({"command":"status"})")["result"]["echo"], json::object());
}

TEST_F(ConsoleTest, AnswersAnErrorWithItsCodeAndText) {
  const auto console = make();
  console->add("devices remove", [](const json&, const Console::Reply& reply) {
    reply(Error{errc::not_found, "no device x"});
  });
  ASSERT_TRUE(console->start());
  Client client(*this);
  EXPECT_EQ(client.ask(R"({"command":"devices remove"})"),
            json::parse(R"({"ok":false,"error":{"code":"not_found","text":"no device x"}})"));
}

TEST_F(ConsoleTest, RefusesWhatIsNoRequestAndGoesOn) {
  const auto console = make();
  console->add("wants-a-number",
               [](const json& args, const Console::Reply& reply) { reply(ok(args.at("n").get<int>())); });
  ASSERT_TRUE(console->start());
  Client client(*this);
  for (const auto* line :
       {"{", "[]", "17", R"({"command":5})", R"({"command":"wants-a-number","args":[]})",
        R"({"command":"wants-a-number","args":{"n":"x"}})", R"({"command":"wants-a-number"})", "\xff"}) {
    const auto answer = client.ask(line);
    EXPECT_EQ(answer["ok"], false) << line;
    EXPECT_EQ(answer["error"]["code"], "invalid_argument") << line;
  }
  EXPECT_EQ(client.ask(R"({"command":"nonsense"})")["error"]["code"], "unsupported");
  EXPECT_EQ(client.ask(R"({"command":"wants-a-number","args":{"n":4}})")["result"], 4);
}

TEST_F(ConsoleTest, RunsRequestsOfOneConnectionInOrderOneAtATime) {
  const auto console = make();
  std::vector<Console::Reply> waiting;
  console->add("later", [&](const json&, Console::Reply reply) { waiting.push_back(std::move(reply)); });
  ASSERT_TRUE(console->start());
  Client client(*this);
  client.send("{\"command\":\"later\"}\n{\"command\":\"later\"}\n");
  ASSERT_EQ(waiting.size(), 1U);
  waiting[0](ok(1));
  run();
  ASSERT_EQ(waiting.size(), 2U);
  waiting[0](ok("twice"));  // a second answer is not taken for the next request's
  waiting[1](ok(2));
  EXPECT_EQ(client.received(), "{\"ok\":true,\"result\":1}\n{\"ok\":true,\"result\":2}\n");
}

TEST_F(ConsoleTest, AnAnswerAfterTheAskerHasGoneIsDropped) {
  const auto console = make();
  Console::Reply late;
  console->add("later", [&](const json&, Console::Reply reply) { late = std::move(reply); });
  ASSERT_TRUE(console->start());
  {
    Client client(*this);
    client.send("{\"command\":\"later\"}\n");
  }
  run();
  late(ok(1));
  console->stop();
  late(ok(1));
  run();
}

TEST_F(ConsoleTest, ACommandThatNeverAnswersTimesOut) {
  const auto console = make();
  console->add("never", [](const json&, const Console::Reply&) {});
  ASSERT_TRUE(console->start());
  Client client(*this);
  client.send("{\"command\":\"never\"}\n");
  clock_.advance(31s);
  EXPECT_EQ(json::parse(client.received())["error"]["code"], "timeout");
}

TEST_F(ConsoleTest, BoundsTheRequest) {
  const auto console = make();
  ASSERT_TRUE(console->start());
  Client client(*this);
  client.send(std::string(kMaxControlRequest + 1, 'x'));
  EXPECT_EQ(json::parse(client.received())["error"]["code"], "invalid_argument");
  EXPECT_TRUE(client.is_closed());
}

TEST_F(ConsoleTest, ClosesAConnectionThatAsksNothing) {
  const auto console = make();
  ASSERT_TRUE(console->start());
  Client client(*this);
  EXPECT_FALSE(client.is_closed());
  clock_.advance(61s);
  EXPECT_TRUE(client.is_closed());
}

TEST_F(ConsoleTest, TakesSixteenConnectionsAndTellsTheNext) {
  const auto console = make();
  console->add("status", [](const json&, const Console::Reply& reply) { reply(ok(1)); });
  ASSERT_TRUE(console->start());
  std::vector<std::unique_ptr<Client>> clients;
  for (std::size_t i = 0; i < kMaxControlConnections; ++i) clients.push_back(std::make_unique<Client>(*this));
  Client one_too_many(*this);
  EXPECT_EQ(json::parse(one_too_many.received())["error"]["code"], "full");
  EXPECT_TRUE(one_too_many.is_closed());
  clients.pop_back();
  run();
  Client again(*this);
  EXPECT_EQ(again.ask(R"({"command":"status"})")["ok"], true);
}

TEST_F(ConsoleTest, ReplacesTheSocketOfADeadDaemon) {
  {
    Protocol::acceptor dead(loop_, Protocol::endpoint(path_.string()));
  }
  ASSERT_TRUE(std::filesystem::exists(path_));
  const auto console = make();
  EXPECT_TRUE(console->start());
  Client client(*this);
}

TEST_F(ConsoleTest, LeavesTheSocketOfALiveDaemonAlone) {
  const auto first = make();
  ASSERT_TRUE(first->start());
  const auto second = make();
  const auto started = second->start();
  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().code, errc::exists);
  EXPECT_NE(started.error().text.find(path_.string()), std::string::npos);
  second->stop();
  Client client(*this);  // still there
}

TEST_F(ConsoleTest, DoesNotRemoveAFileThatIsNoSocket) {
  std::ofstream(path_) << "precious";
  const auto console = make();
  EXPECT_EQ(console->start().error().code, errc::exists);
  EXPECT_EQ(std::filesystem::file_size(path_), 8U);
}

TEST_F(ConsoleTest, SaysWhenThePathIsTooLong) {
  path_ = scratch_.path() / std::string(120, 'x');
  EXPECT_EQ(make()->start().error().code, errc::invalid_argument);
}

TEST_F(ConsoleTest, IsOpenToTheOwnerAndTheGroupOnlyAndGoneAfterStop) {
  const auto console = make();
  ASSERT_TRUE(console->start());
  struct stat info{};
  ASSERT_EQ(::stat(path_.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777U, 0660U);
  console->stop();
  EXPECT_FALSE(std::filesystem::exists(path_));
}

}  // namespace
}  // namespace sluice

#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/post.hpp>
#include <fstream>
#include <thread>

#include "console/console.hpp"
#include "ctl/client.hpp"
#include "ctl/exit_codes.hpp"
#include "tests/support/scratch.hpp"

namespace sluice::ctl {
namespace {

// A console on a loop of its own: the client blocks.
class ClientTest : public testing::Test {
 protected:
  void start() {
    console_->add("echo", [](const nlohmann::json& args, const Console::Reply& reply) { reply(ok(args)); });
    console_->add("refuse", [](const nlohmann::json&, const Console::Reply& reply) {
      reply(Error{errc::denied, "not today"});
    });
    ASSERT_TRUE(console_->start());
    thread_ = std::thread([this] { loop_.run(); });
  }
  void stop() {
    if (!thread_.joinable()) return;
    // The clock's timer of the cancelled deadlines is still armed: the loop would wait for it.
    boost::asio::post(loop_, [this] {
      console_->stop();
      loop_.stop();
    });
    thread_.join();
  }
  ~ClientTest() override { stop(); }

  test::Scratch scratch_;
  std::filesystem::path path_ = scratch_.path() / "control.sock";
  boost::asio::io_context loop_{1};
  std::unique_ptr<Clock> clock_ = make_system_clock(loop_);
  std::unique_ptr<Console> console_ =
      make_console({.socket = path_, .log_level = "info"}, loop_, *clock_, {});
  std::thread thread_;
};

TEST_F(ClientTest, AsksManyTimesOverOneConnection) {
  start();
  Client client(path_);
  const std::string large(60'000, 'x');
  for (int i = 0; i < 3; ++i) {
    const auto answer = client.ask("echo", {{"i", i}, {"large", large}});
    ASSERT_TRUE(answer.good) << answer.text;
    EXPECT_EQ(answer.result["i"], i);
    EXPECT_EQ(answer.result["large"], large);
  }
  EXPECT_EQ(client.daemon(), ::getpid());
}

TEST_F(ClientTest, GivesTheDaemonsReasonAndExitCode) {
  start();
  Client client(path_);
  const auto answer = client.ask("refuse");
  EXPECT_FALSE(answer.good);
  EXPECT_EQ(answer.code, "denied");
  EXPECT_EQ(answer.text, "not today");
  EXPECT_EQ(answer.exit_code, exit_code::failed);
}

TEST_F(ClientTest, SaysWhatToDoWhenNobodyAnswers) {
  Client nowhere(path_);
  auto answer = nowhere.ask("echo");
  EXPECT_EQ(answer.exit_code, exit_code::unreachable);
  EXPECT_NE(answer.text.find("systemctl start sluiced"), std::string::npos) << answer.text;
  {
    boost::asio::local::stream_protocol::acceptor dead(loop_, {path_.string()});
  }
  answer = nowhere.ask("echo");
  EXPECT_EQ(answer.exit_code, exit_code::unreachable);
  EXPECT_NE(answer.text.find("nobody answers"), std::string::npos) << answer.text;
}

TEST_F(ClientTest, FindsTheDaemonAgainAfterARestart) {
  start();
  Client client(path_);
  ASSERT_TRUE(client.ask("echo").good);
  stop();
  EXPECT_EQ(client.ask("echo").exit_code, exit_code::unreachable);
  loop_.restart();
  start();
  EXPECT_TRUE(client.ask("echo").good);
}

}  // namespace
}  // namespace sluice::ctl

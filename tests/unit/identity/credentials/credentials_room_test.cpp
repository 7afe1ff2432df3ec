// The endpoint as a program meets it: real sockets on loopback, raw HTTP as curl and the SDKs send it.
#include "identity/credentials_room.hpp"

#include <gtest/gtest.h>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <nlohmann/json.hpp>

#include "identity/credentials_http.hpp"
#include "identity/credentials_tokens.hpp"
#include "tests/unit/identity/credentials/credentials_house.hpp"

namespace sluice::identity {
namespace {

using boost::asio::ip::tcp;
using nlohmann::json;
using test::House;
using test::ScriptedProvider;

class CredentialsEndpoint : public testing::Test {
 protected:
  CredentialsEndpoint() { open(); }

  void open(CredentialsOptions options = {"127.0.0.1:0", "", ""}) {
    room.reset();
    auto provider = std::make_unique<ScriptedProvider>(house.loop, house.clock);
    aws = provider.get();
    room = make_credentials(std::move(options), house.loop, house.clock, house.registry, house.source_of(),
                            house.log(), std::move(provider));
    started = room->start();
  }

  std::string issue(const std::string& name, const std::string& identity = "") {
    std::string token;
    room->issue(name, identity, [&](const result<json>& issued) {
      token = issued ? issued->at("token").get<std::string>() : "error: " + issued.error().text;
    });
    house.settle();
    return token;
  }

  std::uint16_t port() const {
    const auto uri = room->status().at("uri").get<std::string>();
    const auto colon = uri.rfind(':');
    return static_cast<std::uint16_t>(std::stoi(uri.substr(colon + 1)));
  }

  struct Client {
    tcp::socket socket;
    std::string seen;
    bool closed = false;
  };
  // Its reads keep it, so that it may be dropped at any time.
  static void read(const std::shared_ptr<Client>& client) {
    auto buffer = std::make_shared<std::array<char, 4096>>();
    client->socket.async_read_some(boost::asio::buffer(*buffer),
                                   [client, buffer](boost::system::error_code ec, std::size_t n) {
                                     client->seen.append(buffer->data(), n);
                                     client->closed = ec.failed();
                                     if (!ec) read(client);
                                   });
  }
  std::shared_ptr<Client> dial() {
    auto client = std::make_shared<Client>(Client{tcp::socket(house.loop), {}, false});
    client->socket.connect({boost::asio::ip::make_address("127.0.0.1"), port()});
    read(client);
    return client;
  }
  static void send(Client& client, const std::string& text) {
    boost::system::error_code ignored;
    boost::asio::write(client.socket, boost::asio::buffer(text), ignored);
  }
  static bool is_whole(const std::string& answer) {
    const auto head = answer.find("\r\n\r\n");
    const auto length = answer.find("Content-Length: ");
    return head != std::string::npos && length < head &&
           answer.size() >= head + 4 + std::strtoul(answer.c_str() + length + 16, nullptr, 10);
  }
  // One request on a connection of its own; the status and the body.
  std::pair<int, json> ask(const std::string& text) {
    const auto client = dial();
    send(*client, text);
    EXPECT_TRUE(house.until([&] { return is_whole(client->seen) || client->closed; })) << client->seen;
    last = client->seen;
    boost::system::error_code ignored;
    client->socket.close(ignored);
    if (!is_whole(last)) return {0, {}};
    return {std::stoi(last.substr(9, 3)),
            json::parse(last.substr(last.find("\r\n\r\n") + 4), nullptr, false)};
  }
  static std::string request(const std::string& token, const std::string& target = "/credentials",
                             const std::string& more = "") {
    return "GET " + target + " HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: application/json\r\n" +
           (token.empty() ? "" : "Authorization: " + token + "\r\n") + more + "\r\n";
  }

  House house;
  ScriptedProvider* aws = nullptr;
  std::unique_ptr<Credentials> room;
  result<void> started;
  std::string last;
};

TEST_F(CredentialsEndpoint, GivesWhatAnSdkExpectsFromAContainer) {
  ASSERT_TRUE(started);
  const auto token = issue("backup");
  ASSERT_EQ(token.size(), 64U);
  const auto [status, body] = ask(request(token));
  EXPECT_EQ(status, 200);
  EXPECT_EQ(body, json({{"AccessKeyId", "ASIA1"},
                        {"SecretAccessKey", "secret-1"},
                        {"Token", "session-1"},
                        {"Expiration", "2026-11-01T01:00:00Z"}}));
  EXPECT_NE(last.find("Content-Type: application/json\r\n"), std::string::npos);
  EXPECT_NE(last.find("Cache-Control: no-store\r\n"), std::string::npos);
}

TEST_F(CredentialsEndpoint, GivesEachClientTheRoleOfItsIdentity) {
  const auto gateway = issue("a");
  const auto device = issue("b", "dev-1");
  EXPECT_EQ(ask(request(device)).first, 200);
  EXPECT_EQ(ask(request(gateway)).first, 200);
  EXPECT_EQ(aws->asked.at(0).role_alias, "role-dev");
  EXPECT_EQ(aws->asked.at(1).role_alias, "role-gw");
}

TEST_F(CredentialsEndpoint, AnswersSeveralRequestsOnOneConnection) {
  const auto token = issue("backup");
  const auto client = dial();
  for (int i = 0; i < 3; ++i) {
    client->seen.clear();
    send(*client, request(token, "/credentials?x=1"));
    ASSERT_TRUE(house.until([&] { return is_whole(client->seen); }));
    EXPECT_TRUE(client->seen.starts_with("HTTP/1.1 200"));
  }
  EXPECT_FALSE(client->closed);
}

TEST_F(CredentialsEndpoint, RefusesWithoutATokenAndWithAWrongOne) {
  const auto token = issue("backup");
  EXPECT_EQ(ask(request("")).first, 401);
  EXPECT_EQ(ask(request(std::string(64, '0'))).first, 403);
  EXPECT_EQ(ask(request(token.substr(0, 63))).first, 403);
  EXPECT_EQ(ask(request("Bearer " + token)).first, 403);
  EXPECT_EQ(ask(request(std::string(4000, 'x'))).first, 403);
  EXPECT_TRUE(aws->asked.empty());
}

TEST_F(CredentialsEndpoint, TellsRefusalsOnceAMinuteAndNeverTheToken) {
  for (int i = 0; i < 50; ++i) ask(request("hunter2"));
  EXPECT_EQ(house.times_logged("refused: "), 1);
  house.pass(61s);
  ask(request("hunter2"));
  EXPECT_EQ(house.times_logged("refused: "), 2);
  EXPECT_TRUE(house.logged("50 time(s)"));
  EXPECT_FALSE(house.logged("hunter2"));
  EXPECT_EQ(room->status().at("refused"), 51);
}

TEST_F(CredentialsEndpoint, ARevokedTokenIsWorthNothingAtOnce) {
  const auto token = issue("backup");
  EXPECT_EQ(ask(request(token)).first, 200);
  bool revoked = false;
  room->revoke("backup", [&](const result<void>& done) { revoked = done.has_value(); });
  EXPECT_EQ(ask(request(token)).first, 403);
  EXPECT_TRUE(revoked);
  open();
  EXPECT_EQ(ask(request(token)).first, 403);
}

TEST_F(CredentialsEndpoint, ANewTokenEndsTheOldOne) {
  const auto first = issue("backup");
  const auto second = issue("backup");
  EXPECT_NE(first, second);
  EXPECT_EQ(ask(request(first)).first, 403);
  EXPECT_EQ(ask(request(second)).first, 200);
}

TEST_F(CredentialsEndpoint, TokensSurviveARestartAsHashesOnly) {
  const auto token = issue("backup");
  for (const auto& [key, value] : house.registry.rows) {
    EXPECT_EQ(key.first, kCredentialsSpace);
    EXPECT_EQ(value.find(token), std::string::npos);
  }
  open();
  EXPECT_EQ(ask(request(token)).first, 200);
}

TEST_F(CredentialsEndpoint, AnUnwrittenTokenIsNotGiven) {
  house.registry.broken = true;
  EXPECT_TRUE(issue("backup").starts_with("error: "));
  EXPECT_TRUE(room->status().at("clients").empty());
}

TEST_F(CredentialsEndpoint, DamagedRowsAdmitNobodyAndAreTold) {
  house.registry.rows[{kCredentialsSpace, "a"}] = "{";
  house.registry.rows[{kCredentialsSpace, "b"}] = R"({"identity":"","hash":""})";
  house.registry.rows[{kCredentialsSpace, "c"}] = R"([7])";
  open();
  EXPECT_TRUE(house.logged("3 client(s)"));
  EXPECT_EQ(ask(request("x")).first, 403);
}

TEST_F(CredentialsEndpoint, NamesAndIdentitiesAreChecked) {
  EXPECT_TRUE(issue("").starts_with("error: "));
  EXPECT_TRUE(issue("a b").starts_with("error: "));
  EXPECT_TRUE(issue(std::string(65, 'a')).starts_with("error: "));
  EXPECT_NE(issue("a", "nobody").find("there is no device nobody"), std::string::npos);
  bool unknown = false;
  room->revoke("nobody", [&](const result<void>& done) { unknown = done.error().code == errc::not_found; });
  EXPECT_TRUE(unknown);
}

TEST_F(CredentialsEndpoint, ClientsAreBounded) {
  for (int i = 0; i < 256; ++i) ASSERT_EQ(issue("c" + std::to_string(i)).size(), 64U);
  EXPECT_NE(issue("one-more").find("256 clients"), std::string::npos);
  EXPECT_EQ(issue("c7").size(), 64U) << "a known one may have a new token";
}

TEST_F(CredentialsEndpoint, ARevocationDoesNotOvertakeAWrite) {
  std::string token;
  room->issue("backup", "", [&](const result<json>& issued) { token = issued->at("token"); });
  bool refused = false;
  room->revoke("backup", [&](const result<void>& done) { refused = done.has_error(); });
  house.settle();
  EXPECT_TRUE(refused);
  EXPECT_EQ(ask(request(token)).first, 200);
}

TEST_F(CredentialsEndpoint, SaysInWordsWhatAwsSaid) {
  const auto token = issue("backup");
  aws->fails = aws::Error{aws::Error::Kind::denied, 403, {}, "HTTP 403; check the role alias", {}};
  auto [status, body] = ask(request(token));
  EXPECT_EQ(status, 403);
  EXPECT_EQ(body.at("code"), "AccessDenied");
  EXPECT_NE(body.at("message").get<std::string>().find("check the role alias"), std::string::npos);
  house.pass(5min);
  aws->fails = aws::Error{aws::Error::Kind::network, 0, {}, "no route", {}};
  std::tie(status, body) = ask(request(token));
  EXPECT_EQ(status, 503);
  EXPECT_NE(last.find("Retry-After: 5\r\n"), std::string::npos);
}

TEST_F(CredentialsEndpoint, SaysWhatToSetWhenNoRoleIsKnown) {
  const auto token = issue("backup");
  house.identities[""].role_alias.clear();
  auto [status, body] = ask(request(token));
  EXPECT_EQ(status, 403);
  EXPECT_NE(body.at("message").get<std::string>().find("credentials.role_alias"), std::string::npos);
  open({"127.0.0.1:0", "given", ""});
  EXPECT_EQ(ask(request(token)).first, 200);
  EXPECT_EQ(aws->asked.back().role_alias, "given");
}

TEST_F(CredentialsEndpoint, AsksTheConfiguredEndpointForAnIdentityThatCameWithNone) {
  const auto token = issue("backup");
  house.identities[""].endpoint.clear();
  EXPECT_NE(ask(request(token)).second.at("message").get<std::string>().find("credentials.endpoint"),
            std::string::npos);
  open({"127.0.0.1:0", "", "q.credentials.example.com"});
  EXPECT_EQ(ask(request(token)).first, 200);
  EXPECT_EQ(aws->asked.back().endpoint, "q.credentials.example.com");
}

TEST_F(CredentialsEndpoint, AnswersNothingButAGetOfItsPath) {
  const auto token = issue("backup");
  EXPECT_EQ(ask(request(token, "/")).first, 404);
  EXPECT_EQ(
      ask("POST /credentials HTTP/1.1\r\nHost: localhost\r\nAuthorization: " + token + "\r\n\r\n").first,
      405);
  EXPECT_EQ(ask("nonsense\r\n\r\n").first, 400);
  const auto with_body = ask(request(token, "/credentials", "Content-Length: 5\r\n") + "hello").first;
  EXPECT_TRUE(with_body == 400 || with_body == 413) << with_body;
  EXPECT_TRUE(aws->asked.empty());
}

TEST_F(CredentialsEndpoint, IsNotReachedByAPageUnderANameOfItsOwn) {
  const auto token = issue("backup");
  EXPECT_EQ(ask("GET /credentials HTTP/1.1\r\nHost: evil.example.com\r\nAuthorization: " + token + "\r\n\r\n")
                .first,
            403);
  EXPECT_EQ(ask("GET /credentials HTTP/1.1\r\nAuthorization: " + token + "\r\n\r\n").first, 403);
  EXPECT_EQ(
      ask("GET /credentials HTTP/1.1\r\nHost: localhost:1\r\nAuthorization: " + token + "\r\n\r\n").first,
      200);
}

TEST_F(CredentialsEndpoint, AHeaderThatIsTooLongIsRefused) {
  EXPECT_EQ(ask(request("", "/credentials", "X-Long: " + std::string(9000, 'x') + "\r\n")).first, 431);
}

TEST_F(CredentialsEndpoint, AClientThatIsTooSlowIsClosed) {
  const auto client = dial();
  send(*client, "GET /credentials HTTP/1.1\r\n");
  house.settle();
  house.pass(9s);
  EXPECT_FALSE(client->closed);
  send(*client, "Host: localhost\r\n");  // a byte now and then does not help
  house.settle();
  house.pass(2s);
  EXPECT_TRUE(house.until([&] { return client->closed; }));
  EXPECT_TRUE(client->seen.empty());
}

TEST_F(CredentialsEndpoint, AQuestionThatAwsNeverAnswersEnds) {
  const auto token = issue("backup");
  aws->holds = true;
  const auto client = dial();
  send(*client, request(token));
  EXPECT_TRUE(house.until([&] { return aws->asked.size() == 1; }));
  house.pass(61s);
  EXPECT_TRUE(house.until([&] { return client->closed; }));
  aws->answer_next();  // too late: nobody is there, nothing happens
  house.settle();
}

TEST_F(CredentialsEndpoint, ConnectionsAreBoundedAndPlacesComeBack) {
  const auto token = issue("backup");
  std::vector<std::shared_ptr<Client>> idle;
  for (int i = 0; i < 32; ++i) idle.push_back(dial());
  house.settle();
  const auto one_more = dial();
  EXPECT_TRUE(house.until([&] { return one_more->closed; }));
  EXPECT_EQ(room->status().at("turned_away"), 1);
  house.pass(11s);
  EXPECT_TRUE(house.until([&] { return idle.back()->closed; }));
  EXPECT_EQ(ask(request(token)).first, 200);
}

TEST_F(CredentialsEndpoint, StopClosesWhoIsConnected) {
  const auto client = dial();
  house.settle();
  room->stop();
  EXPECT_TRUE(house.until([&] { return client->closed; }));
  EXPECT_EQ(room->status().at("listening"), false);
}

TEST_F(CredentialsEndpoint, MovesAndEndsWithTheConfiguration) {
  const auto token = issue("backup");
  ASSERT_TRUE(room->reload({"localhost:0", "", ""}));
  EXPECT_EQ(ask(request(token)).first, 200);
  ASSERT_TRUE(room->reload({"", "", ""}));
  EXPECT_EQ(room->status().at("listening"), false);
  EXPECT_EQ(room->status().at("uri"), "");
}

TEST_F(CredentialsEndpoint, ListensOnLoopbackOnly) {
  for (const auto* listen :
       {"0.0.0.0:9911", "192.168.1.1:9911", "example.com:9911", "127.0.0.1", "127.0.0.1:", ":9911",
        "127.0.0.1:99999", "127.0.0.1:1/x", "http://127.0.0.1:1", "[::]:1"}) {
    open({listen, "", ""});
    ASSERT_TRUE(started.has_error()) << listen;
    EXPECT_EQ(started.error().code, errc::invalid_argument) << listen;
    EXPECT_NE(started.error().text.find("127.0.0.1:9911"), std::string::npos);
  }
}

TEST_F(CredentialsEndpoint, APortThatIsTakenIsTold) {
  const auto taken = "127.0.0.1:" + std::to_string(port());
  House other;
  auto second = make_credentials({taken, "", ""}, other.loop, other.clock, other.registry, other.source_of(),
                                 other.log(), std::make_unique<ScriptedProvider>(other.loop, other.clock));
  const auto outcome = second->start();
  ASSERT_TRUE(outcome.has_error());
  EXPECT_EQ(outcome.error().code, errc::io);
}

TEST_F(CredentialsEndpoint, StatusHoldsNoSecret) {
  const auto token = issue("backup");
  ask(request(token));
  const auto text = room->status().dump();
  for (const auto& secret : {token, std::string("secret-1"), std::string("session-1")}) {
    EXPECT_EQ(text.find(secret), std::string::npos);
  }
  EXPECT_EQ(room->status().at("served"), 1);
  for (const auto& line : house.lines) EXPECT_EQ(line.find(token), std::string::npos);
}

}  // namespace
}  // namespace sluice::identity

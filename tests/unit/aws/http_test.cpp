// The HTTPS client against a server on loopback that misbehaves in every way that a network knows.
#include "aws/http.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <thread>

#include "tests/unit/aws/loopback_server.hpp"

namespace sluice::aws {
namespace {

using test::http_answer;
using test::LoopbackServer;
using test::Peer;

LoopbackServer::Script always(const std::string& text) {
  return [text](Peer& peer, const std::string&) { peer.send(text); };
}

HttpRequest get(const std::string& url) {
  HttpRequest request;
  request.url = url;
  return request;
}

Error failure(const result<HttpResponse>& outcome) {
  EXPECT_FALSE(outcome) << "HTTP " << (outcome ? outcome->status : 0);
  return outcome ? Error{} : outcome.error();
}

TEST(Http, BringsStatusHeadersAndBody) {
  LoopbackServer server(always(http_answer(418, "short and stout", "X-Pot:  Tea \r\nX-Pot: two\r\n")));
  const auto response = make_http({})->send(get(server.origin() + "/a%20b/../c?q=1"));
  ASSERT_TRUE(response) << response.error().text;
  EXPECT_EQ(response->status, 418U);
  EXPECT_EQ(response->body, "short and stout");
  EXPECT_EQ(response->header("x-pot"), "Tea");
  EXPECT_EQ(response->header("x-none"), "");
  const auto request = server.requests().at(0);
  EXPECT_TRUE(request.starts_with("GET /a%20b/../c?q=1 HTTP/1.1\r\n")) << request;
  EXPECT_NE(request.find("\r\nUser-Agent: sluice/"), std::string::npos);
}

TEST(Http, SendsABodyAsItIsWithoutAskingForTheWordGo) {
  LoopbackServer server(always(http_answer(200, "")));
  const auto http = make_http({});
  for (const auto* method : {"POST", "PUT", "DELETE"}) {
    auto request = get(server.origin());
    request.method = method;
    request.body = std::string(3000, 'x') + '\0' + "end";
    request.headers = {{"x-empty", ""}, {"content-type", "application/json"}};
    ASSERT_TRUE(http->send(request));
    const auto seen = server.requests().back();
    EXPECT_TRUE(seen.starts_with(method)) << seen;
    EXPECT_TRUE(seen.ends_with(request.body));
    EXPECT_EQ(seen.find("Expect"), std::string::npos);
    EXPECT_NE(seen.find("\r\nx-empty:"), std::string::npos);
    EXPECT_NE(seen.find("\r\ncontent-type: application/json\r\n"), std::string::npos);
  }
}

TEST(Http, InventsNoContentType) {
  LoopbackServer server(always(http_answer(200, "")));
  auto request = get(server.origin());
  request.method = "POST";
  ASSERT_TRUE(make_http({})->send(request));
  EXPECT_EQ(server.requests().at(0).find("Content-Type"), std::string::npos);
  EXPECT_NE(server.requests().at(0).find("Content-Length: 0\r\n"), std::string::npos);
}

TEST(Http, KeepsTheConnectionForTheNextCall) {
  LoopbackServer server(always(http_answer(200, "x")));
  const auto http = make_http({});
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(http->send(get(server.origin())));
  EXPECT_EQ(server.connections(), 1);
}

TEST(Http, OpensAnotherConnectionWhenTheKeptOneWasClosed) {
  LoopbackServer server([](Peer& peer, const std::string&) {
    peer.send(http_answer(200, "x"));
    peer.close();
  });
  const auto http = make_http({});
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(http->send(get(server.origin())));
  EXPECT_EQ(server.connections(), 3);
}

TEST(Http, ServesSeveralThreadsAtOnce) {
  LoopbackServer server(always(http_answer(200, "x")));
  const auto http = make_http({});
  std::atomic<int> good{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] {
      for (int n = 0; n < 25; ++n) good += http->send(get(server.origin())) ? 1 : 0;
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(good, 200);
  EXPECT_LE(server.connections(), 16);
}

TEST(Http, FollowsNoRedirect) {
  LoopbackServer server(always(http_answer(302, "", "Location: http://127.0.0.1:1/\r\n")));
  const auto response = make_http({})->send(get(server.origin()));
  ASSERT_TRUE(response);
  EXPECT_EQ(response->status, 302U);
}

TEST(Http, CleartextIsForThisMachineOnly) {
  for (const auto* url : {"http://example.com/", "http://10.0.0.1/", "ftp://127.0.0.1/",
                          "http://127.0.0.1.example.com/", "file:///etc/passwd", "no url"}) {
    const auto error = failure(make_http({})->send(get(url)));
    EXPECT_EQ(error.kind, Error::Kind::invalid) << url;
  }
}

TEST(Http, RefusesALineBreakInAHeader) {
  LoopbackServer server(always(http_answer(200, "")));
  auto request = get(server.origin());
  request.headers = {{"x-name", "a\r\nx-evil: b"}};
  EXPECT_EQ(failure(make_http({})->send(request)).kind, Error::Kind::invalid);
  EXPECT_TRUE(server.requests().empty());
}

TEST(Http, AnswerThatIsCutInTheMiddleIsNetworkTrouble) {
  LoopbackServer server([](Peer& peer, const std::string&) {
    peer.send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf");
    peer.close();
  });
  const auto error = failure(make_http({})->send(get(server.origin())));
  EXPECT_EQ(error.kind, Error::Kind::network);
  EXPECT_NE(error.text.find("middle"), std::string::npos) << error.text;
}

TEST(Http, ConnectionThatIsClosedWithoutAnAnswerIsNetworkTrouble) {
  LoopbackServer server([](Peer& peer, const std::string&) { peer.close(); });
  EXPECT_EQ(failure(make_http({})->send(get(server.origin()))).kind, Error::Kind::network);
}

TEST(Http, PortWhereNobodyListensIsNetworkTrouble) {
  std::string origin;
  {
    origin = LoopbackServer(always("")).origin();
  }
  const auto error = failure(make_http({})->send(get(origin)));
  EXPECT_EQ(error.kind, Error::Kind::network);
  EXPECT_NE(error.text.find("no TCP connection"), std::string::npos) << error.text;
}

TEST(Http, AnswerThatIsNoHttpIsAProtocolError) {
  LoopbackServer server([](Peer& peer, const std::string&) {
    peer.send("SSH-2.0-OpenSSH_9.2\r\n\r\n");
    peer.close();
  });
  EXPECT_EQ(failure(make_http({})->send(get(server.origin()))).kind, Error::Kind::protocol);
}

TEST(Http, SlowAnswerIsATimeout) {
  LoopbackServer* self = nullptr;
  LoopbackServer server([&self](Peer& peer, const std::string&) {
    peer.send("HTTP/1.1 200 OK\r\n");
    self->wait_until_let_go();
  });
  self = &server;
  auto request = get(server.origin());
  request.timeout = std::chrono::milliseconds(50);
  EXPECT_EQ(failure(make_http({})->send(request)).kind, Error::Kind::timeout);
}

TEST(Http, CancelledCallEndsSoon) {
  std::atomic<bool> cancelled{false};
  LoopbackServer* self = nullptr;
  LoopbackServer server([&](Peer&, const std::string&) {
    cancelled = true;
    self->wait_until_let_go();
  });
  self = &server;
  HttpOptions options;
  options.cancelled = &cancelled;
  auto request = get(server.origin());
  request.timeout = std::chrono::minutes(5);
  const auto error = failure(make_http(options)->send(request));
  EXPECT_EQ(error.kind, Error::Kind::network);
  EXPECT_NE(error.text.find("cancelled"), std::string::npos);
}

TEST(Http, HugeAnswerIsRefusedWhetherItsLengthIsToldOrNot) {
  HttpOptions options;
  options.most_response = 1000;
  for (const auto& text : {http_answer(200, std::string(1001, 'x')),
                           "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + std::string(5000, 'x')}) {
    LoopbackServer server([text](Peer& peer, const std::string&) {
      peer.send(text);
      peer.close();
    });
    const auto error = failure(make_http(options)->send(get(server.origin())));
    EXPECT_EQ(error.kind, Error::Kind::protocol);
    EXPECT_NE(error.text.find("1000"), std::string::npos) << error.text;
  }
  LoopbackServer server(always(http_answer(200, std::string(1000, 'x'))));
  EXPECT_TRUE(make_http(options)->send(get(server.origin())));
}

TEST(Http, EndlessHeadersAreRefused) {
  std::string headers;
  for (int i = 0; i < 1000; ++i) headers += "X-" + std::to_string(i) + ": " + std::string(100, 'y') + "\r\n";
  LoopbackServer server(always(http_answer(200, "", headers)));
  EXPECT_EQ(failure(make_http({})->send(get(server.origin()))).kind, Error::Kind::protocol);
}

TEST(Http, TellsNoQueryAndNoSecret) {
  std::string origin;
  {
    origin = LoopbackServer(always("")).origin();
  }
  auto request = get(origin + "/getcert?deviceToken=hunter2");
  request.headers = {{"authorization", "hunter3"}};
  for (const std::string url :
       {request.url.c_str(), "https://127.0.0.1:1/?x=hunter2", "http://example.com/?x=hunter2"}) {
    request.url = url;
    const auto text = failure(make_http({})->send(request)).text;
    EXPECT_EQ(text.find("hunter"), std::string::npos) << text;
  }
}

class HttpTls : public testing::Test {
 protected:
  const test::Pem own = test::make_certificate();
};

TEST_F(HttpTls, TrustsTheRootsThatWereGiven) {
  LoopbackServer server(always(http_answer(200, "x")), LoopbackServer::Tls{own, ""});
  HttpOptions options;
  options.ca_pem = own.certificate;
  const auto response = make_http(options)->send(get(server.origin()));
  ASSERT_TRUE(response) << response.error().text;
}

TEST_F(HttpTls, TrustsNoSelfSignedCertificate) {
  LoopbackServer server(always(http_answer(200, "x")), LoopbackServer::Tls{own, ""});
  const auto error = failure(make_http({})->send(get(server.origin())));
  EXPECT_EQ(error.kind, Error::Kind::tls);
  EXPECT_NE(error.text.find("not trusted"), std::string::npos) << error.text;
  HttpOptions options;
  options.ca_pem = test::make_certificate().certificate;  // another root of the same name
  EXPECT_EQ(failure(make_http(options)->send(get(server.origin()))).kind, Error::Kind::tls);
  EXPECT_TRUE(server.requests().empty());
}

TEST_F(HttpTls, TrustsNoCertificateOfAnotherHost) {
  const auto other = test::make_certificate("iot.example.com");
  LoopbackServer server(always(http_answer(200, "x")), LoopbackServer::Tls{other, ""});
  HttpOptions options;
  options.ca_pem = other.certificate;
  EXPECT_EQ(failure(make_http(options)->send(get(server.origin()))).kind, Error::Kind::tls);
}

TEST_F(HttpTls, ReachesANameThroughConnectToAndProvesIt) {
  const auto other = test::make_certificate("iot.example.com");
  LoopbackServer server(always(http_answer(200, "x")), LoopbackServer::Tls{other, ""});
  HttpOptions options;
  options.ca_pem = other.certificate;
  options.connect_to = {"iot.example.com:443:" + server.authority()};
  const auto response = make_http(options)->send(get("https://iot.example.com/"));
  ASSERT_TRUE(response) << response.error().text;
  EXPECT_NE(server.requests().at(0).find("Host: iot.example.com\r\n"), std::string::npos);
}

TEST_F(HttpTls, ShowsOurCertificateFromMemory) {
  const auto client = test::make_certificate("device");
  LoopbackServer server(always(http_answer(200, "x")), LoopbackServer::Tls{own, client.certificate});
  HttpOptions options;
  options.ca_pem = own.certificate;
  EXPECT_FALSE(make_http(options)->send(get(server.origin())));
  options.certificate_pem = client.certificate;
  options.key_pem = client.key;
  const auto http = make_http(options);
  for (int i = 0; i < 3; ++i) {
    const auto response = http->send(get(server.origin()));
    ASSERT_TRUE(response) << response.error().text;
  }
  EXPECT_LE(server.connections(), 2);
}

TEST_F(HttpTls, KeyOfAnotherCertificateIsToldAsOurs) {
  HttpOptions options;
  options.ca_pem = own.certificate;
  options.certificate_pem = test::make_certificate("device").certificate;
  options.key_pem = test::make_certificate("other").key;
  LoopbackServer server(always(http_answer(200, "x")), LoopbackServer::Tls{own, ""});
  const auto error = failure(make_http(options)->send(get(server.origin())));
  EXPECT_EQ(error.kind, Error::Kind::tls);
  EXPECT_NE(error.text.find("our own certificate"), std::string::npos) << error.text;
}

class HttpProxy : public testing::Test {
 protected:
  ~HttpProxy() override {
    for (const auto* name : {"HTTPS_PROXY", "http_proxy", "NO_PROXY"}) ::unsetenv(name);
  }
};

TEST_F(HttpProxy, OfTheEnvironmentIsUsed) {
  LoopbackServer proxy(always("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n"));
  ::setenv("HTTPS_PROXY", proxy.origin().c_str(), 1);
  const auto error = failure(make_http({})->send(get("https://iot.example.com/secret?x=1")));
  EXPECT_EQ(error.kind, Error::Kind::network);
  ASSERT_EQ(proxy.requests().size(), 1U);
  EXPECT_TRUE(proxy.requests()[0].starts_with("CONNECT iot.example.com:443 HTTP/1.1\r\n"));
  ::setenv("NO_PROXY", "example.com", 1);
  HttpOptions options;
  options.connect_to = {"iot.example.com:443:127.0.0.1:1"};
  failure(make_http(options)->send(get("https://iot.example.com/")));
  EXPECT_EQ(proxy.requests().size(), 1U);
}

TEST_F(HttpProxy, IsNotAskedForThisMachine) {
  LoopbackServer proxy(always(http_answer(502, "")));
  LoopbackServer server(always(http_answer(200, "x")));
  ::setenv("http_proxy", proxy.origin().c_str(), 1);
  const auto response = make_http({})->send(get(server.origin()));
  ASSERT_TRUE(response);
  EXPECT_EQ(response->status, 200U);
  EXPECT_TRUE(proxy.requests().empty());
}

}  // namespace
}  // namespace sluice::aws

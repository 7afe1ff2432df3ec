// What spans several keys: each rule has a file that breaks it, and only it.
#include "config/reader.hpp"
#include "tests/unit/config/sample.hpp"

namespace sluice::config {
namespace {

using namespace test;

const std::string kListen = "  - mqtt://127.0.0.1:1883\n";
const std::string kRoute = R"({ match: "d/+/temp", to: "dt/{product}/{device}/temp" })";

Parsed listen(const std::string& lines) { return with(kListen, lines); }
Parsed route(const std::string& text) { return with(kRoute, text); }
Parsed cloud(const std::string& line) { return with("cloud:\n", "cloud:\n  " + line + "\n"); }
Parsed endpoint(const std::string& text) { return with("abc-ats.iot.eu-central-1.amazonaws.com", text); }

TEST(ListenerUrl, NamesKindAddressPortAndPath) {
  using Kind = ListenerOptions::Kind;
  struct Case {
    std::string url;
    Kind kind;
    std::string address;
    int port;
    std::string path;
  };
  for (const auto& c : {Case{"mqtt://0.0.0.0", Kind::mqtt, "0.0.0.0", 1883, "/mqtt"},
                        Case{"mqtts://10.1.2.3:8884/", Kind::mqtts, "10.1.2.3", 8884, "/mqtt"},
                        Case{"ws://localhost:8083", Kind::ws, "127.0.0.1", 8083, "/mqtt"},
                        Case{"wss://[::1]:8084/a/b", Kind::wss, "::1", 8084, "/a/b"},
                        Case{"mqtt://[::]", Kind::mqtt, "::", 1883, "/mqtt"},
                        Case{"unix:///run/x.sock", Kind::unix_socket, "/run/x.sock", 0, "/mqtt"}}) {
    ListenerOptions listener;
    ASSERT_EQ(read_listener_url(c.url, listener), "") << c.url;
    EXPECT_EQ(listener.kind, c.kind) << c.url;
    EXPECT_EQ(listener.address, c.address) << c.url;
    EXPECT_EQ(listener.port, c.port) << c.url;
    EXPECT_EQ(listener.path, c.path) << c.url;
  }
}

TEST(ListenerUrl, RefusesWhatItCannotListenOn) {
  for (const auto* url :
       {"", "mqtt", "mqtt://", "http://1.2.3.4", "mqtt://*:1883", "mqtt://gateway.local:1883",
        "mqtt://1.2.3.4:0", "mqtt://1.2.3.4:65536", "mqtt://1.2.3.4:", "mqtt://1.2.3.4:18a",
        "mqtt://::1:1883", "mqtt://[::1", "mqtt://[::1]x", "mqtt://user@1.2.3.4", "mqtt://1.2.3.4/path",
        "ws://1.2.3.4/?q", "unix://run/x", "unix:///"}) {
    ListenerOptions listener;
    if (std::string(url) == "unix:///") continue;
    EXPECT_NE(read_listener_url(url, listener), "") << url;
  }
  ListenerOptions listener;
  EXPECT_NE(read_listener_url("unix:///" + std::string(200, 'x'), listener), "");
}

TEST(Listeners, MayNotTakeEachOthersAddress) {
  expect_only(listen("  - mqtt://127.0.0.1:1883\n  - ws://127.0.0.1:1883\n"), "listen[1].url", "listen[0]");
  EXPECT_FALSE(listen("  - mqtt://127.0.0.1:1883\n  - mqtt://0.0.0.0:1883\n").problems.empty());
  EXPECT_FALSE(listen("  - unix:///run/a\n  - unix:///run/a\n").problems.empty());
  EXPECT_TRUE(listen("  - mqtt://127.0.0.1:1883\n  - mqtt://127.0.0.1:1884\n  - mqtt://127.0.0.2:1883\n")
                  .problems.empty());
}

TEST(Listeners, MustBeThere) {
  expect_only(with("listen:\n" + kListen, ""), "listen", "is missing");
  expect_only(with("listen:\n" + kListen, "listen: []\n"), "listen", "at least one");
  expect_only(listen("  - \"\"\n"), "listen[0].url", "empty");
}

TEST(Listeners, LetNobodyInAnonymouslyFromTheNetwork) {
  for (const auto* url :
       {"mqtt://0.0.0.0:1883", "mqtt://[::]:1883", "mqtt://192.168.1.2:1883", "mqtt://128.0.0.1"}) {
    auto text = kSample + "  # end\n";
    text.replace(text.find(kListen), kListen.size(),
                 std::string("  - { url: \"") + url + "\", anonymous: true }\n");
    text.replace(text.find("devices:\n"), 9, "devices:\n  anonymous_product: thermo\n");
    expect_only(parse(text), "listen[0].anonymous", "loopback");
  }
}

TEST(Listeners, NeedAProductForAnonymousClients) {
  expect_only(listen("  - { url: mqtt://127.0.0.1, anonymous: true }\n"), "listen[0].anonymous",
              "anonymous_product");
}

TEST(Listeners, NeedACertificateToEncrypt) {
  for (const auto* scheme : {"mqtts", "wss"}) {
    const auto parsed = listen(std::string("  - ") + scheme + "://0.0.0.0:9000\n");
    ASSERT_EQ(parsed.problems.size(), 2U) << text_of(parsed);
    EXPECT_EQ(parsed.problems[0].key, "listen[0].tls.certificate");
    EXPECT_EQ(parsed.problems[1].key, "listen[0].tls.key");
  }
  expect_only(
      listen(
          "  - { url: mqtts://0.0.0.0, tls: { certificate: /c, key: /k }, client_certificate: required }\n"),
      "listen[0].tls.ca", "missing");
}

TEST(Listeners, MayNotLookEncryptedWhenTheyAreNot) {
  expect_only(listen("  - { url: mqtt://127.0.0.1, tls: { certificate: /c, key: /k } }\n"), "listen[0].url",
              "not encrypted");
}

TEST(Listeners, AreWarnedOfTokensInTheClear) {
  expect_warning(listen("  - mqtt://0.0.0.0:1883\n"), "listen[0].url", "unencrypted");
}

TEST(Cloud, TakesAHostWithAPort) {
  EXPECT_TRUE(endpoint("broker.example.com:8884").problems.empty());
  EXPECT_TRUE(endpoint("10.0.0.1").problems.empty());
  EXPECT_TRUE(endpoint("\"[fd00::1]:8883\"").problems.empty());
  for (const auto* text : {"a b", "host:0", "host:70000", "\"host:\"", "host/x", "\"\""}) {
    expect_only(endpoint(text), "cloud.endpoint", "host or host:port");
  }
}

TEST(Cloud, NeedsTlsUnlessItIsOnThisMachine) {
  const auto without = [](const std::string& host) {
    auto text = kSample;
    text.erase(text.find("  tls:"), text.find("listen:") - text.find("  tls:"));
    const std::string endpoint = "abc-ats.iot.eu-central-1.amazonaws.com";
    return parse(text.replace(text.find(endpoint), endpoint.size(), host));
  };
  EXPECT_EQ(without("example.com").problems.size(), 3U);
  EXPECT_EQ(without("localhost.example.com").problems.size(), 3U);
  expect_warning(without("127.0.0.1:1884"), "cloud.endpoint", "plain TCP");
  expect_only(with("key: /k, ", ""), "cloud.tls.key", "missing");
}

TEST(Cloud, IsWarnedOfEndpointsThatDoNotWork) {
  expect_warning(endpoint("abc.iot.us-east-1.amazonaws.com"), "cloud.endpoint", "-ats");
  expect_warning(endpoint("abc-ats.iot.us-east-1.amazonaws.com:443"), "cloud.endpoint", "x-amzn-mqtt-ca");
  expect_warning(cloud("quotas: { enforce: false }"), "cloud.quotas.enforce", "stand-in");
}

TEST(Cloud, ChecksItsTemplates) {
  expect_only(cloud("commands: [\"cmd/{device}/#\"]"), "cloud.commands[0]",
              "unknown placeholder {device}; allowed: {thing}");
  expect_only(cloud("commands: [\"cmd/#/x\"]"), "cloud.commands[0]", "topic filter");
  expect_only(cloud("commands: [\"1/2/3/4/5/6/7/8/9\"]"), "cloud.commands[0]", "7 slashes");
  expect_only(cloud("commands: [a,b,c,d,e,f,g,h,i]"), "cloud.commands", "at most 8");
  expect_only(cloud("command_to: \"d/{devcie}/cmd\""), "cloud.command_to", "unknown placeholder");
  expect_only(cloud("command_to: \"d/+/cmd\""), "cloud.command_to", "without + and #");
  expect_only(cloud("backoff: { first: 1h, most: 1m }"), "cloud.backoff.first", "longer");
}

TEST(Devices, MustBeOfAProductThatIsThere) {
  expect_only(with("devices:\n", "devices:\n  known: { a: { product: termo, token_file: /t } }\n"),
              "devices.known.a.product", "did you mean 'thermo'?");
  expect_only(with("devices:\n", "devices:\n  anonymous_product: termo\n"), "devices.anonymous_product",
              "did you mean 'thermo'?");
}

TEST(Devices, NeedAWayToProveWhoTheyAre) {
  expect_only(with("devices:\n", "devices:\n  known: { a: { product: thermo } }\n"), "devices.known.a",
              "prove");
  expect_only(
      with("devices:\n",
           "devices:\n  known: { a: { product: thermo, token_file: /t, token_hash: \"$scrypt$x\" } }\n"),
      "devices.known.a.token_hash", "one of them");
}

TEST(Devices, RefuseATokenInTheClearAndDoNotRepeatIt) {
  const auto parsed =
      with("devices:\n", "devices:\n  known: { a: { product: thermo, token_hash: hunter2 } }\n");
  expect_only(parsed, "devices.known.a.token_hash", "token_file");
  EXPECT_EQ(text_of(parsed).find("hunter2"), std::string::npos);
}

TEST(Devices, WithAnIdentityOfTheirOwnNeedACertificate) {
  const auto own = [](const std::string& more) {
    auto text = kSample;
    text.replace(text.find("thermo: {"), 9, "thermo: { identity: own,");
    return parse(text.replace(text.find("devices:\n"), 9,
                              "devices:\n  known: { a: { product: thermo, token_file: /t" + more));
  };
  expect_only(own(" } }\n"), "devices.known.a.certificate", "identity of its own");
  EXPECT_TRUE(own(" } }\n  certificates: /d\n").problems.empty());
  EXPECT_TRUE(own(", certificate: { certificate: /c, key: /k } } }\n").problems.empty());
  EXPECT_FALSE(own(", certificate: { certificate: /c } } }\n").problems.empty());
}

TEST(Devices, HaveIdsThatCannotReachIntoOtherTopics) {
  for (const auto* id : {"\"a/b\"", "\"+\"", "\"a#\"", "\"a b\"", "\"\""}) {
    EXPECT_FALSE(with("devices:\n",
                      std::string("devices:\n  known: { ") + id + ": { product: thermo, token_file: /t } }\n")
                     .problems.empty())
        << id;
  }
  EXPECT_TRUE(with("devices:\n", "devices:\n  known: { \"A-9_:z\": { product: thermo, token_file: /t } }\n")
                  .problems.empty());
}

TEST(Products, HaveValidFilters) {
  expect_only(with("d/{device}/#", "d/#/x"), "devices.products.thermo.may_publish[0]", "topic filter");
  expect_only(with("d/{device}/#", "d/{thing}/#"), "devices.products.thermo.may_publish[0]",
              "allowed: {device} {product}");
  expect_warning(with("[\"d/{device}/#\"]", "[]"), "devices.products.thermo", "nothing");
}

TEST(Routes, GoToOnePlace) {
  expect_only(route("{ match: a }"), "routes[0]", "goes nowhere");
  expect_only(route("{ match: a, to: b, local: true }"), "routes[0].to", "one of");
  expect_only(route("{ match: a, rule: r, drop: true }"), "routes[0].rule", "one of");
  expect_only(route("{ match: a, local: true, drop: true }"), "routes[0].drop", "one of");
  EXPECT_TRUE(route("{ match: a, to: b, local: false }").problems.empty());
}

TEST(Routes, HaveAFilterToMatch) {
  expect_only(route("{ to: b }"), "routes[0].match", "missing");
  for (const auto* match : {"\"a/#/b\"", "a+", "\"\"", "$share/g/a"})
    expect_only(route(std::string("{ match: ") + match + ", to: b }"), "routes[0].match", "topic filter");
}

TEST(Routes, KnowTheirPlaceholders) {
  EXPECT_TRUE(route("{ match: \"a/+/#\", to: \"{gateway}/{product}/{device}/{1}/{2}\" }").problems.empty());
  EXPECT_TRUE(route("{ match: \"a\", to: \"{topic}\" }").problems.empty());
  expect_only(route("{ match: \"a/+\", to: \"x/{2}\" }"), "routes[0].to",
              "unknown placeholder {2}; allowed: {device} {product} {gateway} {topic} {1} (the match has 1 "
              "wildcards)");
  expect_only(route("{ match: \"a\", to: \"x/{devcie}\" }"), "routes[0].to", "unknown placeholder {devcie}");
  expect_only(route("{ match: \"a\", to: \"x/{device\" }"), "routes[0].to", "brace");
  expect_only(route("{ match: \"a\", to: \"x/+\" }"), "routes[0].to", "without + and #");
}

TEST(Routes, KeepAwsLimits) {
  expect_only(route("{ match: a, to: 1/2/3/4/5/6/7/8/9 }"), "routes[0].to", "8 slashes");
  expect_only(route("{ match: a, to: \"1/2/3/4/5/6/7/8/{device}\" }"), "routes[0].to", "8 slashes");
  expect_only(route("{ match: a, to: " + std::string(257, 'x') + " }"), "routes[0].to", "257 bytes");
  EXPECT_TRUE(route("{ match: a, to: 1/2/3/4/5/6/7/8 }").problems.empty());
  EXPECT_TRUE(route("{ match: a, to: " + std::string(256, 'x') + " }").problems.empty());
  expect_only(route("{ match: a, to: \"$sys/x\" }"), "routes[0].to", "keeps for itself");
}

TEST(Routes, LeaveTheBasicIngestPrefixOutOfTheLimits) {
  EXPECT_TRUE(route("{ match: a, to: 1/2/3/4/5/6/7/8, rule: my_rule }").problems.empty());
  expect_only(route("{ match: a, to: 1/2/3/4/5/6/7/8/9, rule: my_rule }"), "routes[0].to", "8 slashes");
  expect_only(route("{ match: a, to: x, rule: my-rule }"), "routes[0].rule",
              "allowed: name: 1 to 128 of A-Z a-z 0-9 _");
}

TEST(Routes, BatchAsJsonUnlessSaidOtherwise) {
  EXPECT_EQ(route("{ match: a, to: b, batch: { wait: 2s } }").options.routes[0].batch.format,
            BatchOptions::Format::json);
  EXPECT_EQ(route("{ match: a, to: b, batch: { format: ndjson } }").options.routes[0].batch.format,
            BatchOptions::Format::ndjson);
  EXPECT_EQ(route("{ match: a, to: b }").options.routes[0].batch.format, BatchOptions::Format::none);
  expect_only(route("{ match: a, to: b, batch: { format: none, compress: zstd } }"),
              "routes[0].batch.compress", "format");
  expect_only(route("{ match: a, to: b, batch: { max: 200KB } }"), "routes[0].batch.max", "1KiB..128KiB");
}

TEST(Routes, HaveFiltersThatMakeSense) {
  const auto filter = [](const std::string& text) {
    return route("{ match: a, to: b, filter: { " + text + " } }");
  };
  EXPECT_TRUE(filter("kind: on_change, pointer: /a~1b/0, heartbeat: 1h").problems.empty());
  const auto percent = filter("kind: deadband, pointer: /v, deadband: 2%");
  EXPECT_TRUE(percent.problems.empty());
  EXPECT_TRUE(percent.options.routes[0].filter.percent);
  EXPECT_DOUBLE_EQ(percent.options.routes[0].filter.deadband, 2);
  expect_only(filter("kind: deadband, pointer: /v"), "routes[0].filter.deadband", "missing");
  expect_only(filter("kind: sample"), "routes[0].filter.interval", "missing");
  expect_only(filter("kind: on_change, pointer: v"), "routes[0].filter.pointer", "JSON pointer");
  expect_only(filter("kind: on_change, pointer: /a~2"), "routes[0].filter.pointer", "JSON pointer");
  expect_only(filter("kind: on_change, interval: 1s"), "routes[0].filter.interval",
              "belongs to kind: sample");
  expect_only(filter("kind: sample, interval: 1s, heartbeat: 1m"), "routes[0].filter.heartbeat", "belongs");
  expect_only(filter("kind: changes"), "routes[0].filter.kind", "on_change");
}

TEST(Routes, HaveNamesOfTheirOwn) {
  expect_only(with(kRoute, kRoute + "\n  - { match: \"x\", name: \"d/+/temp\", to: y }"), "routes[1].name",
              "routes[0]");
}

TEST(Routes, AreWarnedWhenTheyAreNeverReached) {
  const auto second = [](const std::string& first, const std::string& match) {
    return with(kRoute,
                "{ match: \"" + first + "\", name: n, to: a }\n  - { match: \"" + match + "\", to: b }");
  };
  for (const auto& [first, then] :
       {std::pair{"#", "a/b"}, {"a/#", "a/+/c"}, {"a/#", "a"}, {"a/+", "a/b"}, {"a/+", "a/+"}}) {
    expect_warning(second(first, then), "routes[1].match", "never reached");
  }
  for (const auto& [first, then] :
       {std::pair{"a/b", "#"}, {"a/+/c", "a/#"}, {"a/+", "a"}, {"#", "$aws/x"}, {"a/+", "a/b/c"}}) {
    EXPECT_TRUE(second(first, then).warnings.empty()) << first << " " << then;
  }
}

TEST(Routes, AreWarnedWhenThereAreNone) {
  expect_warning(with("routes:\n  - " + kRoute + "\n", ""), "routes", "no reading goes to the cloud");
}

}  // namespace
}  // namespace sluice::config

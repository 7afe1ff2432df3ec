// Several regions in one process, and faults of the services beside MQTT.
#include <gtest/gtest.h>

#include "cloud/local/files.hpp"
#include "tests/unit/cloud/csr.hpp"
#include "tests/unit/cloud/house_http.hpp"

namespace sluice::cloud::test {
namespace {

using nlohmann::json;

struct RegionsTest : testing::Test {
  HttpReply ask(std::size_t region, const std::string& method, const std::string& target,
                const json& body = nullptr) {
    const auto& place = places[region];
    HttpExchange exchange(
        house, house.cloud->ports(region).control,
        signed_request(house, method, target, body.is_null() ? "" : body.dump(), {}, {}, place.name), {},
        place.address);
    EXPECT_TRUE(house.until([&] {
      house.clock.advance(10ms);
      return exchange.done();
    }));
    return exchange.reply();
  }
  const std::vector<RegionOptions> places = {{"eu-central-1", "127.0.0.1", {}},
                                             {"us-east-1", "127.0.0.2", 80ms}};
  House house{[this](CloudOptions& options) { options.regions = places; }};
};

TEST_F(RegionsTest, HaveRegistriesOfTheirOwn) {
  EXPECT_EQ(ask(0, "POST", "/things/a", json::object()).json()["thingArn"],
            "arn:aws:iot:eu-central-1:123456789012:thing/a");
  EXPECT_EQ(ask(1, "GET", "/things/a").error(), "404 ResourceNotFoundException");
  EXPECT_EQ(ask(1, "POST", "/things/b", json::object()).json()["thingArn"],
            "arn:aws:iot:us-east-1:123456789012:thing/b");
  const auto directory = house.scratch.path() / "cloud" / "regions";
  EXPECT_TRUE(std::filesystem::exists(directory / "eu-central-1" / "things" / "a" / "thing.json"));
  EXPECT_TRUE(std::filesystem::exists(directory / "us-east-1" / "things" / "b" / "thing.json"));
}

TEST_F(RegionsTest, SayWhereTheyAnswer) {
  EXPECT_EQ(ask(1, "GET", "/endpoint?endpointType=iot%3AData-ATS").json()["endpointAddress"],
            "127.0.0.2:" + std::to_string(house.cloud->ports(1).mqtt));
}

TEST_F(RegionsTest, AnswerAsLateAsTheyAreFar) {
  HttpExchange exchange(house, house.cloud->ports(1).control,
                        signed_request(house, "GET", "/things", "", {}, {}, "us-east-1"), {}, "127.0.0.2");
  house.settle();
  EXPECT_FALSE(exchange.done());
  house.clock.advance(79ms);
  house.settle();
  house.clock.advance(1ms);  // the handshake begins
  house.settle();
  EXPECT_FALSE(exchange.done()) << "the answer takes its time too";
  house.clock.advance(80ms);
  EXPECT_TRUE(house.until([&] { return exchange.done(); }));
  EXPECT_EQ(exchange.reply().status, 200U);
}

TEST_F(RegionsTest, FailOneByOne) {
  EXPECT_NE(house.admin("POST", "/fault?region=us-east-1", R"({"kind":"control-error","status":503})")
                .find("control-error"),
            std::string::npos);
  EXPECT_EQ(ask(0, "GET", "/things").status, 200U);
  EXPECT_EQ(ask(1, "GET", "/things").status, 503U);
  house.admin("DELETE", "/fault");
  EXPECT_EQ(ask(1, "GET", "/things").status, 200U);
  EXPECT_EQ(json::parse(house.admin("GET", "/status?region=us-east-1"))["region"], "us-east-1");
  EXPECT_NE(house.admin("GET", "/status?region=moon-1").find("no region moon-1"), std::string::npos);
}

TEST_F(RegionsTest, SendADeviceToTheRegionThatItWants) {
  const auto reply =
      http(house, house.cloud->ports(0).cvm, "POST", "/Prod/certificates",
           json{{"productid", "x"}, {"accessToken", "y"}, {"csr", make_csr("x").csr}, {"region", "us-east-1"}}
               .dump());
  EXPECT_NE(reply.body.find("127.0.0.2:" + std::to_string(house.cloud->ports(1).cvm)), std::string::npos)
      << reply.body;
}

struct ServiceFaults : testing::Test {
  std::string ask() { return control(house, "GET", "/things").error(); }
  void fault(const json& wish) {
    const auto done = house.cloud->faults().set(wish);
    ASSERT_TRUE(done) << done.error().text;
  }
  House house;
};

TEST_F(ServiceFaults, ThrottleAsEachServiceSaysIt) {
  fault({{"kind", "control-throttle"}, {"next", 2}});
  EXPECT_EQ(ask(), "400 ThrottlingException");
  EXPECT_EQ(ask(), "400 ThrottlingException");
  EXPECT_EQ(ask(), "none");
  fault({{"kind", "cvm-throttle"}});
  EXPECT_EQ(http(house, house.cloud->ports().cvm, "GET", "/Prod/getcert").status, 429U);
  fault({{"kind", "control-throttle"}, {"rate", 1}});
  EXPECT_EQ(ask(), "none");
  EXPECT_EQ(ask(), "400 ThrottlingException");
}

TEST_F(ServiceFaults, AnswerWithAnErrorSoManyTimes) {
  fault({{"kind", "control-error"}, {"status", 503}, {"next", 1}});
  EXPECT_EQ(ask(), "503 ServiceUnavailableException");
  EXPECT_EQ(ask(), "none");
}

TEST_F(ServiceFaults, LoseTheAnswerAfterTheWorkIsDone) {
  fault({{"kind", "control-lose-answer"}, {"next", 1}});
  EXPECT_EQ(control(house, "POST", "/things/a", json::object()).status, 0U);
  EXPECT_EQ(control(house, "GET", "/things/a").status, 200U) << "it was done";
}

TEST_F(ServiceFaults, MakeAServiceSlow) {
  fault({{"kind", "control-slow"}, {"ms", 5000}});
  HttpExchange exchange(house, house.cloud->ports().control, signed_request(house, "GET", "/things"));
  house.settle();
  EXPECT_FALSE(exchange.done());
  const auto asked = house.clock.now();
  EXPECT_TRUE(house.until([&] {
    house.clock.advance(100ms);
    return exchange.done();
  }));
  EXPECT_GE(house.clock.now() - asked, 4900ms);
  EXPECT_EQ(exchange.reply().status, 200U);
}

TEST_F(ServiceFaults, TakeOneServiceAwayAndBringItBackOnItsPort) {
  const auto port = house.cloud->ports().control;
  fault({{"kind", "control-outage"}, {"seconds", 10}});
  EXPECT_EQ(ask(), "0");
  EXPECT_EQ(http(house, house.cloud->ports().cvm, "GET", "/").status, 403U) << "the others stay";
  house.pass(11s);
  EXPECT_EQ(ask(), "none");
  EXPECT_EQ(house.cloud->ports().control, port);
}

TEST_F(ServiceFaults, EndWithTheOutageOfEverything) {
  fault({{"kind", "outage"}});
  EXPECT_EQ(ask(), "0");
  house.cloud->faults().clear();
  EXPECT_EQ(ask(), "none");
}

TEST_F(ServiceFaults, AreRefusedWhenTheyAreUnknown) {
  EXPECT_FALSE(house.cloud->faults().set({{"kind", "control-flood"}}));
  EXPECT_FALSE(house.cloud->faults().set({{"kind", "moon-outage"}}));
  EXPECT_FALSE(house.cloud->faults().set({{"kind", "cvm-slow"}})) << "ms is missing";
  EXPECT_FALSE(house.cloud->faults().set({{"kind", "cvm-error"}, {"status", 200}}));
}

}  // namespace
}  // namespace sluice::cloud::test

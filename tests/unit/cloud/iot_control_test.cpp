// AWS's control plane over the registry's files: what it keeps, what it refuses and in which words.
#include <gtest/gtest.h>

#include <algorithm>

#include "cloud/local/files.hpp"
#include "cloud/local/registry/local_iot_control.hpp"
#include "cloud/local/setup.hpp"
#include "tests/support/scratch.hpp"
#include "tests/support/virtual_clock.hpp"
#include "tests/unit/cloud/csr.hpp"

namespace sluice::cloud {
namespace {

constexpr const char* kPolicy =
    R"({"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"iot:Connect","Resource":"*"}})";

struct IotControlTest : testing::Test {
  IotControlTest() {
    EXPECT_TRUE(init_directory(directory, {"eu-central-1"}, {}, clock.wall()));
    registry.emplace(directory, Log{});
    const KeyAndCertificate authority{*read_file(directory / "ca.pem"), *read_file(directory / "ca.key")};
    control.emplace(*registry, clock, authority, ArnScope{"eu-central-1", "123456789012"},
                    [](std::string_view type) { return std::string(type == "iot:Data-ATS" ? "h:1" : ""); });
  }
  aws::Certificate certificate(bool active = true) {
    auto made = control->create_certificate_from_csr(test::make_csr("device").csr, active);
    EXPECT_TRUE(made) << made.error().text;
    return *made;
  }
  // Another look at the same directory, as after a restart.
  Registry reopened() { return {directory, Log{}}; }

  sluice::test::Scratch scratch;
  sluice::test::VirtualClock clock;
  std::filesystem::path directory = scratch.path() / "cloud";
  std::optional<Registry> registry;
  std::optional<LocalIotControl> control;
};

template <typename T>
std::string code_of(const aws::result<T>& done) {
  return done ? "none" : std::to_string(done.error().status) + " " + done.error().code;
}

TEST_F(IotControlTest, IssuesACertificateForARequestTwiceWithTwoIds) {
  const auto csr = test::make_csr("gw-1").csr;
  const auto one = control->create_certificate_from_csr(csr, true),
             two = control->create_certificate_from_csr(csr, false);
  ASSERT_TRUE(one && two);
  EXPECT_NE(one->id, two->id);
  EXPECT_EQ(one->arn, "arn:aws:iot:eu-central-1:123456789012:cert/" + one->id);
  EXPECT_EQ(read_certificate(one->pem)->subject, "CN=gw-1");
  EXPECT_TRUE(signed_by(one->pem, *read_file(directory / "ca.pem")));
  EXPECT_EQ(control->describe_certificate(two->id)->status, "INACTIVE");
}

TEST_F(IotControlTest, RefusesRequestsThatAreNone) {
  EXPECT_EQ(code_of(control->create_certificate_from_csr("nonsense", true)), "400 InvalidRequestException");
  EXPECT_EQ(code_of(control->create_certificate_from_csr(std::string(5000, 'x'), true)),
            "400 InvalidRequestException");
  EXPECT_EQ(code_of(control->create_certificate_from_csr(test::make_csr("x", 1024).csr, true)),
            "400 InvalidRequestException");
}

TEST_F(IotControlTest, KeepsEverythingOverARestart) {
  const auto made = certificate();
  ASSERT_TRUE(control->create_policy("p", kPolicy));
  ASSERT_TRUE(control->create_thing("t-1", "", {{"site", "north"}}));
  ASSERT_TRUE(control->attach_policy("p", made.arn));
  ASSERT_TRUE(control->attach_thing_principal("t-1", made.arn));
  auto again = reopened();
  const auto principal = again.principal(made.id);
  ASSERT_TRUE(principal);
  EXPECT_TRUE(principal->active());
  EXPECT_EQ(principal->thing, "t-1");
  EXPECT_EQ(principal->policies.size(), 1U);
  EXPECT_EQ(again.thing("t-1")->attributes.at("site"), "north");
}

TEST_F(IotControlTest, TakesTheSameThingTwiceAndNotAnother) {
  ASSERT_TRUE(control->create_thing("t-1", "", {{"a", "1"}}));
  EXPECT_TRUE(control->create_thing("t-1", "", {{"a", "1"}}));
  EXPECT_EQ(code_of(control->create_thing("t-1", "", {{"a", "2"}})), "409 ResourceAlreadyExistsException");
  EXPECT_EQ(code_of(control->create_thing("t-2", "no-such-type", {})), "404 ResourceNotFoundException");
  EXPECT_EQ(code_of(control->create_thing("../evil", "", {})), "400 InvalidRequestException");
  EXPECT_EQ(code_of(control->create_thing("t-3", "", {{"a", "1"}, {"b", "1"}, {"c", "1"}, {"d", "1"}})),
            "400 InvalidRequestException");
}

TEST_F(IotControlTest, DeletesACertificateOnlyWhenNothingHoldsIt) {
  const auto made = certificate();
  ASSERT_TRUE(control->create_thing("t-1", "", {}));
  ASSERT_TRUE(control->attach_thing_principal("t-1", made.arn));
  ASSERT_TRUE(control->attach_policy("default", made.arn));
  EXPECT_EQ(code_of(control->delete_certificate(made.id)), "406 CertificateStateException");
  ASSERT_TRUE(control->update_certificate(made.id, "INACTIVE"));
  EXPECT_EQ(code_of(control->delete_certificate(made.id)), "409 DeleteConflictException");
  ASSERT_TRUE(control->detach_thing_principal("t-1", made.arn));
  EXPECT_EQ(code_of(control->delete_certificate(made.id)), "409 DeleteConflictException");
  ASSERT_TRUE(control->detach_policy("default", made.arn));
  EXPECT_TRUE(control->delete_certificate(made.id));
  EXPECT_EQ(code_of(control->describe_certificate(made.id)), "404 ResourceNotFoundException");
  EXPECT_FALSE(reopened().certificate(made.id));
}

TEST_F(IotControlTest, RefusesStatesThatOnlyAwsGives) {
  const auto made = certificate();
  EXPECT_EQ(code_of(control->update_certificate(made.id, "PENDING_ACTIVATION")),
            "400 InvalidRequestException");
  EXPECT_EQ(code_of(control->update_certificate("short", "ACTIVE")), "400 InvalidRequestException");
  EXPECT_EQ(code_of(control->update_certificate(std::string(64, 'a'), "ACTIVE")),
            "404 ResourceNotFoundException");
}

TEST_F(IotControlTest, HoldsPoliciesToAwsRules) {
  ASSERT_TRUE(control->create_policy("p", kPolicy));
  EXPECT_EQ(code_of(control->create_policy("p", kPolicy)), "409 ResourceAlreadyExistsException");
  EXPECT_EQ(code_of(control->create_policy("q", "{}")), "400 MalformedPolicyException");
  EXPECT_EQ(code_of(control->create_policy("a/b", kPolicy)), "400 InvalidRequestException");
  const auto made = certificate();
  EXPECT_EQ(code_of(control->attach_policy("no-such", made.arn)), "404 ResourceNotFoundException");
  ASSERT_TRUE(control->attach_policy("p", made.arn));
  EXPECT_TRUE(control->attach_policy("p", made.arn)) << "twice is no error";
  EXPECT_EQ(*control->attached_policies(made.arn), std::vector<std::string>{"p"});
  EXPECT_EQ(code_of(control->delete_policy("p")), "409 DeleteConflictException");
  for (int i = 0; i < 9; ++i) {
    ASSERT_TRUE(control->create_policy("p" + std::to_string(i), kPolicy));
    ASSERT_TRUE(control->attach_policy("p" + std::to_string(i), made.arn));
  }
  EXPECT_EQ(code_of(control->attach_policy("default", made.arn)), "410 LimitExceededException");
  ASSERT_TRUE(control->detach_policy("p", made.arn));
  EXPECT_TRUE(control->delete_policy("p"));
}

TEST_F(IotControlTest, KnowsWhatIsAttachedToWhat) {
  const auto made = certificate();
  for (const char* name : {"t-1", "t-2"}) {
    ASSERT_TRUE(control->create_thing(name, "", {}));
    ASSERT_TRUE(control->attach_thing_principal(name, made.arn));
  }
  EXPECT_EQ(*control->principal_things(made.arn), (std::vector<std::string>{"t-1", "t-2"}));
  EXPECT_EQ(*control->thing_principals("t-1"), std::vector<std::string>{made.arn});
  EXPECT_EQ(code_of(control->delete_thing("t-1")), "400 InvalidRequestException");
  ASSERT_TRUE(control->detach_thing_principal("t-1", made.arn));
  EXPECT_TRUE(control->delete_thing("t-1"));
  EXPECT_EQ(code_of(control->describe_thing("t-1")), "404 ResourceNotFoundException");
  EXPECT_EQ(*control->principal_things(made.arn), std::vector<std::string>{"t-2"});
}

TEST_F(IotControlTest, RulesThingsThatWereMadeByHand) {
  NewThing by_hand;
  by_hand.name = "gw-1";
  ASSERT_TRUE(add_thing(directory, by_hand, clock.wall()));
  const auto id = read_certificate(*read_file(directory / "things" / "gw-1" / "cert.pem"))->id;
  const auto principal = arn(control->scope(), "cert", id);
  ASSERT_TRUE(control->update_certificate(id, "INACTIVE"));
  EXPECT_EQ(registry->principal(id)->status, "INACTIVE");
  EXPECT_EQ(reopened().principal(id)->status, "INACTIVE");
  ASSERT_TRUE(control->detach_thing_principal("gw-1", principal));
  EXPECT_EQ(registry->principal(id)->status, "INACTIVE") << "it lives on without its thing";
  EXPECT_TRUE(std::filesystem::exists(directory / "things" / "gw-1" / "key.pem")) << "its key is its owner's";
  ASSERT_TRUE(control->delete_thing("gw-1"));
  ASSERT_TRUE(control->detach_policy("default", principal));
  EXPECT_TRUE(control->delete_certificate(id));
}

TEST_F(IotControlTest, ForgetsTemporaryCertificatesWhenTheirTimeIsOver) {
  const auto made = control->issue_pending(test::make_csr("x").csr, control->now() + 3600);
  ASSERT_TRUE(made);
  registry->drop_expired(control->now() + 3599);
  EXPECT_TRUE(registry->certificate(made->id));
  auto again = reopened();
  ASSERT_TRUE(again.refresh());
  again.drop_expired(control->now() + 3600);
  EXPECT_FALSE(again.certificate(made->id));
}

TEST_F(IotControlTest, RegistersForeignCertificatesOnce) {
  const auto own = make_authority("A maker", clock.wall());
  const auto device = make_client_certificate(*own, "d-1", clock.wall());
  EXPECT_EQ(code_of(control->register_certificate(device->certificate, own->certificate, "ACTIVE")),
            "400 CertificateValidationException")
      << "its authority is not registered";
  const auto made = control->register_certificate_without_authority(device->certificate, "ACTIVE");
  ASSERT_TRUE(made) << made.error().text;
  EXPECT_TRUE(registry->principal(made->id)->active());
  EXPECT_EQ(code_of(control->register_certificate_without_authority(device->certificate, "ACTIVE")),
            "409 ResourceAlreadyExistsException");
}

TEST_F(IotControlTest, SaysWhereItAnswers) {
  EXPECT_EQ(*control->endpoint("iot:Data-ATS"), "h:1");
  EXPECT_EQ(code_of(control->endpoint("iot:Jobs")), "400 InvalidRequestException");
}

}  // namespace
}  // namespace sluice::cloud

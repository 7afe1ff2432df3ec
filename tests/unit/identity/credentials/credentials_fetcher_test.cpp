// The fetcher's threads, with a scripted HTTPS client in place of libcurl.
#include "identity/credentials_fetcher.hpp"

#include <gtest/gtest.h>

#include <condition_variable>
#include <fstream>
#include <mutex>

#include "tests/support/scratch.hpp"
#include "tests/unit/identity/credentials/credentials_house.hpp"

namespace sluice::identity {
namespace {

using test::House;

struct Wire {
  std::mutex mutex;
  std::condition_variable changed;
  std::vector<aws::HttpOptions> options;
  std::vector<aws::HttpRequest> requests;
  bool hangs = false;
};

class WireHttp final : public aws::Http {
 public:
  WireHttp(Wire& wire, const std::atomic<bool>* cancelled) : wire_(wire), cancelled_(cancelled) {}
  aws::result<aws::HttpResponse> send(const aws::HttpRequest& request) override {
    std::unique_lock lock(wire_.mutex);
    wire_.requests.push_back(request);
    wire_.changed.notify_all();
    while (wire_.hangs && !*cancelled_) wire_.changed.wait_for(lock, std::chrono::milliseconds(1));
    return aws::HttpResponse{
        200, {}, R"({"credentials":{"accessKeyId":"A","secretAccessKey":"S","sessionToken":"T",
                                          "expiration":"2026-11-01T01:00:00Z"}})"};
  }

 private:
  Wire& wire_;
  const std::atomic<bool>* cancelled_;
};

class CredentialsFetcherTest : public testing::Test {
 protected:
  std::optional<aws::result<aws::TemporaryCredentials>> fetch(const CredentialsSource& from) {
    std::optional<aws::result<aws::TemporaryCredentials>> outcome;
    fetcher->fetch(from, [&](aws::result<aws::TemporaryCredentials> given) { outcome = std::move(given); });
    house.until([&] { return outcome.has_value(); });
    return outcome;
  }

  House house;
  Wire wire;
  CredentialsSource source{{"gw-1", "", {}}, "p:8443", "role"};
  std::unique_ptr<CredentialsFetcher> fetcher =
      make_credentials_fetcher(house.loop, [this](aws::HttpOptions options) {
        const std::scoped_lock lock(wire.mutex);
        wire.options.push_back(options);
        return std::make_unique<WireHttp>(wire, options.cancelled);
      });
};

TEST_F(CredentialsFetcherTest, AsksTheProviderWithTheKeyFromMemory) {
  source.identity.tls.certificate_pem = "CERT";
  source.identity.tls.key_pem = "KEY";
  source.identity.tls.ca_pem = "CA";
  const auto outcome = fetch(source);
  ASSERT_TRUE(outcome && *outcome);
  EXPECT_EQ((*outcome)->credentials.access_key_id, "A");
  EXPECT_EQ(wire.requests.at(0).url, "https://p:8443/role-aliases/role/credentials");
  EXPECT_EQ(wire.options.at(0).certificate_pem, "CERT");
  EXPECT_EQ(wire.options.at(0).key_pem, "KEY");
  EXPECT_EQ(wire.options.at(0).ca_pem, "CA");
}

TEST_F(CredentialsFetcherTest, ReadsFilesAfreshEachTime) {
  const sluice::test::Scratch scratch;
  const auto file = scratch.path() / "cert.pem";
  std::ofstream(file) << "one";
  source.identity.tls.files.certificate = file;
  fetch(source);
  std::ofstream(file) << "two";
  fetch(source);
  EXPECT_EQ(wire.options.at(0).certificate_pem, "one");
  EXPECT_EQ(wire.options.at(1).certificate_pem, "two");
}

TEST_F(CredentialsFetcherTest, NamesAFileThatCannotBeRead) {
  const sluice::test::Scratch scratch;
  source.identity.tls.files.key = scratch.path() / "none.key";
  const auto outcome = fetch(source);
  ASSERT_TRUE(outcome && outcome->has_error());
  EXPECT_NE(outcome->error().text.find("none.key"), std::string::npos);
  std::ofstream(scratch.path() / "huge.key") << std::string(65 * 1024, 'x');
  source.identity.tls.files.key = scratch.path() / "huge.key";
  EXPECT_TRUE(fetch(source)->has_error());
  EXPECT_TRUE(wire.requests.empty());
}

TEST_F(CredentialsFetcherTest, OneThatHangsDoesNotHoldUpAnother) {
  bool first = false, second = false;
  {
    const std::scoped_lock lock(wire.mutex);
    wire.hangs = true;
  }
  fetcher->fetch(source, [&](const auto&) { first = true; });
  {
    std::unique_lock lock(wire.mutex);
    wire.changed.wait(lock, [this] { return wire.requests.size() == 1; });
  }
  fetcher->fetch(source, [&](const auto&) { second = true; });
  {
    std::unique_lock lock(wire.mutex);
    wire.changed.wait(lock, [this] { return wire.requests.size() == 2; });
    wire.hangs = false;
  }
  wire.changed.notify_all();
  EXPECT_TRUE(house.until([&] { return first && second; }));
}

TEST_F(CredentialsFetcherTest, ItsEndCancelsWhatRunsAndAnswersNobody) {
  bool answered = false;
  {
    const std::scoped_lock lock(wire.mutex);
    wire.hangs = true;
  }
  for (int i = 0; i < 5; ++i) fetcher->fetch(source, [&](const auto&) { answered = true; });
  {
    std::unique_lock lock(wire.mutex);
    wire.changed.wait(lock, [this] { return !wire.requests.empty(); });
  }
  fetcher.reset();
  house.settle();
  EXPECT_FALSE(answered);
}

}  // namespace
}  // namespace sluice::identity

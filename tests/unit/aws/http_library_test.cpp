// libcurl is loaded by the first call: what is said where it is missing, and that installing it is enough.
#include "aws/http_library.hpp"

#include <dlfcn.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <set>
#include <thread>

#include "aws/http.hpp"
#include "aws/http_handles.hpp"
#include "tests/support/scratch.hpp"
#include "tests/unit/aws/loopback_server.hpp"

namespace sluice::aws {
namespace {

TEST(CurlLibrary, HasEveryFunctionThatIsCalled) {
  const auto curl = load_curl();
  ASSERT_TRUE(curl) << curl.error().text;
  EXPECT_STREQ(curl->easy_strerror(CURLE_OK), "No error");
}

TEST(CurlLibrary, ThatIsNotThereIsToldWithItsPackage) {
  const auto none = load_curl("libcurl-of-nobody.so.4");
  ASSERT_FALSE(none);
  EXPECT_TRUE(none.error().passing()) << "it may be installed while we run";
  EXPECT_TRUE(none.error().text.starts_with(
      "libcurl-of-nobody.so.4 cannot be loaded: install the package libcurl4 ("))
      << none.error().text;
  EXPECT_NE(none.error().text.find("No such file"), std::string::npos) << none.error().text;
}

TEST(CurlLibrary, ThatLacksAFunctionIsToldWithTheFunction) {
  const auto other = load_curl("libm.so.6");
  ASSERT_FALSE(other);
  EXPECT_TRUE(other.error().text.starts_with("libm.so.6 has no curl_global_init: ")) << other.error().text;
  EXPECT_NE(other.error().text.find("libcurl4"), std::string::npos) << other.error().text;
}

TEST(CurlLibrary, IsLoadedOnceForThreadsThatComeTogether) {
  HttpHandles handles(kCurlFile);
  std::vector<const CurlLibrary*> seen(8);
  {
    std::vector<std::jthread> threads;
    for (auto& mine : seen)
      threads.emplace_back([&handles, &mine] {
        const auto curl = handles.library();
        mine = curl ? *curl : nullptr;
      });
  }
  EXPECT_NE(seen[0], nullptr);
  EXPECT_EQ(std::set(seen.begin(), seen.end()).size(), 1U);
}

TEST(Http, WithoutLibcurlSaysWhatToInstallAndWorksOnceItIsThere) {
  test::LoopbackServer server(
      [](test::Peer& peer, const std::string&) { peer.send(test::http_answer(200, "x")); });
  const sluice::test::Scratch scratch;
  HttpOptions options;
  options.curl_file = (scratch.path() / "libcurl.so.4").string();
  HttpRequest request;
  request.url = server.origin() + "/secret?token=hunter2";
  const auto http = make_http(options);
  const auto none = http->send(request);
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().kind, Error::Kind::network);
  EXPECT_TRUE(none.error().text.starts_with("GET " + server.origin() + ": ")) << none.error().text;
  EXPECT_NE(none.error().text.find("install the package libcurl4"), std::string::npos) << none.error().text;
  EXPECT_EQ(none.error().text.find("hunter2"), std::string::npos) << none.error().text;
  EXPECT_TRUE(server.requests().empty());

  Dl_info real{};
  ASSERT_NE(::dladdr(reinterpret_cast<void*>(load_curl()->easy_init), &real), 0);
  std::filesystem::create_symlink(real.dli_fname, options.curl_file);
  const auto answer = http->send(request);
  ASSERT_TRUE(answer) << answer.error().text;
  EXPECT_EQ(answer->status, 200U);
}

}  // namespace
}  // namespace sluice::aws

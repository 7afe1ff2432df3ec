// AWS's published test suite for Signature Version 4: every case, by header and by query, at every step.
// Skipped where no copy of the suite stands (SLUICE_SIGV4_SUITE names its folder).
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "aws/sigv4.hpp"
#include "aws/sigv4_canonical.hpp"
#include "aws/time_text.hpp"

namespace sluice::aws {
namespace {

namespace fs = std::filesystem;

std::string read_file(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

std::string whole(std::string text) {
  while (text.ends_with('\n')) text.pop_back();
  return text;
}

// "GET /a b?x=1 HTTP/1.1", header lines (a line that begins with a blank continues the one before), a body.
HttpRequest parse_request_file(const std::string& text) {
  HttpRequest request;
  const auto blank = text.find("\n\n");
  std::istringstream head(text.substr(0, blank));
  if (blank != std::string::npos) request.body = text.substr(blank + 2);
  std::string line;
  std::getline(head, line);
  const auto space = line.find(' ');
  request.method = line.substr(0, space);
  const auto target = line.substr(space + 1, line.rfind(" HTTP/1.1") - space - 1);
  std::string host;
  while (std::getline(head, line) && !line.empty()) {
    if (line.starts_with(' ')) {
      request.headers.back().second += "\n" + line;
      continue;
    }
    const auto colon = line.find(':');
    request.headers.emplace_back(line.substr(0, colon), line.substr(colon + 1));
    if (lower(request.headers.back().first) == "host") host = request.headers.back().second;
  }
  request.url = "https://" + host + target;
  return request;
}

struct Case {
  HttpRequest request;
  Credentials credentials;
  SigningScope scope;
  std::chrono::seconds expires;
  fs::path folder;
  std::string expected(const std::string& file) const { return whole(read_file(folder / file)); }
};

Case load(const fs::path& folder) {
  const auto context = nlohmann::json::parse(read_file(folder / "context.json"));
  Case out;
  out.folder = folder;
  out.request = parse_request_file(read_file(folder / "request.txt"));
  const auto& keys = context.at("credentials");
  out.credentials = {keys.at("access_key_id"), keys.at("secret_access_key"), keys.value("token", "")};
  out.scope.region = context.at("region");
  out.scope.service = context.at("service");
  out.scope.time = parse_iso_time(context.at("timestamp").get<std::string>()).value();
  out.scope.normalize_path = context.at("normalize");
  out.scope.sign_body_header = context.at("sign_body");
  out.scope.omit_session_token = context.value("omit_session_token", false);
  out.expires = std::chrono::seconds(context.at("expiration_in_seconds").get<int>());
  return out;
}

Headers sorted(Headers headers) {
  for (auto& [name, value] : headers) {
    name = lower(name);
    value.erase(0, value.find_first_not_of(' '));
  }
  std::ranges::sort(headers);
  return headers;
}

QueryPairs sorted_query(const std::string& url) {
  auto pairs = query_pairs(url.substr(url.find('?') + 1));
  std::ranges::sort(pairs);
  return pairs;
}

class SigV4Suite : public testing::Test {
 protected:
  // Runs `check` on each case; the suite has 38.
  static void each(const std::function<void(const Case&)>& check) {
    const char* folder = std::getenv("SLUICE_SIGV4_SUITE");
    if (folder == nullptr) GTEST_SKIP() << "SLUICE_SIGV4_SUITE names no copy of AWS's suite";
    int cases = 0;
    for (const auto& entry : fs::directory_iterator(folder)) {
      if (!entry.is_directory()) continue;
      SCOPED_TRACE(entry.path().filename().string());
      check(load(entry.path()));
      ++cases;
    }
    EXPECT_GE(cases, 38);
  }
};

TEST_F(SigV4Suite, HeaderSignaturesAreAwsOwnAtEveryStep) {
  each([](const Case& c) {
    const auto canonical = canonical_request(c.request, c.credentials, c.scope);
    EXPECT_EQ(canonical, c.expected("header-canonical-request.txt"));
    EXPECT_EQ(string_to_sign(canonical, c.scope), c.expected("header-string-to-sign.txt"));
    auto request = c.request;
    sign(request, c.credentials, c.scope);
    EXPECT_TRUE(request.headers.back().second.ends_with("Signature=" + c.expected("header-signature.txt")));
    const auto expected = parse_request_file(read_file(c.folder / "header-signed-request.txt"));
    EXPECT_EQ(sorted(request.headers), sorted(expected.headers));
    EXPECT_EQ(request.url, expected.url);
    EXPECT_EQ(request.body, expected.body);
  });
}

TEST_F(SigV4Suite, QuerySignaturesAreAwsOwnAtEveryStep) {
  each([](const Case& c) {
    auto scope = c.scope;
    scope.sign_body_header = false;
    const auto canonical = canonical_presigned(c.request, c.credentials, scope, c.expires);
    EXPECT_EQ(canonical, c.expected("query-canonical-request.txt"));
    EXPECT_EQ(string_to_sign(canonical, scope), c.expected("query-string-to-sign.txt"));
    const auto url = presign(c.request, c.credentials, scope, c.expires);
    EXPECT_NE(url.find("X-Amz-Signature=" + c.expected("query-signature.txt")), std::string::npos);
    const auto expected = parse_request_file(read_file(c.folder / "query-signed-request.txt"));
    EXPECT_EQ(url.substr(0, url.find('?')), expected.url.substr(0, expected.url.find('?')));
    EXPECT_EQ(sorted_query(url), sorted_query(expected.url));
  });
}

TEST_F(SigV4Suite, AServerAcceptsWhatTheSuiteSigned) {
  each([](const Case& c) {
    if (!c.scope.normalize_path || c.scope.omit_session_token)
      return;  // a server's check is that of ordinary services
    const auto signed_request = parse_request_file(read_file(c.folder / "header-signed-request.txt"));
    const auto outcome = verify(
        signed_request, [&](std::string_view) { return c.credentials; },
        c.scope.time + std::chrono::minutes(4));
    EXPECT_TRUE(outcome) << (outcome ? "" : outcome.error().text);
  });
}

}  // namespace
}  // namespace sluice::aws

// An Http that answers what a test wrote down, in order, and keeps what it was asked; and a Caller that waits
// and guesses nothing.
#pragma once

#include <deque>
#include <vector>

#include "aws/service.hpp"
#include "aws/time_text.hpp"

namespace sluice::aws::test {

class ScriptedHttp : public Http {
 public:
  std::deque<result<HttpResponse>> answers;
  std::vector<HttpRequest> requests;

  void answer(unsigned status, std::string body, Headers headers = {}) {
    answers.emplace_back(HttpResponse{status, std::move(headers), std::move(body)});
  }
  void fail(Error::Kind kind) { answers.emplace_back(Error{kind, 0, {}, "the wire broke", {}}); }

  result<HttpResponse> send(const HttpRequest& request) override {
    requests.push_back(request);
    if (answers.empty()) return Error{Error::Kind::protocol, 0, {}, "the script has no answer left", {}};
    auto next = std::move(answers.front());
    answers.pop_front();
    return next;
  }
  const HttpRequest& last() const { return requests.back(); }
};

inline std::string header_of(const HttpRequest& request, std::string_view name) {
  for (const auto& [key, value] : request.headers) {
    if (key == name) return value;
  }
  return {};
}

struct World {
  ScriptedHttp http;
  GivenCredentials keys{Credentials{"AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "token"}};
  std::vector<std::chrono::milliseconds> waits;
  std::chrono::sys_seconds now = parse_amz_time("20240115T120000Z").value();

  Caller caller() {
    return {http,
            keys,
            [this] { return now; },
            {[this](std::chrono::milliseconds time) { waits.push_back(time); }, [] { return 0.5; }}};
  }
  static ServiceOptions options(std::string endpoint = "") {
    ServiceOptions out;
    out.region = "eu-central-1";
    out.endpoint = std::move(endpoint);
    return out;
  }
};

}  // namespace sluice::aws::test

// One AWS service as its clients see it: signs, sends, tries again, and turns refusals into Errors. Used by
// the clients of this room (iot_control, dynamodb, sts, iot_data). Blocks; may be used by several threads.
#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <string_view>

#include "aws/credentials.hpp"
#include "aws/error.hpp"
#include "aws/http.hpp"
#include "aws/retry.hpp"

namespace sluice::aws {

struct ServiceOptions {
  std::string region;
  std::string endpoint;      // "http://127.0.0.1:5000", "https://host"; empty: AWS's own for the region
  std::string signing_name;  // empty: the client's own ("iot", "dynamodb", "sts", "iotdata")
  RetryPolicy retry;
  std::chrono::milliseconds timeout = std::chrono::seconds(10);  // of one try
};

// What several services share. Must outlive them.
struct Caller {
  Http& http;
  CredentialsProvider& credentials;
  std::function<std::chrono::sys_seconds()> now;
  Waiting waiting;
};

struct ServiceCall {
  std::string_view action;  // "CreateThing", for texts
  std::string method = "GET";
  std::string path;  // "/things/a%20b": encoded, with its query
  Headers headers;
  std::string body;
  Repeat repeat = Repeat::any_passing;
};

class Service {
 public:
  // `name`: of host and signature ("iot"), unless the options say otherwise.
  Service(std::string_view name, ServiceOptions options, const Caller& caller);

  // The response if its status is 2xx.
  result<HttpResponse> call(const ServiceCall& call) const;
  // For an answer that is not what the service documents.
  Error not_understood(std::string_view action) const;

 private:
  result<HttpResponse> once(const ServiceCall& call) const;

  std::string name_, region_, origin_, host_, signing_name_;
  RetryPolicy retry_;
  std::chrono::milliseconds timeout_;
  Caller caller_;
};

}  // namespace sluice::aws

// API Gateway before the vending function: stages and paths, the REST proxy event, its answer or AWS's own
// errors.
//   POST /Prod/certificates and /Prod/certificates/retire, GET /Prod/getcert, and GET /LATEST/getcert (first
//   generation of awslabs' CVM)
// One loop thread.
#pragma once

#include "cloud/lambda/function.hpp"
#include "cloud/local/http_server.hpp"
#include "cloud/local/quotas.hpp"
#include "core/log.hpp"

namespace sluice::cloud {

struct ApiFrontOptions {
  double requests_per_second = 0;  // of the usage plan; beyond: 429. 0: no limit
};

class ApiFront {
 public:
  ApiFront(lambda::Handler function, Clock& clock, ApiFrontOptions options, Log log);
  HttpAnswer answer(const HttpRequest& request);

 private:
  HttpAnswer invoke(const HttpRequest& request, std::string_view stage, std::string_view path);

  lambda::Handler function_;
  Clock& clock_;
  ApiFrontOptions options_;
  Bucket bucket_;
  Log log_;
};

// The function's answer as HTTP; any other shape than API Gateway takes is a 502.
HttpAnswer from_proxy_answer(const lambda::Answer& answer);

}  // namespace sluice::cloud

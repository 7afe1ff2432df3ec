// Finds the operation of a request by method and path, reads what the path, the query and the body say, and
// writes AWS's answers and errors. Used by the control plane.
#pragma once

#include "cloud/local/control/operation.hpp"

namespace sluice::cloud::control {

// Null: no such operation. Fills `path`.
const Operation* find_operation(std::string_view method, std::string_view path, Fields& fields);
Fields read_query(std::string_view target);

HttpAnswer route(LocalIotControl& iot, const HttpRequest& request);
// {"message"} and x-amzn-ErrorType, as SDKs read them.
HttpAnswer refusal(const aws::Error& error);

}  // namespace sluice::cloud::control

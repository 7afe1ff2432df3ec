// What an AWS service says when it refuses: JSON ("__type", "message"), the header x-amzn-ErrorType, or STS's
// XML, turned into an Error. Used by every client of this room.
#pragma once

#include <chrono>
#include <optional>
#include <string_view>

#include "aws/error.hpp"
#include "aws/http.hpp"

namespace sluice::aws {

// Is this one of AWS's words for "too often, ask again later"? Some come with 400, some with 429 or 503.
bool is_throttling_code(std::string_view code);

// "Retry-After: 5". Nothing for a date, and for more than a day.
std::optional<std::chrono::seconds> parse_retry_after(std::string_view header);

// Of a response that is no success. `call` names it for a person: "iot CreateThing at
// iot.eu-central-1.amazonaws.com".
Error service_error(const HttpResponse& response, std::string_view call);

}  // namespace sluice::aws

// AWS IoT's own words for "no", as aws::Error with status and code. Used by everything that plays AWS here.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "aws/error.hpp"
#include "core/error.hpp"

namespace sluice::cloud {

aws::Error invalid_request(std::string text);  // 400 InvalidRequestException
aws::Error not_found(std::string text);        // 404 ResourceNotFoundException
aws::Error already_exists(std::string text);   // 409 ResourceAlreadyExistsException
aws::Error aws_error(unsigned status, std::string code, std::string text);
// A file that could not be written: 500 InternalFailureException.
aws::Error internal_failure(const Error& error);

aws::result<void> as_aws(const result<void>& done);

}  // namespace sluice::cloud

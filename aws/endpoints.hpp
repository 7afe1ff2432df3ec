// Where AWS answers: the partition and host name of a region's service, and the region that an account's
// endpoint is in.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace sluice::aws {

// "eu-central-1", "cn-north-1", "us-gov-west-1": letters, digits and dashes, with a number at the end.
bool is_region(std::string_view region);

struct Partition {
  std::string_view name;    // "aws", "aws-cn", "aws-us-gov": as in ARNs
  std::string_view suffix;  // "amazonaws.com", "amazonaws.com.cn"
};
Partition partition_of(std::string_view region);

std::string service_host(std::string_view service,
                         std::string_view region);  // "iot.eu-central-1.amazonaws.com"

// Of a1b2-ats.iot.eu-central-1.amazonaws.com, P.credentials.iot.R..., P.jobs.iot.R..., with or without a
// port. Nothing: a name of one's own, or an address; then somebody has to say it.
std::optional<std::string> region_of_endpoint(std::string_view endpoint);

}  // namespace sluice::aws

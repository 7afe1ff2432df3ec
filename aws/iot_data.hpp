// AWS IoT's data plane over HTTPS with SigV4: publish, and shadows as JSON text. For functions; devices speak
// MQTT. The signing name is "iotdata"; where an account insists on "iotdevicegateway",
// ServiceOptions::signing_name says so.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "aws/error.hpp"
#include "aws/service.hpp"

namespace sluice::aws {

class IotData {
 public:
  virtual ~IotData() = default;
  virtual result<void> publish(std::string_view topic, std::string_view payload, int qos, bool retain) = 0;
  // Shadow documents as AWS writes them. An empty shadow name: the classic one. No shadow: Kind::not_found.
  virtual result<std::string> get_shadow(std::string_view thing, std::string_view shadow) = 0;
  virtual result<std::string> update_shadow(std::string_view thing, std::string_view shadow,
                                            std::string_view document) = 0;
};

// options.endpoint is the account's ("https://P-ats.iot.R.amazonaws.com"); it is needed.
std::unique_ptr<IotData> make_iot_data(ServiceOptions options, const Caller& caller);

}  // namespace sluice::aws

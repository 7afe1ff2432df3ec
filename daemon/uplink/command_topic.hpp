// How the cloud's topics become local ones. Each lane subscribes to CloudOptions::commands, by default
// cmd/{thing}/#:
//   a device with its own identity   cmd/<device>/rest…             {thing} is the device
//   the gateway                      cmd/<gateway>/<device>/rest…   the level at the filter's first wildcard
//   is the device
// The local topic is CloudOptions::command_to with {device}, {thing} (the lane's) and {rest}: what the topic
// has behind the filter's literal beginning, on the gateway's lane without the device's level. Used by Lane.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/options.hpp"

namespace sluice::uplink {

std::vector<std::string> command_filters(const CloudOptions& options, std::string_view thing);

struct LocalTopic {
  std::string device;  // empty: for the gateway itself
  std::string topic;
};

// False: no filter matches.
bool local_topic(const std::vector<std::string>& filters, std::string_view to, std::string_view thing,
                 bool gateway, std::string_view topic, LocalTopic& out);

}  // namespace sluice::uplink

// Does what a template asks for, for one certificate: thing, policies, attachments, and at last the status,
// so that a device never runs with half of its rights. Safe to repeat. Used by fleet provisioning and JITP.
#pragma once

#include "cloud/local/provisioning/template.hpp"
#include "cloud/local/registry/local_iot_control.hpp"

namespace sluice::cloud {

// The thing's name; empty: the template makes none.
aws::result<std::string> provision(LocalIotControl& iot, const Provision& wanted,
                                   const std::string& certificate_id);

}  // namespace sluice::cloud

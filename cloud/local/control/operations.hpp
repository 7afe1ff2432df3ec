// The tables of operations, one for each kind of resource; the router holds them all.
#pragma once

#include "cloud/local/control/operation.hpp"

namespace sluice::cloud::control {

std::span<const Operation> thing_operations();        // things.cpp
std::span<const Operation> thing_type_operations();   // thing_types.cpp
std::span<const Operation> certificate_operations();  // certificates.cpp
std::span<const Operation> authority_operations();    // authorities.cpp
std::span<const Operation> policy_operations();       // policies.cpp
std::span<const Operation> attachment_operations();   // attachments.cpp
std::span<const Operation> template_operations();     // templates.cpp
std::span<const Operation> role_alias_operations();   // role_aliases.cpp
std::span<const Operation> endpoint_operations();     // role_aliases.cpp

}  // namespace sluice::cloud::control

// The policies and provisioning templates that a new registry begins with. Used by setup.cpp.
#pragma once

#include <string>

namespace sluice::cloud {

// A thing may be itself, speak under dt/, hear its commands, and borrow credentials; children of a gateway
// are named {gateway}-{child}. Looser than what ships: for things that are added by hand.
extern const char* const kDefaultPolicyDocument;
// What the stack gives to devices and gateways, for any account and region of this cloud, its role alias
// "gateway" and the Basic Ingest rule "sluice". What the cloud's functions and templates vend has these.
std::string device_policy_document();
std::string gateway_policy_document();
extern const char* const kAllPolicyDocument;
// Who has a claim certificate may provision, and nothing else.
extern const char* const kClaimPolicyDocument;
extern const char* const kFleetTemplate;
extern const char* const kJitpTemplate;

}  // namespace sluice::cloud

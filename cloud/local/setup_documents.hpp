// The policies and provisioning templates that a new registry begins with. Used by setup.cpp.
#pragma once

namespace sluice::cloud {

// A thing may be itself, speak under dt/, hear its commands, and borrow credentials; children of a gateway
// are named {gateway}-{child}.
extern const char* const kDefaultPolicyDocument;
extern const char* const kAllPolicyDocument;
// Who has a claim certificate may provision, and nothing else.
extern const char* const kClaimPolicyDocument;
extern const char* const kFleetTemplate;
extern const char* const kJitpTemplate;

}  // namespace sluice::cloud

// cloud/lambda/policy/*.json, as they are: CloudFormation's variables are not filled in. Compiled in by
// CMakeLists.txt, used by setup_documents.cpp.
#pragma once

namespace sluice::cloud {

extern const char* const kShippedDevicePolicy;
extern const char* const kShippedGatewayPolicy;

}  // namespace sluice::cloud

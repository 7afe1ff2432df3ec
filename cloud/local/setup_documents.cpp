#include "cloud/local/setup_documents.hpp"

#include <utility>

#include "cloud/local/shipped_policies.hpp"

namespace sluice::cloud {
namespace {

// What CloudFormation fills in.
std::string filled(std::string document) {
  for (const auto& [variable, value] : {std::pair<std::string, std::string>{"${AWS::Partition}", "aws"},
                                        {"${AWS::Region}", "*"},
                                        {"${AWS::AccountId}", "*"},
                                        {"${RoleAlias}", "gateway"},
                                        {"${IngestRule}", "sluice"}}) {
    for (auto at = document.find(variable); at != document.npos; at = document.find(variable, at))
      document.replace(at, variable.size(), value);
  }
  return document;
}

}  // namespace

std::string device_policy_document() { return filled(kShippedDevicePolicy); }
std::string gateway_policy_document() { return filled(kShippedGatewayPolicy); }

const char* const kDefaultPolicyDocument = R"({
  "Version": "2012-10-17",
  "Statement": [
    { "Effect": "Allow", "Action": "iot:Connect",
      "Resource": "arn:aws:iot:*:*:client/${iot:Connection.Thing.ThingName}" },
    { "Effect": "Allow", "Action": ["iot:Publish", "iot:RetainPublish"],
      "Resource": ["arn:aws:iot:*:*:topic/dt/*", "arn:aws:iot:*:*:topic/${iot:Connection.Thing.ThingName}/*"] },
    { "Effect": "Allow", "Action": "iot:Publish",
      "Resource": ["arn:aws:iot:*:*:topic/$aws/rules/*", "arn:aws:iot:*:*:topic/cmd/${iot:Connection.Thing.ThingName}/*"] },
    { "Effect": "Allow", "Action": ["iot:Publish", "iot:Receive"],
      "Resource": ["arn:aws:iot:*:*:topic/$aws/things/${iot:Connection.Thing.ThingName}/*",
                   "arn:aws:iot:*:*:topic/$aws/things/${iot:Connection.Thing.ThingName}-*/*"] },
    { "Effect": "Allow", "Action": "iot:AssumeRoleWithCertificate", "Resource": "arn:aws:iot:*:*:rolealias/*" },
    { "Effect": "Allow", "Action": "iot:Receive",
      "Resource": ["arn:aws:iot:*:*:topic/cmd/${iot:Connection.Thing.ThingName}/*",
                   "arn:aws:iot:*:*:topic/dt/${iot:Connection.Thing.ThingName}/*"] },
    { "Effect": "Allow", "Action": "iot:Subscribe",
      "Resource": ["arn:aws:iot:*:*:topicfilter/dt/${iot:Connection.Thing.ThingName}/*",
                   "arn:aws:iot:*:*:topicfilter/cmd/${iot:Connection.Thing.ThingName}/*",
                   "arn:aws:iot:*:*:topicfilter/$aws/things/${iot:Connection.Thing.ThingName}/*",
                   "arn:aws:iot:*:*:topicfilter/$aws/things/${iot:Connection.Thing.ThingName}-*/*"] }
  ]
}
)";

const char* const kAllPolicyDocument = R"({
  "Version": "2012-10-17",
  "Statement": [ { "Effect": "Allow", "Action": "iot:*", "Resource": "*" } ]
}
)";

const char* const kClaimPolicyDocument = R"({
  "Version": "2012-10-17",
  "Statement": [
    { "Effect": "Allow", "Action": "iot:Connect", "Resource": "arn:aws:iot:*:*:client/claim-*" },
    { "Effect": "Allow", "Action": ["iot:Publish", "iot:Receive"],
      "Resource": ["arn:aws:iot:*:*:topic/$aws/certificates/create/*",
                   "arn:aws:iot:*:*:topic/$aws/certificates/create-from-csr/*",
                   "arn:aws:iot:*:*:topic/$aws/provisioning-templates/*/provision/*"] },
    { "Effect": "Allow", "Action": "iot:Subscribe",
      "Resource": ["arn:aws:iot:*:*:topicfilter/$aws/certificates/create/*",
                   "arn:aws:iot:*:*:topicfilter/$aws/certificates/create-from-csr/*",
                   "arn:aws:iot:*:*:topicfilter/$aws/provisioning-templates/*/provision/*"] }
  ]
}
)";

const char* const kFleetTemplate = R"({
  "Parameters": {
    "SerialNumber": { "Type": "String" },
    "accessToken": { "Type": "String", "Default": "" },
    "Product": { "Type": "String", "Default": "" },
    "AWS::IoT::Certificate::Id": { "Type": "String" }
  },
  "Resources": {
    "thing": {
      "Type": "AWS::IoT::Thing",
      "OverrideSettings": { "AttributePayload": "MERGE" },
      "Properties": {
        "ThingName": { "Ref": "SerialNumber" },
        "AttributePayload": { "product": { "Ref": "Product" }, "provisionedBy": "fleet" }
      }
    },
    "certificate": {
      "Type": "AWS::IoT::Certificate",
      "Properties": { "CertificateId": { "Ref": "AWS::IoT::Certificate::Id" }, "Status": "ACTIVE" }
    },
    "policy": { "Type": "AWS::IoT::Policy", "Properties": { "PolicyName": "device" } }
  },
  "DeviceConfiguration": { "product": { "Ref": "Product" } }
}
)";

const char* const kJitpTemplate = R"({
  "Parameters": {
    "AWS::IoT::Certificate::CommonName": { "Type": "String" },
    "AWS::IoT::Certificate::Id": { "Type": "String" }
  },
  "Resources": {
    "thing": {
      "Type": "AWS::IoT::Thing",
      "OverrideSettings": { "AttributePayload": "MERGE" },
      "Properties": {
        "ThingName": { "Ref": "AWS::IoT::Certificate::CommonName" },
        "AttributePayload": { "provisionedBy": "jitp" }
      }
    },
    "certificate": {
      "Type": "AWS::IoT::Certificate",
      "Properties": { "CertificateId": { "Ref": "AWS::IoT::Certificate::Id" }, "Status": "ACTIVE" }
    },
    "policy": { "Type": "AWS::IoT::Policy", "Properties": { "PolicyName": "device" } }
  }
}
)";

}  // namespace sluice::cloud

"""cloud/stack/template.yaml as data: read with CloudFormation's short forms, cut down to what moto's CloudFormation can
make, and its policies as a list. Used by the tests of the stack."""

import io
import json
import pathlib
import zipfile

from cfnlint.decode import cfn_yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
TEMPLATE = ROOT / "cloud/stack/template.yaml"

# What moto 5's CloudFormation does not make; real CloudFormation does. Each is stripped by name, and everything that
# refers to it gets a text in its place, so that the rest is made as it stands.
NOT_IN_MOTO = {
    "AWS::ApiGateway::ApiKey": "moto has the API, not the resource",
    "AWS::ApiGateway::Authorizer": "moto has the API, not the resource",
    "AWS::ApiGateway::BasePathMapping": "moto has the API, not the resource",
    "AWS::ApiGateway::DomainName": "moto has the API, not the resource",
    "AWS::ApiGateway::GatewayResponse": "moto has the API, not the resource",
    "AWS::ApiGateway::Stage": "moto has the API, not the resource",
    "AWS::ApiGateway::UsagePlan": "moto has the API, not the resource",
    "AWS::ApiGateway::UsagePlanKey": "moto has the API, not the resource",
    "AWS::CloudWatch::Alarm": "moto has the API, not the resource",
    "AWS::Cognito::UserPool": "moto has the API, not the resource",
    "AWS::Cognito::UserPoolClient": "moto has the API, not the resource",
    "AWS::IoT::ProvisioningTemplate": "moto has no provisioning templates at all",
    "AWS::IoT::TopicRule": "moto has the API, not the resource",
    "AWS::S3::BucketPolicy": "moto has the API, not the resource",
}
# Single resources of a type that moto makes.
NOT_IN_MOTO_NAMES = {"GetFirmware": "moto forgets Integration.Credentials, and then refuses an S3 integration without"}


def plain(node):
    """cfn-lint's nodes, which know their line, as ordinary dicts and lists."""
    if isinstance(node, dict):
        return {str(key): plain(value) for key, value in node.items()}
    if isinstance(node, list):
        return [plain(value) for value in node]
    return str(node) if isinstance(node, str) else node


def load(path=TEMPLATE):
    return plain(cfn_yaml.load(str(path)))


def for_moto(template, conditional=True):
    """(the template without what moto cannot make, the logical ids of what was stripped). conditional: with resources
    that have a condition; moto heeds it when it makes a stack, and not when it updates one."""
    resources = template["Resources"].items()
    gone = {name for name, resource in resources if resource["Type"] in NOT_IN_MOTO or name in NOT_IN_MOTO_NAMES
            or ("Condition" in resource and not conditional)}

    def stand_in(node):
        if isinstance(node, list):
            return [stand_in(value) for value in node]
        if not isinstance(node, dict):
            return node
        if node.get("Ref") in gone:
            return f"stripped-{node['Ref']}"
        if "Fn::GetAtt" in node:
            name = node["Fn::GetAtt"]
            name = name.split(".")[0] if isinstance(name, str) else name[0]
            return f"stripped-{name}" if name in gone else node
        if isinstance(node.get("Fn::Sub"), str):
            text = node["Fn::Sub"]
            for name in gone:
                text = text.replace("${" + name + "}", f"stripped-{name}").replace("${" + name + ".", "stripped-${AWS::StackName}")
            return {"Fn::Sub": text}
        return {key: stand_in(value) for key, value in node.items()}

    kept = {}
    for name, resource in template["Resources"].items():
        if name in gone:
            continue
        resource = dict(resource)
        needs = resource.pop("DependsOn", [])
        needs = [n for n in ([needs] if isinstance(needs, str) else needs) if n not in gone]
        if needs:
            resource["DependsOn"] = needs
        kept[name] = stand_in(resource)
    outputs = {name: stand_in(output) for name, output in template["Outputs"].items()}
    return template | {"Resources": kept, "Outputs": outputs}, gone


def as_list(value):
    return value if isinstance(value, list) else [value]


def statements(template):
    """(logical id, statement) of every policy of roles, IoT, buckets and the API; both branches of Fn::If."""

    def walk(name, node):
        if isinstance(node, list):
            for value in node:
                yield from walk(name, value)
        elif isinstance(node, dict):
            if "Effect" in node and "Action" in node:
                yield name, node
            else:
                for value in node.values():
                    yield from walk(name, value)

    for name, resource in template["Resources"].items():
        yield from walk(name, resource.get("Properties", {}))


def write_for_moto(path):
    template, _ = for_moto(load(), conditional=False)
    path.write_text(json.dumps(template))
    return path


def empty_zip():
    """A function's zip as far as moto looks into it."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr("bootstrap", "#!/bin/sh\n")
    return data.getvalue()

"""The stack's template: valid, least privilege, no secrets, made by moto's CloudFormation as far as that goes."""

import ast
import json
import pathlib
import re
import subprocess
import sys

import airspeed
import boto3
import cfnlint
import cloud_stack
import pytest
from cloud_stack import as_list, statements
from moto import mock_aws

ROOT = cloud_stack.ROOT
REGION = "eu-central-1"
NEEDED = {
    "CodeBucket": "code",
    "DataEndpoint": f"a1-ats.iot.{REGION}.amazonaws.com",
    "CredentialsEndpoint": f"c1.credentials.iot.{REGION}.amazonaws.com",
}

# Every Resource "*" of the template, and why there is no other way.
WILD_RESOURCES = {
    "iot:CreateCertificateFromCsr": "a certificate has no name before it exists",
    "iot:CreateKeysAndCertificate": "a certificate has no name before it exists",
    "iot:ListAttachedPolicies": "AWS knows no resource for it",
    "iot:ListPrincipalPolicies": "AWS knows no resource for it",
    "iot:RegisterCertificate": "a certificate has no name before it exists",
    "iot:RegisterThing": "AWS knows no resource for it",
    "xray:PutTraceSegments": "traces are no resources",
    "xray:PutTelemetryRecords": "traces are no resources",
}


@pytest.fixture(scope="module")
def template():
    return cloud_stack.load()


def properties(template, name):
    return template["Resources"][name]["Properties"]


def of_type(template, kind):
    return {name: r["Properties"] for name, r in template["Resources"].items() if r["Type"] == kind}


def text_of(sub):
    return sub["Fn::Sub"] if isinstance(sub, dict) else sub


def test_cfn_lint_finds_nothing():
    regions = ["us-east-1", "eu-central-1", "ap-southeast-1", "sa-east-1"]
    run = subprocess.run([str(pathlib.Path(sys.executable).with_name("cfn-lint")), str(cloud_stack.TEMPLATE), "--include-checks", "W", "--regions", *regions],
                         capture_output=True, text=True)
    assert (run.returncode, run.stdout) == (0, ""), run.stdout + run.stderr


def test_it_stays_under_the_limits_of_cloudformation_and_iot(template):
    assert cloud_stack.TEMPLATE.stat().st_size < 1_000_000
    assert len(template["Resources"]) < 500 and len(template["Parameters"]) < 200 and len(template["Outputs"]) < 200
    for name, policy in of_type(template, "AWS::IoT::Policy").items():
        document = json.dumps(policy["PolicyDocument"]).replace("${AWS::Partition}:iot:${AWS::Region}:${AWS::AccountId}",
                                                               "aws-us-gov:iot:ap-southeast-1:123456789012")
        assert len(re.sub(r"\s|\"Fn::Sub\":", "", document)) <= 2048, name
    for name, body in of_type(template, "AWS::IoT::ProvisioningTemplate").items():
        assert len(text_of(body["TemplateBody"])) <= 10240, name
    # Lambda: 4 KB of environment; a hook has 5 s
    assert properties(template, "FleetHook")["Timeout"] <= 5


# ---- rights


def test_no_statement_allows_a_wildcard_action(template):
    allowed = [(name, action) for name, s in statements(template) if s["Effect"] == "Allow" for action in as_list(s["Action"])]
    assert len(allowed) > 50
    assert [a for a in allowed if "*" in a[1]] == []


def test_a_wildcard_resource_stands_only_where_aws_knows_no_resource(template):
    known = json.loads(next(pathlib.Path(cfnlint.__file__).parent.rglob("Policies.json")).read_text())
    wild = set()
    for _, statement in statements(template):
        if "*" in as_list(statement.get("Resource", [])):
            wild.update(as_list(statement["Action"]))
    assert wild == set(WILD_RESOURCES)
    for action in wild:
        service, name = action.lower().split(":")
        assert not known[service]["Actions"][name].get("Resources"), f"{action} can be limited to a resource"


def test_actions_and_resources_are_of_kinds_that_aws_joins(template):
    """cfn-lint's copy of the service authorization reference: an action with resources none of which fit does nothing."""
    known = json.loads(next(pathlib.Path(cfnlint.__file__).parent.rglob("Policies.json")).read_text())
    kind_of = {"cert/": "cert", "thing/": "thing", "thingtype/": "thingtype"}
    checked = 0
    for name, statement in statements(template):
        if template["Resources"][name]["Type"] != "AWS::IAM::Role" or "Resource" not in statement:
            continue
        for action in as_list(statement["Action"]):
            service, verb = action.lower().split(":")
            for resource in as_list(statement["Resource"]):
                tail = text_of(resource).rsplit(":", 1)[-1] if isinstance(resource, dict) and "Fn::Sub" in resource else ""
                for start, kind in kind_of.items():
                    if service == "iot" and tail.startswith(start):
                        assert kind in known["iot"]["Actions"][verb].get("Resources", []), (name, action)
                        checked += 1
    assert checked > 20


CALLS = {"attached_policies": "ListAttachedPolicies", "principal_things": "ListPrincipalThings"}


@pytest.mark.parametrize(("role", "folder"), [("CvmRole", "cvm"), ("JitrRole", "jitr"), ("FleetHookRole", "fleet_hook"),
                                              ("AuthorizerRole", "authorizer")])
def test_a_function_may_do_exactly_what_its_code_calls(template, role, folder):
    functions = ROOT / "cloud/lambda"
    code = "".join(f.read_text() for f in sorted((functions / folder).glob("*.cpp")))
    for call, shared in (("retire_all(", "retire.cpp"), ("make_thing(", "device_thing.cpp")):
        code += (functions / shared).read_text() if call in code else ""
    assert "table" in code
    called = {call for call in re.findall(r"\biot_?\.([a-z_]+)\(", code)} - {"endpoint"}  # given as settings
    wanted = {"iot:" + CALLS.get(c, "".join(w.capitalize() for w in c.split("_"))) for c in called}
    granted = {a for name, s in statements(template) if name == role for a in as_list(s["Action"])}
    assert {a for a in granted if a.startswith("iot:")} == wanted
    writes = re.search(r"\btable_?(\.|->)replace\(", code) is not None
    assert ("dynamodb:UpdateItem" in granted) == writes
    assert not {"dynamodb:PutItem", "dynamodb:DeleteItem", "dynamodb:Scan"} & granted


@pytest.mark.parametrize(("resource", "file"), [("DevicePolicy", "device"), ("GatewayPolicy", "gateway")])
def test_devices_and_gateways_get_the_policies_that_the_functions_were_written_for(template, resource, file):
    def as_written(node):
        if isinstance(node, dict) and set(node) == {"Fn::Sub"}:
            return node["Fn::Sub"].replace("${AWS::StackName}-device", "${RoleAlias}").replace("${!", "${")
        if isinstance(node, dict):
            return {k: as_written(v) for k, v in node.items()}
        return [as_written(v) for v in node] if isinstance(node, list) else node
    shipped = json.loads((ROOT / f"cloud/lambda/policy/{file}.json").read_text())
    assert as_written(properties(template, resource)["PolicyDocument"]) == shipped


@pytest.mark.parametrize("function", ["Cvm", "JitrFunction", "FleetHook"])
def test_the_product_of_gateways_gets_their_policy_whoever_vends(template, function):
    settings = properties(template, function)["Environment"]["Variables"]
    wanted = [{"Fn::Sub": "${AWS::StackName}-gateway"}, {"Ref": "GatewayProduct"}]
    assert [settings["SLUICE_GATEWAY_POLICY"], settings["SLUICE_GATEWAY_PRODUCTS"]] == wanted


def test_a_device_reads_firmware_and_only_its_own_uploads(template):
    rights = {s["Sid"]: s for name, s in statements(template) if name == "DeviceRole" and "Sid" in s}
    assert text_of(rights["ReadFirmware"]["Resource"]) == "${FirmwareBucket.Arn}/firmware/*"
    assert text_of(rights["OwnUploads"]["Resource"]) == "${FirmwareBucket.Arn}/things/${!credentials-iot:ThingName}/*"
    assert all("${!credentials-iot:ThingName}" in text_of(r) or text_of(r).endswith("/GET/firmware/*")
               for r in rights["OwnRecordAndManifests"]["Resource"])
    trust = properties(template, "DeviceRole")["AssumeRolePolicyDocument"]["Statement"]
    assert [s["Principal"] for s in trust] == [{"Service": "credentials.iot.amazonaws.com"}]


def test_what_must_not_be_lost_or_read_by_others_is_kept_and_sealed(template):
    for name in ("DeviceTable", "FirmwareBucket"):
        resource = template["Resources"][name]
        assert (resource["DeletionPolicy"], resource["UpdateReplacePolicy"]) == ("Retain", "Retain")
    table = properties(template, "DeviceTable")
    assert table["SSESpecification"] == {"SSEEnabled": True} and table["DeletionProtectionEnabled"] is True
    assert table["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
    bucket = properties(template, "FirmwareBucket")
    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True} and "BucketEncryption" in bucket
    assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}
    deny = next(s for name, s in statements(template) if name == "FirmwareBucketPolicy")
    assert (deny["Effect"], deny["Condition"]) == ("Deny", {"Bool": {"aws:SecureTransport": "false"}})


def test_a_private_api_answers_its_endpoints_only(template):
    chosen, policy, otherwise = properties(template, "Api")["Policy"]["Fn::If"]
    assert (chosen, otherwise) == ("IsPrivate", {"Ref": "AWS::NoValue"})
    deny = next(s for s in policy["Statement"] if s["Effect"] == "Deny")
    assert deny["Condition"] == {"StringNotEquals": {"aws:SourceVpce": {"Ref": "VpcEndpointIds"}}}


def test_the_api_key_opens_every_stage(template):
    opened = [s.get("Fn::If", [None, s]) for s in properties(template, "UsagePlan")["ApiStages"]]
    stages = {name: template["Resources"][name].get("Condition") for name in of_type(template, "AWS::ApiGateway::Stage")}
    assert {stage["Stage"]["Ref"]: condition for condition, stage, *_ in opened} == stages


def test_it_holds_and_tells_no_secrets(template):
    text = cloud_stack.TEMPLATE.read_text()
    assert not re.search(r"AKIA[0-9A-Z]{12}|BEGIN [A-Z ]*PRIVATE KEY|aws_secret|[Pp]assword:", text)
    for name, value in of_type(template, "AWS::ApiGateway::ApiKey").items():
        assert "Value" not in value, name
    for name, stage in of_type(template, "AWS::ApiGateway::Stage").items():
        for settings in stage["MethodSettings"]:
            assert (settings["DataTraceEnabled"], settings["LoggingLevel"]) == (False, "OFF"), name
        assert "AccessLogSetting" not in stage, name  # its context includes queries, and GET /getcert has a token there
    assert not [name for name in template["Outputs"] if re.search("secret|token|keyvalue", name, re.I)]


# ---- the API's own words


class Text(str):
    def replaceAll(self, what, by):  # noqa: N802 Java's name
        return Text(self.replace(what, by))  # airspeed has taken one level of backslashes off the regular expression


class Input:
    def __init__(self, answer=None, **parameters):
        self.answer, self.parameters = answer, parameters

    def path(self, _):
        return self.answer

    def params(self, name):
        return Text(self.parameters[name])


class Util:
    def escapeJavaScript(self, text):  # noqa: N802 API Gateway's name
        return Text(json.dumps(str(text))[1:-1].replace("'", "\\'"))


def render(text, given):
    context = {"responseOverride": {"status": 200}}
    said = airspeed.Template(text).merge({"input": given, "util": Util(), "context": context})
    return context["responseOverride"]["status"], json.loads(said)


def answer_template(template, method, status="200"):
    responses = properties(template, method)["Integration"]["IntegrationResponses"]
    return next(r for r in responses if r["StatusCode"] == status)["ResponseTemplates"]["application/json"]


@pytest.mark.parametrize(("state", "word"), [("-1", "registered"), ("0", "new"), ("1", "in progress"), ("7", "blocked")])
def test_a_devices_record_is_told_without_its_token(template, state, word):
    item = {"productid": {"S": "gw-1"}, "accessToken": {"S": "$scrypt$hash"}, "product": {"S": 'a"b'}, "region": {"S": REGION},
            "applyState": {"N": state}, "certID": {"S": "ab12"}, "timestamp": {"N": "1764000000"}, "keyHash": {"S": "k"}}
    status, record = render(answer_template(template, "GetDevice"), Input({"Item": item}))
    assert (status, record) == (200, {"productid": "gw-1", "product": 'a"b', "region": REGION, "state": word, "certID": "ab12",
                                      "timestamp": 1764000000})


def test_a_device_that_is_not_there_is_a_404(template):
    status, record = render(answer_template(template, "GetDevice"), Input({}))
    assert status == 404 and record["error"]["code"] == "NotFound"


def test_a_record_of_a_new_device_has_no_holes(template):
    item = {"productid": {"S": "gw-1"}, "applyState": {"N": "0"}}
    _, record = render(answer_template(template, "GetDevice"), Input({"Item": item}))
    assert record == {"productid": "gw-1", "product": "", "region": "", "state": "new", "certID": "", "timestamp": 0}


def test_the_table_is_not_even_asked_for_tokens(template):
    request = text_of(properties(template, "GetDevice")["Integration"]["RequestTemplates"]["application/json"])
    for hostile in ("gw-1", 'a"},"TableName":"b', "it's"):
        _, asked = render(request.replace("${DeviceTable}", "devices"), Input(productid=hostile))
        assert asked["Key"] == {"productid": {"S": hostile}} and asked["TableName"] == "devices"
        assert "accessToken" not in asked["ProjectionExpression"]
    right = next(s for name, s in statements(template) if name == "DirectRole" and s.get("Sid") == "ReadRecords")
    columns = set(right["Condition"]["ForAllValues:StringEquals"]["dynamodb:Attributes"])
    names = asked["ExpressionAttributeNames"]
    assert columns == {names.get(c, c) for c in asked["ProjectionExpression"].split(", ")}
    assert right["Condition"]["Null"] == {"dynamodb:Attributes": "false"}


def test_api_gateways_refusals_have_our_shape_and_condemn_no_token(template):
    responses = of_type(template, "AWS::ApiGateway::GatewayResponse")
    assert {r["ResponseType"] for r in responses.values()} >= {"DEFAULT_4XX", "DEFAULT_5XX", "THROTTLED", "QUOTA_EXCEEDED"}
    for name, response in responses.items():
        text = response["ResponseTemplates"]["application/json"]
        said = json.loads(text.replace("$context.error.messageString", '"why"'))
        # Codes with a dot are none of the vending contract's: a client takes them for passing.
        assert said["error"]["code"].startswith("ApiGateway.") and said["error"]["message"], name
        if response["ResponseType"] != "DEFAULT_4XX":
            wait = response["ResponseParameters"]["gatewayresponse.header.Retry-After"].strip("'")
            assert said["error"]["retryAfterSeconds"] == int(wait), name


def test_every_method_is_in_the_deployment(template):
    parts = set(of_type(template, "AWS::ApiGateway::Method")) | set(of_type(template, "AWS::ApiGateway::GatewayResponse"))
    assert set(template["Resources"]["ApiDeployment"]["DependsOn"]) == parts


def test_only_the_health_check_is_open_and_direct_ways_ask_for_a_signature_at_least(template):
    methods = of_type(template, "AWS::ApiGateway::Method")
    open_ones = {name for name, m in methods.items() if m["AuthorizationType"] == "NONE"}
    assert open_ones == {"GetHealth"}
    types = template["Mappings"]["AuthorizationType"]
    assert {t["Direct"] for t in types.values()} == {"AWS_IAM", "CUSTOM", "COGNITO_USER_POOLS"}
    for name in ("GetDevice", "GetFirmware"):
        assert methods[name]["AuthorizationType"]["Fn::FindInMap"][2] == "Direct"


def test_a_fleet_device_is_named_by_what_the_hook_has_checked(template):
    fleet = json.loads(text_of(properties(template, "FleetTemplate")["TemplateBody"]))
    assert fleet["Resources"]["thing"]["Properties"]["ThingName"] == {"Ref": "SerialNumber"}
    hook = (ROOT / "cloud/lambda/fleet_hook/handler.cpp").read_text()
    assert '"SerialNumber"' in hook and '"accessToken"' in hook
    jitp = json.loads(text_of(properties(template, "JitpTemplate")["TemplateBody"]))
    assert jitp["Resources"]["thing"]["Properties"]["ThingName"] == {"Ref": "AWS::IoT::Certificate::CommonName"}
    used = set(re.findall(r'"Ref": "([^"]+)"', json.dumps([fleet["Resources"], fleet["DeviceConfiguration"]])))
    assert used <= set(fleet["Parameters"])


# ---- on moto


@pytest.fixture
def aws(monkeypatch):
    for name in ("AWS_ENDPOINT_URL", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    with mock_aws():
        s3 = boto3.client("s3", region_name=REGION)
        s3.create_bucket(Bucket="code", CreateBucketConfiguration={"LocationConstraint": REGION})
        for name in ("cvm", "jitr", "fleet-hook", "authorizer"):
            s3.put_object(Bucket="code", Key=f"{name}.zip", Body=cloud_stack.empty_zip())
        yield lambda service: boto3.client(service, region_name=REGION)


def document_of(text):
    """moto keeps documents that come from a template as Python writes them, not as JSON."""
    return ast.literal_eval(text)


def create(aws, template, **parameters):
    cut, gone = cloud_stack.for_moto(template)
    values = [{"ParameterKey": k, "ParameterValue": v} for k, v in (NEEDED | parameters).items()]
    aws("cloudformation").create_stack(StackName="sluice", TemplateBody=json.dumps(cut), Parameters=values,
                                       Capabilities=["CAPABILITY_IAM"])
    stack = aws("cloudformation").describe_stacks(StackName="sluice")["Stacks"][0]
    assert stack["StackStatus"] == "CREATE_COMPLETE"
    return {o["OutputKey"]: o["OutputValue"] for o in stack["Outputs"]}, cut, gone


def test_the_list_of_what_moto_cannot_make_is_exact(template):
    types = {r["Type"] for r in template["Resources"].values()}
    assert set(cloud_stack.NOT_IN_MOTO) <= types, "no longer in the template: take it off the list"
    assert set(cloud_stack.NOT_IN_MOTO_NAMES) <= set(template["Resources"])
    assert all(cloud_stack.NOT_IN_MOTO.values()) and all(cloud_stack.NOT_IN_MOTO_NAMES.values())


@pytest.mark.filterwarnings("error:Tried to parse")  # a type that moto does not make and that is not on the list
def test_moto_makes_the_rest(aws, template):
    outputs, _, gone = create(aws, template)
    table = aws("dynamodb").describe_table(TableName=outputs["TableName"])["Table"]
    assert table["KeySchema"] == [{"AttributeName": "productid", "KeyType": "HASH"}]
    assert table["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST" and table["DeletionProtectionEnabled"]

    iot = aws("iot")
    assert {p["policyName"] for p in iot.list_policies()["policies"]} == {"sluice-device", "sluice-gateway", "sluice-claim"}
    document = document_of(iot.get_policy(policyName="sluice-device")["policyDocument"])
    assert document["Statement"][0]["Resource"].endswith(":client/${iot:Connection.Thing.ThingName}")
    alias = iot.describe_role_alias(roleAlias=outputs["RoleAlias"])["roleAliasDescription"]
    assert alias["credentialDurationSeconds"] == 3600 and ":role/" in alias["roleArn"]
    assert {t["thingTypeName"] for t in iot.list_thing_types()["thingTypes"]} == {"gateway", "device"}

    functions = {f["FunctionName"]: f for f in aws("lambda").list_functions()["Functions"]}
    assert set(functions) == {"sluice-cvm", "sluice-jitr", "sluice-fleet-hook"}
    cvm = functions["sluice-cvm"]
    assert (cvm["Runtime"], cvm["Architectures"]) == ("provided.al2023", ["x86_64"])
    environment = cvm["Environment"]["Variables"]
    assert environment["SLUICE_TABLE"] == outputs["TableName"] and environment["SLUICE_ROLE_ALIAS"] == "sluice-device"
    assert int(environment["SLUICE_CLAIM_SECONDS"]) > cvm["Timeout"]
    assert "SLUICE_TABLE" not in functions["sluice-jitr"]["Environment"]["Variables"]

    api = aws("apigateway").get_rest_apis()["items"][0]
    resources = aws("apigateway").get_resources(restApiId=api["id"])["items"]
    methods = {(r["path"], m) for r in resources for m in r.get("resourceMethods", {})}
    assert methods == {("/certificates", "POST"), ("/certificates/retire", "POST"), ("/getcert", "GET"), ("/devices/{productid}", "GET"), ("/health", "GET")}
    assert "/firmware/{product}/{key}" in {r["path"] for r in resources}
    assert outputs["FirmwareBucketName"] in {b["Name"] for b in aws("s3").list_buckets()["Buckets"]}
    assert {"ApiStage", "FleetTemplate", "JitrRule"} <= gone


@pytest.mark.filterwarnings("error:Tried to parse")
@pytest.mark.parametrize("parameters", [
    {"Authorization": "LAMBDA", "Jitr": "listed", "Tracing": "on", "CvmConcurrency": "20", "Architecture": "arm64"},
    {"Authorization": "IAM", "EndpointType": "PRIVATE", "VpcEndpointIds": "vpce-1,vpce-2", "Jitr": "any"},
    {"Authorization": "COGNITO", "EndpointType": "EDGE", "ApiKeyRequired": "true", "Alarms": "off"},
], ids=lambda p: p["Authorization"])
def test_moto_makes_it_with_other_parameters(aws, template, parameters):
    outputs, _, _ = create(aws, template, **parameters)
    functions = {f["FunctionName"]: f for f in aws("lambda").list_functions()["Functions"]}
    assert ("sluice-authorizer" in functions) == (parameters["Authorization"] == "LAMBDA")
    listed = functions["sluice-jitr"]["Environment"]["Variables"].get("SLUICE_TABLE")
    assert listed == (outputs["TableName"] if parameters.get("Jitr") == "listed" else None)
    names = {name for role in aws("iam").list_roles()["Roles"] for name in aws("iam").list_role_policies(RoleName=role["RoleName"])["PolicyNames"]}
    assert names >= {"cvm", "jitr", "fleet-hook", "device", "direct", "provision"}
    assert ("authorizer" in names) == (parameters["Authorization"] == "LAMBDA")
    cvm = next(r for r in aws("iam").list_roles()["Roles"] if "CvmRole" in r["RoleName"])
    rights = document_of(aws("iam").get_role_policy(RoleName=cvm["RoleName"], PolicyName="cvm")["PolicyDocument"])["Statement"]
    assert ("Trace" in {s["Sid"] for s in rights if s}) == (parameters.get("Tracing") == "on")

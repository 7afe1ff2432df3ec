"""cloud/stack/deploy with the real AWS CLI, against moto's server: what it would do, what it does, what it says when not."""

import json
import os
import shutil
import subprocess

import boto3
import cloud_stack
import pytest
import yaml
from house import SLUICECTL, free_port

DEPLOY = cloud_stack.ROOT / "cloud/stack/deploy"
ACCOUNT = "123456789012"


class Cloud:
    def __init__(self, url, folder):
        self.url = url
        self.zips = folder / "zips"
        self.zips.mkdir()
        for name in ("cvm", "jitr", "fleet-hook", "authorizer"):
            (self.zips / f"{name}.zip").write_bytes(cloud_stack.empty_zip())
        self.template = cloud_stack.write_for_moto(folder / "template.json")
        home = folder / "home"
        home.mkdir()
        self.env = {"PATH": os.environ["PATH"], "HOME": str(home), "AWS_ENDPOINT_URL": url, "AWS_ACCESS_KEY_ID": "testing",
                    "AWS_SECRET_ACCESS_KEY": "testing-secret", "AWS_EC2_METADATA_DISABLED": "true", "AWS_MAX_ATTEMPTS": "1"}

    def run(self, *arguments, **env):
        wanted = {k: v for k, v in (self.env | env).items() if v is not None}
        return subprocess.run([DEPLOY, *arguments], env=wanted, capture_output=True, text=True, timeout=300)

    def deploy(self, *arguments, **env):
        return self.run("--zips", str(self.zips), "--template", str(self.template), *arguments, **env)

    def client(self, service, region):
        return boto3.client(service, region_name=region, endpoint_url=self.url, aws_access_key_id="testing", aws_secret_access_key="x")

    def create_stack(self, region):
        """As CloudFormation would: moto tells a stack's outputs only if no change set made it."""
        values = {"CodeBucket": "code", "DataEndpoint": "a.example", "CredentialsEndpoint": "c.example"}
        place = {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}
        s3 = self.client("s3", region)
        bucket = f"code-{region}"
        s3.create_bucket(Bucket=bucket, **place)
        for name in ("cvm", "jitr", "fleet-hook", "authorizer"):
            s3.put_object(Bucket=bucket, Key=f"{name}.zip", Body=cloud_stack.empty_zip())
        parameters = [{"ParameterKey": k, "ParameterValue": v} for k, v in (values | {"CodeBucket": bucket}).items()]
        self.client("cloudformation", region).create_stack(StackName="sluice", TemplateBody=self.template.read_text(),
                                                           Parameters=parameters, Capabilities=["CAPABILITY_IAM"])

    def stack(self, region, name="sluice"):
        stack = self.client("cloudformation", region).describe_stacks(StackName=name)["Stacks"][0]
        stack["Parameters"] = {p["ParameterKey"]: p["ParameterValue"] for p in stack["Parameters"]}
        stack["Outputs"] = {o["OutputKey"]: o["OutputValue"] for o in stack.get("Outputs", [])}
        return stack


@pytest.fixture
def cloud(moto, tmp_path):
    assert shutil.which("aws"), "the AWS CLI is missing"
    boto3.client("s3", region_name="us-east-1", endpoint_url=moto, aws_access_key_id="x", aws_secret_access_key="x")
    subprocess.run(["curl", "-sf", "-X", "POST", f"{moto}/moto-api/reset"], check=True, stdout=subprocess.DEVNULL)
    return Cloud(moto, tmp_path)


def test_a_dry_run_says_what_would_be_done_and_does_nothing(cloud):
    run = cloud.deploy("--dry-run", "--parameter", "Reissue=rotate", "eu-west-1", "us-east-1")
    assert run.returncode == 0, run.stderr
    for region in ("eu-west-1", "us-east-1"):
        lines = [line.removeprefix(f"[{region}] ").strip() for line in run.stdout.splitlines() if line.startswith(f"[{region}]")]
        values = dict(line.split("=", 1) for line in lines if "=" in line)
        assert values["CodeBucket"] == f"sluice-code-{ACCOUNT}-{region}" and values["Reissue"] == "rotate"
        assert values["DataEndpoint"].endswith(f"-ats.iot.{region}.amazonaws.com")
        assert values["CredentialsEndpoint"].endswith(f".credentials.iot.{region}.amazonaws.com")
        assert values["CvmKey"].startswith("sluice/cvm-") and "DIGEST" not in values["CvmKey"]
        assert cloud.client("cloudformation", region).list_stacks()["StackSummaries"] == []
    assert cloud.client("s3", "us-east-1").list_buckets()["Buckets"] == []
    assert "testing-secret" not in run.stdout + run.stderr


def deployment_of(cloud, region):
    body = cloud.client("cloudformation", region).get_template(StackName="sluice")["TemplateBody"]
    template = body if isinstance(body, dict) else json.loads(body)
    (name,) = [name for name in template["Resources"] if name.startswith("ApiDeployment")]
    return name


def test_a_new_region_gets_bucket_code_and_stack_and_a_second_run_changes_nothing(cloud):
    run = cloud.deploy("--parameter", "Jitr=any", "ap-southeast-1")
    assert run.returncode == 0, run.stderr + run.stdout
    stack = cloud.stack("ap-southeast-1")
    assert stack["StackStatus"] == "CREATE_COMPLETE" and stack["Parameters"]["Jitr"] == "any"
    bucket = f"sluice-code-{ACCOUNT}-ap-southeast-1"
    objects = cloud.client("s3", "ap-southeast-1").list_objects_v2(Bucket=bucket)["Contents"]
    assert {o["Key"].rsplit("-", 1)[0] for o in objects} == {"sluice/cvm", "sluice/jitr", "sluice/fleet-hook", "sluice/authorizer"}
    block = cloud.client("s3", "ap-southeast-1").get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"]
    assert set(block.values()) == {True}
    deployment = deployment_of(cloud, "ap-southeast-1")
    assert deployment != "ApiDeployment"

    again = cloud.deploy("--parameter", "Jitr=any", "ap-southeast-1")
    assert again.returncode == 0, again.stderr
    assert "uploading" not in again.stdout and "making the bucket" not in again.stdout
    assert cloud.stack("ap-southeast-1")["StackId"] == stack["StackId"]
    assert cloud.stack("ap-southeast-1")["Parameters"]["Jitr"] == "any"
    assert deployment_of(cloud, "ap-southeast-1") == deployment


def test_another_parameter_is_another_deployment_of_the_api(cloud, tmp_path):
    """Seen in what is sent: moto cannot take a deployment out of a stack."""
    sent = tmp_path / "sent"
    path = shim(tmp_path, f"""*" cloudformation deploy "*)
      file=$(sed 's/.* --template-file \\([^ ]*\\).*/\\1/' <<<"$*")
      grep -o 'ApiDeployment[0-9a-f]*' "$file" | sort -u >>{sent}; exit 0 ;;""")
    for parameters in ([], [], ["--parameter", "BurstLimit=7"]):
        assert cloud.deploy(*parameters, "eu-west-1", PATH=path).returncode == 0
    first, second, third = sent.read_text().split()
    assert first == second != third and first != "ApiDeployment"


def test_two_regions_know_each_other_and_their_sluice_yaml_is_printed(cloud, tmp_path):
    for region in ("eu-west-1", "us-east-1"):
        cloud.create_stack(region)
    urls = {region: cloud.stack(region)["Outputs"]["ApiUrl"] for region in ("eu-west-1", "us-east-1")}
    run = cloud.deploy("eu-west-1", "us-east-1")
    assert run.returncode == 0, run.stderr + run.stdout
    assert json.loads(cloud.stack("eu-west-1")["Parameters"]["OtherRegions"]) == {"us-east-1": urls["us-east-1"]}
    assert json.loads(cloud.stack("us-east-1")["Parameters"]["OtherRegions"]) == {"eu-west-1": urls["eu-west-1"]}
    printed = run.stdout[run.stdout.index("# eu-west-1:"):]
    first = yaml.safe_load(printed[: printed.index("# us-east-1:")])
    assert first["cloud"]["region"] == "eu-west-1"
    assert first["cloud"]["provisioning"]["url"] == urls["eu-west-1"]
    assert first["cloud"]["endpoint"] == cloud.stack("eu-west-1")["Outputs"]["DataEndpoint"]
    assert "cloud/stack/import FILE.csv --stack sluice --region us-east-1" in printed
    assert_sluiced_takes(printed[: printed.index("# us-east-1:")], tmp_path)


def assert_sluiced_takes(section, folder):
    """The printed section, completed to a whole sluice.yaml, as an operator would."""
    token = folder / "token"
    token.write_text("secret\n")
    token.chmod(0o600)
    assert "access_token_file: /etc/sluice/token\n" in section
    whole = yaml.safe_load(section.replace("/etc/sluice/token", str(token))) | {
        "gateway": {"thing": "gw-1"}, "listen": ["mqtt://127.0.0.1:1883"], "store": {"directory": str(folder / "store")},
        "devices": {"products": {"thermo": {"identity": "gateway", "may_publish": ["d/{device}/#"]}}}}
    file = folder / "sluice.yaml"
    file.write_text(yaml.safe_dump(whole))
    check = subprocess.run([SLUICECTL, "config", "check", file], capture_output=True, text=True, timeout=60)
    assert check.returncode == 0, check.stdout + check.stderr
    # What the daemon adds to the address is what the template serves.
    assert (yaml.safe_load(section)["cloud"]["provisioning"]["url"] + "/certificates").endswith("/prod/certificates")


def test_missing_code_is_named_before_anything_is_made(cloud):
    (cloud.zips / "jitr.zip").unlink()
    run = cloud.deploy("eu-west-1")
    assert run.returncode == 66 and f"missing: {cloud.zips}/jitr.zip" in run.stderr
    assert cloud.client("s3", "us-east-1").list_buckets()["Buckets"] == []


@pytest.mark.parametrize(("arguments", "says"), [
    ([], "which regions?"),
    (["frankfurt"], "frankfurt is no region; they look like eu-central-1"),
    (["--parameter", "reissue", "eu-west-1"], "expected Name=value"),
    (["--stack", "a" * 31, "eu-west-1"], "up to 29 letters"),
    (["--fast", "eu-west-1"], "unknown option --fast"),
    (["--zips"], "--zips needs a value"),
])
def test_wrong_usage_is_told_in_words(cloud, arguments, says):
    run = cloud.run(*arguments)
    assert run.returncode == 64 and says in run.stderr


def test_without_credentials_it_says_how_to_get_some(cloud):
    run = cloud.deploy("eu-west-1", AWS_ACCESS_KEY_ID=None, AWS_SECRET_ACCESS_KEY=None)
    assert run.returncode == 77 and "aws configure" in run.stderr


def test_an_unreachable_aws_is_told_from_a_refusal(cloud):
    run = cloud.deploy("eu-west-1", AWS_ENDPOINT_URL=f"http://127.0.0.1:{free_port()}")
    assert run.returncode == 77 and "cannot be reached" in run.stderr


def shim(folder, case):
    """An aws that answers one call as AWS would, and hands the rest to the real one."""
    file = folder / "bin/aws"
    file.parent.mkdir()
    file.write_text(f'#!/bin/bash\ncase " $* " in\n{case}\nesac\nexec {shutil.which("aws")} "$@"\n')
    file.chmod(0o755)
    return f"{file.parent}:{os.environ['PATH']}"


def test_a_region_that_is_not_enabled_fails_alone_and_says_what_to_do(cloud, tmp_path):
    path = shim(tmp_path, """*" --region af-south-1 iot describe-endpoint "*)
      echo 'An error occurred (UnrecognizedClientException) when calling the DescribeEndpoint operation: The security token included in the request is invalid.' >&2
      exit 254 ;;""")
    run = cloud.deploy("eu-west-1", "af-south-1", PATH=path)
    assert run.returncode == 1 and "failed: af-south-1" in run.stderr
    assert "[af-south-1] FAILED: AWS does not know you in af-south-1" in run.stderr
    assert "aws account enable-region --region-name af-south-1" in run.stderr
    assert cloud.stack("eu-west-1")["StackStatus"] == "CREATE_COMPLETE"


def test_a_stack_that_cannot_be_made_is_reported_with_what_failed_first(cloud, tmp_path):
    path = shim(tmp_path, """*" cloudformation deploy "*)
      echo 'Failed to create/update the stack. Run the following command to fetch the list of events' >&2; exit 255 ;;
    *" describe-stack-events "*)
      printf 'FleetTemplate\\tRole cannot be assumed\\n' ;  exit 0 ;;""")
    run = cloud.deploy("eu-west-1", PATH=path)
    assert run.returncode == 1
    assert "[eu-west-1] FAILED: Failed to create/update the stack" in run.stderr
    assert "[eu-west-1]   FleetTemplate\tRole cannot be assumed" in run.stderr

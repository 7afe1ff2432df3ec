"""Our AWS clients against moto, which plays IoT, DynamoDB and STS over real HTTP and is not ours; and against boto3 as a
second opinion on what they left there."""

import json
import os
import pathlib
import subprocess
import sys
import urllib.error
import urllib.request

import pytest
from house import BUILD, free_port, wait_for

boto3 = pytest.importorskip("boto3")

ENVIRONMENT = {"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_DEFAULT_REGION": "eu-central-1"}


def is_up(url):
    try:
        return urllib.request.urlopen(url + "/moto-api/data.json", timeout=1).status == 200
    except (urllib.error.URLError, OSError):
        return False


@pytest.fixture(scope="module")
def moto(tmp_path_factory):
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    log = tmp_path_factory.mktemp("moto") / "log"
    server = pathlib.Path(sys.executable).with_name("moto_server")
    with log.open("w") as out:
        process = subprocess.Popen([server, "-p", str(port)], stdout=out, stderr=out)
    try:
        wait_for("moto answers", lambda: is_up(url), 60)
        yield url
    finally:
        process.kill()
        process.wait()


def client(moto, service):
    return boto3.client(service, endpoint_url=moto, region_name="eu-central-1", aws_access_key_id="AKIDEXAMPLE",
                        aws_secret_access_key="secret")


@pytest.fixture(scope="module")
def said(moto, tmp_path_factory):
    """What each step of the driver said."""
    folder = tmp_path_factory.mktemp("csr")
    subprocess.run(["openssl", "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj",
                    "/CN=dev-1", "-keyout", folder / "key", "-out", folder / "csr"], check=True, capture_output=True)
    client(moto, "dynamodb").create_table(
        TableName="devices", BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "productid", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "productid", "AttributeType": "S"}])
    run = subprocess.run([BUILD / "tests/support/aws_driver/sluice-aws-driver", moto, folder / "csr"], check=True,
                         capture_output=True, text=True, timeout=120, env={**os.environ, **ENVIRONMENT})
    return {step["step"]: step for step in map(json.loads, run.stdout.splitlines())}


def test_certificates_are_made_from_requests_and_taken_back(said):
    made = said["create_certificate_from_csr"]
    assert len(made["id"]) == 64 and made["arn"].endswith(made["id"]) and "BEGIN CERTIFICATE" in made["pem"]
    assert said["create_keys_and_certificate"]["key"]
    assert said["describe_certificate"] == {"step": "describe_certificate", "id": made["id"], "status": "INACTIVE", "pem": True}
    assert said["delete_active"]["error"] in ("conflict", "invalid"), said["delete_active"]
    assert said["delete_certificate"] == {"step": "delete_certificate", "ok": True}


def test_things_and_policies_are_attached_and_detached(said):
    arn = said["create_certificate_from_csr"]["arn"]
    assert said["describe_thing"]["name"] == "dev:1" and said["describe_thing"]["attributes"] == {"k": "v"}
    assert said["describe_missing"]["error"] == "not_found"
    assert said["create_policy_again"]["error"] == "conflict"
    assert said["attached_policies"]["names"] == ["sluice-device"]
    assert said["thing_principals"]["arns"] == [arn]
    assert said["principal_things"]["names"] == ["dev:1"]
    for step in ("attach_policy", "attach_policy_again", "detach_policy", "detach_policy_again", "detach_thing_principal"):
        assert said[step].get("ok"), said[step]
    assert ".iot." in said["endpoint"]["address"]


def test_a_token_is_redeemed_once(said):
    assert said["put_item"].get("ok"), said["put_item"]
    assert said["put_item_again"]["error"] == "conflict"
    assert said["redeem"]["applyState"] == 1 and said["redeem"]["certID"] == "abc"
    assert said["redeem_again"]["error"] == "conflict"
    assert said["redeem_again"]["code"] == "ConditionalCheckFailedException"
    assert said["get_item"]["certID"] == "abc"
    assert said["scan"]["items"] == 6 and said["scan"]["pages"] >= 3
    assert said["get_deleted"]["missing"]
    assert said["no_table"]["error"] == "not_found"


def test_roles_are_assumed(said):
    assert said["get_caller_identity"]["account"].isdigit()
    assert said["assume_role"]["key"].startswith("ASIA") and said["assume_role"]["token"]
    assert said["assume_role"]["arn"].endswith("assumed-role/app/app-1")


def test_boto3_sees_what_our_clients_did(said, moto):
    iot = client(moto, "iot")
    assert [t["thingName"] for t in iot.list_things()["things"]] == ["dev:1"]
    assert said["create_certificate_from_csr"]["id"] not in {c["certificateId"] for c in iot.list_certificates()["certificates"]}
    items = client(moto, "dynamodb").scan(TableName="devices")["Items"]
    assert {i["productid"]["S"] for i in items} == {f"more-{i}" for i in range(5)}

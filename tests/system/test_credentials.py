"""AWS's SDKs on the gateway: temporary credentials through the loopback endpoint, and a connection with a certificate that
the vending machine issued."""

import json
import subprocess

import boto3
import botocore.credentials
import botocore.exceptions
import pytest
from actors import crt_connection, openssl
from house import free_port
from identity_house import IdentityCloud, IdentityGateway
from provisioning_cloud import AWS


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    folder = tmp_path_factory.mktemp("credentials")
    cloud = IdentityCloud(folder, "cvm").start()
    gateway = IdentityGateway(cloud, folder, "a", credentials={
        "listen": f"127.0.0.1:{free_port()}", "role_alias": "gateway", "endpoint": f"localhost:{cloud.credentials_port}"}).start()
    gateway.wait_state(gateway.thing)
    yield cloud, gateway
    gateway.kill()
    cloud.kill()


def variables(issued):
    """What `sluicectl credentials issue` tells to set, and nothing else that an SDK might find."""
    return {"PATH": "/usr/bin:/bin", "HOME": "/nonexistent", "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONTAINER_CREDENTIALS_FULL_URI": issued["uri"], "AWS_CONTAINER_AUTHORIZATION_TOKEN": issued["token"]}


def things_by_cli(cloud, environment):
    return subprocess.run([AWS, "iot", "list-things", "--endpoint-url", f"https://127.0.0.1:{cloud.control_port}", "--region",
                           "eu-central-1", "--ca-bundle", cloud.ca], env=environment, capture_output=True, text=True, timeout=60)


def boto3_session(monkeypatch, issued):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_SHARED_CREDENTIALS_FILE", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables(issued).items():
        monkeypatch.setenv(name, value)
    return boto3.Session(region_name="eu-central-1")


def test_boto3_signs_with_credentials_of_the_loopback_endpoint(house, monkeypatch):
    cloud, gateway = house
    session = boto3_session(monkeypatch, gateway.ctl("credentials", "issue", "boto"))
    assert session.get_credentials().method == "container-role"
    iot = session.client("iot", endpoint_url=f"https://127.0.0.1:{cloud.control_port}", verify=str(cloud.ca))
    assert gateway.thing in {t["thingName"] for t in iot.list_things()["things"]}
    shown = gateway.ctl("credentials")
    assert [c["name"] for c in shown["clients"]] == ["boto"] and shown["served"] >= 1 and shown["cached"][0]["expires_ms"] > 0
    gateway.ctl("credentials", "revoke", "boto")


def test_the_aws_cli_signs_with_credentials_of_the_loopback_endpoint(house):
    cloud, gateway = house
    issued = gateway.ctl("credentials", "issue", "cli")
    done = things_by_cli(cloud, variables(issued))
    assert done.returncode == 0, done.stderr
    assert gateway.thing in {t["thingName"] for t in json.loads(done.stdout)["things"]}

    wrong = things_by_cli(cloud, {**variables(issued), "AWS_CONTAINER_AUTHORIZATION_TOKEN": "0" * 64})
    assert wrong.returncode != 0 and "403" in wrong.stderr, wrong.stderr
    gateway.ctl("credentials", "revoke", "cli")
    revoked = things_by_cli(cloud, variables(issued))
    assert revoked.returncode != 0 and "403" in revoked.stderr, revoked.stderr


def test_boto3_gets_nothing_for_a_wrong_or_revoked_token(house, monkeypatch):
    _, gateway = house
    issued = gateway.ctl("credentials", "issue", "boto")
    gateway.ctl("credentials", "revoke", "boto")
    for token in (issued["token"], "wrong"):
        session = boto3_session(monkeypatch, {**issued, "token": token})
        with pytest.raises(botocore.exceptions.CredentialRetrievalError, match="403"):
            session.get_credentials().get_frozen_credentials()


def test_credentials_of_a_device_are_those_of_its_own_certificate(house, monkeypatch):
    cloud, gateway = house
    device = gateway.device()
    gateway.wait_state(device.name)
    device.close()
    issued = gateway.ctl("credentials", "issue", "of-device", device.name)
    session = boto3_session(monkeypatch, issued)
    iot = session.client("iot", endpoint_url=f"https://127.0.0.1:{cloud.control_port}", verify=str(cloud.ca))
    assert device.name in {t["thingName"] for t in iot.list_things()["things"]}
    assert {c["identity"] for c in gateway.ctl("credentials")["cached"]} >= {device.name}
    gateway.ctl("credentials", "revoke", "of-device")


def test_awscrt_connects_with_a_certificate_that_the_vending_machine_issued(house, tmp_path):
    cloud, _ = house
    openssl("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "key.pem", "-subj",
            "/CN=crt-1", "-out", "csr.pem", cwd=tmp_path)
    body = json.dumps({"productid": "crt-1", "accessToken": cloud.add_token("crt-1"), "csr": (tmp_path / "csr.pem").read_text()})
    vended = json.loads(subprocess.run(
        ["curl", "-sf", "--cacert", cloud.ca, "-H", "content-type: application/json", "-d", "@-",
         f"https://127.0.0.1:{cloud.cvm_port}/Prod/certificates"], input=body, check=True, capture_output=True, text=True).stdout)
    (tmp_path / "cert.pem").write_text(vended["certificatePem"])
    tls = {"certificate": str(tmp_path / "cert.pem"), "key": str(tmp_path / "key.pem"), "ca": str(cloud.ca)}
    from awscrt import mqtt

    connection = crt_connection("localhost", cloud.port, "crt-1", tls)
    connection.connect().result(20)
    published, _ = connection.publish("dt/crt-1/t", json.dumps({"seq": 1}), mqtt.QoS.AT_LEAST_ONCE)
    published.result(20)
    connection.disconnect().result(20)
    assert cloud.own_readings("crt-1") == {1}

"""The local cloud as AWS's own clients see it: Debian's awscli for the control plane, awscrt for fleet provisioning."""

import configparser
import json
import subprocess

import pytest
from actors import crt_connection
from house import LOCAL_CLOUD, wait_for
from provisioning_cloud import AWS, ProvisioningCloud

POLICY = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "iot:*", "Resource": "*"}]})


@pytest.fixture(scope="module")
def cloud(tmp_path_factory):
    if not AWS.exists():
        pytest.fail("Debian's awscli is not installed (packaging/check-packages.txt)")
    cloud = ProvisioningCloud(tmp_path_factory.mktemp("aws")).start()
    yield cloud
    assert cloud.stop() == 0, cloud.text()[-2000:]


def openssl(*args, cwd):
    subprocess.run(["openssl", *args], cwd=cwd, check=True, capture_output=True)


def make_key_and_csr(folder, name):
    openssl("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", f"{name}.key",
            "-subj", f"/CN={name}", "-out", f"{name}.csr", cwd=folder)
    return folder / f"{name}.key", folder / f"{name}.csr"


def test_a_thing_gets_a_certificate_and_a_policy(cloud, tmp_path):
    cloud.aws("create-thing-type", "--thing-type-name", "gateway")
    thing = cloud.aws("create-thing", "--thing-name", "cli-1", "--thing-type-name", "gateway", "--attribute-payload",
                      json.dumps({"attributes": {"site": "north"}}))
    assert thing["thingArn"] == "arn:aws:iot:eu-central-1:123456789012:thing/cli-1"
    _, csr = make_key_and_csr(tmp_path, "cli-1")
    made = cloud.aws("create-certificate-from-csr", "--certificate-signing-request", f"file://{csr}", "--set-as-active")
    cloud.aws("create-policy", "--policy-name", "cli-all", "--policy-document", POLICY)
    cloud.aws("attach-policy", "--policy-name", "cli-all", "--target", made["certificateArn"])
    cloud.aws("attach-thing-principal", "--thing-name", "cli-1", "--principal", made["certificateArn"])
    assert cloud.aws("list-thing-principals", "--thing-name", "cli-1")["principals"] == [made["certificateArn"]]
    assert cloud.aws("list-principal-things", "--principal", made["certificateArn"])["things"] == ["cli-1"]
    assert cloud.aws("list-attached-policies", "--target", made["certificateArn"])["policies"][0]["policyName"] == "cli-all"
    assert cloud.aws("list-targets-for-policy", "--policy-name", "cli-all")["targets"] == [made["certificateArn"]]
    assert cloud.aws("describe-thing", "--thing-name", "cli-1")["attributes"] == {"site": "north"}
    described = cloud.aws("describe-certificate", "--certificate-id", made["certificateId"])["certificateDescription"]
    assert described["status"] == "ACTIVE" and described["certificatePem"] == made["certificatePem"]

    refused = cloud.aws("delete-certificate", "--certificate-id", made["certificateId"], check=False)
    assert "CertificateStateException" in refused.stderr
    cloud.aws("update-certificate", "--certificate-id", made["certificateId"], "--new-status", "INACTIVE")
    refused = cloud.aws("delete-certificate", "--certificate-id", made["certificateId"], check=False)
    assert "DeleteConflictException" in refused.stderr
    cloud.aws("detach-thing-principal", "--thing-name", "cli-1", "--principal", made["certificateArn"])
    cloud.aws("detach-policy", "--policy-name", "cli-all", "--target", made["certificateArn"])
    cloud.aws("delete-certificate", "--certificate-id", made["certificateId"])
    cloud.aws("delete-thing", "--thing-name", "cli-1")
    cloud.aws("delete-policy", "--policy-name", "cli-all")


def test_lists_come_in_pages(cloud):
    names = [f"page-{i}" for i in range(5)]
    for name in names:
        cloud.aws("create-thing", "--thing-name", name)
    listed = cloud.aws("list-things", "--page-size", "2")["things"]
    assert [t["thingName"] for t in listed if t["thingName"].startswith("page-")] == names


def test_an_authority_is_registered_with_a_proof(cloud, tmp_path):
    code = cloud.aws("get-registration-code")["registrationCode"]
    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "ca.key", "-subj",
            "/CN=Maker CA", "-days", "30", "-out", "ca.pem", cwd=tmp_path)
    make_key_and_csr(tmp_path, code)
    openssl("x509", "-req", "-in", f"{code}.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "1", "-out",
            "proof.pem", cwd=tmp_path)
    made = cloud.aws("register-ca-certificate", "--ca-certificate", f"file://{tmp_path}/ca.pem", "--verification-certificate",
                     f"file://{tmp_path}/proof.pem", "--set-as-active", "--allow-auto-registration", "--registration-config",
                     json.dumps({"templateName": "jitp"}))
    assert cloud.aws("describe-ca-certificate", "--certificate-id", made["certificateId"])["registrationConfig"] == {
        "templateName": "jitp"}
    make_key_and_csr(tmp_path, "jitp-1")
    openssl("x509", "-req", "-in", "jitp-1.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "1", "-out",
            "jitp-1.pem", cwd=tmp_path)
    publish = ["mosquitto_pub", "-h", "127.0.0.1", "-p", str(cloud.port), "--cafile", str(cloud.dir / "ca.pem"), "--cert",
               str(tmp_path / "jitp-1.pem"), "--key", str(tmp_path / "jitp-1.key"), "-i", "jitp-1", "-q", "1", "-t", "dt/jitp-1/x",
               "-m", "{}"]
    first = subprocess.run(publish, capture_output=True, text=True, timeout=30)
    assert first.returncode != 0, "the first connection registers and is dropped"
    wait_for("the second connection is taken", lambda: subprocess.run(publish, capture_output=True, timeout=30).returncode == 0)
    assert cloud.aws("describe-thing", "--thing-name", "jitp-1")["attributes"] == {"provisionedBy": "jitp"}
    assert cloud.aws("list-certificates-by-ca", "--ca-certificate-id", made["certificateId"])["certificates"]


def test_templates_claims_and_aliases(cloud):
    body = json.dumps({"Resources": {"c": {"Type": "AWS::IoT::Certificate", "Properties": {"Status": "ACTIVE"}}}})
    cloud.aws("create-provisioning-template", "--template-name", "cli", "--template-body", body, "--provisioning-role-arn",
              "arn:aws:iam::123456789012:role/p", "--enabled")
    assert cloud.aws("describe-provisioning-template", "--template-name", "cli")["templateBody"] == body
    assert {t["templateName"] for t in cloud.aws("list-provisioning-templates")["templates"]} >= {"cli", "fleet", "jitp"}
    claim = cloud.aws("create-provisioning-claim", "--template-name", "cli")
    assert claim["keyPair"]["PrivateKey"] and claim["expiration"]
    cloud.aws("delete-provisioning-template", "--template-name", "cli")
    cloud.aws("create-role-alias", "--role-alias", "cli", "--role-arn", "arn:aws:iam::123456789012:role/r")
    assert "cli" in cloud.aws("list-role-aliases")["roleAliases"]
    cloud.aws("delete-role-alias", "--role-alias", "cli")


def test_endpoints_can_be_connected_to(cloud):
    for kind, port in (("iot:Data-ATS", cloud.port), ("iot:CredentialProvider", cloud.credentials_port)):
        assert cloud.aws("describe-endpoint", "--endpoint-type", kind)["endpointAddress"] == f"127.0.0.1:{port}"
    assert "InvalidRequestException" in cloud.aws("describe-endpoint", "--endpoint-type", "iot:Jobs", check=False).stderr


def test_a_wrong_key_is_refused(cloud, tmp_path):
    file = configparser.ConfigParser()
    file.read(cloud.dir / "admin-credentials")
    file["default"]["aws_secret_access_key"] += "x"
    with open(tmp_path / "wrong", "w") as out:
        file.write(out)
    done = subprocess.run([AWS, "iot", "--endpoint-url", f"https://127.0.0.1:{cloud.control_port}", "list-things"],
                          env={**cloud.environment(), "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "wrong")},
                          capture_output=True, text=True, timeout=60)
    assert "SignatureDoesNotMatch" in done.stderr


def test_throttling_is_retried_by_the_cli(cloud):
    cloud.fault(kind="control-throttle", next=2)
    env = {**cloud.environment(), "AWS_MAX_ATTEMPTS": "5"}
    done = subprocess.run([AWS, "iot", "--endpoint-url", f"https://127.0.0.1:{cloud.control_port}", "list-things"], env=env,
                          capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


def test_temporary_credentials_sign_for_the_cli(cloud, tmp_path):
    subprocess.run([LOCAL_CLOUD, "--dir", cloud.dir, "add-thing", "borrower"], check=True, capture_output=True)
    identity = cloud.certificate("borrower")
    answer = subprocess.run(["curl", "-sS", "--cacert", identity["ca"], "--cert", identity["certificate"], "--key",
                             identity["key"], "-H", "x-amzn-iot-thingname: borrower",
                             f"https://127.0.0.1:{cloud.credentials_port}/role-aliases/gateway/credentials"],
                            check=True, capture_output=True, text=True, timeout=30).stdout
    lent = json.loads(answer)["credentials"]
    env = {**cloud.environment(), "AWS_ACCESS_KEY_ID": lent["accessKeyId"], "AWS_SECRET_ACCESS_KEY": lent["secretAccessKey"],
           "AWS_SESSION_TOKEN": lent["sessionToken"], "AWS_SHARED_CREDENTIALS_FILE": "/dev/null"}
    done = subprocess.run([AWS, "iot", "--endpoint-url", f"https://127.0.0.1:{cloud.control_port}", "list-things"], env=env,
                          capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


def test_awscrt_provisions_by_claim(cloud, tmp_path):
    from awscrt import mqtt

    token = cloud.add_token("crt-fleet")
    _, csr = make_key_and_csr(tmp_path, "crt-fleet")
    claim = {"certificate": str(cloud.dir / "claim" / "cert.pem"), "key": str(cloud.dir / "claim" / "key.pem"),
             "ca": str(cloud.dir / "ca.pem")}
    connection = crt_connection("127.0.0.1", cloud.port, "claim-crt", claim)
    connection.connect().result(20)
    answers = {}
    create, provision = "$aws/certificates/create-from-csr/json", "$aws/provisioning-templates/fleet/provision/json"

    def ask(topic, body):
        for end in ("accepted", "rejected"):
            connection.subscribe(f"{topic}/{end}", mqtt.QoS.AT_LEAST_ONCE,
                                 lambda topic, payload, **_: answers.__setitem__(topic, json.loads(payload)))[0].result(20)
        connection.publish(topic, json.dumps(body), mqtt.QoS.AT_LEAST_ONCE)[0].result(20)
        wait_for(f"an answer to {topic}", lambda: any(t.startswith(topic) for t in answers))
        assert f"{topic}/accepted" in answers, answers
        return answers[f"{topic}/accepted"]

    made = ask(create, {"certificateSigningRequest": csr.read_text()})
    done = ask(provision, {"certificateOwnershipToken": made["certificateOwnershipToken"],
                           "parameters": {"SerialNumber": "crt-fleet", "accessToken": token}})
    assert done["thingName"] == "crt-fleet"
    connection.disconnect().result(20)
    described = cloud.aws("describe-certificate", "--certificate-id", made["certificateId"])
    assert described["certificateDescription"]["status"] == "ACTIVE"

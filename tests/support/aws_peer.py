"""AWS's IoT, DynamoDB and STS as moto plays them, over real HTTP in a process of its own, and what tests put there."""

import base64
import datetime
import hashlib
import json
import os
import sys
import urllib.request

import boto3
from botocore.config import Config
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from house import Program, accepts, free_port, wait_for

# One request after the other: moto's conditional updates are not atomic between its threads, those of DynamoDB are.
# moto takes setAsActive=false of CreateCertificateFromCsr for true; AWS IoT does not.
SERVE = """
import sys
from moto.iot.models import IoTBackend
made = IoTBackend.create_certificate_from_csr
IoTBackend.create_certificate_from_csr = lambda self, csr, set_as_active: made(self, csr, set_as_active == "true")
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import run_simple
run_simple("127.0.0.1", int(sys.argv[1]), DomainDispatcherApplication(create_backend_app), threaded=False)
"""
TABLE, POLICY, REGION = "devices", "device-policy", "eu-central-1"


class Aws(Program):
    def __init__(self, folder):
        super().__init__(folder / "moto.out")
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"

    def start(self):
        self.spawn([sys.executable, "-c", SERVE, str(self.port)])
        wait_for("moto listens", lambda: accepts(self.port) or not self.alive(), seconds=60)
        assert self.alive(), self.text()
        return self

    def client(self, service):
        return boto3.client(service, region_name=REGION, endpoint_url=self.url, aws_access_key_id="a",
                            aws_secret_access_key="b", config=Config(retries={"max_attempts": 0}))

    def function_env(self, **more):
        return {"AWS_ENDPOINT_URL": self.url, "SLUICE_TABLE": TABLE, "SLUICE_POLICY": POLICY, **more}

    def set_up(self):
        self.client("dynamodb").create_table(
            TableName=TABLE, BillingMode="PAY_PER_REQUEST", KeySchema=[{"AttributeName": "productid", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "productid", "AttributeType": "S"}])
        self.client("iot").create_policy(policyName=POLICY, policyDocument='{"Version":"2012-10-17","Statement":[]}')
        self.client("iot").create_thing_type(thingTypeName="thermo")
        return self

    def add_device(self, productid, token, product="thermo"):
        self.client("dynamodb").put_item(TableName=TABLE, Item={
            "productid": {"S": productid}, "accessToken": {"S": token_hash(token)}, "product": {"S": product},
            "applyState": {"N": "0"}})

    def require_signatures(self):
        """From here on only this key's signatures are taken. moto computes those of IoT for another service name."""
        iam = self.client("iam")
        iam.create_user(UserName="function")
        allow = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "dynamodb:*", "Resource": "*"}]}
        iam.put_user_policy(UserName="function", PolicyName="table", PolicyDocument=json.dumps(allow))
        key = iam.create_access_key(UserName="function")["AccessKey"]
        switch = urllib.request.Request(f"{self.url}/moto-api/reset-auth", data=b"0", method="POST",
                                        headers={"content-type": "text/plain"})
        urllib.request.urlopen(switch, timeout=10).close()
        return key

    def record(self, productid):
        item = self.client("dynamodb").get_item(TableName=TABLE, Key={"productid": {"S": productid}}, ConsistentRead=True)
        return {name: next(iter(value.values())) for name, value in item["Item"].items()}

    def certificates(self):
        """Certificate id → status."""
        answer = self.client("iot").list_certificates(pageSize=250)
        return {entry["certificateId"]: entry["status"] for entry in answer["certificates"]}

    def active(self):
        return [key for key, status in self.certificates().items() if status == "ACTIVE"]


def token_hash(token):
    """As an importer makes it: scrypt, ln=12, base64 without padding."""
    salt = os.urandom(16)
    digest = hashlib.scrypt(token.encode(), salt=salt, n=1 << 12, r=8, p=1, dklen=32)
    plain = [base64.b64encode(raw).decode().rstrip("=") for raw in (salt, digest)]
    return f"$scrypt$ln=12,r=8,p=1${plain[0]}${plain[1]}"


def make_csr(name="device"):
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    request = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(key, hashes.SHA256())
    return request.public_bytes(serialization.Encoding.PEM).decode()


def make_certificate(name):
    """Self-signed, as a registered CA's would look to who reads its subject."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.timezone.utc)
    certificate = (x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(key.public_key())
                   .serial_number(x509.random_serial_number()).not_valid_before(now)
                   .not_valid_after(now + datetime.timedelta(days=1)).sign(key, hashes.SHA256()))
    return certificate.public_bytes(serialization.Encoding.PEM).decode()

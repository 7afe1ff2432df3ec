"""cloud/stack/import against moto's DynamoDB: what gets into the table, what does not, and where tokens do not go."""

import base64
import csv
import hashlib
import os
import re
import stat
import subprocess

import boto3
import cloud_stack
import pytest
from house import BUILD

IMPORT = cloud_stack.ROOT / "cloud/stack/import"
PROGRAM = BUILD / "cloud/stack/sluice-cloud-import"
TOKEN = "a-token-that-nobody-may-see"


class Tables:
    def __init__(self, url, folder):
        self.url, self.folder = url, folder
        self.seen = folder / "argv"
        wrapper = folder / "recorder"
        wrapper.write_text(f'#!/bin/bash\nprintf "%s\\n" "$@" >>{self.seen}\nexport -p >>{self.seen}\nexec {PROGRAM} "$@"\n')
        wrapper.chmod(0o755)
        self.env = {"PATH": os.environ["PATH"], "HOME": str(folder), "AWS_ENDPOINT_URL": url, "AWS_ACCESS_KEY_ID": "testing",
                    "AWS_SECRET_ACCESS_KEY": "testing", "AWS_EC2_METADATA_DISABLED": "true", "SLUICE_CLOUD_IMPORT": str(wrapper)}

    def client(self, service, region):
        return boto3.client(service, region_name=region, endpoint_url=self.url, aws_access_key_id="x", aws_secret_access_key="x")

    def make(self, region):
        self.client("dynamodb", region).create_table(
            TableName="devices", BillingMode="PAY_PER_REQUEST", KeySchema=[{"AttributeName": "productid", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "productid", "AttributeType": "S"}])

    def put(self, region, **columns):
        item = {k: {"N": str(v)} if isinstance(v, int) else {"S": v} for k, v in columns.items()}
        self.client("dynamodb", region).put_item(TableName="devices", Item=item)

    def all(self, region):
        items = self.client("dynamodb", region).scan(TableName="devices")["Items"]
        return {item["productid"]["S"]: item for item in items}

    def file(self, text):
        path = self.folder / "devices.csv"
        path.write_text(text)
        return str(path)

    def run(self, *arguments, **env):
        wanted = {k: v for k, v in (self.env | env).items() if v is not None}
        return subprocess.run([IMPORT, *arguments], env=wanted, capture_output=True, text=True, timeout=120)

    def load(self, text, *arguments):
        run = self.run(self.file(text), "--table", "devices", "--region", "eu-west-1", *arguments)
        assert TOKEN not in run.stdout + run.stderr
        return run


@pytest.fixture
def tables(moto, tmp_path):
    subprocess.run(["curl", "-sf", "-X", "POST", f"{moto}/moto-api/reset"], check=True, stdout=subprocess.DEVNULL)
    made = Tables(moto, tmp_path)
    made.make("eu-west-1")
    return made


def matches(token, hashed):
    found = re.fullmatch(r"\$scrypt\$ln=(\d+),r=8,p=1\$([A-Za-z0-9+/]+)\$([A-Za-z0-9+/]+)", hashed)
    ln, salt, digest = int(found[1]), *(base64.b64decode(found[i] + "=" * (-len(found[i]) % 4)) for i in (2, 3))
    return hashlib.scrypt(token.encode(), salt=salt, n=1 << ln, r=8, p=1, dklen=len(digest), maxmem=1 << 26) == digest


def test_devices_arrive_with_the_hash_of_their_token_in_the_regions_where_they_may_register(tables):
    tables.make("us-east-1")
    text = f"accessToken,productid,region,product\r\n{TOKEN},gw-1,,gateway\r\n\"with,comma and \"\"quote\"\"\",th-1,us-east-1,thermo\r\n"
    run = tables.load(text, "--region", "us-east-1")
    assert run.returncode == 0, run.stderr
    assert "eu-west-1: 1 added" in run.stdout and "us-east-1: 2 added" in run.stdout
    near, far = tables.all("eu-west-1"), tables.all("us-east-1")
    assert set(near) == {"gw-1"} and set(far) == {"gw-1", "th-1"}
    assert matches(TOKEN, near["gw-1"]["accessToken"]["S"])
    assert matches('with,comma and "quote"', far["th-1"]["accessToken"]["S"])
    assert {k: v for k, v in far["th-1"].items() if k != "accessToken"} == {
        "productid": {"S": "th-1"}, "product": {"S": "thermo"}, "region": {"S": "us-east-1"}, "applyState": {"N": "0"}}


def test_every_bad_line_is_named_and_nothing_is_imported(tables):
    run = tables.load("productid,accessToken,product,region\n"
                      f"ok-1,{TOKEN},m,\n"
                      f"with blank,{TOKEN},m,\n"
                      "short,1234567,m,\n"
                      f"ok-1,{TOKEN},m,\n"
                      f"far,{TOKEN},m,us-east-1\n"
                      f"few,{TOKEN}\n"
                      f"open,\"{TOKEN},m,\n")
    assert run.returncode == 65
    lines = {int(m[1]): m[2] for m in re.finditer(r"devices\.csv:(\d+): (.*)", run.stderr)}
    assert set(lines) == {3, 4, 5, 6, 7, 8}
    assert "productid" in lines[3] and "7 bytes" in lines[4] and "line 2" in lines[5] and "region" in lines[6]
    assert "2 columns" in lines[7] and "quote" in lines[8] and "6 problems; nothing was imported" in run.stderr
    assert tables.all("eu-west-1") == {}


@pytest.mark.parametrize(("header", "says"), [
    (f"gw-1,{TOKEN},m", "column 1 of the header is unknown"),
    ("productid,product", "lacks accessToken"),
    ("productid,accessToken,productid", "names productid twice"),
    ("", "the file is empty"),
])
def test_a_file_without_its_header_is_refused_and_its_tokens_are_not_quoted(tables, header, says):
    run = tables.load(header + "\n")
    assert run.returncode == 65 and says in run.stderr


def test_the_same_file_again_changes_nothing(tables):
    text = "productid,accessToken\n" + "".join(f"d-{i},token-{i:08}\n" for i in range(20))
    assert "20 added" in tables.load(text).stdout
    before = tables.all("eu-west-1")
    assert "eu-west-1: 20 unchanged" in tables.load(text).stdout
    assert tables.all("eu-west-1") == before


def test_a_new_device_gets_another_token_and_product(tables):
    tables.load(f"productid,accessToken,product\nd-1,{TOKEN},old\n")
    run = tables.load("productid,accessToken,product\nd-1,another-token,new\n")
    assert "1 updated" in run.stdout
    item = tables.all("eu-west-1")["d-1"]
    assert matches("another-token", item["accessToken"]["S"]) and item["product"] == {"S": "new"}


def test_a_registered_device_is_left_alone_unless_it_is_to_be_replaced(tables):
    certificate, pending = "ab" * 32, "cd" * 32
    tables.put("eu-west-1", productid="d-1", accessToken="$scrypt$old", applyState=-1, certID=certificate, attempt="x")
    tables.put("eu-west-1", productid="d-2", accessToken="$scrypt$old", applyState=1, pendingCert=pending, attempt="y", claimUntil=99)
    before = tables.all("eu-west-1")
    text = f"productid,accessToken,product\nd-1,{TOKEN},m\nd-2,{TOKEN},m\n"
    run = tables.load(text)
    assert run.returncode == 0 and "eu-west-1: 2 left alone" in run.stdout and "line 2, d-1 in eu-west-1" in run.stdout
    assert tables.all("eu-west-1") == before

    assert "eu-west-1: 2 replaced" in tables.load(text, "--replace").stdout
    after = tables.all("eu-west-1")
    for name, retiring in (("d-1", certificate), ("d-2", pending)):
        assert matches(TOKEN, after[name]["accessToken"]["S"]) and after[name]["applyState"] == {"N": "0"}
        # the next redemption takes the old one out of use before it activates another
        assert after[name]["retiring"] == {"L": [{"S": retiring}]}
        assert "pendingCert" not in after[name] and "claimUntil" not in after[name]


def test_a_device_that_an_operator_blocked_stays_blocked(tables):
    tables.put("eu-west-1", productid="d-1", accessToken="$scrypt$old", applyState=7)
    before = tables.all("eu-west-1")
    run = tables.load(f"productid,accessToken\nd-1,{TOKEN}\n", "--replace")
    assert run.returncode == 0 and "1 blocked" in run.stdout
    assert tables.all("eu-west-1") == before


def test_a_table_that_is_not_there_stops_the_import_and_says_how_far_it_came(tables):
    run = tables.run(tables.file(f"productid,accessToken\nd-1,{TOKEN}\n"), "--table", "nowhere", "--region", "eu-west-1")
    assert run.returncode == 1 and "line 2, d-1 in eu-west-1" in run.stderr and "0 of 1 devices are done" in run.stderr


def test_the_table_is_found_through_the_stack(tables):
    template = {"Resources": {"T": {"Type": "AWS::SQS::Queue"}}, "Outputs": {"TableName": {"Value": "devices"}}}
    tables.client("cloudformation", "eu-west-1").create_stack(StackName="factory", TemplateBody=str(template).replace("'", '"'))
    file = tables.file(f"productid,accessToken,product\nd-1,{TOKEN},thermo\n")
    run = tables.run(file, "--stack", "factory", "--region", "eu-west-1", "--thing-types")
    assert run.returncode == 0 and set(tables.all("eu-west-1")) == {"d-1"}, run.stderr
    types = tables.client("iot", "eu-west-1").list_thing_types()["thingTypes"]
    assert [t["thingTypeName"] for t in types] == ["thermo"]
    run = tables.run(file, "--stack", "other", "--region", "eu-west-1")
    assert run.returncode == 1 and "--table NAME names it" in run.stderr


def test_tokens_are_in_no_argument_and_no_environment(tables):
    assert tables.load(f"productid,accessToken\nd-1,{TOKEN}\n").returncode == 0
    seen = tables.seen.read_text()
    assert "devices.csv" in seen and TOKEN not in seen


def test_a_file_is_checked_without_credentials(tables):
    file = tables.file(f"productid,accessToken\nd-1,{TOKEN}\n")
    run = tables.run(file, "--region", "eu-west-1", "--check", AWS_ACCESS_KEY_ID=None, AWS_SECRET_ACCESS_KEY=None)
    assert (run.returncode, run.stdout) == (0, "1 devices, no problems\n")
    run = tables.run(file, "--table", "devices", "--region", "eu-west-1", AWS_ACCESS_KEY_ID=None, AWS_SECRET_ACCESS_KEY=None)
    assert run.returncode == 77 and "aws configure" in run.stderr


def test_keys_of_a_profile_are_used(tables):
    folder = tables.folder / ".aws"
    folder.mkdir()
    (folder / "credentials").write_text("[factory]\naws_access_key_id = testing\naws_secret_access_key = testing\n")
    run = tables.run(tables.file(f"productid,accessToken\nd-1,{TOKEN}\n"), "--table", "devices", "--region", "eu-west-1",
                     "--profile", "factory", AWS_ACCESS_KEY_ID=None, AWS_SECRET_ACCESS_KEY=None)
    assert run.returncode == 0, run.stderr


def test_generated_devices_have_tokens_of_their_own_for_their_owners_eyes_and_can_be_imported(tables):
    out = tables.folder / "new.csv"
    make = ("--generate", "40", "--prefix", "th-", "--product", "thermo", "--out", str(out))
    run = tables.run(*make)
    assert run.returncode == 0 and stat.S_IMODE(out.stat().st_mode) == 0o600
    rows = list(csv.DictReader(out.open()))
    assert [r["productid"] for r in rows] == [f"th-{i:04}" for i in range(1, 41)]
    tokens = {r["accessToken"] for r in rows}
    assert len(tokens) == 40 and all(re.fullmatch(r"[A-Za-z0-9_-]{43}", t) for t in tokens)
    assert not any(t in run.stdout + run.stderr for t in tokens)
    before = out.read_bytes()
    again = tables.run(*make)
    assert again.returncode == 73 and out.read_bytes() == before
    assert "40 added" in tables.run(str(out), "--table", "devices", "--region", "eu-west-1").stdout

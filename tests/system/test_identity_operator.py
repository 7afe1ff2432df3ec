"""What an operator asks of identities with sluicectl, aws and the configuration, right and wrong."""

import re
import subprocess

import pytest
from house import SLUICECTL, SLUICED, wait_for
from identity_house import IdentityCloud, IdentityGateway, arrived


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    folder = tmp_path_factory.mktemp("operator")
    cloud = IdentityCloud(folder, "cvm").start()
    gateway = IdentityGateway(cloud, folder, "a").start()
    gateway.wait_state(gateway.thing)
    device = gateway.device()
    device.say_acked()
    gateway.wait_state(device.name)
    yield cloud, gateway, device
    device.close()
    assert gateway.stop() == 0, gateway.text()[-2000:]
    cloud.kill()


def sluicectl(gateway, *args):
    done = subprocess.run([SLUICECTL, "--socket", gateway.socket, *args], capture_output=True, text=True, timeout=30)
    return done.returncode, done.stdout + done.stderr


def test_aws_iot_list_things_shows_gateway_and_device(house):
    cloud, gateway, device = house
    listed = {t["thingName"]: t for t in cloud.aws("list-things")["things"]}
    assert {gateway.thing, device.name} <= listed.keys()
    (principal,) = cloud.aws("list-thing-principals", "--thing-name", device.name)["principals"]
    assert principal.rsplit("/", 1)[1] == gateway.identity(device.name)["certificate_id"]


@pytest.mark.parametrize("args,code,says", [
    (("provision",), 64, "which one? sluicectl provision ID, --gateway or --all"),
    (("provision", "m-a", "--all"), 64, "which one?"),
    (("provision", "nobody"), 1, "no token of `nobody` is known here: import it, or let it connect with its token"),
    (("provision", "m-a"), 1, "--again asks for another"),
    (("provision", "--gateway"), 1, "--again asks for another"),
    (("rotate",), 64, "which one?"),
    (("rotate", "nobody"), 1, "`nobody` has no identity here"),
    (("rotate", "m-a", "--again"), 64, "rotate has no option --again"),
    (("revoke",), 64, "it is: sluicectl revoke ID"),
    (("revoke", "nobody"), 1, "`nobody` has no identity here"),
    (("revoke", "gw-a"), 1, "the gateway cannot decommission itself"),
    (("import", "/nonexistent.csv"), 1, "/nonexistent.csv: No such file or directory"),
    (("credentials", "issue", "no name"), 1, "name"),
    (("credentials", "issue", "x", "nobody"), 1, "`nobody` has no identity here"),
    (("credentials", "revoke", "nobody"), 1, "there is no such client; see: sluicectl credentials"),
])
def test_a_wrong_question_is_answered_clearly(house, args, code, says):
    _, gateway, _ = house
    got, text = sluicectl(gateway, *args)
    assert (got, says in text) == (code, True), (got, text)


@pytest.mark.parametrize("text,says", [
    ("", "line 1"),
    ("name,token\nm-1,t1,meter\n", "line 1"),
    ("productid,accessToken,product\nm-1,,meter\n", "line 2"),
    ("productid,accessToken,product\nm-1,t1,meter\nm 2,t2,meter\n", "line 3"),
    ("productid,accessToken,product\nm-1,t1,meter\nm-1,t2,meter\n", "line 3"),
    ("productid,accessToken\nm-1,t1\n", "product"),
    ("productid,accessToken,product\nm-1,t1,nonsense\n", "there is no product `nonsense`"),
    ("productid,accessToken,product\ngw-a,t1,meter\n", "this is the gateway itself"),
])
def test_a_wrong_list_of_tokens_imports_nothing_and_says_where(house, tmp_path, text, says):
    _, gateway, _ = house
    before = gateway.ctl("devices")
    (tmp_path / "list.csv").write_text(text)
    got, said = sluicectl(gateway, "import", str(tmp_path / "list.csv"))
    assert got == 1 and says in said and "t1" not in said, (got, said)
    assert {d["id"] for d in gateway.ctl("devices")} == {d["id"] for d in before}


def test_a_decommissioned_device_stays_out_until_it_is_let_in_again(house):
    cloud, gateway, device = house
    arrived(cloud, device)
    former = gateway.identity(device.name)["certificate_id"]
    got, text = sluicectl(gateway, "revoke", device.name)
    assert got == 0 and "its key is destroyed" in text
    wait_for("the device is sent away", lambda: device.refusals)
    gateway.wait_state(device.name, "gone")
    assert former not in cloud.statuses(device.name), "the vending machine has taken it out of use"
    got, text = sluicectl(gateway, "provision", device.name)
    assert got == 1 and "--again lets it try anew" in text
    assert sluicectl(gateway, "provision", device.name, "--again")[0] == 0
    identity = gateway.wait_state(device.name)
    assert cloud.active(device.name) == [identity["certificate_id"]] != [former], "its service issues again: rotate"
    device.say_acked()
    arrived(cloud, device)


BASE = """gateway: {{ thing: gw-a }}
cloud:
  endpoint: a-ats.iot.eu-central-1.amazonaws.com
  tls: {{ ca: /etc/ssl/certs/ca-certificates.crt }}
  provisioning:
{section}
listen: [ "mqtt://127.0.0.1:1883" ]
routes: [ {{ match: "m/#", to: "dt/{{device}}/{{1}}" }} ]
devices:
  products: {{ meter: {{ identity: own, may_publish: ["m/#"] }} }}
{more}
"""


@pytest.mark.parametrize("section,more,says", [
    ("    method: vending", "", ":6:13: cloud.provisioning.method"),
    ("    method: cvm\n    access_token_file: /t", "", "cloud.provisioning.url: is missing"),
    ("    method: cvm\n    url: http://cvm.example.com\n    access_token_file: /t", "", ":7:5: cloud.provisioning.url"),
    ("    method: cvm\n    url: https://cvm.example.com", "", "cloud.provisioning.access_token_file: is missing"),
    ("    method: awslabs\n    access_token_file: /t", "", "cloud.provisioning.url: is missing"),
    ("    method: fleet\n    access_token_file: /t\n    template: fleet", "", "cloud.provisioning.claim.certificate: is missing"),
    ("    method: fleet\n    access_token_file: /t\n    claim: { certificate: /c, key: /k }\n    template: a b", "",
     ":9:5: cloud.provisioning.template"),
    ("    method: own-ca", "", "cloud.provisioning.issuer.certificate: is missing"),
    ("    method: own-ca\n    issuer: { certificate: /c, key: /k }", '  admit: [ { match: "m-*", product: meter } ]', "devices.admit"),
    ("    method: given\n    url: https://cvm.example.com", "", ":7:5: cloud.provisioning.url: has no use with method: given"),
    ("    method: cvm\n    url: https://cvm.example.com\n    access_token_file: /t\n    productid: gw-b", "",
     ":9:5: cloud.provisioning.productid"),
])
def test_a_wrong_method_is_refused_with_line_and_key(tmp_path, section, more, says):
    file = tmp_path / "sluice.yaml"
    file.write_text(BASE.format(section=section, more=more))
    for command in ([SLUICED, "--check", "--config", file], [SLUICECTL, "config", "check", file]):
        done = subprocess.run(command, capture_output=True, text=True, timeout=30)
        assert done.returncode == 78 and says in done.stderr, done.stderr
        problems = [line for line in done.stderr.partition("problems:\n")[2].splitlines() or done.stderr.splitlines() if "/" in line]
        assert problems and all(re.match(rf"{file}:\d+:\d+: (cloud|devices)\.", line) for line in problems), done.stderr


def test_commands_of_identities_say_that_certificates_are_given_by_hand(tmp_path):
    cloud = IdentityCloud(tmp_path, "given").start()
    gateway = IdentityGateway(cloud, tmp_path, "a").start()
    try:
        for args in (("provision", "--all"), ("rotate", "m-a"), ("revoke", "m-a")):
            got, text = sluicectl(gateway, *args)
            assert got == 1 and "certificates are given by hand here: set cloud.provisioning.method" in text, text
    finally:
        gateway.kill()
        cloud.kill()

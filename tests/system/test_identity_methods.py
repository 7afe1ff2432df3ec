"""Each way to an identity, end to end: a device that has a token only becomes a thing with a certificate of its own."""

import json

import pytest
from identity_house import METHODS, IdentityCloud, IdentityGateway, arrived


@pytest.fixture
def house(tmp_path, request):
    cloud = IdentityCloud(tmp_path, request.param).start()
    gateway = IdentityGateway(cloud, tmp_path, "a")
    yield cloud, gateway
    gateway.kill()
    cloud.kill()


@pytest.mark.parametrize("house", METHODS, indirect=True)
def test_a_device_with_a_token_becomes_a_thing_on_a_lane_of_its_own(house):
    cloud, gateway = house
    gateway.start()
    gateway_identity = gateway.wait_state(gateway.thing)
    device = gateway.device()
    device.say_acked()
    identity = gateway.wait_state(device.name)
    device.say_acked()
    arrived(cloud, device)
    device.close()
    assert cloud.active(device.name) == [identity["certificate_id"]]
    assert cloud.active(gateway.thing) == [gateway_identity["certificate_id"]]
    assert {t["thingName"] for t in cloud.iot.list_things()["things"]} >= {gateway.thing, device.name}
    assert {c["client_id"]: c["thing"] for c in cloud.admin("GET", "/status")["clients"]} == {
        gateway.thing: gateway.thing, device.name: device.name}
    assert gateway.stop() == 0, gateway.text()[-2000:]


@pytest.mark.parametrize("house", ["given"], indirect=True)
def test_a_device_whose_certificate_is_given_by_hand_has_a_lane_of_its_own(house):
    cloud, gateway = house
    gateway.start()
    device = gateway.device()
    device.say_acked()
    arrived(cloud, device)
    device.close()
    assert {c["client_id"]: c["thing"] for c in cloud.admin("GET", "/status")["clients"]} == {
        gateway.thing: gateway.thing, device.name: device.name}
    assert len(cloud.active(device.name)) == len(cloud.active(gateway.thing)) == 1
    assert gateway.stop() == 0, gateway.text()[-2000:]


@pytest.fixture
def strict(tmp_path):
    """The first generation of awslabs as it stands in AWS: it issues once."""
    cloud = IdentityCloud(tmp_path, "awslabs-1", extra=("--reissue", "refuse")).start()
    gateway = IdentityGateway(cloud, tmp_path, "a")
    yield cloud, gateway
    gateway.kill()
    cloud.kill()


def test_an_answer_lost_by_a_service_that_issues_once_is_said_and_mended_by_hand(strict):
    cloud, gateway = strict
    gateway.start()
    gateway.wait_state(gateway.thing)
    cloud.fault(kind="cvm-lose-answer", next=1)
    device = gateway.device()
    refused = gateway.wait_state(device.name, "refused")
    assert "registered already, and this service does not issue again" in refused["error"]

    # The operator allows it another one (docs/cloud.md); it brings its token itself.
    row = cloud.dir / "devices" / f"{device.name}.json"
    row.write_text(json.dumps({**json.loads(row.read_text()), "applyState": 0}))
    gateway.ctl("provision", device.name, "--again")
    identity = gateway.wait_state(device.name)
    device.say_acked()
    arrived(cloud, device)
    device.close()
    assert cloud.active(device.name) == [identity["certificate_id"]]

"""Each way to an identity, end to end: a device that has a token only becomes a thing with a certificate of its own."""

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

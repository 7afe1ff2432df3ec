"""Faults between the built daemon and the cloud. Each test is named after its fault."""

import json
import shutil
import time

from actors import Device, Proxy, cloud_has, lane, openssl
from house import wait_for


def test_F11_a_name_that_does_not_resolve_leaves_devices_alone(place):
    cloud = place.cloud()
    gate = place.gateway(cloud, cloud={"endpoint": "no-such-host.invalid:8883"})
    device = Device(gate.port, "dns")
    slowest = 0.0
    for _ in range(100):
        begin = time.monotonic()
        device.say_acked()
        slowest = max(slowest, time.monotonic() - begin)
    assert slowest < 1.0
    told = wait_for("the status names the trouble", lambda: lane(gate).get("error"))
    assert "no-such-host.invalid" in told
    assert gate.totals()["queued"] == 100
    device.close()


def test_F12_a_slow_and_lossy_way_to_the_cloud_loses_nothing(place):
    cloud = place.cloud()
    proxy = Proxy(cloud.port, chop=True)
    gate = place.gateway(cloud, cloud={"endpoint": f"localhost:{proxy.port}"})
    device = Device(gate.port, "lossy")
    for round_number in range(5):
        for _ in range(20):
            device.say_acked()
        proxy.cut()
    cloud_has(cloud, "lossy", 100, 60)
    gate.wait_drained()
    device.close()
    proxy.close()


def test_F13_a_peer_that_vanishes_is_noticed_and_everything_is_sent_again(place):
    cloud = place.cloud()
    proxy = Proxy(cloud.port)
    gate = place.gateway(cloud, cloud={"endpoint": f"localhost:{proxy.port}", "keep_alive": "30s"})
    device = Device(gate.port, "half-open")
    device.say_acked()
    cloud_has(cloud, "half-open", 1)
    proxy.blackhole = True
    for _ in range(10):
        device.say_acked()
    wait_for("the lane gives up the dead connection", lambda: lane(gate)["state"] != "connected", 60)
    proxy.cut()
    proxy.blackhole = False
    cloud_has(cloud, "half-open", 11, 60)
    device.close()
    proxy.close()


def test_F16_a_wrong_authority_is_never_trusted_and_the_right_one_is_picked_up(place):
    cloud = place.cloud()
    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=stranger",
            "-keyout", "k.pem", "-out", "stranger.pem", cwd=place.folder)
    ca = place.folder / "trust.pem"
    shutil.copy(place.folder / "stranger.pem", ca)
    gate = place.gateway(cloud, cloud={"tls": {**cloud.certificate("gw-test"), "ca": str(ca)}})
    device = Device(gate.port, "trust")
    device.say_acked()
    told = wait_for("the trouble is told", lambda: lane(gate).get("error"))
    assert "certificate" in told.lower(), told
    assert cloud.received() == {}
    shutil.copy(cloud.certificate("gw-test")["ca"], ca)
    cloud_has(cloud, "trust", 1)
    device.close()


def test_F16_an_unreadable_key_names_its_path(place):
    cloud = place.cloud()
    tls = {**cloud.certificate("gw-test"), "key": str(place.folder / "missing.key")}
    gate = place.gateway(cloud, cloud={"tls": tls})
    told = wait_for("the trouble is told", lambda: lane(gate).get("error"))
    assert "missing.key" in told


def test_F17_under_aws_quotas_nothing_is_lost(place):
    cloud = place.cloud(quotas="aws")
    gate = place.gateway(cloud)
    device = Device(gate.port, "throttle")
    infos = [device.say() for _ in range(400)]
    wait_for("all are acknowledged locally at once", lambda: all(i.mid in device.acked for i in infos), 10)
    cloud_has(cloud, "throttle", 400, 60)
    device.close()


def test_F18_poison_is_found_and_set_aside_and_the_rest_goes_on(place):
    cloud = place.cloud()
    cloud.fault(kind="close-on", payload_contains="POISON")
    gate = place.gateway(cloud)
    device = Device(gate.port, "poison")
    for n in range(40):
        device.say(payload=json.dumps({"device": "poison", "seq": n, "text": "POISON" if n == 17 else "fine"}))
    cloud_has(cloud, "poison", 39, 90)
    wait_for("the culprit is a dead letter", lambda: gate.totals()["dead_letters"] == 1, 60)
    equation = gate.ctl("ledger")["equation"]
    assert equation["holds"] and equation["ledger"] == 1
    device.close()


def test_F18_what_breaks_the_limits_of_aws_is_acknowledged_and_visible(place):
    gate = place.gateway(place.cloud())
    device = Device(gate.port, "limits")
    device.say_acked(payload="x" * (128 * 1024 + 1))
    letters = gate.ctl("dead-letters", "list")
    assert len(letters) == 1 and "131072" in letters[0]["reason"]
    device.close()


def test_F19_lost_pubacks_lead_to_duplicates_and_never_to_loss(place):
    cloud = place.cloud()
    cloud.fault(kind="lose-puback", next=5)
    gate = place.gateway(cloud)
    device = Device(gate.port, "lostack")
    for _ in range(20):
        device.say_acked()
    cloud_has(cloud, "lostack", 20)
    gate.wait_drained(120)
    device.close()

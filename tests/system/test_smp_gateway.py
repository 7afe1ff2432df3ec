"""The SMP adapter under the built daemon: a device on a line and one over UDP are attached, shown, and found again."""

import asyncio
import json
import os
import signal
import subprocess

import pytest
from house import BUILD, SLUICECTL, wait_for
from smp_device import make_image, section
from smp_peer import hash_of
from smpclient import SMPClient
from smpclient.generics import success
from smpclient.requests.image_management import ImageStatesWrite
from smpclient.requests.os_management import ResetWrite
from smpclient.transport.udp import SMPUDPTransport

ROUTES = [{"match": "d/+/#", "to": "dt/{product}/{device}/{2}"}]


@pytest.fixture
def house(place):
    def make(**meter):
        cloud = place.cloud()
        gate = place.gateway(cloud, routes=ROUTES, adapters_directory=str(BUILD / "adapters"), adapters=[section("meter-1", poll="1s", **meter)])
        gate.wait_adapter("meter-1")
        return cloud, gate
    return make


def firmware(gate):
    devices = gate.adapter("meter-1").get("devices")
    return devices[0]["firmware"] if devices else None


def reported(cloud):
    """What the cloud was told of the images, the newest last."""
    return [json.loads(payload) if isinstance(payload, str) else payload for topic, payload in cloud.payloads()
            if topic == "dt/sensor/meter-1/firmware"]


def printed(gate):
    return subprocess.run([SLUICECTL, "--socket", gate.socket, "adapters"], capture_output=True, text=True, check=True, timeout=30).stdout


@pytest.mark.parametrize("way", ["line", "udp"])
def test_a_device_is_attached_shown_with_its_firmware_and_found_again_after_a_kill(house, simulator, way):
    device = simulator("--version", "1.2.3", *(["--udp", "0"] if way == "udp" else []))
    where = {"address": "127.0.0.1", "udp_port": device.udp_port} if way == "udp" else {"port": str(device.link)}
    cloud, gate = house(**where, model="EM-20", hardware="C")
    wait_for("it is attached", lambda: firmware(gate) == "1.2.3")
    shown = gate.adapter("meter-1")["devices"][0]
    assert (shown["id"], shown["model"], shown["hardware"], shown["state"]) == ("meter-1", "EM-20", "C", "online")
    assert shown["capabilities"]["update"] is True and shown["capabilities"]["class"] == "A"
    assert "1.2.3" in printed(gate) and "firmware" in printed(gate)
    wait_for("its images are in the cloud", lambda: reported(cloud))
    assert reported(cloud)[-1]["active"]["version"] == "1.2.3"
    os.kill(gate.adapter("meter-1")["pid"], signal.SIGKILL)
    wait_for("it was started again", lambda: gate.adapter("meter-1")["starts"] == 2)
    wait_for("the device is attached again", lambda: firmware(gate) == "1.2.3")
    assert gate.stop() == 0


def test_a_silent_device_is_shown_and_so_is_its_return(house, simulator):
    device = simulator("--version", "1.2.3")
    _, gate = house(port=str(device.link), reply_timeout="100ms")
    wait_for("it is attached", lambda: firmware(gate) == "1.2.3")
    device.control("silent=1")
    wait_for("it is shown", lambda: "degraded" in gate.adapter("meter-1")["trouble"])
    assert gate.adapter("meter-1")["devices"][0]["state"] == "offline"
    device.control("silent=0")
    wait_for("it is back", lambda: gate.adapter("meter-1")["trouble"] == "" and
             gate.adapter("meter-1")["devices"][0]["state"] == "online")
    device.kill()
    wait_for("a line that has gone is shown", lambda: "degraded" in gate.adapter("meter-1")["trouble"])
    device = simulator("--version", "1.3.0")
    wait_for("another device on the line is seen", lambda: firmware(gate) == "1.3.0")
    assert gate.adapter("meter-1")["starts"] == 1


def test_firmware_that_somebody_else_has_put_there_is_shown_and_told(house, simulator, tmp_path):
    device = simulator("--version", "1.0.0", "--udp", "0", "--buffer-size", "2048")
    cloud, gate = house(address="127.0.0.1", udp_port=device.udp_port)
    wait_for("it is attached", lambda: firmware(gate) == "1.0.0")
    path = make_image(tmp_path, "1.1.0", 20_000, seed=2)

    async def talk():
        transport = SMPUDPTransport()
        await transport.connect("127.0.0.1", 5, port=device.udp_port)
        client = SMPClient(transport, "127.0.0.1")
        async for _ in client.upload(path.read_bytes()):
            pass
        assert success(await client.request(ImageStatesWrite(hash=hash_of(path))))
        assert success(await client.request(ResetWrite()))
        await transport.disconnect()

    asyncio.run(talk())
    wait_for("the new firmware is shown", lambda: firmware(gate) == "1.1.0")
    assert "1.1.0" in printed(gate)
    wait_for("the trial is in the cloud", lambda: reported(cloud) and reported(cloud)[-1]["active"]["version"] == "1.1.0")
    assert reported(cloud)[-1]["active"] == {"version": "1.1.0", "hash": hash_of(path).hex(), "confirmed": False}

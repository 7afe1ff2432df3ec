"""The SMP adapter as a process, with a simulated device on a pty. A mosquitto and a few lines of Python are the daemon's
side of the contract (docs/adapters.md), so that only what the contract says is used.
"""

import getpass
import hashlib
import json
import pathlib
import queue
import shutil
import subprocess
import tempfile
import time
import uuid

import paho.mqtt.client as paho
import pytest
from house import BUILD, Program, wait_for
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from smp_device import make_image
from smp_peer import hash_of

ADAPTER = BUILD / "adapters" / "smp"


class Daemon:
    """Answers attach, calls the adapter, keeps what it publishes."""

    def __init__(self, folder):
        self.folder = folder
        self.socket = pathlib.Path(tempfile.mkdtemp(prefix="sluice-")) / "mqtt"  # socket paths are short
        self.attached, self.readings, self.healths, self.answers = [], [], [], {}
        config = folder / "mosquitto.conf"
        config.write_text(f"listener 0 {self.socket}\nallow_anonymous true\nuser {getpass.getuser()}\n")
        self.broker = Program(folder / "mosquitto.out")
        self.broker.spawn(["mosquitto", "-c", config])
        wait_for("the broker listens", self.socket.exists)
        self.client = paho.Client(CallbackAPIVersion.VERSION2, client_id="daemon", protocol=paho.MQTTv5, transport="unix")
        self.client.on_message = self.take
        self.client.connect(str(self.socket))
        self.client.subscribe("$sluice/v1/#", qos=1)
        self.client.loop_start()

    def take(self, _client, _user, message):
        verb, _, rest = message.topic.removeprefix("$sluice/v1/").partition("/")
        correlation = getattr(message.properties, "CorrelationData", b"")
        if verb == "attach":
            self.attached.append(json.loads(message.payload))
            answer = Properties(PacketTypes.PUBLISH)
            answer.CorrelationData = correlation
            device = self.attached[-1]["device"]
            self.client.publish(message.properties.ResponseTopic, json.dumps({"ok": True, "device": device}), qos=1, properties=answer)
        elif verb == "pub":
            self.readings.append((rest, json.loads(message.payload)))
        elif verb == "health":
            self.healths.append(json.loads(message.payload))
        elif verb == "answer":
            self.answers[correlation].put(json.loads(message.payload))

    def call(self, operation, payload, seconds=60):
        correlation = uuid.uuid4().bytes
        self.answers[correlation] = queue.Queue()
        properties = Properties(PacketTypes.PUBLISH)
        properties.ResponseTopic, properties.CorrelationData = "$sluice/v1/answer", correlation
        properties.UserProperty = [("deadline-ms", str(seconds * 1000))]
        body = payload if isinstance(payload, bytes) else json.dumps(payload)
        self.client.publish(f"$sluice/v1/to/smp-1/call/{operation}", body, qos=1, properties=properties)
        return self.answers[correlation].get(timeout=seconds)

    def start_object(self, **section):
        defaults = {key: value["default"] for key, value in describe()["schema"]["properties"].items() if "default" in value}
        return json.dumps({
            "contract": "v1", "name": "smp-1", "kind": "smp", "socket": str(self.socket), "client_id": "adapter-smp-1",
            "username": "smp-1", "password": "once", "inbox": "$sluice/v1/to/smp-1", "keep_alive_s": 15, "ready_within_ms": 15000,
            "log_level": "info", "product": "thermo", "section": {**defaults, **section},
            "limits": {"devices": 10, "publishes_per_second": 100, "bytes_per_second": 100000, "inflight": 16, "packet_size": 65536}})

    def stop(self):
        self.client.disconnect()
        self.client.loop_stop()
        self.broker.kill()
        shutil.rmtree(self.socket.parent)


def describe():
    return json.loads(subprocess.run([ADAPTER, "--describe"], capture_output=True, check=True, timeout=10).stdout)


@pytest.fixture
def daemon(tmp_path):
    made = Daemon(tmp_path)
    yield made
    made.stop()


class Adapter(Program):
    def __init__(self, daemon, **section):
        super().__init__(daemon.folder / "adapter.out")
        with open(self.log, "ab") as out:
            self.process = subprocess.Popen([str(ADAPTER)], stdin=subprocess.PIPE, stdout=out, stderr=out)
        self.process.stdin.write(daemon.start_object(**section).encode())
        self.process.stdin.close()


def persist(daemon, operation, payload, seconds=60):
    """As the daemon does it: a step that fails for a moment is called again."""
    deadline = time.monotonic() + seconds
    while True:
        answer = daemon.call(operation, payload)
        if answer["ok"] or answer["error"] not in ("transient", "busy", "lost") or time.monotonic() > deadline:
            return answer


def send(daemon, image, most=10_000):
    begin = {"update": "u1", "size": len(image), "sha256": hashlib.sha256(image).hexdigest(), "version": "1.1.0", "hash": image[-32:].hex()}
    answer, offsets = persist(daemon, "begin/th-1", begin), []
    while answer.get("offset", len(image)) != len(image) and len(offsets) < most:
        assert answer["ok"], answer
        offsets.append(answer["offset"])
        answer = persist(daemon, f"write/th-1/u1/{offsets[-1]}", image[offsets[-1]:offsets[-1] + 4096])
    assert answer["ok"], answer
    return offsets


@pytest.mark.parametrize("way,drop,size", [("serial", 0, 60_000), ("serial", 0.05, 60_000), ("udp", 0.05, 512 * 1024)])
def test_a_device_is_attached_and_updated_by_the_contract_alone(daemon, simulator, tmp_path, way, drop, size):
    options = ["--udp", "0", "--buffer-size", "2048"] if way == "udp" else []
    device = simulator("--version", "1.0.0", "--fault", f"drop={drop}", *options)
    line = {"address": "127.0.0.1", "udp_port": device.udp_port} if way == "udp" else {"port": str(device.link)}
    path = make_image(tmp_path, "1.1.0", size, seed=2)
    image, name = path.read_bytes(), hash_of(path).hex()
    section = {"device": "th-1", "model": "th-100", "poll": 1000, "reply_timeout": 100 if drop else 2500, **line}
    adapter = Adapter(daemon, **section)
    wait_for("its images are published", lambda: daemon.readings)
    assert daemon.attached[0]["firmware"] == "1.0.0"
    assert daemon.attached[0]["capabilities"]["class"] == "A"
    assert daemon.attached[0]["trusted"] is True
    assert daemon.readings[0][0] == "th-1/d/th-1/firmware"

    begun = time.monotonic()
    before = send(daemon, image, most=5)
    adapter.kill()  # in the middle
    adapter = Adapter(daemon, **section)
    wait_for("it is attached again", lambda: len(daemon.attached) > 1)
    offsets = send(daemon, image)
    print(f"RESULT smp-update {way} drop {drop}: {size} bytes in {time.monotonic() - begun:.1f} s")
    assert all(before[1:]) and all(offsets[1:]), "the device never begins anew"
    assert offsets[1] >= 5 * 4096 - 8, "it goes on where the device is"
    assert offsets == sorted(offsets)
    assert persist(daemon, "verify/th-1", {"update": "u1"}) == {"ok": True, "verified": True, "hash": name}
    assert persist(daemon, "activate/th-1", {"update": "u1", "hash": name, "trial": True})["ok"]
    assert persist(daemon, "restart/th-1", {})["ok"]
    wait_for("the new firmware is attached", lambda: daemon.attached[-1]["firmware"] == "1.1.0")
    probe = persist(daemon, "probe/th-1", {})
    assert probe["active"] == {"version": "1.1.0", "hash": name, "confirmed": False}
    assert persist(daemon, "confirm/th-1", {"update": "u1", "hash": name}) == {"ok": True, "confirmed": True}
    wait_for("the confirmed image is published", lambda: daemon.readings[-1][1]["active"] == {**probe["active"], "confirmed": True})
    assert daemon.call("ping", {})["ok"]
    assert adapter.stop() == 0


def test_a_device_that_falls_silent_is_told(daemon, simulator):
    device = simulator("--version", "1.0.0")
    adapter = Adapter(daemon, device="th-1", port=str(device.link), poll=1000, reply_timeout=100)
    wait_for("it is attached", lambda: daemon.attached)
    device.control("silent=1")
    wait_for("it is offline", lambda: daemon.healths[-1]["state"] == "degraded" and daemon.healths[-1]["devices"] == {"th-1": "offline"})
    assert daemon.call("probe/th-1", {})["error"] == "lost"
    device.control("silent=0")
    wait_for("it is back", lambda: daemon.healths[-1]["state"] == "ok")
    adapter.kill()


def test_a_section_without_a_line_ends_with_usage(daemon):
    adapter = Adapter(daemon, device="th-1")
    assert adapter.process.wait(timeout=10) == 64
    assert "either port" in adapter.text()

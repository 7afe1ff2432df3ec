"""The serial adapter under the built daemon: a bad line, a line that goes and comes back, processes that are killed (F21, F22)."""

import os
import pathlib
import re
import signal
import subprocess
import time

import paho.mqtt.client as mqtt
import pytest
from house import BUILD, Program, wait_for, wait_out

SENSOR = BUILD / "tests" / "support" / "simulators" / "sluice-serial-sensor"
ROUTES = [{"match": "d/+/#", "to": "dt/{product}/{device}/{2}"}]


class Sensor(Program):
    def __init__(self, folder, name, *options, devices=("serial-1",)):
        super().__init__(folder / f"{name}.out")
        self.link, self.acked_file = folder / name, folder / f"{name}.acked"
        self.spawn([SENSOR, "--link", self.link, "--log", self.acked_file, "--device", *devices, *options])
        wait_for("the line is there", self.link.exists)

    def acked(self):
        text = self.acked_file.read_text() if self.acked_file.exists() else ""
        return [tuple(line.split()) for line in text.splitlines()]


def serial(name, link, devices=("serial-1",), **more):
    return {"kind": "serial", "name": name, "product": "sensor", "port": str(link), "format": "json", "gap": "20ms",
            "address": {"from": "json", "pointer": "/device"},
            "devices": [{"id": device, "address": device} for device in devices],
            "ack": '{"ack":{seq},"device":"{address}"}', **more}


def adapter(gate, name):
    return next((a for a in gate.ctl("adapters") if a["name"] == name), {})


def check_nothing_lost(gate, cloud, sensor):
    acked = {(device, int(seq)) for device, seq in sensor.acked()}
    gate.wait_drained()
    received = cloud.received()
    lost = acked - set(received)
    assert not lost, f"{len(lost)} of {len(acked)} acknowledged readings are not in the cloud, as {sorted(lost)[:5]}"
    # Nothing that was never said: what noise made was not taken for a reading.
    wrong = [key for key in received if not (isinstance(key[1], int) and str(key[0]).startswith("serial-"))]
    assert not wrong, wrong[:5]
    assert gate.ctl("ledger")["equation"]["holds"]
    return acked


@pytest.fixture
def house(place):
    def make(sensor, **more):
        cloud = place.cloud()
        gate = place.gateway(cloud, routes=ROUTES, adapters_directory=str(BUILD / "adapters"),
                             adapters=[serial("line-1", sensor.link, **more)])
        wait_for("the adapter is ready", lambda: adapter(gate, "line-1").get("state") == "ready", 30)
        return cloud, gate
    sensors = []
    make.sensors = sensors
    yield make
    for sensor in sensors:
        sensor.kill()


def test_json_lines_of_a_good_line_arrive(place, house):
    sensor = Sensor(place.folder, "usb", "--rate", "50", "--count", "100")
    house.sensors.append(sensor)
    cloud, gate = house(sensor)
    wait_for("100 readings are acknowledged", lambda: len(sensor.acked()) >= 100, 60)
    assert len(check_nothing_lost(gate, cloud, sensor)) == 100
    shown = adapter(gate, "line-1")
    assert shown["health"]["counters"]["bad_frames"] == 0
    memory = dict(line.split(":", 1) for line in pathlib.Path(f"/proc/{shown['pid']}/status").read_text().splitlines())
    rss = int(memory["VmRSS"].split()[0])
    print(f"\nRESULT adapter-memory serial {rss} KiB RSS, of which {int(memory['RssAnon'].split()[0])} KiB its own")
    assert rss < 20_000


@pytest.mark.parametrize("framing,crc", [("cobs", "crc32"), ("slip", "ccitt"), ("length", "modbus"), ("line", "crc32")])
def test_a_bad_line_loses_no_acknowledged_reading(place, house, framing, crc):
    # Two of three frames are hit, and one in ten breaks off.
    sensor = Sensor(place.folder, "usb", "--framing", framing, "--crc", crc, "--rate", "200", "--patience", "0.03", "--corrupt", "0.02",
                    "--halves", "0.1", "--count", "60")
    house.sensors.append(sensor)
    sync = {"sync": "\\xAA\\x55"} if framing == "length" else {}
    cloud, gate = house(sensor, framing=framing, crc=crc, max_frame=255, **sync)
    wait_for("60 readings are acknowledged", lambda: len(sensor.acked()) >= 60, 120)
    assert len(check_nothing_lost(gate, cloud, sensor)) == 60
    assert adapter(gate, "line-1")["health"]["counters"]["bad_frames"] > 0


def test_twenty_percent_of_all_bytes_are_corrupted(place, house):
    sensor = Sensor(place.folder, "usb", "--framing", "cobs", "--crc", "crc32", "--rate", "500", "--patience", "0.004", "--corrupt", "0.2",
                    "--count", "1", devices=("serial-x",))
    house.sensors.append(sensor)
    cloud, gate = house(sensor, framing="cobs", crc="crc32", max_frame=255, devices=("serial-x",))
    wait_for("thousands of broken frames", lambda: adapter(gate, "line-1")["health"]["counters"].get("bad_frames", 0) > 2000, 60)
    check_nothing_lost(gate, cloud, sensor)
    assert adapter(gate, "line-1")["starts"] == 1


def test_a_line_that_is_unplugged_comes_back_under_another_number(place, house):
    sensor = Sensor(place.folder, "usb", "--rate", "100", "--unplug-every", "1", "--unplugged-for", "0.3", "--patience", "0.1")
    house.sensors.append(sensor)
    cloud, gate = house(sensor)
    wait_for("it was opened four times", lambda: adapter(gate, "line-1")["health"]["counters"].get("opens", 0) >= 4, 60)
    before = len(sensor.acked())
    wait_for("readings go on", lambda: len(sensor.acked()) > before + 20, 30)
    sensor.stop()
    assert len(check_nothing_lost(gate, cloud, sensor)) > 50
    assert adapter(gate, "line-1")["starts"] == 1


def test_kill_of_the_adapter_and_of_the_daemon_loses_nothing(place, house):
    devices = ("serial-1", "serial-2", "serial-3")
    sensor = Sensor(place.folder, "usb", "--rate", "100", "--patience", "0.1", devices=devices)
    house.sensors.append(sensor)
    cloud, gate = house(sensor, devices=devices)

    def wait_more():
        before = len(sensor.acked())
        wait_for("readings go on", lambda: len(sensor.acked()) > before + 50, 60)

    for _ in range(3):
        wait_more()
        os.kill(wait_for("it runs", lambda: adapter(gate, "line-1").get("pid")), signal.SIGKILL)
    for _ in range(2):
        wait_more()
        gate.kill()
        gate.start()
    wait_more()
    sensor.stop()
    assert len(check_nothing_lost(gate, cloud, sensor)) > 300


def percentile(values, share):
    return sorted(values)[int(len(values) * share)]


def latencies(port, count=400):
    """From PUBLISH to PUBACK, of another device."""
    done, times = {}, []
    client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, "other", protocol=mqtt.MQTTv5)
    client.on_publish = lambda c, u, mid, *_: times.append(time.perf_counter() - done.pop(mid, time.perf_counter()))
    client.connect("127.0.0.1", port)
    client.loop_start()
    wait_for("connected", client.is_connected)
    for n in range(count):
        began = time.perf_counter()
        done[client.publish("d/other/x", str(n), qos=1).mid] = began
        wait_for("its PUBACK", lambda: len(times) > n, every=0.0005)
    client.disconnect()
    client.loop_stop()
    return times


def test_a_bad_line_does_not_delay_other_devices(place, house):
    sensor = Sensor(place.folder, "usb", "--framing", "slip", "--crc", "ccitt", "--rate", "1000", "--patience", "0.005", "--corrupt", "0.2",
                    "--halves", "0.2", "--unplug-every", "0.7", "--unplugged-for", "0.1")
    house.sensors.append(sensor)
    cloud, gate = house(sensor, framing="slip", crc="ccitt")
    bad = latencies(gate.port)
    sensor.stop()
    wait_out(0.5)
    good = latencies(gate.port)
    print(f"\nRESULT others-latency-p99 beside a bad serial line {percentile(bad, .99) * 1000:.2f} ms, alone "
          f"{percentile(good, .99) * 1000:.2f} ms (p50 {percentile(bad, .5) * 1000:.2f} and {percentile(good, .5) * 1000:.2f})")
    assert percentile(bad, .5) < percentile(good, .5) * 3 + 0.005
    assert percentile(bad, .99) < percentile(good, .99) * 4 + 0.05


def test_a_codec_that_crashes_or_hangs_is_contained(place, house):
    sensor = Sensor(place.folder, "usb", "--rate", "20", "--once")
    house.sensors.append(sensor)
    codecs = BUILD / "tests" / "codecs"
    cloud, gate = house(sensor, format="codec", codec=str(codecs / "bad_crash.so"), address={}, ack="")
    other = latencies(gate.port, 20)
    wait_for("it crashed and was started again", lambda: adapter(gate, "line-1")["starts"] >= 3, 30)
    assert "SIGSEGV" in adapter(gate, "line-1")["last_end"]
    assert len(other) == 20 and len(latencies(gate.port, 20)) == 20


def test_check_names_what_is_wrong_with_a_serial_section(place):
    file = place.folder / "sluice.yaml"
    file.write_text("gateway: { thing: g }\ncloud: { endpoint: localhost }\nlisten: [mqtt://127.0.0.1:1]\n"
                    f"adapters_directory: {BUILD / 'adapters'}\n"
                    "adapters:\n  - kind: serial\n    name: a\n    port: /dev/ttyUSB0\n    parity: odd-ish\n    baud: 9k\n")
    from house import SLUICECTL
    done = subprocess.run([SLUICECTL, "config", "check", file], capture_output=True, text=True, timeout=30)
    assert done.returncode == 78
    assert re.search(r":9:\d+: adapters\[0\]\.parity: found 'odd-ish', allowed: one of none, even, odd", done.stderr), done.stderr
    assert re.search(r":10:\d+: adapters\[0\]\.baud: found '9k'", done.stderr), done.stderr

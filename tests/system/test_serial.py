"""The serial adapter under the built daemon: a bad line, a line that goes and comes back, processes that are killed (F21, F22)."""

import json
import os
import re
import signal
import subprocess
import time

import paho.mqtt.client as mqtt
import pytest
from house import BUILD, SLUICECTL, wait_for
from serial_sensor import ROUTES, check_nothing_lost, serial


@pytest.fixture
def house(place):
    def make(line, **more):
        cloud = place.cloud()
        gate = place.gateway(cloud, routes=ROUTES, adapters_directory=str(BUILD / "adapters"),
                             adapters=[serial("line-1", line.link, **more)])
        gate.wait_adapter("line-1")
        return cloud, gate
    return make


def test_json_lines_of_a_good_line_arrive(house, sensor):
    line = sensor("--rate", "50", "--count", "100")
    cloud, gate = house(line)
    wait_for("100 readings are acknowledged", lambda: len(line.acked()) >= 100, 60)
    assert len(check_nothing_lost(gate, cloud, line)) == 100
    shown = gate.adapter("line-1")
    assert shown["health"]["counters"]["bad_frames"] == 0


@pytest.mark.parametrize("framing,crc", [("cobs", "crc32"), ("slip", "ccitt"), ("length", "modbus"), ("line", "crc32")])
def test_a_bad_line_loses_no_acknowledged_reading(house, sensor, framing, crc):
    # Two of three frames are hit, and one in ten breaks off.
    line = sensor("--framing", framing, "--crc", crc, "--rate", "200", "--patience", "0.03", "--corrupt", "0.02",
                    "--halves", "0.1", "--count", "25")
    sync = {"sync": "\\xAA\\x55"} if framing == "length" else {}
    cloud, gate = house(line, framing=framing, crc=crc, max_frame=255, **sync)
    wait_for("25 readings are acknowledged", lambda: len(line.acked()) >= 25, 120)
    assert len(check_nothing_lost(gate, cloud, line)) == 25
    assert gate.adapter("line-1")["health"]["counters"]["bad_frames"] > 0


def test_noise_alone_is_never_taken_for_a_reading(house, sensor):
    # A fifth of all bytes, one by one: no frame comes through.
    line = sensor("--framing", "cobs", "--crc", "crc32", "--rate", "500", "--patience", "0.004", "--corrupt", "0.2", devices=("serial-x",))
    cloud, gate = house(line, framing="cobs", crc="crc32", max_frame=255, devices=("serial-x",))
    wait_for("hundreds of broken frames", lambda: gate.adapter("line-1")["health"]["counters"].get("bad_frames", 0) > 700, 60)
    check_nothing_lost(gate, cloud, line)
    assert gate.adapter("line-1")["starts"] == 1


FRAMINGS = {"cobs": {"crc": "crc32"}, "slip": {"crc": "crc32"}, "line": {"crc": "crc32"},
            "length": {"crc": "crc32", "sync": "\\xAA\\x55"}}


def test_a_fifth_of_all_bytes_is_broken_and_every_line_is_in_step_within_one_frame(place, sensor):
    cloud = place.cloud()
    noise = ["--rate", "200", "--corrupt", "0.2", "--burst", "30", "--halves", "0.05"]
    # Each framing twice: a device that says everything once, and one that waits for its acknowledgement.
    once = {framing: sensor("--framing", framing, "--crc", "crc32", "--once", *noise, name=f"{framing}-once",
                            devices=(f"serial-{framing}-once",)) for framing in FRAMINGS}
    acked = {framing: sensor("--framing", framing, "--crc", "crc32", "--patience", "0.01", *noise, name=framing,
                             devices=(f"serial-{framing}",)) for framing in FRAMINGS}
    lines = [(f"{framing}{suffix}", framing, line, [f"serial-{framing}{suffix}"])
             for suffix, group in (("-once", once), ("", acked)) for framing, line in group.items()]
    gate = place.gateway(cloud, routes=ROUTES, adapters_directory=str(BUILD / "adapters"), adapters=[
        # A long gap: on a busy machine the simulator may be made to wait in the middle of a frame.
        serial(name, line.link, devices, framing=framing, max_frame=255, gap="1s", **FRAMINGS[framing])
        for name, framing, line, devices in lines])
    for name, *_ in lines:
        gate.wait_adapter(name)
        wait_for(f"{name} is open", lambda: gate.adapter(name)["health"]["counters"].get("opens"))
    begins = {framing: len(line.sent()) for framing, line in once.items()}
    ends = {}
    for framing, line in once.items():
        wait_for("500 frames have left", lambda: len(line.sent()) >= begins[framing] + 500, 60)
        ends[framing] = len(line.sent())
    for framing, line in acked.items():
        wait_for("readings are acknowledged", lambda: len(line.acked()) >= 50, 60)
        line.stop()
    for framing, line in once.items():
        wait_for("later frames are in the cloud", lambda: any(
            device == f"serial-{framing}-once" and seq > line.sent()[ends[framing]][1] for device, seq in cloud.received()), 30)
        line.stop()
    for line in acked.values():
        check_nothing_lost(gate, cloud, line)
    received = cloud.received()
    for framing, line in once.items():
        frames = line.sent()[begins[framing]:ends[framing]]
        due = {frame[:2] for before, frame in zip(frames, frames[1:]) if before[2] and frame[2]}
        assert 50 < len(due) < 450, "both happened"
        missing = due - set(received)
        assert not missing, f"{framing}: {len(missing)} of {len(due)} frames behind a whole one were not read, as {sorted(missing)[:5]}"
    assert [gate.adapter(name)["starts"] for name, *_ in lines] == [1] * len(lines)


def test_a_line_at_the_wrong_rate_says_so_and_loses_nothing_until_it_is_set_right(house, sensor):
    line = sensor("--baud", "9600", "--framing", "cobs", "--crc", "crc32", "--rate", "50", "--patience", "0.05")
    cloud, gate = house(line, framing="cobs", crc="crc32", baud=115200)
    wait_for("it names the rate", lambda: "wrong baud" in gate.adapter("line-1").get("trouble", ""), 30)
    assert not line.acked() and not cloud.received()
    text = gate.config_file.read_text()
    gate.config_file.write_text(text.replace('"baud": 115200', '"baud": 9600'))
    gate.ctl("reload")
    line.wait_acked(50)
    wait_for("it is well", lambda: gate.adapter("line-1").get("trouble") == "")
    line.stop()
    acked = check_nothing_lost(gate, cloud, line)
    assert {seq for _, seq in acked} >= set(range(1, 51)), "from the first reading on"


def test_a_line_that_is_unplugged_comes_back_under_another_number(house, sensor):
    line = sensor("--rate", "100", "--unplug-every", "1", "--unplugged-for", "0.3", "--patience", "0.1")
    cloud, gate = house(line)
    wait_for("it was opened three times", lambda: gate.adapter("line-1")["health"]["counters"].get("opens", 0) >= 3, 60)
    line.wait_acked(20)
    line.stop()
    assert len(check_nothing_lost(gate, cloud, line)) > 50
    assert gate.adapter("line-1")["starts"] == 1


def test_kill_of_the_adapter_and_of_the_daemon_loses_nothing(house, sensor):
    devices = ("serial-1", "serial-2", "serial-3")
    line = sensor("--rate", "100", "--patience", "0.1", devices=devices)
    cloud, gate = house(line, devices=devices)

    for _ in range(3):
        line.wait_acked(50)
        os.kill(wait_for("it runs", lambda: gate.adapter("line-1").get("pid")), signal.SIGKILL)
    for _ in range(2):
        line.wait_acked(50)
        gate.kill()
        gate.start()
    line.wait_acked(50)
    line.stop()
    assert len(check_nothing_lost(gate, cloud, line)) > 300


def acknowledged(port, count):
    """Another device publishes and waits for each PUBACK; the seconds of each."""
    came, took = [], []
    client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, "other", protocol=mqtt.MQTTv5)
    client.on_publish = lambda *_: came.append(time.monotonic())
    client.connect("127.0.0.1", port)
    client.loop_start()
    wait_for("connected", client.is_connected)
    for n in range(count):
        sent = time.monotonic()
        client.publish("d/other/x", str(n), qos=1)
        wait_for("its PUBACK", lambda: len(came) > n, every=0.0005)
        took.append(came[n] - sent)
    client.disconnect()
    client.loop_stop()
    return took


def p99(seconds):
    return sorted(seconds)[len(seconds) * 99 // 100]


def check_not_delayed(what, beside, alone):
    print(f"RESULT puback-p99 {what} {p99(beside) * 1000:.1f} ms, without {p99(alone) * 1000:.1f} ms")
    assert p99(beside) <= 3 * p99(alone) + 0.05, what


def test_an_adapter_that_stands_still_before_a_full_line_delays_nobody(place, sensor):
    # Measured against the same gateway without the line.
    line = sensor("--rate", "500", "--patience", "0.004")
    cloud = place.cloud()
    gate = place.gateway(cloud, routes=ROUTES, adapters_directory=str(BUILD / "adapters"))
    alone = acknowledged(gate.port, 300)
    gate.write_config({**json.loads(gate.config_file.read_text()), "adapters": [serial("line-1", line.link)]})
    gate.ctl("reload")
    gate.wait_adapter("line-1")
    line.wait_acked(50)
    check_not_delayed("beside a line that is flooded", acknowledged(gate.port, 300), alone)
    pid = gate.adapter("line-1")["pid"]
    os.kill(pid, signal.SIGSTOP)
    before = len(line.sent())
    check_not_delayed("beside a line that stands still", acknowledged(gate.port, 300), alone)
    wait_for("more has come than a line can hold", lambda: len(line.sent()) > before + 300)
    check_not_delayed("beside a line that is full", acknowledged(gate.port, 300), alone)
    os.kill(pid, signal.SIGCONT)
    line.wait_acked(50)
    line.stop()
    check_nothing_lost(gate, cloud, line)
    assert gate.adapter("line-1")["pid"] == pid


def test_a_codec_that_crashes_is_contained(house, sensor):
    line = sensor("--rate", "20", "--once")
    codecs = BUILD / "tests" / "codecs"
    cloud, gate = house(line, format="codec", codec=str(codecs / "bad_crash.so"), address={}, ack="")
    assert len(acknowledged(gate.port, 20)) == 20
    wait_for("it crashed and was started again", lambda: gate.adapter("line-1")["starts"] >= 3, 30)
    assert "SIGSEGV" in gate.adapter("line-1")["last_end"]
    assert len(acknowledged(gate.port, 20)) == 20


def test_check_names_what_is_wrong_with_a_serial_section(place):
    file = place.folder / "sluice.yaml"
    file.write_text("gateway: { thing: g }\ncloud: { endpoint: localhost }\nlisten: [mqtt://127.0.0.1:1]\n"
                    f"adapters_directory: {BUILD / 'adapters'}\n"
                    "adapters:\n  - kind: serial\n    name: a\n    port: /dev/ttyUSB0\n    parity: odd-ish\n    baud: 9k\n")
    done = subprocess.run([SLUICECTL, "config", "check", file], capture_output=True, text=True, timeout=30)
    assert done.returncode == 78
    assert re.search(r":9:\d+: adapters\[0\]\.parity: found 'odd-ish', allowed: one of none, even, odd", done.stderr), done.stderr
    assert re.search(r":10:\d+: adapters\[0\]\.baud: found '9k'", done.stderr), done.stderr

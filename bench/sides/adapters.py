"""Adapters: readings a second through one of them, what a bad line costs the devices beside it, memory of each process.
The peer of a rate is mosquitto with a plain client, and for a serial line `mosquitto_pub -l`, which is how many bring one in."""

import json
import os
import statistics
import subprocess
import termios
import threading
import time

from . import load
from .acks import nobody
from .peers import BUILD, Mosquitto, gateway, memory_kb, wait_for
from .report import Folder, alternate, result

from house import Program  # noqa: E402
from modbus_server import Server  # noqa: E402
from serial_sensor import Sensor, serial  # noqa: E402
from smp_device import Simulator, section  # noqa: E402

SCRIPTED = BUILD / "tests" / "adapters"
WINDOW = 1024  # what the daemon lets an adapter have open
NO_QUOTA = {"publishes_per_second": 0, "bytes_per_second": "0B", "cpu": 2}
LINES = 100_000
KINDS = ("serial", "smp", "modbus", "mqtt")


def published(gate, name):
    return gate.adapter(name).get("published", 0)


def adapter_rate(name, given):
    """one adapter that sends all it can, 200 bytes: readings/s with PUBACK; peer: mosquitto and one plain client"""

    def ours():
        with Folder() as folder:
            gate = gateway(folder, cloud_port=1, tls=nobody(folder), adapters_directory=SCRIPTED, adapters=[
                {"kind": "scripted", "name": "a", "product": "sensor", "devices": ["s1"], "count": 2_000_000_000, "size": 200,
                 "limits": NO_QUOTA}]).start()
            try:
                wait_for("it publishes", lambda: published(gate, "a") > 10_000)
                first, began = published(gate, "a"), time.monotonic()
                time.sleep(given.seconds)
                return (published(gate, "a") - first) / (time.monotonic() - began)
            finally:
                gate.kill()

    def plain(program):
        return load.run("window", program.port, clients=1, window=WINDOW, seconds=given.seconds, size=200, topic="d/load-%c/temp")["acked_per_s"]

    def peer():
        with Folder() as folder:
            mosquitto = Mosquitto(folder, ["max_inflight_messages 0"]).start()
            try:
                return plain(mosquitto)
            finally:
                mosquitto.kill()

    with Folder() as folder:
        gate = gateway(folder, cloud_port=1, tls=nobody(folder)).start()
        direct = plain(gate)
        gate.kill()
    result(name, *alternate(given.rounds, ours, peer), "readings/s", window=WINDOW, size=200, sync="FULL", ours_without_adapter=f"{direct:.4g}")


class FullLine:
    """A pty with so many readings, as fast as they are taken."""

    def __init__(self):
        self.master, slave = os.openpty()
        self.path = os.ttyname(slave)
        self.slave = slave  # open, so that nothing is lost before the reader comes
        lines = "".join(json.dumps({"device": "line", "seq": n, "value": 20 + n % 10}) + "\n" for n in range(LINES))
        self.bytes = lines.encode()

    def feed(self, last=b""):
        def write():
            data = self.bytes + last
            while data:
                data = data[os.write(self.master, data[:4096]):]
        threading.Thread(target=write, daemon=True).start()

    def close(self):
        os.close(self.master)
        os.close(self.slave)


def adapter_serial(name, given):
    """100,000 JSON lines from a pty through the serial adapter: readings/s; peer: mosquitto_pub -l -q 1 into mosquitto"""

    def ours():
        line = FullLine()
        with Folder() as folder:
            gate = gateway(folder, cloud_port=1, tls=nobody(folder), adapters=[serial(
                "line", line.path, ["line"], ack="", gap="1s", topic="d/line/temp", limits=NO_QUOTA)]).start()
            try:
                wait_for("the line is open", lambda: gate.adapter("line").get("health", {}).get("counters", {}).get("opens"))
                wait_for("the device is attached", lambda: gate.adapter("line")["devices"])
                began = time.monotonic()
                line.feed()
                wait_for("every line is a reading", lambda: published(gate, "line") == LINES, 120)
                return LINES / (time.monotonic() - began)
            finally:
                gate.kill()
                line.close()

    def peer():
        line = FullLine()
        with Folder() as folder:
            mosquitto = Mosquitto(folder, ["max_inflight_messages 0"]).start()
            settings = termios.tcgetattr(line.slave)
            settings[3] &= ~termios.ECHO  # a line at a time, and ^D ends it
            termios.tcsetattr(line.slave, termios.TCSANOW, settings)
            try:
                began = time.monotonic()
                line.feed(last=b"\x04")
                subprocess.run(["mosquitto_pub", "-p", str(mosquitto.port), "-t", "d/line/temp", "-q", "1", "-l"], stdin=line.slave,
                               check=True, timeout=120)
                return LINES / (time.monotonic() - began)
            finally:
                mosquitto.kill()
                line.close()

    result(name, *alternate(given.rounds, ours, peer), "readings/s", lines=LINES, sync="FULL")


BAD = ["--framing", "slip", "--crc", "ccitt", "--rate", "1000", "--patience", "0.005", "--corrupt", "0.2", "--halves", "0.2",
       "--unplug-every", "0.7", "--unplugged-for", "0.1"]


def adapter_latency(name, given):
    """PUBLISH→PUBACK of MQTT devices at 5,000 msg/s beside a bad serial line; peer: the same gateway without it"""

    def with_adapters(folder, adapters):
        gate = gateway(folder, cloud_port=1, tls=nobody(folder), adapters=adapters).start()
        try:
            for adapter in adapters:
                gate.wait_adapter(adapter["name"])
            said = load.run("rate", gate.port, clients=100, rate=5000, seconds=given.seconds, size=200, topic="d/load-%c/temp")
            # It was bad indeed.
            assert all(gate.adapter(adapter["name"])["health"]["counters"]["bad_frames"] > 100 for adapter in adapters)
            return said
        finally:
            gate.kill()

    def beside():
        with Folder() as folder:
            line = Sensor(folder, "usb", *BAD)
            try:
                return with_adapters(folder, [serial("line", line.link, framing="slip", crc="ccitt", topic="d/{device}/temp")])
            finally:
                line.kill()

    def alone():
        with Folder() as folder:
            return with_adapters(folder, [])

    measured = [(beside(), alone()) for _ in range(given.rounds)]
    for quantile in ("p50", "p99", "p99_9"):
        ours, peer = (statistics.median(pair[side][f"{quantile}_ms"] for pair in measured) for side in (0, 1))
        result(f"{name}-{quantile}", ours, peer, "ms")


def adapter_rss(name, given):
    """RSS of the process of each adapter with a device each; peer: mosquitto_sub, which only listens"""
    with Folder() as folder:
        line, device, bus = Sensor(folder, "usb", "--rate", "100"), Simulator(folder, "--version", "1.0.0"), Server(folder, "tcp")
        mosquitto = Mosquitto(folder, []).start()
        gate = gateway(folder, cloud_port=1, tls=nobody(folder), adapters=[
            serial("serial", line.link, topic="d/{device}/temp"), section("smp", port=str(device.link), topic="d/{device}/temp"),
            {"kind": "modbus", "name": "modbus", "product": "sensor", **bus.bus(), "units": [{"unit": 1, "device": "unit-1", "map": "m"}],
             "maps": {"m": {"groups": [{"name": "g", "every": "50ms", "registers": [{"name": "n", "address": 0, "table": "input"}]}]}}},
            {"kind": "mqtt", "name": "mqtt", "product": "sensor", "broker": f"mqtt://127.0.0.1:{mosquitto.port}", "shape": "tasmota"}]).start()
        listener = Program(folder / "listener.out")
        listener.spawn(["mosquitto_sub", "-p", str(mosquitto.port), "-t", "d/#"])
        try:
            line.wait_acked(200)
            wait_for("the site's broker is heard", lambda: gate.wait_adapter("mqtt")["health"]["counters"].get("connects"))
            subprocess.run(["mosquitto_pub", "-p", str(mosquitto.port), "-t", "tele/plug-1/SENSOR", "-q", "1", "-m", "{}", "--repeat", "200"],
                           check=True, timeout=60)
            wait_for("all are at work", lambda: all(published(gate, kind) for kind in KINDS))
            peer = memory_kb(listener.process.pid) / 1024
            for kind in KINDS:
                pid = gate.adapter(kind)["pid"]
                result(f"{name}-{kind}", memory_kb(pid) / 1024, peer, "MB", own=f"{memory_kb(pid, 'RssAnon') / 1024:.3g}")
        finally:
            for program in (gate, line, device, bus, listener, mosquitto):
                program.kill()


BENCHES = {"adapter": adapter_rate, "adapter-serial": adapter_serial, "adapter-latency": adapter_latency, "adapter-rss": adapter_rss}

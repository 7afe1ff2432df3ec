"""A floor of adapters under the built daemon: each killed in turn, the daemon killed, and bad ones beside good ones (F22)."""

import json
import os
import pathlib
import shutil
import signal
import threading

import pytest
from house import BUILD, readings_of, wait_for
from modbus_server import Server
from serial_sensor import ROUTES, check_nothing_lost, serial
from site_broker import SiteBroker, SiteClient
from smp_device import Simulator, section

SCRIPTED = BUILD / "tests" / "adapters"


def runs(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


class Plug(threading.Thread):
    """A device of a site's broker, which counts; `said` is what the broker has acknowledged."""

    TOPIC = "tele/plug-1/SENSOR"

    def __init__(self, broker):
        super().__init__(daemon=True)
        self.client, self.said, self.over = SiteClient(broker.port, "plug-1"), [], threading.Event()

    def run(self):
        n = 0
        while not self.over.wait(0.02):
            n += 1
            self.client.say(self.TOPIC, {"n": n})
            self.said.append(n)

    def close(self):
        self.over.set()
        if self.is_alive():
            self.join(20)
        self.client.close()


class Floor:
    """Two serial lines with sensors, an SMP device on a line and one over UDP, a Modbus bus, a site's broker, and whatever
    else is asked for."""

    def __init__(self, place, sensor, folder, *more):
        self.lines = [sensor("--rate", "100", "--patience", "0.1", name=f"usb{n}", devices=(f"serial-{n}1", f"serial-{n}2")) for n in (1, 2)]
        (place.folder / "pty").mkdir()
        (place.folder / "udp").mkdir()
        self.meters = [Simulator(place.folder / "pty", "--version", "1.0.0"), Simulator(place.folder / "udp", "--version", "2.0.0", "--udp", "0")]
        self.bus = Server(place.folder, "tcp", units=(1, 2))
        self.broker = SiteBroker(place.folder / "site").start()
        self.plug = Plug(self.broker)
        self.cloud = place.cloud()
        self.adapters = [serial(f"line-{n}", line.link, (f"serial-{n}1", f"serial-{n}2")) for n, line in enumerate(self.lines, 1)]
        self.adapters += [section("meter-1", port=str(self.meters[0].link)),
                          section("meter-2", address="127.0.0.1", udp_port=self.meters[1].udp_port)]
        self.adapters.append({"kind": "modbus", "name": "bus", "product": "sensor", **self.bus.bus(),
                              "units": [{"unit": n, "device": f"unit-{n}", "map": "m"} for n in (1, 2)],
                              "maps": {"m": {"groups": [{"name": "g", "every": "100ms", "registers": [
                                  {"name": "count", "address": 0, "table": "input"}]}]}}})
        self.adapters.append({"kind": "mqtt", "name": "site", "product": "sensor", "shape": "tasmota",
                              "broker": f"mqtt://127.0.0.1:{self.broker.port}"})
        self.gate = place.gateway(self.cloud, routes=[{"match": "d/flooder/#", "local": True}, *ROUTES], adapters_directory=str(folder), adapters=[*self.adapters, *more])
        # What is said before the adapter has subscribed for the first time is nobody's.
        wait_for("the site's broker has its session", lambda: self.gate.wait_adapter("site")["health"]["counters"].get("connects"))
        self.plug.start()
        self.wait_served()

    def wait_served(self):
        for section in self.adapters:
            wait_for(f"{section['name']} has its devices", lambda: len(self.gate.wait_adapter(section["name"])["devices"]) ==
                     len(section.get("devices", section.get("units", [1]))))
        for line in self.lines:
            line.wait_acked(30)
        for name in ("bus", "site"):  # since its start
            wait_for(f"{name} brings readings", lambda: self.gate.adapter(name)["published"] >= 10)

    def shown(self):
        return {a["name"]: a for a in self.gate.ctl("adapters")}

    def reports(self, device):
        """How often the cloud has heard what firmware runs on it."""
        return sum(str(payload).count('"active":{') + str(payload).count('"active": {') for topic, payload in self.cloud.payloads()
                   if topic == f"dt/sensor/{device}/firmware")

    def check_nothing_lost(self):
        self.plug.close()
        self.bus.kill()
        for line in self.lines:
            line.stop()
        for line in self.lines:
            assert len(check_nothing_lost(self.gate, self.cloud, line)) > 60
        assert len(self.plug.said) > 60
        wait_for("all that the site's broker acknowledged is in the cloud", lambda: set(self.plug.said) <= self.plugs_in_cloud(), 30)

    def plugs_in_cloud(self):
        entries = map(json.loads, self.cloud.received_log.read_text().splitlines())
        return {reading["n"] for entry in entries if entry.get("topic") == "dt/sensor/plug-1/tele/SENSOR" for reading in readings_of(entry)
                if "n" in reading}

    def close(self):
        self.plug.close()
        for program in (*self.meters, self.bus, self.broker):
            program.kill()


@pytest.fixture
def floor(place, sensor):
    made = []

    def make(*more):
        folder = place.folder / "adapters"
        shutil.copytree(BUILD / "adapters", folder)
        for file in SCRIPTED.iterdir():
            if os.access(file, os.X_OK) and file.is_file():
                shutil.copy(file, folder)
        made.append(Floor(place, sensor, folder, *more))
        return made[-1]

    yield make
    for one in made:
        one.close()


def test_each_adapter_is_killed_during_traffic_and_no_other_is_touched(floor):
    house = floor()
    for victim in [section["name"] for section in house.adapters]:
        before = house.shown()
        os.kill(before[victim]["pid"], signal.SIGKILL)
        wait_for(f"{victim} was started again", lambda: house.shown()[victim]["starts"] == 2)
        house.wait_served()
        after = house.shown()
        assert "SIGKILL" in after[victim]["last_end"] and after[victim]["pid"] != before[victim]["pid"]
        others = [name for name in before if name != victim]
        assert {name: after[name]["pid"] for name in others} == {name: before[name]["pid"] for name in others}
    house.check_nothing_lost()
    for device in ("meter-1", "meter-2"):
        wait_for(f"{device} was heard at each start", lambda: house.reports(device) >= 2)


def test_the_daemon_is_killed_during_traffic_and_all_adapters_come_back(floor):
    house = floor()
    for _ in range(2):
        before = [a["pid"] for a in house.shown().values()]
        house.gate.kill()
        wait_for("its adapters have gone with it", lambda: not any(map(runs, before)))
        house.gate.start()
        house.wait_served()
        assert not set(before) & {a["pid"] for a in house.shown().values()}
    house.check_nothing_lost()
    assert [a["starts"] for a in house.shown().values()] == [1] * len(house.adapters)


def scripted(mode, limits=None, **more):
    return {"kind": "scripted", "name": mode, "product": "sensor", "mode": mode, **({"limits": limits} if limits else {}), **more}


def test_adapters_that_hang_flood_leak_lie_or_end_are_contained(floor, sensor):
    line = sensor("--rate", "20", "--once", name="usb3")
    house = floor(
        serial("codec", line.link, format="codec", codec=str(BUILD / "tests" / "codecs" / "bad_hang.so"), address={}, ack=""),
        scripted("hang"), scripted("deaf"), scripted("crash"), scripted("exit", code=70), scripted("chat"), scripted("lie", count=1000),
        scripted("leak", limits={"memory": "64MiB"}), scripted("flood", limits={"publishes_per_second": 200}), scripted("stubborn"))
    began = house.shown()
    good = [section["name"] for section in house.adapters]

    def wait_said(name, *words):
        wait_for(f"{name}: {words}", lambda: all(word in house.shown()[name]["last_end"] for word in words), 60)
        return house.shown()[name]

    wait_said("crash", "SIGABRT")
    wait_said("exit", "exit code 70")
    wait_said("leak", "no more memory")
    wait_said("lie", "its connection has ended")
    wait_for("words are left out", lambda: house.shown()["chat"]["log_left_out"] > 3000)
    for name in ("crash", "exit", "leak"):
        wait_for(f"{name} is a crash loop", lambda: "crash loop" in house.shown()[name]["state"] and house.shown()[name]["failures"] >= 5, 90)
        assert any(trouble["part"].endswith(name) for trouble in house.gate.ctl("status")["troubles"])
    wait_said("deaf", "not ready within 15 s")
    wait_said("hang", "its connection has ended: nothing came")
    wait_said("codec", "its connection has ended: nothing came")
    for name in ("deaf", "hang", "codec"):
        wait_for(f"{name} was started again", lambda: house.shown()[name]["starts"] >= 2)
    now = house.shown()
    assert house.gate.text().count("adapter chat: line") < 1000
    # 200 a second and a burst, whatever it sends.
    assert 0 < now["flood"]["published"] <= 200 * (now["flood"]["since_s"] + 2) + 400
    house.wait_served()
    assert {name: (now[name]["pid"], now[name]["starts"]) for name in good} == {name: (began[name]["pid"], 1) for name in good}
    assert house.gate.rss_kb() < 64 * 1024
    house.check_nothing_lost()
    pids = [a["pid"] for a in house.shown().values() if a["pid"]]
    assert house.gate.stop() == 0
    wait_for("nothing is left of any of them", lambda: not any(map(runs, pids)))

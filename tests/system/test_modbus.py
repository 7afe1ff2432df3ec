"""The Modbus adapter under the built daemon: against libmodbus's server and pymodbus's, over TCP and RTU, with faults."""

import json
import pathlib
import signal
import subprocess
import sys
import time

import pytest
from house import BUILD, SLUICECTL, Program, accepts, free_port, readings_of, wait_for, wait_out
from modbus_server import Server

PEER = pathlib.Path(__file__).with_name("modbus_peer.py")
ROUTES = [{"match": "d/+/#", "to": "dt/{product}/{device}/{2}"}]


class Peer(Program):
    """pymodbus's server."""

    def __init__(self, folder, wire):
        super().__init__(folder / "peer.out")
        self.wire, self.port, self.link = wire, free_port(), folder / "usb-485"
        self.spawn([sys.executable, PEER, wire, self.port if wire == "tcp" else self.link])
        wait_for("it is there", lambda: not self.alive() or (accepts(self.port) if wire == "tcp" else self.link.exists()))
        assert self.alive(), self.text()

    bus = Server.bus


def register(name, address, **more):
    return {"name": name, "address": address, **more}


def unit(number, registers, every="100ms"):
    """A unit, its device and its map of one group."""
    return {"unit": number, "device": f"unit-{number}", "map": f"map-{number}"}, {"groups": [{"name": "g", "every": every, "registers": registers}]}


class Plant:
    """The daemon with one bus, and what of it has come to the cloud."""

    def __init__(self, place, server, *units, cloud=None, name="gw", **more):
        self.cloud = cloud or place.cloud()
        adapter = {"kind": "modbus", "name": "bus-1", "product": "sensor", "timeout": "100ms", **server.bus(),
                   "units": [u for u, _ in units], "maps": {u["map"]: m for u, m in units}, **more}
        self.gate = place.gateway(self.cloud, name, routes=ROUTES, adapters_directory=str(BUILD / "adapters"), adapters=[adapter])
        wait_for("the adapter is ready", lambda: self.adapter().get("state") == "ready", 30)

    def adapter(self):
        return next((a for a in self.gate.ctl("adapters") if a["name"] == "bus-1"), {})

    def health(self):
        return self.adapter().get("health", {})

    def state_of(self, device):
        return next((d["state"] for d in self.adapter().get("devices", []) if d["id"] == device), None)

    def wait_counters(self, what, fact):
        """It reports once a second."""
        def look():
            counters = self.health().get("counters", {})
            return "transactions" in counters and fact(counters) and counters
        return wait_for(what, look)

    def published(self, device, topic="g"):
        """Payloads of a device in the cloud, in the order in which they came."""
        out = []
        if self.cloud.received_log.exists():
            for line in self.cloud.received_log.read_text(errors="replace").splitlines():
                try:
                    entry = json.loads(line)
                except ValueError:
                    continue
                if str(entry.get("topic", "")).endswith(f"/{device}/{topic}"):
                    out += list(readings_of(entry))
        return out

    def wait_reading(self, device, fact=lambda values: True, seconds=20, after=0):
        def look():
            found = [r for r in self.published(device)[after:] if fact(r["values"])]
            return found and found[0]
        return wait_for(f"such a reading of {device}", look, seconds)

    def command(self, device, **values):
        """Its reply in the cloud."""
        before = len(self.published(device, "reply"))
        wait_for("the lane is up", lambda: self.gate.ctl("status")["lanes"][0]["state"] == "connected")
        self.cloud.admin("POST", "/publish", {"topic": f"cmd/gw-test/{device}/set", "text": json.dumps(values), "qos": 1})
        return wait_for("the reply", lambda: self.published(device, "reply")[before:], 20)[0]


@pytest.fixture
def servers():
    made = []
    yield made
    for server in made:
        server.kill()


BOTH = pytest.mark.parametrize("wire", ["tcp", "rtu"])
SIMULATED = [register("count", 0, table="input"), register("heat", 1, table="input", type="float32", units="C"),
             register("volts", 3, table="input", factor=0.1, units="V"), register("limit", 10, writable=True, min=0, max=100),
             register("pump", 1, table="coil", writable=True)]


@BOTH
def test_readings_and_a_command_end_to_end(place, servers, wire):
    server = Server(place.folder, wire, units=(1, 2))
    servers.append(server)
    plant = Plant(place, server, unit(1, SIMULATED), unit(2, SIMULATED))
    for number in (1, 2):
        values = plant.wait_reading(f"unit-{number}")["values"]
        assert values["heat"] == {"value": pytest.approx(20 + number, abs=2.1), "units": "C", "quality": "good"}
        assert 220 < values["volts"]["value"] < 240 and values["volts"]["units"] == "V"
        assert values["limit"]["value"] == 10 and values["pump"]["value"] is False
    first = plant.published("unit-1")[0]
    assert first["device"] == "unit-1" and first["unit"] == 1 and first["group"] == "g" and first["time"] > 1.7e12
    plant.wait_reading("unit-1", lambda v: v["count"]["value"] > values["count"]["value"] + 3)

    reply = plant.command("unit-1", limit=42, pump=True)
    assert reply["ok"] and reply["command"] == "d/unit-1/cmd/set", reply
    assert reply["values"]["limit"] == {"value": 42} and reply["values"]["pump"] == {"value": True}
    plant.wait_reading("unit-1", lambda v: v["limit"]["value"] == 42 and v["pump"]["value"])
    assert plant.published("unit-2")[-1]["values"]["limit"]["value"] == 10
    refused = plant.command("unit-1", limit=101)
    assert not refused["ok"] and refused["text"] == "limit: out of range: 101, allowed 0 to 100"
    counters = plant.wait_counters("both writes are counted", lambda c: c["writes"] == 2)
    assert counters["timeouts"] == 0 and counters["exceptions"] == 0 and counters["opens"] == 1, counters
    assert server.counts(1)["writes"] == 2
    memory = dict(line.split(":", 1) for line in pathlib.Path(f"/proc/{plant.adapter()['pid']}/status").read_text().splitlines())
    print(f"\nRESULT adapter-memory modbus {wire} {memory['VmRSS'].split()[0]} KiB RSS, of which {memory['RssAnon'].split()[0]} KiB its own")
    assert int(memory["VmRSS"].split()[0]) < 30_000
    assert plant.gate.ctl("ledger")["equation"]["holds"]


def test_a_write_that_the_unit_does_not_keep_is_said(place, servers):
    server = Server(place.folder, "tcp", "--stuck", "1:10:10")
    servers.append(server)
    plant = Plant(place, server, unit(1, SIMULATED))
    reply = plant.command("unit-1", limit=42)
    assert reply["error"] == "permanent" and reply["text"] == "limit: 42 was written and is 10 when read back"


PEER_MAP = [
    register("plain", 0, factor=0.1, writable=True), register("small", 1, type="int16"), register("int32", 4, type="int32"),
    register("real", 6, type="float32", writable=True), register("int64", 10, type="int64"), register("double", 14, type="float64"),
    register("serial", 20, type="string", length=4), register("coils", 0, table="coil", type="bits", count=4),
    register("relay", 6, table="coil", writable=True), register("door", 1, table="discrete"),
    *[register(f"i{n}", n, table="input") for n in range(0, 300, 10)]]


@BOTH
def test_the_server_of_others_says_the_same(place, servers, wire):
    server = Peer(place.folder, wire)
    servers.append(server)
    plant = Plant(place, server, unit(5, PEER_MAP, every="200ms"), timeout="500ms")
    values = {name: v["value"] for name, v in plant.wait_reading("unit-5", lambda v: v["i290"]["quality"] == "good")["values"].items()}
    assert (values["plain"], values["small"], values["int32"], values["real"]) == (21.5, -7, -123456, 123.456)
    assert (values["int64"], values["double"], values["serial"]) == (-9007199254740993, 2.718281828, "SN-0042X")
    assert values["coils"] == [True, False, True, False] and values["door"] is True and values["i290"] == 7
    reply = plant.command("unit-5", plain=30.1, real=-2.5, relay=True)
    assert reply["ok"], reply
    plant.wait_reading("unit-5", lambda v: (v["plain"]["value"], v["real"]["value"], v["relay"]["value"]) == (30.1, -2.5, True))
    # It has no registers between those that it was given: the first read was taken apart, and only that.
    assert plant.wait_counters("the commands are counted", lambda c: c["writes"] == 3)["split_reads"] == 1


def test_a_dead_unit_does_not_starve_the_living_one_and_comes_back(place, servers):
    server = Server(place.folder, "rtu", "--silent", 2, units=(1, 2))
    servers.append(server)
    plant = Plant(place, server, unit(1, SIMULATED), unit(2, SIMULATED), retries=0, back_off="1s")
    wait_for("the dead one is known", lambda: plant.state_of("unit-2") == "silent")
    assert plant.wait_reading("unit-2")["values"]["heat"] == {"value": None, "units": "C", "quality": "bad",
                                                              "reason": "no answer within 100 ms"}
    before, began = (server.counts(1)["rounds"], server.counts(2)["reads"]), time.monotonic()
    wait_for("thirty rounds of the living one", lambda: server.counts(1)["rounds"] >= before[0] + 30)
    asked = server.counts(2)["reads"] - before[1]
    seconds = time.monotonic() - began
    assert asked <= seconds + 2, f"a dead unit was asked {asked} times in {seconds:.1f} s"
    assert plant.health()["state"] == "ok"
    server.process.send_signal(signal.SIGUSR1)
    plant.wait_reading("unit-2", lambda v: v["heat"]["quality"] == "good")
    wait_for("it is seen", lambda: plant.state_of("unit-2") == "online")


@BOTH
def test_a_server_that_goes_and_comes_back_is_found_again(place, servers, wire):
    server = Server(place.folder, wire)
    servers.append(server)
    plant = Plant(place, server, unit(1, SIMULATED), stale_after="1s")
    plant.wait_reading("unit-1")
    server.stop()
    plant.wait_reading("unit-1", lambda v: v["heat"]["quality"] == "stale" and v["heat"]["value"] is not None)
    wait_for("it is said", lambda: plant.health()["state"] == "degraded")
    text = plant.health()["text"]
    assert str(server.port) in text if wire == "tcp" else str(server.link) in text
    wait_out(1)
    server.start()
    seen = len(plant.published("unit-1"))
    plant.wait_reading("unit-1", lambda v: v["heat"]["quality"] == "good", after=seen)
    wait_for("all is well", lambda: plant.health()["state"] == "ok")
    assert plant.adapter()["starts"] == 1 and plant.wait_counters("it was opened again", lambda c: c["opens"] == 2)


def test_a_noisy_line_is_asked_again(place, servers):
    server = Server(place.folder, "rtu", "--bad-crc", "0.1")
    servers.append(server)
    plant = Plant(place, server, unit(1, SIMULATED, every="20ms"))
    plant.wait_counters("broken answers", lambda c: c["broken_answers"] >= 10)
    readings = wait_for("readings are in the cloud", lambda: (found := plant.published("unit-1")) and len(found) > 30 and found)
    good = sum(1 for r in readings if all(v["quality"] == "good" for v in r["values"].values()))
    assert good >= len(readings) * 0.9 and good > 20
    assert all(15 < r["values"]["heat"]["value"] < 30 for r in readings if r["values"]["heat"]["quality"] == "good")


def test_a_call_that_blocks_does_not_block_the_adapter(place, servers):
    # libmodbus waits for an answer that does not come; the loop goes on answering the daemon.
    server = Server(place.folder, "tcp", "--silent", 1)
    servers.append(server)
    plant = Plant(place, server, unit(1, SIMULATED), timeout="20s")
    wait_for("it is asked", lambda: server.counts(1).get("reads"))
    assert plant.command("unit-1", limit=101)["error"] == "permanent"
    assert server.counts(1)["reads"] == 1


def cost(place, servers, name, cloud=None, **more):
    """Transactions and values of a cycle of 500 registers, as the server counts them."""
    folder = place.folder / name
    folder.mkdir()
    server = Server(folder, "rtu")
    servers.append(server)
    # Twenty blocks of 25, eight registers between them, as meters have them.
    addresses = [block * 33 + n for block in range(20) for n in range(25)]
    registers = [register(f"r{n}", address) for n, address in enumerate(addresses)]
    plant = Plant(place, server, unit(1, registers, every="10ms"), silence="0ms", cloud=cloud, name=f"gw-{name}", **more)
    values = plant.wait_reading("unit-1", seconds=60)["values"]
    assert [values[f"r{n}"]["value"] for n in range(500)] == addresses
    rounds = wait_for("it goes round", lambda: server.counts(1).get("rounds", 0) >= 3 and server.counts(1), 60)
    plant.gate.stop()
    return rounds["last_round"], plant.cloud


def test_500_registers_take_few_transactions(place, servers):
    merged, cloud = cost(place, servers, "merged")
    single, _ = cost(place, servers, "single", cloud, most_registers=1, gap=0)
    print(f"\nRESULT modbus 500 registers in 20 blocks: {merged} transactions a cycle, one by one {single} (counted by the server)")
    assert merged == 5 and single == 500


def test_check_names_what_is_wrong_with_a_modbus_section(place):
    file = place.folder / "sluice.yaml"
    file.write_text("gateway: { thing: g }\ncloud: { endpoint: localhost }\nlisten: [mqtt://127.0.0.1:1]\n"
                    f"adapters_directory: {BUILD / 'adapters'}\n"
                    "adapters:\n  - kind: modbus\n    name: a\n    host: plc\n    baud: 9601\n    maps:\n      m: { groups: [{ name: g, "
                    "registers: [{ name: x, address: 70000 }] }] }\n    units: [{ unit: 1, device: d, map: m, tiemout: 1s }]\n")
    done = subprocess.run([SLUICECTL, "config", "check", file], capture_output=True, text=True, timeout=30)
    assert done.returncode == 78
    assert "adapters[0].baud: found '9601', allowed: one of 110," in done.stderr, done.stderr
    assert "adapters[0].maps.m.groups[0].registers[0].address: found '70000', allowed: a whole number, at least 0, at most 65535" in done.stderr
    assert "units[0].tiemout: unknown key" in done.stderr and "timeout" in done.stderr


def test_the_example_of_the_documentation_is_a_configuration(place):
    text = (pathlib.Path(__file__).parents[2] / "docs" / "modbus.md").read_text()
    example = text.split("```yaml\n", 1)[1].split("```", 1)[0]
    file = place.folder / "sluice.yaml"
    file.write_text("gateway: { thing: g }\ncloud: { endpoint: localhost }\nlisten: [mqtt://127.0.0.1:1883]\n"
                    f"adapters_directory: {BUILD / 'adapters'}\n{example}")
    done = subprocess.run([SLUICECTL, "config", "check", file], capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done.stderr

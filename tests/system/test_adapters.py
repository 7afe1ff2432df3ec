"""Adapters under the built daemon: the example of the documentation, and the supervision seen from outside."""

import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time

import pytest
from house import BUILD, ROOT, SLUICECTL, wait_for, wait_out

SCRIPTED = BUILD / "tests" / "adapters" / "scripted"


@pytest.fixture
def folder(tmp_path):
    """A folder of adapters: the example of the documentation with this Python, and the scripted one."""
    adapters = tmp_path / "adapters"
    adapters.mkdir(mode=0o755)
    text = (ROOT / "docs" / "adapter_example.py").read_text()
    example = adapters / "file"
    example.write_text(text.replace("#!/usr/bin/env python3", f"#!{sys.executable}", 1))
    example.chmod(0o755)
    shutil.copy(SCRIPTED, adapters / "scripted")
    return adapters


def config(folder, *adapters):
    return {"adapters_directory": str(folder), "adapters": list(adapters)}


def adapter(gate, name):
    return next((a for a in gate.ctl("adapters") if a["name"] == name), {})


def wait_ready(gate, name):
    return wait_for(f"adapter {name} is ready", lambda: adapter(gate, name).get("state") == "ready" and adapter(gate, name), 30)


def payloads(cloud):
    """Topic and payload of everything that the cloud has."""
    if not cloud.received_log.exists():
        return []
    entries = [json.loads(line) for line in cloud.received_log.read_text().splitlines() if line.endswith("}")]
    return [(entry.get("topic"), entry.get("payload")) for entry in entries]


def test_the_example_of_the_documentation_brings_a_reading_to_the_cloud(place, folder):
    assert len((folder / "file").read_text().splitlines()) < 60
    sensor = place.folder / "heat"
    sensor.write_text("21.5\n")
    cloud = place.cloud()
    gate = place.gateway(cloud, **config(folder, {"kind": "file", "name": "heat", "product": "sensor", "device": "board-1",
                                                  "path": str(sensor), "every": "50ms"}))
    shown = wait_ready(gate, "heat")
    wait_for("the reading is in the cloud", lambda: any(
        topic == "dt/sensor/board-1/value" and '21.5' in str(payload) for topic, payload in payloads(cloud)), 30)
    assert shown["pid"] and adapter(gate, "heat")["devices"][0]["id"] == "board-1"
    pid = adapter(gate, "heat")["pid"]
    assert gate.stop() == 0
    assert not pathlib.Path(f"/proc/{pid}").exists()


def test_an_adapter_that_is_killed_loses_nothing_that_was_acknowledged(place, folder):
    cloud = place.cloud()
    sensor = place.folder / "heat"
    sensor.write_text("1\n")
    gate = place.gateway(cloud, **config(
        folder, {"kind": "scripted", "name": "a", "product": "sensor", "devices": ["s1"], "count": 500, "topic": "d/s1/x"},
        {"kind": "scripted", "name": "b", "product": "sensor"}))
    wait_ready(gate, "b")
    wait_for("500 readings are acknowledged", lambda: adapter(gate, "a").get("health", {}).get("counters", {}).get("acked") == 500)
    other = adapter(gate, "b")["pid"]
    os.kill(adapter(gate, "a")["pid"], signal.SIGKILL)
    wait_for("it was started again", lambda: adapter(gate, "a")["starts"] == 2)
    wait_for("the second 500", lambda: adapter(gate, "a").get("published") == 500)
    gate.wait_drained()
    assert gate.totals()["accepted"] >= 1000
    assert gate.ctl("ledger")["equation"]["holds"]
    assert adapter(gate, "b")["pid"] == other


def test_a_killed_daemon_takes_its_adapters_with_it_and_starts_them_again(place, folder):
    cloud = place.cloud()
    gate = place.gateway(cloud, **config(folder, {"kind": "scripted", "name": "a", "product": "sensor"}))
    pid = wait_ready(gate, "a")["pid"]
    gate.kill()
    wait_for("the adapter has gone", lambda: not pathlib.Path(f"/proc/{pid}").exists() or
             "Z" in pathlib.Path(f"/proc/{pid}/stat").read_text().split(")")[1].split()[0])
    gate.start()
    assert wait_ready(gate, "a")["pid"] != pid


def test_mistakes_are_found_with_their_line_and_a_reload_with_them_is_refused(place, folder):
    cloud = place.cloud()
    good = {"kind": "scripted", "name": "a", "product": "sensor", "count": 1}
    gate = place.gateway(cloud, **config(folder, good))
    pid = wait_ready(gate, "a")["pid"]
    text = gate.config_file.read_text()
    gate.config_file.write_text(text.replace('"count": 1', '"cuont": 1'))
    checked = subprocess.run([SLUICECTL, "--json", "config", "check", gate.config_file], capture_output=True, text=True, timeout=30)
    assert checked.returncode == 78, checked
    problem = json.loads(checked.stdout)["problems"][0]
    assert problem["key"] == "adapters[0].cuont" and "did you mean 'count'" in problem["text"]
    assert '"cuont"' in gate.config_file.read_text().splitlines()[problem["line"] - 1]
    assert "did you mean 'count'" in json.dumps(gate.ctl("reload"))
    assert adapter(gate, "a")["pid"] == pid
    gate.config_file.write_text(text.replace('"count": 1', '"count": 2'))
    gate.ctl("reload")
    wait_for("it runs with the new configuration", lambda: adapter(gate, "a")["pid"] not in (0, pid))


def test_an_adapter_that_others_may_write_is_refused_and_the_gateway_serves(place, folder):
    cloud = place.cloud()
    (folder / "scripted").chmod(0o777)
    gate = place.gateway(cloud, **config(folder, {"kind": "scripted", "name": "a"}))
    wait_for("it is shown", lambda: "chmod go-w" in adapter(gate, "a").get("trouble", ""))
    assert any("chmod go-w" in trouble["text"] for trouble in gate.ctl("status")["troubles"])


def test_how_fast_one_adapter_is_acknowledged(place, folder):
    """Printed, not judged: readings a second that one adapter gets a PUBACK for, each on disk, and what its process takes."""
    cloud = place.cloud()
    gate = place.gateway(cloud, routes=[{"match": "d/+/#", "to": "x", "batch": {"max": "128KiB", "wait": "1s"}}], **config(
        folder, {"kind": "scripted", "name": "a", "product": "sensor", "devices": ["s1"], "count": 100_000_000, "topic": "d/s1/x",
                 "limits": {"publishes_per_second": 0, "bytes_per_second": "0B", "cpu": 2}}))

    def sample():
        return adapter(gate, "a").get("published", 0), time.monotonic()

    wait_for("it publishes", lambda: sample()[0] > 10_000, 30)
    first, began = sample()
    wait_out(2)
    last, ended = sample()
    rate = (last - first) / (ended - began)
    status = pathlib.Path(f"/proc/{adapter(gate, 'a')['pid']}/status").read_text()
    rss = int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1])
    gate.kill()
    print(f"\nRESULT adapter-throughput {rate:.0f} readings/s with PUBACK from disk, adapter {rss} KiB RSS")

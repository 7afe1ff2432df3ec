"""Adapters under the built daemon: the example of the documentation, and the supervision seen from outside."""

import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys

import pytest
from house import BUILD, ROOT, SLUICECTL, wait_for

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


def test_the_example_of_the_documentation_brings_a_reading_to_the_cloud(place, folder):
    assert len((folder / "file").read_text().splitlines()) < 60
    sensor = place.folder / "heat"
    sensor.write_text("21.5\n")
    cloud = place.cloud()
    gate = place.gateway(cloud, **config(folder, {"kind": "file", "name": "heat", "product": "sensor", "device": "board-1",
                                                  "path": str(sensor), "every": "50ms"}))
    shown = gate.wait_adapter("heat")
    wait_for("the reading is in the cloud", lambda: any(
        topic == "dt/sensor/board-1/value" and '21.5' in str(payload) for topic, payload in cloud.payloads()), 30)
    assert shown["pid"] and gate.adapter("heat")["devices"][0]["id"] == "board-1"
    pid = gate.adapter("heat")["pid"]
    assert gate.stop() == 0
    assert not pathlib.Path(f"/proc/{pid}").exists()


def test_an_adapter_that_is_killed_loses_nothing_that_was_acknowledged(place, folder):
    cloud = place.cloud()
    sensor = place.folder / "heat"
    sensor.write_text("1\n")
    gate = place.gateway(cloud, routes=[{"match": "d/+/#", "to": "x", "batch": {"max": "64KiB", "wait": "50ms"}}], **config(
        folder, {"kind": "scripted", "name": "a", "product": "sensor", "devices": ["s1"], "count": 500, "topic": "d/s1/x"},
        {"kind": "scripted", "name": "b", "product": "sensor"}))
    gate.wait_adapter("b")
    wait_for("500 readings are acknowledged", lambda: gate.adapter("a").get("health", {}).get("counters", {}).get("acked") == 500)
    other = gate.adapter("b")["pid"]
    os.kill(gate.adapter("a")["pid"], signal.SIGKILL)
    wait_for("it was started again", lambda: gate.adapter("a")["starts"] == 2)
    wait_for("the second 500", lambda: gate.adapter("a").get("published") == 500)
    gate.wait_drained()
    assert gate.totals()["accepted"] >= 1000
    assert gate.ctl("ledger")["equation"]["holds"]
    assert gate.adapter("b")["pid"] == other


def test_a_killed_daemon_takes_its_adapters_with_it_and_starts_them_again(place, folder):
    cloud = place.cloud()
    gate = place.gateway(cloud, **config(folder, {"kind": "scripted", "name": "a", "product": "sensor"}))
    pid = gate.wait_adapter("a")["pid"]
    gate.kill()
    wait_for("the adapter has gone", lambda: not pathlib.Path(f"/proc/{pid}").exists() or
             "Z" in pathlib.Path(f"/proc/{pid}/stat").read_text().split(")")[1].split()[0])
    gate.start()
    assert gate.wait_adapter("a")["pid"] != pid


def test_mistakes_are_found_with_their_line_and_a_reload_with_them_is_refused(place, folder):
    cloud = place.cloud()
    good = {"kind": "scripted", "name": "a", "product": "sensor", "count": 1}
    gate = place.gateway(cloud, **config(folder, good))
    pid = gate.wait_adapter("a")["pid"]
    text = gate.config_file.read_text()
    gate.config_file.write_text(text.replace('"count": 1', '"cuont": 1'))
    checked = subprocess.run([SLUICECTL, "--json", "config", "check", gate.config_file], capture_output=True, text=True, timeout=30)
    assert checked.returncode == 78, checked
    problem = json.loads(checked.stdout)["problems"][0]
    assert problem["key"] == "adapters[0].cuont" and "did you mean 'count'" in problem["text"]
    assert '"cuont"' in gate.config_file.read_text().splitlines()[problem["line"] - 1]
    assert "did you mean 'count'" in json.dumps(gate.ctl("reload"))
    assert gate.adapter("a")["pid"] == pid
    gate.config_file.write_text(text.replace('"count": 1', '"count": 2'))
    gate.ctl("reload")
    wait_for("it runs with the new configuration", lambda: gate.adapter("a")["pid"] not in (0, pid))


def test_an_adapter_that_is_too_slow_to_say_what_it_is_is_asked_again(place, folder):
    cloud = place.cloud()
    sensor = place.folder / "heat"
    sensor.write_text("21.5\n")
    slow = place.folder / "slow-card"
    slow.touch()
    example = folder / "file"
    first, rest = example.read_text().split("\n", 1)
    example.write_text(f"{first}\nimport os, threading\nwhile os.path.exists({str(slow)!r}): threading.Event().wait(0.05)\n{rest}")
    gate = place.gateway(cloud, **config(folder, {"kind": "file", "name": "heat", "product": "sensor", "device": "board-1", "path": str(sensor)},
                                         {"kind": "scripted", "name": "b"}))
    other = gate.wait_adapter("b")["pid"]
    shown = gate.adapter("heat")
    assert shown["state"] == "waiting" and "does not end within 5 s" in shown["trouble"]
    slow.unlink()
    assert gate.wait_adapter("heat")["starts"] == 1 and not gate.adapter("heat")["trouble"]
    assert gate.adapter("b")["pid"] == other


def test_an_adapter_that_others_may_write_is_refused_and_the_gateway_serves(place, folder):
    cloud = place.cloud()
    (folder / "scripted").chmod(0o777)
    gate = place.gateway(cloud, **config(folder, {"kind": "scripted", "name": "a"}))
    wait_for("it is shown", lambda: "chmod go-w" in gate.adapter("a").get("trouble", ""))
    assert any("chmod go-w" in trouble["text"] for trouble in gate.ctl("status")["troubles"])

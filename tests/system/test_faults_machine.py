"""Faults of the machine under the built daemon: disk, descriptors, time. Each test is named after its fault."""

import json
import os
import resource
import shutil
import signal
import socket
import subprocess
import time

import pytest
from actors import Device, cloud_has, cpu
from house import wait_out, wait_for


def test_F5_disk_full_refuses_new_readings_and_recovers_by_itself(place):
    if os.geteuid() != 0:
        pytest.skip("mounting a small tmpfs needs root")
    cloud = place.cloud()
    cloud.fault(kind="outage", seconds=600)
    state = place.folder / "state"
    state.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m,mode=0700", "tmpfs", state], check=True)
    try:
        gate = place.gateway(cloud, store={"directory": str(state)})
        device = Device(gate.port, "full")
        device.say_acked()
        (state / "hog").write_bytes(b"\0" * max(0, shutil.disk_usage(state).free - 600 * 1024))
        infos = [device.say(payload=json.dumps({"device": "full", "seq": n + 2, "pad": "x" * 4000})) for n in range(600)]
        wait_for("the trouble is told", lambda: not gate.ctl("status")["store"]["writable"], 30)
        assert "full" in gate.ctl("status")["store"]["trouble"].lower() or "space" in gate.ctl("status")["store"]["trouble"].lower()
        (state / "hog").unlink()
        wait_for("it writes again", lambda: gate.ctl("status")["store"]["writable"], 60)
        wait_for("all are acknowledged in the end", lambda: all(info.mid in device.acked for info in infos), 60)
        cloud.clear_faults()
        gate.wait_drained()
        cloud_has(cloud, "full", 601)
        assert gate.ctl("ledger")["equation"]["holds"]
        device.close()
        gate.stop()
    finally:
        subprocess.run(["umount", "-l", state], check=False)


def test_F6_without_file_descriptors_accept_pauses_and_existing_links_live(place):
    cloud = place.cloud()
    gate = place.gateway(cloud)
    device = Device(gate.port, "fd")
    in_use = len(os.listdir(f"/proc/{gate.process.pid}/fd"))
    _, hard = resource.prlimit(gate.process.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(gate.process.pid, resource.RLIMIT_NOFILE, (in_use + 2, hard))
    crowd = [socket.create_connection(("127.0.0.1", gate.port)) for _ in range(20)]
    before = cpu(gate)
    begin = time.monotonic()
    for _ in range(50):
        device.say_acked()
    assert cpu(gate) - before < 0.2 * (time.monotonic() - begin) + 0.5, "accept spins"
    for s in crowd:
        s.close()
    resource.prlimit(gate.process.pid, resource.RLIMIT_NOFILE, (hard, hard))
    Device(gate.port, "fd-late").close()
    device.close()


def test_F7_a_damaged_queue_is_set_aside_and_the_gateway_starts(place):
    cloud = place.cloud()
    cloud.fault(kind="outage", seconds=600)
    gate = place.gateway(cloud)
    device = Device(gate.port, "damaged")
    for _ in range(50):
        device.say_acked()
    device.close()
    gate.stop()
    queue_db = gate.dir / "state" / "queue.db"
    blob = bytearray(queue_db.read_bytes())
    blob[0:100] = b"\xff" * 100
    queue_db.write_bytes(blob)
    gate.start()
    assert list((gate.dir / "state").glob("queue.db.corrupt-*"))
    assert any("store" in trouble["part"] for trouble in gate.ctl("status")["troubles"])
    fresh = Device(gate.port, "after")
    fresh.say_acked()
    fresh.close()
    cloud.clear_faults()
    cloud_has(cloud, "after", 1)


def test_F10_stopped_for_a_while_and_continued_keeps_its_devices(place):
    cloud = place.cloud()
    gate = place.gateway(cloud)
    devices = [Device(gate.port, f"stop-{n}", keepalive=2) for n in range(5)]
    gate.process.send_signal(signal.SIGSTOP)
    for device in devices:
        device.say()
    wait_out(4)  # longer than the keep-alive
    gate.process.send_signal(signal.SIGCONT)
    for device in devices:
        wait_for("the reading from before is acknowledged", lambda d=device: d.mids[1] in d.acked, 20)
        device.say_acked()
        device.close()

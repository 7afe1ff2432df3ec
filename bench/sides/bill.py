"""What AWS would bill (5 KB units) and what the flash takes, per reading."""

from . import load
from .acks import nobody
from .peers import LocalCloud, gateway, wait_for, write_bytes
from .report import Folder, result

READINGS = 100_000
ROUTES = {
    "single": {"match": "d/+/temp", "to": "dt/{device}/temp"},
    "batched": {"match": "d/+/temp", "to": "dt/temp", "batch": {"format": "json", "max": "5KB", "wait": "1s"}},
    "zstd": {"match": "d/+/temp", "to": "dt/temp", "batch": {"format": "json", "max": "100KB", "wait": "1s", "compress": "zstd"}},
}


def units_per_million(kind):
    with Folder() as folder:
        cloud = LocalCloud(folder, log=False).start()
        gate = gateway(folder, cloud.port, cloud.certificate("gw-test"), routes=[ROUTES[kind]]).start()
        load.run("count", gate.port, clients=20, window=100, messages=READINGS // 20, payload="json", size=200, topic="d/load-%c/temp")
        wait_for("everything is delivered", lambda: gate.totals()["queued"] == 0, seconds=300, every=0.1)
        units = cloud.admin("GET", "/status")["metered_units"]
        gate.kill()
        cloud.kill()
    return units * 1_000_000 / READINGS


def bill(name, given):
    """AWS units (5 KB metering) per million readings of 200 B: one by one and batched"""
    one_by_one = units_per_million("single")
    for kind in ("batched", "zstd"):
        result(f"{name}-{kind}", units_per_million(kind), one_by_one, "units-per-million", peer_is="one publish per reading")


def written_per_reading(rate, seconds, **store):
    with Folder() as folder:
        gate = gateway(folder, cloud_port=1, tls=nobody(folder), **store).start()
        before, accepted = write_bytes(gate.process.pid), gate.totals()["accepted"]
        load.run("rate", gate.port, clients=20, rate=rate, seconds=seconds, size=200, topic="d/load-%c/temp")
        per_reading = (write_bytes(gate.process.pid) - before) / max(gate.totals()["accepted"] - accepted, 1)
        gate.kill()
    return per_reading


def flash(name, given):
    """bytes written to disk per reading of 200 B: commit at once against commit_delay 100ms"""
    for rate in (100, 1000, 20000):
        at_once = written_per_reading(rate, given.seconds)
        result(f"{name}-{rate}", at_once, written_per_reading(rate, given.seconds, commit_delay="100ms"), "bytes-per-reading",
               peer_is="ours-with-commit_delay-100ms")


BENCHES = {"bill": bill, "flash": flash}

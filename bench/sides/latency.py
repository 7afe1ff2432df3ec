"""PUBLISH → PUBACK latency at a fixed rate, beside the fsync latency of the disk that ours waits for."""

import os
import statistics
import time

from . import load
from .acks import nobody
from .peers import Mosquitto, gateway
from .report import Folder, result


def fsync_ms(folder, count=200):
    """fdatasync of one 4 KiB append, as SQLite's WAL does: median and p99."""
    times = []
    with open(folder / "fsync.probe", "wb", buffering=0) as f:
        for _ in range(count):
            f.write(b"\0" * 4096)
            begin = time.perf_counter()
            os.fdatasync(f.fileno())
            times.append((time.perf_counter() - begin) * 1000)
    return statistics.median(times), sorted(times)[int(len(times) * 0.99)]


def latency(name, given):
    """PUBLISH→PUBACK p50/p99/p99.9 at 5,000 and 20,000 msg/s, 100 clients"""
    for rate in (5000, 20000):
        with Folder() as folder:
            disk50, disk99 = fsync_ms(folder)
            gate = gateway(folder, cloud_port=1, tls=nobody(folder)).start()
            ours = load.run("rate", gate.port, clients=100, rate=rate, seconds=given.seconds, size=200, topic="d/load-%c/temp")
            gate.kill()
            mosquitto = Mosquitto(folder, ["max_inflight_messages 0"]).start()
            peer = load.run("rate", mosquitto.port, clients=100, rate=rate, seconds=given.seconds, size=200, topic="d/load-%c/temp")
            mosquitto.kill()
        for quantile in ("p50", "p99", "p99_9"):
            result(f"{name}-{rate}-{quantile}", ours[f"{quantile}_ms"], peer[f"{quantile}_ms"], "ms",
                   fsync_p50=f"{disk50:.3f}", fsync_p99=f"{disk99:.3f}")


BENCHES = {"latency": latency}

"""One million readings queued while the cloud is away: memory, rates, and the start with all of it on disk."""

import time

from . import load
from .peers import Certificates, Mosquitto, Sink, accepts, gateway, wait_for
from .report import Folder, result

READINGS = 1_000_000
BATCHED = [{"match": "d/+/temp", "to": "dt/{device}/temp", "batch": {"format": "json", "max": "100KB", "wait": "100ms"}}]


def fill(port, clients=50):
    begin = time.monotonic()
    load.run("count", port, clients=clients, window=100, messages=READINGS // clients, payload="json", size=200, topic="d/load-%c/temp")
    return READINGS / (time.monotonic() - begin)


def backlog(name, given):
    """1,000,000 readings queued in an outage: RSS, accept, start and drain"""
    with Folder() as folder:
        certificates = Certificates(folder / "pki")
        sink = Sink(folder, certificates)
        gate = gateway(folder, sink.tls_port, certificates.gateway_tls(), routes=BATCHED).start()
        accept = fill(gate.port)
        queued = gate.totals()["queued"]
        rss = gate.rss_kb("VmHWM") / 1024

        mosquitto = Mosquitto(folder, ["max_queued_messages 0", "max_inflight_messages 100", "connection gone", "address 127.0.0.1:1",
                                       "cleansession false", "topic d/# out 1"]).start()
        peer_accept = fill(mosquitto.port)
        peer_rss = mosquitto.rss_kb("VmHWM") / 1024
        mosquitto.kill()

        gate.kill()
        begin = time.monotonic()
        gate.start(wait=False)
        wait_for("the gateway listens", lambda: accepts(gate.port), every=0.002)
        start_ms = (time.monotonic() - begin) * 1000
        gate.stop()

        sink.start()
        gate.start()
        begin = time.monotonic()
        during = load.run("rate", gate.port, clients=20, rate=5000, seconds=3, size=200, topic="d/load-%c/temp")
        wait_for("the backlog is drained", lambda: gate.totals()["queued"] == 0, seconds=300, every=0.05)
        drain = queued / (time.monotonic() - begin)
        drained_rss = gate.rss_kb("VmHWM") / 1024
        gate.kill()
        sink.kill()
    result(f"{name}-rss", rss, peer_rss, "MB", bound="64", while_draining=f"{drained_rss:.1f}", queued=queued)
    result(f"{name}-accept", accept, peer_accept, "readings/s")
    result(f"{name}-start", start_ms, 300, "ms", peer_is="the bound")
    result(f"{name}-drain", drain, during["acked_per_s"], "readings/s", peer_is="accepted meanwhile, of 5000/s asked")


BENCHES = {"backlog": backlog}

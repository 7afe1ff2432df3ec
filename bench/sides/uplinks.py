"""Device → cloud readings per second over mutual TLS into the same mosquitto sink: ours against a mosquitto bridge
with an unlimited queue. Time runs from the first publish to the moment when the last reading is at the sink."""

import time

from . import load
from .peers import Certificates, Mosquitto, Sink, gateway, wait_for
from .report import Folder, alternate, result


class Counter:
    """A subscriber at the sink's plain listener that counts readings (also those inside a batch)."""

    def __init__(self, sink, expected):
        self.process = load.start("sink", sink.port, topic="#", count_token='"seq":', count=expected, seconds=300)
        line = self.process.stdout.readline()
        assert "ready" in line, line

    def wait(self):
        out, err = self.process.communicate(timeout=320)
        assert self.process.returncode == 0, err
        return out


def carry(gate_port, sink, readings, clients=20):
    counter = Counter(sink, readings)
    begin = time.monotonic()
    load.run("count", gate_port, clients=clients, window=100, messages=readings // clients, payload="json", size=200, topic="d/load-%c/temp")
    counter.wait()
    return readings / (time.monotonic() - begin)


def measure(name, given, routes, readings):
    def ours():
        with Folder() as folder:
            certificates = Certificates(folder / "pki")
            sink = Sink(folder, certificates).start()
            gate = gateway(folder, sink.tls_port, certificates.gateway_tls(), routes=routes).start()
            try:
                wait_for("the lane is up", lambda: any(lane["state"] == "connected" for lane in gate.ctl("status")["lanes"]))
                return carry(gate.port, sink, readings)
            finally:
                gate.kill()
                sink.kill()

    def peer():
        with Folder() as folder:
            certificates = Certificates(folder / "pki")
            sink = Sink(folder, certificates).start()
            bridge = Mosquitto(folder, [
                "max_queued_messages 0", "max_inflight_messages 100", "connection sink", f"address localhost:{sink.tls_port}",
                f"bridge_cafile {certificates.file('ca.pem')}", f"bridge_certfile {certificates.file('client.pem')}",
                f"bridge_keyfile {certificates.file('client.key')}", "cleansession false", "topic d/# out 1",
                "restart_timeout 1", "notifications false"]).start()
            try:
                wait_for("the bridge is up", lambda: "Connecting bridge" in bridge.text() or bridge.alive())
                time.sleep(1.5)  # the bridge says nothing when it is up
                return carry(bridge.port, sink, readings)
            finally:
                bridge.kill()
                sink.kill()

    result(name, *alternate(given.rounds, ours, peer), "readings/s", readings=readings, size=200)


def batched(name, given):
    """batched into JSON arrays of 100 KB, against a mosquitto bridge: readings/s"""
    measure(name, given, [{"match": "d/+/temp", "to": "dt/{device}/temp",
                           "batch": {"format": "json", "max": "100KB", "wait": "100ms"}}], 400_000)


def single(name, given):
    """one publish per reading, against a mosquitto bridge: readings/s"""
    measure(name, given, [{"match": "d/+/temp", "to": "dt/{device}/temp"}], 100_000)


BENCHES = {"uplink-batched": batched, "uplink-single": single}

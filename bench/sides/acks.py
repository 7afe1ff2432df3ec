"""Acknowledged QoS 1 publishes per second: ours with synchronous=FULL, mosquitto in memory without subscribers."""

from . import load
from .peers import Mosquitto, gateway
from .report import Folder, alternate, result


def measure(name, given, clients, window):
    def ours():
        with Folder() as folder:
            gate = gateway(folder, cloud_port=1, tls=nobody(folder)).start()
            try:
                return load.run("window", gate.port, clients=clients, window=window, seconds=given.seconds, size=200,
                                topic="d/load-%c/temp")["acked_per_s"]
            finally:
                gate.kill()

    def peer():
        with Folder() as folder:
            mosquitto = Mosquitto(folder, ["max_inflight_messages 0"]).start()
            try:
                return load.run("window", mosquitto.port, clients=clients, window=window, seconds=given.seconds, size=200,
                                topic="d/load-%c/temp")["acked_per_s"]
            finally:
                mosquitto.kill()

    result(name, *alternate(given.rounds, ours, peer), "acked/s", clients=clients, window=window, size=200, sync="FULL")


def nobody(folder):
    """A cloud that is not there needs certificates all the same."""
    from .peers import Certificates
    return Certificates(folder / "pki").gateway_tls()


def ack_100(name, given):
    """100 clients, window 20, 200 bytes: acknowledged publishes/s"""
    measure(name, given, 100, 20)


def ack_1000(name, given):
    """1,000 clients, window 20, 200 bytes: acknowledged publishes/s"""
    measure(name, given, 1000, 20)


def ack_1(name, given):
    """1 client, window 100, 200 bytes: acknowledged publishes/s"""
    measure(name, given, 1, 100)


BENCHES = {"ack-100": ack_100, "ack-1000": ack_1000, "ack-1": ack_1}

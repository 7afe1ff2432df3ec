"""Memory idle and with many clients, processor time at a steady rate."""

import time

from . import load
from .acks import nobody
from .peers import Mosquitto, cpu_seconds, gateway, memory_kb
from .report import Folder, result


def with_clients(program, port, clients):
    if clients == 0:
        time.sleep(1)
        return memory_kb(program.process.pid) / 1024
    holder = load.start("idle", port, clients=clients, seconds=8)
    assert "ready" in holder.stdout.readline(), holder.stderr.read()
    time.sleep(1)
    value = memory_kb(program.process.pid) / 1024
    holder.terminate()
    holder.wait(timeout=60)
    return value


def footprint(name, given):
    """RSS idle, with 1,000 and with 10,000 clients; CPU at 1,000 msg/s"""
    for clients in (0, 1000, 10000):
        with Folder() as folder:
            gate = gateway(folder, cloud_port=1, tls=nobody(folder)).start()
            ours = with_clients(gate, gate.port, clients)
            gate.kill()
            mosquitto = Mosquitto(folder, []).start()
            peer = with_clients(mosquitto, mosquitto.port, clients)
            mosquitto.kill()
        result(f"{name}-rss-{clients}", ours, peer, "MB")
    with Folder() as folder:
        shares = []
        for make in (lambda: gateway(folder, cloud_port=1, tls=nobody(folder)), lambda: Mosquitto(folder, ["max_inflight_messages 0"])):
            program = make().start()
            before = cpu_seconds(program.process.pid)
            load.run("rate", program.port, clients=100, rate=1000, seconds=given.seconds, size=200, topic="d/load-%c/temp")
            shares.append((cpu_seconds(program.process.pid) - before) / given.seconds * 100)
            program.kill()
    result(f"{name}-cpu-1000", shares[0], shares[1], "%-of-one-core")


BENCHES = {"footprint": footprint}

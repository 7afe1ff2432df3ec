"""What is left of 50,000 readings that the device saw acknowledged: after an outage, and after kill -9 in an outage.
mosquitto runs its bridge as documented, with its default queue."""

import json
import socket
import threading

from . import load
from .peers import Certificates, Mosquitto, Sink, free_port, gateway
from .report import Folder, result

READINGS = 50_000


def say(port):
    return load.run("count", port, clients=10, window=20, messages=READINGS // 10, payload="json", size=200, topic="d/load-%c/temp")["acked"]


class Door:
    """The way to the sink, closed until open(): the outage, while the counter is subscribed already."""

    def __init__(self, target):
        self.target, self.port = target, free_port()

    def open(self):
        server = socket.create_server(("127.0.0.1", self.port))
        threading.Thread(target=self.accept, args=(server,), daemon=True).start()

    def accept(self, server):
        while True:
            near, _ = server.accept()
            far = socket.create_connection(("127.0.0.1", self.target))
            for source, drain in ((near, far), (far, near)):
                threading.Thread(target=relay, args=(source, drain), daemon=True).start()


def relay(source, drain):
    try:
        while data := source.recv(65536):
            drain.sendall(data)
    except OSError:
        pass
    for end in (source, drain):
        end.close()


def arrived(folder, certificates, begin, kill):
    """Acknowledged by the side, and at the sink once the way is open."""
    sink = Sink(folder, certificates).start()
    door = Door(sink.tls_port)
    side = begin(door.port)
    acked = say(side.port)
    if kill:
        side.kill()
        side.start()
    counter = load.start("sink", sink.port, topic="#", count_token='"seq":', count=acked, seconds=25)
    assert "ready" in counter.stdout.readline(), counter.stderr.read()
    door.open()
    out, _ = counter.communicate(timeout=120)
    side.kill()
    sink.kill()
    return int(acked), int(json.loads(out.strip().splitlines()[-1])["tokens"])


def loss(name, given):
    """of 50,000 acknowledged readings, how many are lost by an outage and by kill -9 in it"""
    for kill in (False, True):
        with Folder() as folder:
            certificates = Certificates(folder / "pki")

            def ours(port):
                return gateway(folder, port, certificates.gateway_tls()).start()

            def peer(port):
                return Mosquitto(folder, [
                    "connection sink", f"address localhost:{port}", f"bridge_cafile {certificates.file('ca.pem')}",
                    f"bridge_certfile {certificates.file('client.pem')}", f"bridge_keyfile {certificates.file('client.key')}",
                    "cleansession false", "topic d/# out 1", "restart_timeout 1", "notifications false"]).start()

            acked, got = arrived(folder, certificates, ours, kill)
            peer_acked, peer_got = arrived(folder, certificates, peer, kill)
        result(f"{name}-{'kill' if kill else 'outage'}", acked - got, peer_acked - peer_got, "readings-lost", acked=acked, peer_acked=peer_acked)


BENCHES = {"loss": loss}

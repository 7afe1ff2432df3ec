"""Who takes part in the system tests: devices, a relay that can cut, and what is asked of a gateway."""

import json
import pathlib
import socket
import subprocess
import threading

import paho.mqtt.client as paho
from house import wait_for
from paho.mqtt.enums import CallbackAPIVersion


class Device:
    """A paho client that knows which of its readings were acknowledged."""

    def __init__(self, port, device, protocol=paho.MQTTv5, keepalive=60):
        self.device, self.seq, self.acked = device, 0, set()
        self.mids = {}
        self.client = paho.Client(CallbackAPIVersion.VERSION2, client_id=device, protocol=protocol)
        self.client.on_publish = self.on_publish
        self.client.connect("127.0.0.1", port, keepalive=keepalive)
        self.client.loop_start()
        wait_for(f"{device} is connected", self.client.is_connected)

    def on_publish(self, _client, _user, mid, reason, _properties):
        if not reason.is_failure:
            self.acked.add(mid)

    def say(self, topic=None, payload=None):
        self.seq += 1
        body = payload if payload is not None else json.dumps({"device": self.device, "seq": self.seq, "temp": self.seq})
        info = self.client.publish(topic or f"d/{self.device}/temp", body, qos=1)
        self.mids[self.seq] = info.mid
        return info

    def say_acked(self, seconds=20, **what):
        info = self.say(**what)
        wait_for("the reading is acknowledged", lambda: info.mid in self.acked, seconds, every=0.005)

    def close(self):
        self.client.disconnect()
        self.client.loop_stop()


def lane(gate):
    return gate.ctl("status")["lanes"][0]


def cloud_has(cloud, device, count, seconds=30):
    wait_for(f"{count} readings of {device} in the cloud", lambda: sum(1 for d, _ in cloud.received() if d == device) >= count, seconds)


def cpu(gate):
    fields = pathlib.Path(f"/proc/{gate.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / 100.0


def openssl(*args, cwd):
    subprocess.run(["openssl", *args], cwd=cwd, check=True, capture_output=True)


class Proxy:
    """A TCP relay that can cut its connections or swallow what passes."""

    def __init__(self, target, chop=False):
        self.target, self.chop, self.blackhole = target, chop, False
        self.server = socket.create_server(("127.0.0.1", 0))
        self.port = self.server.getsockname()[1]
        self.pairs = []
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                near, _ = self.server.accept()
                far = socket.create_connection(("127.0.0.1", self.target))
            except OSError:
                return
            self.pairs.append((near, far))
            for a, b in ((near, far), (far, near)):
                threading.Thread(target=self.relay, args=(a, b), daemon=True).start()

    def relay(self, source, drain):
        try:
            while data := source.recv(700 if self.chop else 65536):
                if not self.blackhole:
                    drain.sendall(data)
        except OSError:
            pass
        for s in (source, drain):
            try:
                s.close()
            except OSError:
                pass

    def cut(self):
        for pair in self.pairs:
            for s in pair:
                try:
                    s.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass
        self.pairs.clear()

    def close(self):
        self.server.close()
        self.cut()


def crt_connection(host, port, client_id, tls=None):
    from awscrt import io, mqtt

    bootstrap = io.ClientBootstrap(io.EventLoopGroup(1), io.DefaultHostResolver(io.EventLoopGroup(1)))
    context = None
    if tls:
        options = io.TlsContextOptions.create_client_with_mtls_from_path(tls["certificate"], tls["key"])
        options.override_default_trust_store_from_path(None, tls["ca"])
        context = io.ClientTlsContext(options)
    client = mqtt.Client(bootstrap, context)
    return mqtt.Connection(client=client, client_id=client_id, host_name=host, port=port, clean_session=True,
                           keep_alive_secs=60)

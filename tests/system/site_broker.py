"""A site's own broker (mosquitto) and what is published on it."""

import json
import os
import pathlib
import subprocess

import paho.mqtt.client as paho
from house import Program, accepts, free_port, wait_for

MOSQUITTO = "/usr/sbin/mosquitto"


class SiteBroker(Program):
    """mosquitto, with what it has not delivered on disk; started again on the same port."""

    def __init__(self, folder, users=None, tls=None, extra=()):
        folder = pathlib.Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        super().__init__(folder / "mosquitto.out")
        self.port = free_port()
        lines = [f"listener {self.port} 127.0.0.1", "user root", "persistence true", f"persistence_location {folder}/",
                 "max_queued_messages 200000", "log_type error", "log_type warning", "log_type notice", *extra]
        if users:
            passwords = folder / "passwords"
            passwords.touch(mode=0o600)
            for user, password in users.items():
                subprocess.run(["mosquitto_passwd", "-b", passwords, user, password], check=True, capture_output=True)
            lines += ["allow_anonymous false", f"password_file {passwords}"]
        else:
            lines += ["allow_anonymous true"]
        if tls:
            lines += [f"certfile {tls}/server.crt", f"keyfile {tls}/server.key"]
        self.config = folder / "mosquitto.conf"
        self.config.write_text("\n".join(lines) + "\n")

    def start(self):
        self.spawn([MOSQUITTO, "-c", self.config])
        wait_for("mosquitto listens", lambda: accepts(self.port))
        return self


class SiteClient:
    """Publishes with QoS 1 as the devices of a site do, and hears what is published."""

    def __init__(self, port, name, user=None, password=None):
        self.mids, self.keys, self.heard = [], {}, []
        self.client = paho.Client(paho.CallbackAPIVersion.VERSION2, name, clean_session=False, protocol=paho.MQTTv311)
        if user:
            self.client.username_pw_set(user, password)
        self.client.on_publish = lambda _c, _u, mid, *_: self.mids.append(mid)
        self.client.on_message = lambda _c, _u, m: self.heard.append((m.topic, m.payload.decode()))
        self.client.reconnect_delay_set(1, 1)
        self.client.max_inflight_messages_set(100)
        self.client.connect("127.0.0.1", port)
        self.client.loop_start()
        wait_for("connected", self.client.is_connected)

    @property
    def acked(self):
        """Readings that the broker has acknowledged, as (device, seq)."""
        return [self.keys[mid] for mid in list(self.mids) if mid in self.keys]

    def say(self, topic, payload, retain=False):
        text = payload if isinstance(payload, str) else json.dumps(payload)
        self.client.publish(topic, text, qos=1, retain=retain).wait_for_publish(20)

    def reading(self, topic, device, seq):
        mid = self.client.publish(topic, json.dumps({"device": device, "seq": seq}), qos=1).mid
        self.keys[mid] = (device, seq)

    def hear(self, *filters):
        done = []
        self.client.on_subscribe = lambda *_: done.append(1)
        for each in filters:
            self.client.subscribe(each, qos=1)
        wait_for("subscribed", lambda: len(done) == len(filters))

    def wait_acked(self, count, seconds=30):
        wait_for(f"the site's broker acknowledged {count}", lambda: len(self.acked) >= count, seconds)

    def close(self):
        self.client.disconnect()
        self.client.loop_stop()


def rss_kb(pid):
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1])
    return 0


def secret(folder, name, text):
    path = pathlib.Path(folder) / name
    path.write_text(text + "\n")
    os.chmod(path, 0o600)
    return str(path)

"""The fault list of the reliability promises, against the built daemon. Each test is named after its fault."""

import json
import os
import pathlib
import queue
import resource
import shutil
import signal
import socket
import ssl
import subprocess
import threading
import time

import paho.mqtt.client as paho
import pytest
from house import Gateway, LocalCloud, free_port, gateway_config, wait_for
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


@pytest.fixture
def place(tmp_path):
    """A cloud and a maker of gateways, all gone at the end."""
    made = []

    class Place:
        folder = tmp_path

        def cloud(self, **kw):
            made.append(LocalCloud(tmp_path, **kw).start())
            return made[-1]

        def gateway(self, cloud, name="gw", wait=True, env=None, routes=None, **config):
            port = free_port()
            listen = [f"mqtt://127.0.0.1:{port}"]
            gate = Gateway(tmp_path / name, gateway_config(cloud, listen, routes=routes, **config))
            gate.port = port
            made.append(gate)
            return gate.start(env=env, wait=wait)

    yield Place()
    for program in reversed(made):
        program.kill()


def lane(gate):
    return gate.ctl("status")["lanes"][0]


def cloud_has(cloud, device, count, seconds=30):
    wait_for(f"{count} readings of {device} in the cloud", lambda: sum(1 for d, _ in cloud.received() if d == device) >= count, seconds)


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
    resource.prlimit(gate.process.pid, resource.RLIMIT_NOFILE, (in_use + 2, in_use + 2))
    crowd = [socket.create_connection(("127.0.0.1", gate.port)) for _ in range(20)]
    before = sum(os.times()[2:4]), cpu(gate)
    begin = time.monotonic()
    for _ in range(50):
        device.say_acked()
    assert cpu(gate) - before[1] < 0.2 * (time.monotonic() - begin) + 0.5, "accept spins"
    for s in crowd:
        s.close()
    resource.prlimit(gate.process.pid, resource.RLIMIT_NOFILE, (1024, 1024))
    Device(gate.port, "fd-late").close()
    device.close()


def cpu(gate):
    fields = pathlib.Path(f"/proc/{gate.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / 100.0


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
    time.sleep(4)  # longer than the keep-alive: this stop is the fault
    gate.process.send_signal(signal.SIGCONT)
    for device in devices:
        wait_for("the reading from before is acknowledged", lambda d=device: d.mids[1] in d.acked, 20)
        device.say_acked()
        device.close()


def test_F11_a_name_that_does_not_resolve_leaves_devices_alone(place):
    cloud = place.cloud()
    gate = place.gateway(cloud, cloud={"endpoint": "no-such-host.invalid:8883"})
    device = Device(gate.port, "dns")
    slowest = 0.0
    for _ in range(100):
        begin = time.monotonic()
        device.say_acked()
        slowest = max(slowest, time.monotonic() - begin)
    assert slowest < 1.0
    told = wait_for("the status names the trouble", lambda: lane(gate).get("error"))
    assert "no-such-host.invalid" in told
    assert gate.totals()["queued"] == 100
    device.close()


def test_F12_a_slow_and_lossy_way_to_the_cloud_loses_nothing(place):
    cloud = place.cloud()
    proxy = Proxy(cloud.port, chop=True)
    gate = place.gateway(cloud, cloud={"endpoint": f"localhost:{proxy.port}"})
    device = Device(gate.port, "lossy")
    for round_number in range(5):
        for _ in range(20):
            device.say_acked()
        proxy.cut()
    cloud_has(cloud, "lossy", 100, 60)
    gate.wait_drained()
    device.close()
    proxy.close()


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


def test_F13_a_peer_that_vanishes_is_noticed_and_everything_is_sent_again(place):
    cloud = place.cloud()
    proxy = Proxy(cloud.port)
    gate = place.gateway(cloud, cloud={"endpoint": f"localhost:{proxy.port}", "keep_alive": "30s"})
    device = Device(gate.port, "half-open")
    device.say_acked()
    cloud_has(cloud, "half-open", 1)
    proxy.blackhole = True
    for _ in range(10):
        device.say_acked()
    wait_for("the lane gives up the dead connection", lambda: lane(gate)["state"] != "connected", 60)
    proxy.cut()
    proxy.blackhole = False
    cloud_has(cloud, "half-open", 11, 60)
    device.close()
    proxy.close()


def test_F15_a_storm_of_clients_with_one_client_id_leaves_one(place):
    gate = place.gateway(place.cloud())
    sockets = []
    for _ in range(200):
        s = socket.create_connection(("127.0.0.1", gate.port))
        s.sendall(bytes.fromhex("100f00044d5154540402003c0003") + b"one")
        sockets.append(s)
    begin = time.monotonic()
    Device(gate.port, "another").close()
    assert time.monotonic() - begin < 5
    wait_for("only the last one is left", lambda: sum(1 for d in gate.ctl("devices") if d["id"] == "one" and d["connected"]) == 1)
    for s in sockets:
        s.close()


def openssl(*args, cwd):
    subprocess.run(["openssl", *args], cwd=cwd, check=True, capture_output=True)


def test_F16_a_wrong_authority_is_never_trusted_and_the_right_one_is_picked_up(place):
    cloud = place.cloud()
    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=stranger",
            "-keyout", "k.pem", "-out", "stranger.pem", cwd=place.folder)
    ca = place.folder / "trust.pem"
    shutil.copy(place.folder / "stranger.pem", ca)
    gate = place.gateway(cloud, cloud={"tls": {**cloud.certificate("gw-test"), "ca": str(ca)}})
    device = Device(gate.port, "trust")
    device.say_acked()
    told = wait_for("the trouble is told", lambda: lane(gate).get("error"))
    assert "certificate" in told.lower(), told
    assert cloud.received() == {}
    shutil.copy(cloud.certificate("gw-test")["ca"], ca)
    cloud_has(cloud, "trust", 1)
    device.close()


def test_F16_an_unreadable_key_names_its_path(place):
    cloud = place.cloud()
    tls = {**cloud.certificate("gw-test"), "key": str(place.folder / "missing.key")}
    gate = place.gateway(cloud, cloud={"tls": tls})
    told = wait_for("the trouble is told", lambda: lane(gate).get("error"))
    assert "missing.key" in told


def test_F17_under_aws_quotas_nothing_is_lost(place):
    cloud = place.cloud(quotas="aws")
    gate = place.gateway(cloud)
    device = Device(gate.port, "throttle")
    infos = [device.say() for _ in range(400)]
    wait_for("all are acknowledged locally at once", lambda: all(i.mid in device.acked for i in infos), 10)
    cloud_has(cloud, "throttle", 400, 60)
    device.close()


def test_F18_poison_is_found_and_set_aside_and_the_rest_goes_on(place):
    cloud = place.cloud()
    cloud.fault(kind="close-on", payload_contains="POISON")
    gate = place.gateway(cloud)
    device = Device(gate.port, "poison")
    for n in range(40):
        device.say(payload=json.dumps({"device": "poison", "seq": n, "text": "POISON" if n == 17 else "fine"}))
    cloud_has(cloud, "poison", 39, 90)
    wait_for("the culprit is a dead letter", lambda: gate.totals()["dead_letters"] == 1, 60)
    equation = gate.ctl("ledger")["equation"]
    assert equation["holds"] and equation["ledger"] == 1
    device.close()


def test_F18_what_breaks_the_limits_of_aws_is_acknowledged_and_visible(place):
    gate = place.gateway(place.cloud())
    device = Device(gate.port, "limits")
    device.say_acked(payload="x" * (128 * 1024 + 1))
    letters = gate.ctl("dead-letters", "list")
    assert len(letters) == 1 and "131072" in letters[0]["reason"]
    device.close()


def test_F19_lost_pubacks_lead_to_duplicates_and_never_to_loss(place):
    cloud = place.cloud()
    cloud.fault(kind="lose-puback", next=5)
    gate = place.gateway(cloud)
    device = Device(gate.port, "lostack")
    for _ in range(20):
        device.say_acked()
    cloud_has(cloud, "lostack", 20)
    gate.wait_drained(120)
    device.close()


MALFORMED = ["00", "10ffffffffff", "f000", "30", "3003000000", "100c00044d51545409020000", "82020001", "e0ff", "1000", "d000",
             "20020000", "10" + "ff" * 3 + "7f" + "00" * 64, "160303", "474554202f20485454502f312e310d0a0d0a"]


def test_F20_malformed_traffic_leaves_others_alone(place):
    gate = place.gateway(place.cloud())
    device = Device(gate.port, "healthy")
    for bad in MALFORMED * 5:
        with socket.create_connection(("127.0.0.1", gate.port)) as s:
            s.sendall(bytes.fromhex(bad))
            s.settimeout(0.2)
            try:
                s.recv(64)
            except OSError:
                pass
        device.say_acked()
    assert gate.alive()
    device.close()


def test_F23_a_wrong_config_is_refused_whole_and_traffic_goes_on(place):
    cloud = place.cloud()
    gate = place.gateway(cloud)
    device = Device(gate.port, "reload")
    good = gate.config_file.read_text()
    for n in range(10):
        gate.config_file.write_text("gateway: {thin: x}\nlisten: [nonsense]\n" if n % 2 else good)
        gate.process.send_signal(signal.SIGHUP)
        for _ in range(5):
            device.say_acked()
    assert device.client.is_connected()
    wait_for("the refusal is logged", lambda: "reload refused" in gate.text())
    cloud_has(cloud, "reload", 50)
    device.close()


def test_a_wrong_config_prints_every_problem_and_exits_78(place):
    bad = place.folder / "bad.yaml"
    bad.write_text("gateway: {thin: x}\nlisten:\n  - mqtt://0.0.0.0:99999\nroutes:\n  - {match: 'a/#/b', to: x}\n")
    from house import SLUICED
    done = subprocess.run([SLUICED, "--config", bad], capture_output=True, text=True, timeout=20)
    assert done.returncode == 78
    for word in ("thin", "99999", "a/#/b"):
        assert word in done.stderr, done.stderr
    assert done.stderr.count("bad.yaml:") >= 3


def test_F14_a_consumer_that_never_reads_is_bounded_and_cut(place):
    gate = place.gateway(place.cloud(), routes=[{"match": "d/+/temp", "local": True}])
    config = json.loads(gate.config_file.read_text())
    config["devices"]["products"]["sensor"]["may_subscribe"] = ["d/+/temp"]
    gate.write_config(config)
    gate.process.send_signal(signal.SIGHUP)
    slow = socket.create_connection(("127.0.0.1", gate.port))
    slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    slow.sendall(bytes.fromhex("101000044d5154540402003c0004") + b"slow" + bytes.fromhex("820d0001" + "0008") + b"d/+/temp" + b"\0")
    slow.recv(64)
    device = Device(gate.port, "chatty")
    before = gate.rss_kb()
    for _ in range(400):
        device.say_acked(payload=b"x" * 50_000)
    assert gate.rss_kb() - before < 40_000
    device.close()
    slow.close()


def test_tls_listener_takes_only_tls_and_serves_over_it(place):
    cloud = place.cloud()
    port = free_port()
    server = cloud.dir / "server"
    pem = next(iter(sorted(cloud.dir.glob("**/server*.pem"))), None)
    if pem is None:
        pytest.skip(f"no server certificate under {server}")
    key = pem.with_name(pem.name.replace("cert", "key")) if "cert" in pem.name else pem.with_suffix(".key")
    config = gateway_config(cloud, [])
    config["listen"] = [{"url": f"mqtts://127.0.0.1:{port}", "anonymous": True, "tls": {"certificate": str(pem), "key": str(key)}}]
    gate = Gateway(place.folder / "tls", config).start()
    try:
        got = queue.Queue()
        client = paho.Client(CallbackAPIVersion.VERSION2, client_id="tls-device", protocol=paho.MQTTv5)
        client.tls_set(ca_certs=cloud.certificate("gw-test")["ca"], tls_version=ssl.PROTOCOL_TLS_CLIENT)
        client.on_publish = lambda c, u, mid, reason, p: got.put(reason.value)
        client.connect("localhost", port)
        client.loop_start()
        client.publish("d/tls-device/temp", json.dumps({"device": "tls-device", "seq": 1}), qos=1)
        assert got.get(timeout=10) in (0, 0x10)
        client.disconnect()
        client.loop_stop()
        cloud_has(cloud, "tls-device", 1)
    finally:
        gate.kill()

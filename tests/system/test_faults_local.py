"""Faults on the devices' side of the built daemon, and wrong configurations. Each test is named after its fault."""

import json
import queue
import signal
import socket
import ssl
import subprocess
import time

import paho.mqtt.client as paho
import pytest
from actors import Device, cloud_has
from house import SLUICED, Gateway, free_port, gateway_config, wait_for
from paho.mqtt.enums import CallbackAPIVersion


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

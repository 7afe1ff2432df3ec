"""Clients that others wrote, against the gateway and against the local cloud."""

import json
import os
import pathlib
import queue
import subprocess
import threading

import paho.mqtt.client as paho
import pytest
from actors import crt_connection
from house import ROOT, wait_for
from paho.mqtt.enums import CallbackAPIVersion

PEERS = ROOT / ".check" / "peers"


def reading(device, seq):
    return json.dumps({"device": device, "seq": seq, "temp": 20.5})


def arrived(house, device, count):
    wait_for(f"{count} readings of {device} in the cloud",
             lambda: sum(1 for d, _ in house.cloud.received() if d == device) == count)


@pytest.mark.parametrize("version", ["mqttv311", "mqttv5"])
def test_mosquitto_pub_reaches_the_cloud(house, version):
    device = f"mosq-{version}"
    for seq in range(3):
        subprocess.run(["mosquitto_pub", "-h", "127.0.0.1", "-p", str(house.port), "-V", version, "-i", device, "-q", str(seq),
                        "-t", f"d/{device}/temp", "-m", reading(device, seq)], check=True, timeout=20)
    arrived(house, device, 3)


@pytest.mark.parametrize("version", ["mqttv311", "mqttv5"])
def test_mosquitto_sub_gets_what_another_device_says_locally(house, version):
    subscriber = subprocess.Popen(["stdbuf", "-oL", "mosquitto_sub", "-h", "127.0.0.1", "-p", str(house.port), "-V", version, "-i", f"sub-{version}",
                                   "-q", "2", "-t", f"shared/{version}", "-C", "2", "-W", "20", "-d"], stdout=subprocess.PIPE, text=True)
    seen = []
    reader = threading.Thread(target=lambda: seen.extend(subscriber.stdout))
    reader.start()
    wait_for("the subscription is granted", lambda: any("SUBACK" in line for line in seen))
    for text in ("one", "two"):
        subprocess.run(["mosquitto_pub", "-h", "127.0.0.1", "-p", str(house.port), "-i", f"pub-{version}", "-q", "2", "-t",
                        f"shared/{version}", "-m", text], check=True, timeout=20)
    assert subscriber.wait(timeout=20) == 0
    reader.join()
    assert [line.strip() for line in seen if line.strip() in ("one", "two")] == ["one", "two"]


def paho_client(device, protocol, **kw):
    return paho.Client(CallbackAPIVersion.VERSION2, client_id=device, protocol=protocol, **kw)


@pytest.mark.parametrize("protocol", [paho.MQTTv311, paho.MQTTv5])
def test_paho_python_publishes_all_three_qos_and_subscribes(house, protocol):
    device = f"paho-{protocol}"
    got = queue.Queue()
    client = paho_client(device, protocol)
    client.on_message = lambda c, u, m: got.put((m.topic, m.payload, m.qos))
    subscribed = threading.Event()
    client.on_subscribe = lambda *a: subscribed.set()
    client.connect("127.0.0.1", house.port)
    client.loop_start()
    client.subscribe(f"d/{device}/#", qos=2)
    assert subscribed.wait(10)
    for qos in (0, 1, 2):
        info = client.publish(f"d/{device}/temp", reading(device, qos), qos=qos)
        info.wait_for_publish(10)
        assert info.is_published()
    assert sorted(got.get(timeout=10)[2] for _ in range(3)) == [0, 1, 2]
    client.disconnect()
    client.loop_stop()
    arrived(house, device, 3)


def test_paho_python_over_websocket(house):
    device = "paho-ws"
    client = paho_client(device, paho.MQTTv5, transport="websockets")
    client.ws_set_options(path="/mqtt")
    client.connect("127.0.0.1", house.ws_port)
    client.loop_start()
    for seq in range(20):
        client.publish(f"d/{device}/temp", reading(device, seq), qos=1).wait_for_publish(10)
    client.disconnect()
    client.loop_stop()
    arrived(house, device, 20)


def test_a_forbidden_topic_is_refused_with_0x87_and_the_connection_stays(house):
    device = "paho-forbidden"
    reasons = queue.Queue()
    client = paho_client(device, paho.MQTTv5)
    client.on_publish = lambda c, u, mid, reason, props: reasons.put(reason.value)
    client.connect("127.0.0.1", house.port)
    client.loop_start()
    client.publish("d/somebody-else/temp", b"x", qos=1)
    assert reasons.get(timeout=10) == 0x87
    client.publish(f"d/{device}/temp", reading(device, 0), qos=1)
    assert reasons.get(timeout=10) in (0, 0x10)
    client.disconnect()
    client.loop_stop()


def test_a_forbidden_topic_closes_a_311_connection(house):
    closed = threading.Event()
    client = paho_client("paho-forbidden-311", paho.MQTTv311, reconnect_on_failure=False)
    client.on_disconnect = lambda *a: closed.set()
    client.connect("127.0.0.1", house.port)
    client.loop_start()
    client.publish("d/somebody-else/temp", b"x", qos=1)
    assert closed.wait(10)
    client.loop_stop()


MQTT_JS = """
const mqtt = require('mqtt');
const [url, device, version] = process.argv.slice(2);
const client = mqtt.connect(url, {clientId: device, protocolVersion: Number(version), reconnectPeriod: 0});
client.on('error', e => { console.error(e.message); process.exit(1); });
client.on('connect', async () => {
  for (let seq = 0; seq < 10; ++seq)
    await client.publishAsync(`d/${device}/temp`, JSON.stringify({device, seq, temp: 1}), {qos: seq % 3});
  await client.endAsync();
});
"""


@pytest.mark.parametrize("version", ["4", "5"])
@pytest.mark.parametrize("scheme", ["mqtt", "ws"])
def test_mqtt_js_publishes(house, scheme, version, tmp_path):
    device = f"js-{scheme}-{version}"
    url = f"mqtt://127.0.0.1:{house.port}" if scheme == "mqtt" else f"ws://127.0.0.1:{house.ws_port}/mqtt"
    script = tmp_path / "publish.js"
    script.write_text(MQTT_JS)
    subprocess.run(["node", script, url, device, version], check=True, timeout=30,
                   env={**os.environ, "NODE_PATH": str(PEERS / "node_modules")})
    arrived(house, device, 10)


def test_awscrt_publishes_to_the_gateway(house):
    from awscrt.mqtt import QoS

    device = "crt-device"
    connection = crt_connection("127.0.0.1", house.port, device)
    connection.connect().result(20)
    for seq in range(10):
        connection.publish(f"d/{device}/temp", reading(device, seq), QoS.AT_LEAST_ONCE)[0].result(20)
    connection.disconnect().result(20)
    arrived(house, device, 10)


def test_awscrt_speaks_mutual_tls_with_the_local_cloud(house):
    from awscrt.mqtt import QoS

    connection = crt_connection("localhost", house.cloud.port, "crt-thing", house.cloud.certificate("crt-thing"))
    connection.connect().result(20)
    got = queue.Queue()
    connection.subscribe("dt/crt-thing/#", QoS.AT_LEAST_ONCE, lambda topic, payload, **kw: got.put(payload))[0].result(20)
    connection.publish("dt/crt-thing/x", reading("crt-thing", 1), QoS.AT_LEAST_ONCE)[0].result(20)
    assert json.loads(got.get(timeout=20))["seq"] == 1
    connection.disconnect().result(20)


def test_a_command_of_the_cloud_reaches_the_device(house):
    device = "cmd-device"
    got = queue.Queue()
    subscribed = threading.Event()
    client = paho_client(device, paho.MQTTv5)
    client.on_message = lambda c, u, m: got.put((m.topic, m.payload))
    client.on_subscribe = lambda *a: subscribed.set()
    client.connect("127.0.0.1", house.port)
    client.loop_start()
    client.subscribe(f"d/{device}/cmd/#", qos=1)
    assert subscribed.wait(10)
    # The cloud forgets what it says to nobody: the lane must have subscribed.
    wait_for("the lane is up", lambda: house.gateway.ctl("status")["lanes"][0]["state"] == "connected")
    house.cloud.admin("POST", "/publish", {"topic": f"cmd/gw-test/{device}/led", "text": "on", "qos": 1})
    topic, payload = got.get(timeout=10)
    assert (topic, payload) == (f"d/{device}/cmd/led", b"on")
    client.disconnect()
    client.loop_stop()


def test_the_books_are_right_at_the_end(house):
    house.gateway.wait_drained()
    equation = house.gateway.ctl("ledger")["equation"]
    assert equation["holds"] and equation["queued"] == 0
    assert pathlib.Path(house.gateway.dir / "state" / "queue.db").stat().st_mode & 0o077 == 0

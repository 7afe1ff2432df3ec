#!/usr/bin/env python3
"""A Sluice adapter: a file with a number in it (a sensor of the kernel) becomes a device. pip install paho-mqtt (2.1 or later)."""
import json
import signal
import sys
import threading

SCHEMA = {"type": "object", "required": ["path", "device"], "properties": {
    "path": {"type": "string", "x-sluice": "file"}, "device": {"type": "string"},
    "every": {"type": "integer", "x-sluice": "duration", "default": 1000, "minimum": 10}}}
if sys.argv[1:] == ["--describe"]:
    print(json.dumps({"contract": "v1", "kind": "file", "version": "1", "network": False, "schema": SCHEMA}))
    sys.exit(0)

import paho.mqtt.client as mqtt  # after --describe, which needs none
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

start = json.load(sys.stdin)
own, inbox, device = start["section"], start["inbox"], start["section"]["device"]
stop, attached = threading.Event(), threading.Event()


def properties(**values):
    made = Properties(PacketTypes.PUBLISH)
    for name, value in values.items():
        setattr(made, name, value)
    return made


def on_connect(client, userdata, flags, reason, props):
    client.subscribe(inbox + "/#", qos=1)


def on_subscribe(client, userdata, mid, reasons, props):
    client.publish("$sluice/v1/health", json.dumps({"state": "ok"}), qos=1)
    client.publish("$sluice/v1/attach", json.dumps({"device": device, "trusted": True}), qos=1,
                   properties=properties(ResponseTopic=inbox + "/answer", CorrelationData=b"attach"))


def on_message(client, userdata, message):
    said = json.loads(message.payload) if not message.topic.startswith(inbox + "/msg/") else {}
    if message.topic == inbox + "/answer" and message.properties.CorrelationData == b"attach":
        attached.set() if said["ok"] else print("<3>not attached:", said["text"])
    elif getattr(message.properties, "ResponseTopic", None):  # a call: only ping is known here
        ok = message.topic == inbox + "/call/ping"
        answer = {"ok": True} if ok else {"ok": False, "error": "unsupported", "text": "a sensor only speaks"}
        client.publish(message.properties.ResponseTopic, json.dumps(answer), qos=1,
                       properties=properties(CorrelationData=message.properties.CorrelationData))


client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, start["client_id"], protocol=mqtt.MQTTv5, transport="unix")
client.username_pw_set(start["username"], start["password"])
client.on_connect, client.on_subscribe, client.on_message = on_connect, on_subscribe, on_message
client.on_disconnect = lambda *_: stop.set()  # the credential was for one connection: end, and be started again
signal.signal(signal.SIGTERM, lambda *_: stop.set())
client.connect(start["socket"], keepalive=start["keep_alive_s"], clean_start=True)
client.loop_start()
while not stop.wait(own["every"] / 1000):
    if attached.is_set():
        with open(own["path"]) as sensor:
            client.publish(f"$sluice/v1/pub/{device}/d/{device}/value", json.dumps({"value": float(sensor.read())}), qos=1)
client.disconnect()

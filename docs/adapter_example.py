#!/usr/bin/env python3
"""A Sluice adapter: a file with a number in it (a sensor of the kernel) becomes a device. Needs paho-mqtt 2.1 or later."""
import json
import pathlib
import select
import sys
import time

SCHEMA = {"type": "object", "required": ["path", "device"], "properties": {
    "path": {"type": "string", "x-sluice": "file"}, "device": {"type": "string"},
    "every": {"type": "integer", "x-sluice": "duration", "default": 1000}}}
if sys.argv[1:] == ["--describe"]:
    print(json.dumps({"contract": "v1", "kind": "file", "version": "1", "network": False, "schema": SCHEMA}))
    sys.exit(0)

import paho.mqtt.client as mqtt  # after --describe, which needs none
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

start = json.load(sys.stdin)
own, inbox, device, attached, due = start["section"], start["inbox"], start["section"]["device"], False, 0


def say(topic, payload, **values):
    properties = Properties(PacketTypes.PUBLISH)
    for name, value in values.items():
        setattr(properties, name, value)
    client.publish(topic, json.dumps(payload), qos=1, properties=properties)


def on_subscribe(*_):
    say("$sluice/v1/health", {"state": "ok"})
    say("$sluice/v1/attach", {"device": device, "trusted": True}, ResponseTopic=inbox + "/answer", CorrelationData=b"a")


def on_message(_client, _userdata, message):
    global attached
    if message.topic == inbox + "/answer":
        attached = json.loads(message.payload)["ok"] or sys.exit("not attached: " + message.payload.decode())
    elif hasattr(message.properties, "ResponseTopic"):  # a call, or a message for the device: only ping is known here
        say(message.properties.ResponseTopic, {"ok": message.topic == inbox + "/call/ping", "error": "unsupported"},
            CorrelationData=message.properties.CorrelationData)


client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, start["client_id"], protocol=mqtt.MQTTv5, transport="unix")
client.username_pw_set(start["username"], start["password"])
client.on_connect = lambda *_: client.subscribe(inbox + "/#", qos=1)
client.on_subscribe, client.on_message = on_subscribe, on_message
client.connect(start["socket"], keepalive=start["keep_alive_s"], clean_start=True)
# One loop for all (paho's own wakes itself over TCP, which the sandbox refuses); the credential is for one connection.
while client.socket():
    if select.select([client.socket()], [], [], 0.02)[0]:
        client.loop_read()
    client.loop_misc()
    if attached and time.monotonic() >= due:
        due = time.monotonic() + own["every"] / 1000
        say(f"$sluice/v1/pub/{device}/d/{device}/value", {"value": float(pathlib.Path(own["path"]).read_text())})
    while client.socket() and client.want_write():
        client.loop_write()

"""The functions of the cloud at a cold start."""

import statistics
import subprocess
import sys

from . import peers  # noqa: F401  (finds tests/support)
from .report import Folder, result

from house import wait_for  # noqa: E402
from lambda_runtime import Function, RuntimeApi, build_zips, unpack  # noqa: E402

# What a function in Python does before its first event, with the SDK that Lambda's Python runtime has.
PEER = """
import os, urllib.request
import boto3
boto3.client("iot"), boto3.client("dynamodb")
urllib.request.urlopen(f"http://{os.environ['AWS_LAMBDA_RUNTIME_API']}/2018-06-01/runtime/invocation/next").read()
"""
ENV = {"SLUICE_TABLE": "devices", "SLUICE_POLICY": "device-policy", "AWS_DEFAULT_REGION": "eu-central-1"}


def start(root, log, command):
    """Milliseconds from exec to the first event asked for, and peak MB until then."""
    api = RuntimeApi()
    function = Function(root, api, log, ENV).start(command)
    wait_for("the function asks for its first event", lambda: api.first_next is not None or not function.alive(), every=0.001)
    assert function.alive(), function.text()
    milliseconds, peak = (api.first_next - function.started) * 1000, function.peak_kb() / 1024
    function.kill()
    return milliseconds, peak


def cold_start(name, given):
    """exec → first event asked for, and memory, of the vending function; peer: python3 with boto3's clients"""
    subprocess.run([sys.executable, "-c", "import boto3"], check=True)
    build_zips()
    with Folder() as folder:
        root, log = unpack("cvm", folder / "cvm"), folder / "out"
        ours, peer = [], []
        for number in range(max(given.rounds, 3)):
            ours.append(start(root, log, None))
            peer.append(start(root, log, [sys.executable, "-c", PEER]))
            print(f"  round {number + 1}: ours={ours[-1][0]:.1f} ms peer={peer[-1][0]:.1f} ms", flush=True)
    for index, what, unit in ((0, "cold-start", "ms"), (1, "rss", "MB")):
        result(f"{name}-{what}", statistics.median(o[index] for o in ours), statistics.median(p[index] for p in peer), unit)


BENCHES = {"lambda": cold_start}

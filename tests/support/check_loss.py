#!/usr/bin/env python3
"""Joins three records of one run: what the fleet saw acknowledged, what the cloud took, what the gateway's books say.

  check_loss.py --acked acked.log --cloud received.ndjson [--ledger ledger.json]

acked.log: lines `DEVICE SEQ` (sluice-fleet --log). received.ndjson: the local cloud's --log; readings are JSON with
`device` and `seq`, alone (`payload`) or batched (`payloads`). ledger.json: `sluicectl --json ledger`, taken after the
fleet ended. A reading that was acknowledged and is neither in the cloud, nor still queued, nor in the ledger is lost.

Exit code: 0 nothing lost, 1 lost or the gateway's equation does not hold, 2 the records prove nothing (nothing acked).
"""

import argparse
import base64
import collections
import json
import sys


def acked_readings(path):
    acked = collections.Counter()
    with open(path, encoding="utf-8", errors="replace") as lines:
        for line in lines:
            device, _, seq = line.rstrip("\n").rpartition(" ")
            # A fleet that was killed may leave half a line.
            if device and seq.isdigit() and line.endswith("\n"):
                acked[device, int(seq)] += 1
    return acked


def payloads_of(entry):
    if "payloads" in entry:
        return entry["payloads"]
    if "payload_b64" in entry:
        return [base64.b64decode(entry["payload_b64"]).decode(errors="replace")]
    return [entry.get("payload")]


def readings_of(payload):
    """One reading, or those of a batch that the cloud's log did not unpack (a JSON array, or lines)."""
    if isinstance(payload, dict):
        return [payload]
    if not isinstance(payload, str):
        return []
    for text in (payload, "[" + ",".join(line for line in payload.splitlines() if line) + "]"):
        try:
            value = json.loads(text)
        except ValueError:
            continue
        return [one for one in (value if isinstance(value, list) else [value]) if isinstance(one, dict)]
    return []


def received_readings(path):
    received = collections.Counter()
    with open(path, encoding="utf-8", errors="replace") as lines:
        for line in lines:
            try:
                entry = json.loads(line)
            except ValueError:
                continue  # the last line of a cloud that was killed
            for payload in payloads_of(entry):
                for reading in readings_of(payload):
                    if "device" in reading and "seq" in reading:
                        received[reading["device"], int(reading["seq"])] += 1
    return received


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--acked", required=True)
    parser.add_argument("--cloud", required=True)
    parser.add_argument("--ledger")
    given = parser.parse_args()

    acked, received = acked_readings(given.acked), received_readings(given.cloud)
    equation = {"queued": 0, "ledger": 0, "holds": True}
    if given.ledger:
        with open(given.ledger, encoding="utf-8") as file:
            equation = json.load(file)["equation"]

    missing = sorted(reading for reading in acked if reading not in received)
    # What is still queued, or left by a policy, is accounted for; the books count it without names.
    accounted = equation["queued"] + equation["ledger"]
    lost = max(0, len(missing) - accounted)
    duplicates = sum(received.values()) - len(received)
    print(f"acked {len(acked)}  delivered {len(received)}  duplicates {duplicates}  still queued {equation['queued']}  "
          f"by policy {equation['ledger']}  lost {lost}")
    if not equation["holds"]:
        print(f"the gateway's books do not add up: {equation}")
    if lost:
        print("missing, e.g.:", ", ".join(f"{device} {seq}" for device, seq in missing[:10]))
    if lost or not equation["holds"]:
        return 1
    if not acked:
        print("nothing was acknowledged: this proves nothing")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())

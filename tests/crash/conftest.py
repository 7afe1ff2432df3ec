import json
import os
import pathlib
import random

import pytest
from house import BUILD, Gateway, LocalCloud, Program, free_port, gateway_config, wait_for

FLEET = BUILD / "tests" / "support" / "simulators" / "sluice-fleet"


class Fleet(Program):
    """Devices that reconnect, publish numbered readings with QoS 1 and note each one that was acknowledged."""

    def __init__(self, folder, port, devices=20, rate=2000):
        super().__init__(folder / "fleet.out")
        self.acked_log = folder / "acked.log"
        self.argv = [FLEET, "--url", f"mqtt://127.0.0.1:{port}", "--devices", devices, "--rate", rate, "--log", self.acked_log,
                     "--topic", "d/{device}/temp"]

    def start(self):
        self.spawn(self.argv)
        return self

    def acked(self):
        """(device, seq) of every acknowledged reading; a half-written last line does not count."""
        acked = set()
        if self.acked_log.exists():
            for line in self.acked_log.read_text().splitlines():
                try:
                    device, seq = line.split()
                    acked.add((device, int(seq)))
                except ValueError:
                    continue
        return acked


class Books:
    """Cloud, gateway and fleet of one run, and the check that nothing acknowledged is lost."""

    def __init__(self, folder, **config):
        self.folder = folder
        self.cloud = LocalCloud(folder).start()
        self.port = free_port()
        self.gateway = Gateway(folder, gateway_config(self.cloud, [f"mqtt://127.0.0.1:{self.port}"], cloud={"quotas": {"enforce": False}}, **config))
        self.fleet = Fleet(folder, self.port)

    def close(self):
        for program in (self.fleet, self.gateway, self.cloud):
            program.kill()

    def check(self):
        """To be called with fleet stopped, gateway and cloud up: drains, then joins the three records."""
        self.gateway.wait_drained(120)
        equation = self.gateway.ctl("ledger")["equation"]
        assert equation["holds"], equation
        acked, received = self.fleet.acked(), self.cloud.received()
        lost = acked - received.keys()
        duplicates = sum(received.values()) - len(received)
        dropped = equation["ledger"]
        print(f"acked={len(acked)} received={len(received)} duplicates={duplicates} lost={len(lost)} by-policy={dropped}")
        assert len(acked) > 0, "the fleet was never acknowledged: the test proves nothing\n" + self.fleet.text()[-1000:]
        assert not lost, f"{len(lost)} acknowledged readings are nowhere, e.g. {sorted(lost)[:5]}"
        assert dropped == 0, equation
        return len(acked), duplicates


@pytest.fixture
def books(tmp_path):
    made = []

    def make(**config):
        made.append(Books(tmp_path, **config))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture
def dice():
    seed = int(os.environ.get("SLUICE_SEED", "0")) or random.SystemRandom().randrange(1 << 32)
    print(f"seed {seed}: SLUICE_SEED={seed} repeats this run")
    return random.Random(seed)



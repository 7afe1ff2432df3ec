"""A simulated serial sensor as a process, the section of an adapter for it, and what must hold of its readings."""

from house import BUILD, Program, wait_for

SENSOR = BUILD / "tests" / "support" / "simulators" / "sluice-serial-sensor"
ROUTES = [{"match": "d/+/#", "to": "dt/{product}/{device}/{2}", "batch": {"max": "64KiB", "wait": "50ms"}}]


class Sensor(Program):
    def __init__(self, folder, name, *options, devices=("serial-1",)):
        super().__init__(folder / f"{name}.out")
        self.link, self.acked_file, self.sent_file = folder / name, folder / f"{name}.acked", folder / f"{name}.sent"
        self.spawn([SENSOR, "--link", self.link, "--log", self.acked_file, "--sent", self.sent_file, "--device", *devices, *options])
        wait_for("the line is there", self.link.exists)

    def acked(self):
        text = self.acked_file.read_text() if self.acked_file.exists() else ""
        return [tuple(line.split()) for line in text.splitlines()]

    def sent(self):
        """Every frame that left, in order: (device, seq, it is as it should be)."""
        lines = self.sent_file.read_text().split("\n")[:-1] if self.sent_file.exists() else []
        return [(device, int(seq), state == "whole") for device, seq, state in map(str.split, lines)]

    def wait_acked(self, more, seconds=60):
        before = len(self.acked())
        wait_for(f"{more} more readings are acknowledged to the device", lambda: len(self.acked()) >= before + more, seconds)


def serial(name, link, devices=("serial-1",), **more):
    return {"kind": "serial", "name": name, "product": "sensor", "port": str(link), "format": "json", "gap": "20ms",
            "address": {"from": "json", "pointer": "/device"},
            "devices": [{"id": device, "address": device} for device in devices],
            "ack": '{"ack":{seq},"device":"{address}"}', **more}


def check_nothing_lost(gate, cloud, sensor):
    acked = {(device, int(seq)) for device, seq in sensor.acked()}
    gate.wait_drained()
    received = cloud.received()
    lost = acked - set(received)
    assert not lost, f"{len(lost)} of {len(acked)} acknowledged readings are not in the cloud, as {sorted(lost)[:5]}"
    # Nothing that was never said: what noise made was not taken for a reading.
    wrong = [key for key in received if not (isinstance(key[1], int) and str(key[0]).startswith("serial-"))]
    assert not wrong, wrong[:5]
    assert gate.ctl("ledger")["equation"]["holds"]
    return acked

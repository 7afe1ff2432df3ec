"""The simulated SMP device as a process: on a pty behind a link, or on UDP, with a FIFO for faults."""

import subprocess

from house import BUILD, Program, wait_for

DEVICE = BUILD / "tests" / "support" / "simulators" / "sluice-smp-device"


def make_image(folder, version, size, seed=1):
    path = folder / f"{version}.bin"
    subprocess.run([DEVICE, "--make-image", path, "--version", version, "--size", str(size), "--seed", str(seed)], check=True)
    return path


class Simulator(Program):
    def __init__(self, folder, *options):
        super().__init__(folder / "device.out")
        self.link, self.fifo = folder / "device", folder / "control"
        self.spawn([DEVICE, "--link", self.link, "--control", self.fifo, *options])
        wait_for("the simulated device is there", lambda: "pty " in self.text() or "udp " in self.text())

    @property
    def udp_port(self):
        return int(self.text().split("udp 127.0.0.1:")[1].split()[0])

    def control(self, line):
        self.fifo.write_text(line + "\n")

    def report(self):
        before = self.text().count("report:")
        self.control("report")
        wait_for("the device reports", lambda: self.text().count("report:") > before)
        return self.text().split("report:")[-1].strip()


def section(device, **more):
    """The adapter's part of a configuration."""
    return {"kind": "smp", "name": device, "product": "sensor", "device": device, **more}

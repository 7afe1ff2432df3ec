"""The two sides of every comparison: a sluiced and a mosquitto, started alike on this machine."""

import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tests" / "support"))

from house import BUILD, Gateway, LocalCloud, Program, accepts, free_port, gateway_config, wait_for  # noqa: E402

LOAD = BUILD / "bench" / "mqtt-load"
ROUTE = {"match": "d/+/temp", "to": "dt/{device}/temp"}


class Mosquitto(Program):
    """Debian's mosquitto with a config of ours; everything not named is its default."""

    def __init__(self, folder, lines, name="mosquitto"):
        folder = pathlib.Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        super().__init__(folder / f"{name}.out")
        self.port = free_port()
        self.config = folder / f"{name}.conf"
        self.config.write_text("\n".join([f"listener {self.port} 127.0.0.1", "allow_anonymous true", "max_connections -1", *lines]) + "\n")

    def start(self):
        self.spawn(["mosquitto", "-c", self.config])
        wait_for("mosquitto listens", lambda: accepts(self.port))
        return self

    def rss_kb(self, field="VmRSS"):
        return memory_kb(self.process.pid, field)


def memory_kb(pid, field="VmRSS"):
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1])
    return 0


def cpu_seconds(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / 100.0  # utime + stime in ticks of 10 ms


def write_bytes(pid):
    for line in pathlib.Path(f"/proc/{pid}/io").read_text().splitlines():
        if line.startswith("write_bytes:"):
            return int(line.split()[1])
    return 0


class Certificates:
    """One CA, one server and one client certificate, for a mosquitto that plays the cloud."""

    def __init__(self, folder):
        self.dir = pathlib.Path(folder)
        self.dir.mkdir(parents=True, exist_ok=True)
        def openssl(*args):
            subprocess.run(["openssl", *args], cwd=self.dir, check=True, capture_output=True)
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30", "-subj", "/CN=bench ca",
                "-keyout", "ca.key", "-out", "ca.pem")
        (self.dir / "san.ext").write_text("subjectAltName=DNS:localhost,IP:127.0.0.1\n")
        for name in ("server", "client"):
            openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/CN={'localhost' if name == 'server' else 'gw-test'}",
                    "-keyout", f"{name}.key", "-out", f"{name}.csr")
            openssl("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "30",
                    "-extfile", "san.ext", "-out", f"{name}.pem")
        for key in self.dir.glob("*.key"):
            key.chmod(0o644)  # mosquitto drops to its own user

    def file(self, name):
        return str(self.dir / name)

    def gateway_tls(self):
        return {"certificate": self.file("client.pem"), "key": self.file("client.key"), "ca": self.file("ca.pem")}


class Sink(Mosquitto):
    """A mosquitto with mutual TLS that plays the cloud, with a plain listener for the counter."""

    def __init__(self, folder, certificates):
        self.tls_port = free_port()
        super().__init__(folder, [
            "max_inflight_messages 100", "max_queued_messages 0", "persistence false",
            f"listener {self.tls_port} 127.0.0.1", f"cafile {certificates.file('ca.pem')}", f"certfile {certificates.file('server.pem')}",
            f"keyfile {certificates.file('server.key')}", "require_certificate true"], name="sink")


def gateway(folder, cloud_port, tls, routes=None, quotas_off=True, adapters=(), adapters_directory=BUILD / "adapters", **store):
    """A sluiced whose one listener is the bench's; the cloud may be anything that speaks MQTT over mutual TLS."""
    port = free_port()

    class Cloud:
        def __init__(self):
            self.port = cloud_port

        def certificate(self, _thing):
            return tls

    config = gateway_config(Cloud(), [f"mqtt://127.0.0.1:{port}"], routes=routes or [ROUTE],
                            cloud={"quotas": {"enforce": not quotas_off}}, store={"max": "16GiB", **store}, log={"level": "warning"})
    config["devices"]["products"]["sensor"]["limits"] = {"inflight": 2000}
    if adapters:
        config.update(adapters=list(adapters), adapters_directory=str(adapters_directory))
    gate = Gateway(folder, config)
    gate.port = port
    return gate

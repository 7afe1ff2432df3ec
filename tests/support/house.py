"""The built programs as a test or a bench holds them: a local cloud, a gateway, and what they say of themselves.

Every wait has a deadline and polls a fact (a socket, a status, a file); nothing waits for luck.
"""

import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("SLUICE_BUILD", ROOT / "build" / "release"))
SLUICED = BUILD / "daemon" / "sluiced"
SLUICECTL = BUILD / "ctl" / "sluicectl"
LOCAL_CLOUD = BUILD / "cloud" / "local" / "sluice-local-cloud"


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def wait_for(what, fact, seconds=20.0, every=0.02):
    """Polls fact() until it is true; the last word is `what` when it never becomes so."""
    deadline = time.monotonic() + seconds
    while True:
        value = fact()
        if value:
            return value
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {seconds} s: {what}")
        time.sleep(every)


def wait_out(seconds):
    """Lets real time pass where its passing is the fault itself (a stopped process, the moment of a kill)."""
    time.sleep(seconds)


def accepts(port):
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=0.5):
            return True
    except OSError:
        return False


def readings_of(entry):
    """The JSON readings of one line of the cloud's log; a batch of one is an array too."""
    for payload in entry.get("payloads") or [entry.get("payload")]:
        try:
            value = json.loads(payload) if isinstance(payload, str) else payload
        except ValueError:
            continue
        yield from value if isinstance(value, list) else [value]


class Program:
    """A child process with its output in a file."""

    def __init__(self, log):
        self.log = pathlib.Path(log)
        self.process = None

    def spawn(self, argv, env=None):
        with open(self.log, "ab") as out:
            self.process = subprocess.Popen([str(a) for a in argv], stdout=out, stderr=out, stdin=subprocess.DEVNULL,
                                            env={**os.environ, **(env or {})})

    def alive(self):
        return self.process is not None and self.process.poll() is None

    def kill(self):
        if self.alive():
            self.process.send_signal(signal.SIGKILL)
        if self.process:
            self.process.wait(timeout=20)

    def stop(self, seconds=20):
        if self.alive():
            self.process.terminate()
        return self.process.wait(timeout=seconds) if self.process else None

    def text(self):
        return self.log.read_text(errors="replace") if self.log.exists() else ""


class LocalCloud(Program):
    def __init__(self, folder, things=("gw-test",), quotas="off", extra=(), log=True):
        folder = pathlib.Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        super().__init__(folder / "local-cloud.out")
        self.dir = folder / "cloud"
        self.received_log = folder / "received.ndjson"
        self.port, self.admin_port = free_port(), free_port()
        self.quotas, self.extra = quotas, list(extra)
        self.log_to = self.received_log if log else "none"
        subprocess.run([LOCAL_CLOUD, "--dir", self.dir, "--init"], check=True, capture_output=True)
        for thing in things:
            self.add_thing(thing)

    def add_thing(self, thing):
        subprocess.run([LOCAL_CLOUD, "--dir", self.dir, "add-thing", thing], check=True, capture_output=True)

    def start(self):
        self.spawn([LOCAL_CLOUD, "--dir", self.dir, "--listen", f"127.0.0.1:{self.port}", "--admin",
                    f"127.0.0.1:{self.admin_port}", "--quotas", self.quotas, "--log", self.log_to, *self.extra])
        wait_for("the local cloud listens", lambda: accepts(self.port) and accepts(self.admin_port))
        return self

    def admin(self, method, path, body=None):
        request = urllib.request.Request(f"http://127.0.0.1:{self.admin_port}{path}", method=method,
                                         data=None if body is None else json.dumps(body).encode(),
                                         headers={"content-type": "application/json"})
        with urllib.request.urlopen(request, timeout=10) as answer:
            text = answer.read()
        return json.loads(text) if text else None

    def fault(self, **body):
        return self.admin("POST", "/fault", body)

    def clear_faults(self):
        return self.admin("DELETE", "/fault")

    def certificate(self, thing):
        folder = self.dir / "things" / thing
        return {"certificate": str(folder / "cert.pem"), "key": str(folder / "key.pem"), "ca": str(self.dir / "ca.pem")}

    def received(self):
        """Every reading that the cloud acknowledged: (device, seq) → how often."""
        counts = {}
        if not self.received_log.exists():
            return counts
        for line in self.received_log.read_text(errors="replace").splitlines():
            try:
                entry = json.loads(line)
            except ValueError:
                continue  # the last line of a killed cloud
            for reading in readings_of(entry):
                try:
                    key = (reading["device"], reading["seq"])
                except (TypeError, KeyError):
                    continue
                counts[key] = counts.get(key, 0) + 1
        return counts

    def payloads(self):
        """Topic and payload of everything that the cloud acknowledged."""
        if not self.received_log.exists():
            return []
        entries = [json.loads(line) for line in self.received_log.read_text().splitlines() if line.endswith("}")]
        return [(entry.get("topic"), entry.get("payload")) for entry in entries]


class Gateway(Program):
    def __init__(self, folder, config):
        folder = pathlib.Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        super().__init__(folder / "sluiced.out")
        self.dir = folder
        self.socket = folder / "control.sock"
        self.config_file = folder / "sluice.yaml"
        self.write_config(config)

    def write_config(self, config):
        config.setdefault("control", {}).setdefault("socket", str(self.socket))
        config.setdefault("store", {}).setdefault("directory", str(self.dir / "state"))
        self.config_file.write_text(json.dumps(config, indent=2))  # JSON is YAML

    def start(self, env=None, wait=True):
        self.spawn([SLUICED, "--config", self.config_file], env)
        if wait:
            wait_for("the gateway answers on its control socket", lambda: not self.alive() or self.answers())
            if not self.alive():
                raise RuntimeError(f"sluiced ended with {self.process.returncode}:\n{self.text()[-2000:]}")
        return self

    def answers(self):
        return self.ctl("status", check=False) is not None

    def ctl(self, *args, check=True):
        done = subprocess.run([SLUICECTL, "--socket", self.socket, "--json", *args], capture_output=True, text=True, timeout=30)
        if done.returncode not in (0, 1) or not done.stdout.strip():
            if check:
                raise RuntimeError(f"sluicectl {args}: {done.returncode} {done.stdout} {done.stderr}")
            return None
        return json.loads(done.stdout)

    def totals(self):
        return self.ctl("status")["totals"]

    def adapter(self, name):
        return next((a for a in self.ctl("adapters") if a["name"] == name), {})

    def wait_adapter(self, name, seconds=30):
        return wait_for(f"adapter {name} is ready", lambda: next(
            (a for a in self.ctl("adapters") if a["name"] == name and a["state"] == "ready"), None), seconds)

    def wait_drained(self, seconds=60):
        wait_for("the queue is empty", lambda: self.totals()["queued"] == 0, seconds, every=0.1)

    def rss_kb(self, field="VmRSS"):
        for line in pathlib.Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith(field + ":"):
                return int(line.split()[1])
        return 0


def gateway_config(local_cloud, listen, thing="gw-test", routes=None, **more):
    """The smallest config that carries everything of anonymous loopback devices to the cloud."""
    tls = local_cloud.certificate(thing)
    return {
        "gateway": {"thing": thing},
        "cloud": {"endpoint": f"localhost:{local_cloud.port}", "tls": tls,
                  "backoff": {"first": "100ms", "most": "1s"}, **more.pop("cloud", {})},
        "listen": [{"url": url, "anonymous": True} for url in listen],
        "devices": {"anonymous_product": "sensor",
                    "products": {"sensor": {"may_publish": ["d/{device}/#"], "may_subscribe": ["d/{device}/cmd/#"]}}},
        "routes": routes or [{"match": "d/+/#", "to": "dt/{product}/{device}/{2}"}],
        **more,
    }


def scratch(path):
    path = pathlib.Path(path)
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir(parents=True)
    return path

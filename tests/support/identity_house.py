"""A gateway that provisions, by each method, and devices that know nothing but their name and their token. What the tests
of identities hold: how many certificates AWS has of a thing, and whether what a device heard acknowledged arrived."""

import json
import socket
import subprocess

import boto3
import paho.mqtt.client as paho
from botocore.config import Config
from house import Gateway, wait_for
from paho.mqtt.enums import CallbackAPIVersion
from provisioning_cloud import ProvisioningCloud

# How each method is set, and which things the state machine passes on the way to its certificate.
METHODS = ("cvm", "awslabs-1", "awslabs-2", "fleet", "jitr", "jitp")
FIRST = ("new", "key-made", "requested", "issued", "proving", "active")
NEXT = ("rotating", "rotating-key-made", "rotating-requested", "rotating-issued", "rotating-proving", "active")


def states(method, rotating=False):
    names = list(NEXT if rotating else FIRST)
    if method == "cvm" and rotating:
        names.insert(5, "retiring")
    if method == "fleet":
        names.insert(3, "rotating-promised" if rotating else "promised")
    return names


def openssl(*args, cwd):
    subprocess.run(["openssl", *args], cwd=cwd, check=True, capture_output=True)


def lasting_port():
    """A port, and the socket that keeps it for whoever binds it with SO_REUSEADDR, as sluiced does: it is not given to others
    while the gateway is dead, nor does a device that knocks at the dead gateway's port meet itself there."""
    keeper = socket.socket()
    keeper.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    keeper.bind(("127.0.0.1", 0))
    return keeper.getsockname()[1], keeper


def private(path, text):
    path.write_text(text)
    path.chmod(0o600)
    return str(path)


class IdentityCloud(ProvisioningCloud):
    """The local cloud with AWS's quotas, asked the way an operator asks: over the signed control plane."""

    def __init__(self, folder, method, extra=("--reissue", "rotate", "--jitr", "listed")):
        super().__init__(folder, extra=extra)
        self.method, self.quotas = method, "aws"
        self.ca = self.dir / "ca.pem"

    def start(self):
        super().start()
        keys = (self.dir / "admin-credentials").read_text().splitlines()
        named = dict(line.split(" = ") if " = " in line else line.split("=", 1) for line in keys if "=" in line)
        self.iot = boto3.client("iot", endpoint_url=f"https://127.0.0.1:{self.control_port}", region_name="eu-central-1",
                                verify=str(self.ca), aws_access_key_id=named["aws_access_key_id"].strip(),
                                aws_secret_access_key=named["aws_secret_access_key"].strip(),
                                config=Config(retries={"max_attempts": 1}, max_pool_connections=32))
        if self.method in ("jitp", "jitr") and not (self.dir / "issuer.crt").exists():
            self.register_issuer()
        return self

    def register_issuer(self):
        """A CA of the plant that AWS knows: with a template for JITP, without one JITR's function is told."""
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "400", "-subj",
                "/CN=Plant CA", "-keyout", "issuer.key", "-out", "issuer.crt", cwd=self.dir)
        (self.dir / "issuer.key").chmod(0o600)
        config = {"registrationConfig": {"templateName": "jitp"}} if self.method == "jitp" else {}
        self.iot.register_ca_certificate(caCertificate=(self.dir / "issuer.crt").read_text(), certificateMode="SNI_ONLY",
                                         setAsActive=True, allowAutoRegistration=True, **config)

    def statuses(self, thing):
        """certificate id → status, of every certificate that is attached to the thing."""
        try:
            principals = self.iot.list_thing_principals(thingName=thing)["principals"]
        except self.iot.exceptions.ResourceNotFoundException:
            return {}
        ids = [principal.rsplit("/", 1)[1] for principal in principals]
        return {i: self.iot.describe_certificate(certificateId=i)["certificateDescription"]["status"] for i in ids}

    def active(self, thing):
        return sorted(i for i, status in self.statuses(thing).items() if status == "ACTIVE")

    def own_readings(self, thing):
        """The seq of all readings that came over the thing's own connection: client id and certificate are its own."""
        seqs = set()
        if self.received_log.exists():
            for line in self.received_log.read_text(errors="replace").splitlines():
                entry = json.loads(line) if line.endswith("}") else {}
                if entry.get("client") == thing and entry.get("thing") == thing and entry["topic"] == f"dt/{thing}/t":
                    seqs.add(json.loads(entry["payload"])["seq"])
        return seqs


def cloud_section(cloud, folder, thing, token):
    """The section `cloud` of a gateway's configuration."""
    common = {"backoff": {"first": "100ms", "most": "1s"}, "per_second": 100, "at_once": 8}
    here = {"endpoint": f"localhost:{cloud.port}", "tls": {"ca": str(cloud.ca)}}
    if cloud.method == "given":
        return {"endpoint": here["endpoint"], "tls": cloud.certificate(thing), "backoff": {"first": "100ms", "most": "1s"}}
    if cloud.method in ("jitp", "jitr"):
        method = {"method": "own-ca", "issuer": {"certificate": str(cloud.dir / "issuer.crt"), "key": str(cloud.dir / "issuer.key")}}
    else:
        common["access_token_file"] = private(folder / "gateway.token", token)
        method = {
            "cvm": {"method": "cvm", "url": f"https://localhost:{cloud.cvm_port}/Prod", "ca": str(cloud.ca)},
            "awslabs-1": {"method": "awslabs", "url": f"https://localhost:{cloud.cvm_port}/LATEST", "ca": str(cloud.ca)},
            "awslabs-2": {"method": "awslabs", "url": f"https://localhost:{cloud.cvm_port}/Prod", "ca": str(cloud.ca)},
            "fleet": {"method": "fleet", "template": "fleet", "claim": {"certificate": str(cloud.dir / "claim" / "cert.pem"),
                                                                       "key": str(cloud.dir / "claim" / "key.pem")}},
        }[cloud.method]
    section = {"provisioning": {**method, **common}, "backoff": {"first": "100ms", "most": "1s"}}
    return section if cloud.method == "cvm" else {**here, **section}


class IdentityGateway(Gateway):
    """A gateway without any certificate, and the token of its device. Names are unique in the cloud: `name` and its device
    `name-d`."""

    def __init__(self, cloud, folder, name, **more):
        self.cloud, self.name = cloud, name
        self.port, self.keeper = lasting_port()
        self.thing, self.device_name = f"gw-{name}", f"m-{name}"
        folder = folder / name
        folder.mkdir(parents=True)
        self.device_token = cloud.add_token(self.device_name)
        product = {"meter": {"identity": "own", "may_publish": ["m/{device}/#"]}}
        devices = {"products": product, "admit": [{"match": "m-*", "product": "meter"}]}
        if cloud.method in ("jitp", "jitr", "given"):  # nobody judges tokens there: the gateway knows them
            known = {"product": "meter", "token_file": private(folder / "device.token", self.device_token)}
            if cloud.method == "given":
                for thing in (self.thing, self.device_name):
                    cloud.add_thing(thing)
                known["certificate"] = {k: v for k, v in cloud.certificate(self.device_name).items() if k != "ca"}
            devices = {"products": product, "known": {self.device_name: known}}
        super().__init__(folder, {
            "gateway": {"thing": self.thing},
            "cloud": cloud_section(cloud, folder, self.thing, cloud.add_token(self.thing)),
            "listen": [f"mqtt://127.0.0.1:{self.port}"],
            "devices": {**devices, **more.pop("devices", {})},
            "routes": [{"match": "m/+/#", "to": "dt/{device}/{2}"}],
            **more,
        })

    def identity(self, thing):
        """{state, certificate_id, …}; {} while nobody answers."""
        if thing == self.thing:
            return ((self.ctl("status", check=False) or {}).get("identity") or {}).get("gateway") or {}
        listed = self.ctl("devices", check=False) or []
        return next((one.get("identity") or {} for one in listed if one["id"] == thing), {})

    def wait_state(self, thing, state="active", seconds=30):
        try:
            return wait_for("", lambda: (self.identity(thing).get("state") == state) and self.identity(thing), seconds, every=0.1)
        except TimeoutError:
            raise TimeoutError(f"{thing} is not {state} but {self.identity(thing)}:\n{self.text()[-3000:]}") from None

    def wait_killed(self, what, act=lambda: None, seconds=30):
        """Until the failpoint has struck, doing `act` all the time."""
        wait_for(f"the gateway dies at {what}", lambda: act() or not self.alive(), seconds, every=0.05)
        assert self.process.returncode == -9, self.text()[-3000:]

    def device(self):
        return TokenDevice(self.port, self.device_name, self.device_token)


class TokenDevice:
    """Knows its name and token only, comes back by itself, and remembers which of its readings were acknowledged."""

    def __init__(self, port, name, token):
        self.name, self.seq, self.seq_of, self.acked, self.refusals = name, 0, {}, set(), []
        self.client = paho.Client(CallbackAPIVersion.VERSION2, client_id=name, protocol=paho.MQTTv5)
        self.client.username_pw_set(name, token)
        self.client.reconnect_delay_set(0.1, 0.5)
        self.client.on_publish = lambda _c, _u, mid, reason, _p: reason.is_failure or self.acked.add(mid)
        self.client.on_connect = lambda _c, _u, _f, reason, _p: reason.is_failure and self.refusals.append(str(reason))
        self.client.connect_async("127.0.0.1", port)
        self.client.loop_start()

    def say(self):
        if self.client.is_connected():
            self.seq += 1
            self.seq_of[self.client.publish(f"m/{self.name}/t", json.dumps({"seq": self.seq}), qos=1).mid] = self.seq

    def wait_connected(self, seconds=30):
        wait_for(f"{self.name} is let in (refused so far: {self.refusals})", self.client.is_connected, seconds)

    def say_acked(self, seconds=20):
        before = len(self.acked)
        self.wait_connected()
        self.say()
        wait_for(f"a reading of {self.name} is acknowledged", lambda: len(self.acked) > before, seconds)

    def acknowledged(self):
        return {self.seq_of[mid] for mid in set(self.acked) if mid in self.seq_of}

    def close(self):
        self.client.disconnect()
        self.client.loop_stop()


def arrived(cloud, device, seconds=30):
    """Every acknowledged reading of the device is in the cloud, over its own connection."""
    missing = set()

    def all_there():
        missing.clear()
        missing.update(device.acknowledged() - cloud.own_readings(device.name))
        return not missing

    try:
        wait_for("", all_there, seconds, every=0.1)
    except TimeoutError:
        raise AssertionError(f"{device.name}: acknowledged, but not in the cloud: {sorted(missing)}") from None
    assert device.acknowledged(), "nothing was acknowledged: this proves nothing"

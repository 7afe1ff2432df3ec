"""Tokens and private keys are nowhere in clear: not in logs, files, arguments, environments, messages to the cloud or the
support bundle. The keys are known to the test because it opens the seal itself, with the sealing key beside the store."""

import base64
import json
import pathlib
import re
import sqlite3
import subprocess
import tarfile

import pytest
import zstandard
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from house import ROOT, SLUICECTL, free_port, wait_for
from identity_house import IdentityCloud, IdentityGateway, TokenDevice, arrived

WRONG, REFUSED = "a-wrong-token-of-nobody", "a-token-that-the-service-refuses"


def forms(name, secret):
    """How a secret could stand somewhere: itself, in hex, in base64 at each of three alignments."""
    raw = secret if isinstance(secret, bytes) else secret.encode()
    yield name, raw
    yield name + " in hex", raw.hex().encode()
    yield name + " in HEX", raw.hex().upper().encode()
    for shift in range(3):
        whole = base64.b64encode(b"\0" * shift + raw)
        yield name + " in base64", whole[4 * (shift > 0):len(whole) // 4 * 4 - 4]


def key_forms(name, pem):
    """A private key: lines of its PEM body, the DER, the number itself."""
    key = serialization.load_pem_private_key(pem.encode(), None)
    body = [line for line in pem.splitlines() if line and "-----" not in line]
    for line in body:
        if len(line) >= 40:
            yield f"PEM of {name}", line.encode()
    der = key.private_bytes(serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    yield f"DER of {name}", der
    yield from forms(f"scalar of {name}", key.private_numbers().private_value.to_bytes(32, "big"))


def copy_of(database, folder):
    """The daemon locks its databases: a copy is read, WAL and all, as a thief would."""
    folder.mkdir()
    for file in database.parent.glob(database.name + "*"):
        (folder / file.name).write_bytes(file.read_bytes())
    return sqlite3.connect(folder / database.name)


class Opener:
    """The seal of the registry, written again from its description: AES-256-GCM under HKDF of the sealing key."""

    def __init__(self, gateway):
        self.material = (gateway.dir / "state" / "seal.key").read_text().strip()
        key = HKDF(hashes.SHA256(), 32, b"", b"sluice identity seal 1").derive(self.material.encode())
        self.aead = AESGCM(key)

    def open(self, owner, purpose, sealed):
        raw = base64.b64decode(sealed)
        assert raw[0] == 1
        return self.aead.decrypt(raw[1:13], raw[13:], f"{owner}\0{purpose}".encode()).decode()


def rows(gateway, folder):
    table = copy_of(gateway.dir / "state" / "registry.db", folder)
    found = {}
    for key, value in table.execute("SELECT key, value FROM entry WHERE space = 18 AND key <> CAST('!seal' AS BLOB)"):
        found[key.decode()] = json.loads(value)
    table.close()
    return found


def private_keys(gateway, folder):
    opener = Opener(gateway)
    return {f"the key of {owner}, {which}": opener.open(owner, "key", row[which]["key"])
            for owner, row in rows(gateway, folder).items() for which in ("present", "next") if row.get(which, {}).get("key")}


@pytest.fixture(scope="module", params=["cvm", "awslabs-2", "fleet", "jitr"])
def life(request, tmp_path_factory):
    """A whole life of identities at log level debug, and all its secrets."""
    folder = tmp_path_factory.mktemp("secrets")
    cloud = IdentityCloud(folder, request.param, extra=("--reissue", "rotate", "--jitr", "listed", "--verbose")).start()
    credentials = f"127.0.0.1:{free_port()}"
    gateway = IdentityGateway(cloud, folder, "a", log={"level": "debug"},
                              credentials={"listen": credentials, "role_alias": "gateway",
                                           "endpoint": f"localhost:{cloud.credentials_port}"})
    secrets, devices = {}, []
    try:
        gateway.start()
        gateway.wait_state(gateway.thing)
        device = gateway.device()
        devices.append(device)
        device.say_acked()
        gateway.wait_state(device.name)
        secrets |= private_keys(gateway, folder / "copy1")

        # Errors: a wrong token of a known device, a token that the service refuses, one that comes by import.
        devices.append(wrong := TokenDevice(gateway.port, device.name, WRONG))
        wait_for("the wrong token is refused", lambda: wrong.refusals)
        wrong.close()
        imported = {}
        if request.param != "jitr":
            devices.append(refused := TokenDevice(gateway.port, "m-nobody", REFUSED))
            wait_for("the refused token is refused", lambda: refused.refusals)
            refused.close()
            imported = {"m-imported": cloud.add_token("m-imported")}
            listed = folder / "list.csv"
            listed.write_text("productid,accessToken,product\n" + "".join(f"{k},{v},meter\n" for k, v in imported.items()))
            gateway.ctl("import", str(listed))
            listed.unlink()
            gateway.wait_state("m-imported")

        former = gateway.identity(device.name)["certificate_id"]
        gateway.ctl("rotate", device.name)
        wait_for("another certificate", lambda: (now := gateway.identity(device.name)).get("state") == "active"
                 and now["certificate_id"] != former, 30, every=0.1)
        secrets |= {name + " later": key for name, key in private_keys(gateway, folder / "copy2").items()}
        issued = gateway.ctl("credentials", "issue", "backup")
        lent = lend(issued)
        device.say_acked()
        arrived(cloud, device)
        assert len(secrets) >= 4, "the test knows too few keys to prove anything"

        tokens = {"the gateway's token": (gateway.dir / "gateway.token").read_text() if request.param != "jitr" else "",
                  "the device's token": gateway.device_token, "the wrong token": WRONG, "the refused token": REFUSED,
                  "the credentials token": issued["token"], "lent secret key": lent["SecretAccessKey"],
                  "lent session token": lent["Token"], **{f"token of {k}": v for k, v in imported.items()}}
        needles = [form for name, token in tokens.items() if token for form in forms(name, token)]
        needles += [form for name, pem in secrets.items() for form in key_forms(name, pem)]
        needles += list(forms("the sealing key", Opener(gateway).material))
        needles += list(forms("the sealing key's bytes", bytes.fromhex(Opener(gateway).material)))
        needles.append(("a private key", b"PRIVATE KEY"))
        assert all(len(needle) >= 11 for _, needle in needles)
        assert all(found_in(needles, "itself", text.encode()) for text in (*filter(None, tokens.values()), *secrets.values()))
        yield folder, cloud, gateway, needles
    finally:
        for one in devices:
            one.close()
        gateway.kill()
        cloud.kill()


def lend(issued):
    done = subprocess.run(["curl", "-sS", "--fail-with-body", "-H", f"Authorization: {issued['token']}", issued["uri"]], check=True, capture_output=True)
    return json.loads(done.stdout)


def found_in(needles, what, content):
    return [f"{name} in {what}" for name, needle in needles if needle in content]


def test_no_log_of_the_daemon_has_a_secret(life):
    _, _, gateway, needles = life
    text = gateway.log.read_bytes()
    assert b"debug" in text, "not at log level debug"
    assert not found_in(needles, "the log", text)


def test_no_file_of_the_store_has_a_secret_in_clear(life):
    _, _, gateway, needles = life
    names = set()
    for file in (gateway.dir / "state").iterdir():
        if file.is_file() and file.name != "seal.key":
            names.add(file.name)
            assert not found_in(needles, file.name, file.read_bytes())
    assert {"registry.db", "registry.db-wal", "queue.db", "queue.db-wal"} <= names, names


def test_no_message_to_the_cloud_has_a_secret(life):
    _, cloud, _, needles = life
    assert not found_in(needles, "the cloud's log", cloud.received_log.read_bytes())


def test_no_process_has_a_secret_in_its_arguments_or_environment(life):
    _, cloud, gateway, needles = life
    for program in (gateway, cloud):
        for what in ("cmdline", "environ"):
            content = pathlib.Path(f"/proc/{program.process.pid}/{what}").read_bytes()
            assert content and not found_in(needles, what, content)


def test_the_support_bundle_has_no_secret(life):
    folder, _, gateway, needles = life
    file = folder / "bundle.tar.zst"
    gateway.ctl("support-bundle", "--config", str(gateway.config_file), str(file))
    assert file.stat().st_mode & 0o777 == 0o600
    with zstandard.open(file, "rb") as stream, tarfile.open(fileobj=stream, mode="r|") as bundle:
        parts = {entry.name: bundle.extractfile(entry).read() for entry in bundle}
    for name, content in parts.items():
        assert content and not found_in(needles, name, content), name
    assert json.loads(parts["status.json"])["thing"] == gateway.thing
    assert gateway.device_name in {one["id"] for one in json.loads(parts["devices.json"])}
    assert b"daemon" in parts["check.txt"] and b"provisioning:" in parts["config.yaml"]
    listed = subprocess.run(["tar", "--zstd", "-tf", file], check=True, capture_output=True, text=True).stdout.split()
    assert listed == list(parts)
    again = gateway.ctl("support-bundle", "--config", str(gateway.config_file), str(file))
    assert again["error"]["code"] == "exists", "a file that is there is left alone"


def test_nobody_else_can_read_what_is_on_disk(life):
    _, _, gateway, _ = life
    state = gateway.dir / "state"
    assert state.stat().st_mode & 0o077 == 0
    for file in state.iterdir():
        assert file.stat().st_mode & 0o077 == 0, f"{file}: {file.stat().st_mode:o}"


def test_the_daemon_leaves_no_core_dump(life):
    _, _, gateway, _ = life
    limits = pathlib.Path(f"/proc/{gateway.process.pid}/limits").read_text()
    assert re.search(r"^Max core file size\s+0\s+0\s", limits, re.MULTILINE), limits
    # Not dumpable: its files under /proc are root's, whoever it runs as; and LimitCORE says so of the unit.
    assert pathlib.Path(f"/proc/{gateway.process.pid}/environ").stat().st_uid == 0
    assert "LimitCORE=0" in (ROOT / "systemd" / "sluiced.service").read_text().splitlines()


def test_a_support_bundle_is_made_although_the_daemon_does_not_answer(tmp_path):
    file = tmp_path / "bundle.tar.zst"
    done = subprocess.run([SLUICECTL, "--socket", tmp_path / "none.sock", "support-bundle", "--config", tmp_path / "none.yaml", file],
                          capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done.stderr
    with zstandard.open(file, "rb") as stream, tarfile.open(fileobj=stream, mode="r|") as bundle:
        parts = {entry.name: bundle.extractfile(entry).read().decode() for entry in bundle}
    assert "there is no control socket" in parts["status.json"] and "none.yaml" in parts["config.yaml"]
    assert "fail" in parts["check.txt"]

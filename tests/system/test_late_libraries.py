"""libcurl and tpm2-tss are megabytes that most gateways never use: sluiced loads them when a call first needs them. They must not
come back to its start unseen, and one that is missing must not take the rest along."""

import pathlib
import re
import subprocess

import pytest
from actors import Device
from house import BUILD, SLUICECTL, SLUICED, wait_for
from identity_house import IdentityCloud, IdentityGateway

LATE = re.compile(r"lib(curl|gnutls|ldap|krb5|nghttp2|ssh2|rtmp|tss2)[-.\w]*")


def needed(program):
    text = subprocess.run(["readelf", "-d", program], capture_output=True, text=True, check=True).stdout
    return re.findall(r"\(NEEDED\).*\[(.+)\]", text)


def mapped(gateway):
    names = {pathlib.Path(line.split()[-1]).name for line in pathlib.Path(f"/proc/{gateway.process.pid}/maps").read_text().splitlines()}
    return sorted(filter(LATE.match, names))


@pytest.mark.parametrize("program", [SLUICED, SLUICECTL, *(BUILD / "adapters" / kind for kind in ("modbus", "mqtt", "serial", "smp"))],
                         ids=lambda path: path.name)
def test_no_program_of_the_gateway_links_them(program):
    libraries = needed(program)
    assert "libc.so.6" in libraries
    assert not list(filter(LATE.match, libraries))


def test_an_idle_gateway_has_not_loaded_them(place):
    gate = place.gateway(place.cloud())
    device = Device(gate.port, "d")
    device.say_acked()
    gate.wait_drained()
    assert mapped(gate) == []
    device.close()


@pytest.fixture
def house(tmp_path):
    cloud = IdentityCloud(tmp_path, "cvm").start()
    gateway = IdentityGateway(cloud, tmp_path, "a")
    yield cloud, gateway, tmp_path
    gateway.kill()
    cloud.kill()


def test_provisioning_loads_libcurl_when_it_asks_and_waits_for_one_that_is_missing(house):
    """F: libcurl is not installed, or half an upgrade of it. Devices are served; installing it is enough."""
    cloud, gateway, folder = house
    broken = folder / "libraries" / "libcurl.so.4"
    broken.parent.mkdir()
    broken.write_bytes(b"")
    gateway.start(env={"LD_LIBRARY_PATH": str(broken.parent)})
    said = wait_for("the gateway says what is missing", lambda: gateway.identity(gateway.thing).get("error"), every=0.1)
    assert "libcurl.so.4 cannot be loaded: install the package libcurl4" in said, said
    assert "libcurl.so.4" not in mapped(gateway)
    assert gateway.ctl("status")["store"]["writable"]
    broken.unlink()
    gateway.wait_state(gateway.thing)
    assert any(name.startswith("libcurl.so.4") for name in mapped(gateway))
    assert gateway.stop() == 0, gateway.text()[-2000:]

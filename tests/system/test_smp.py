"""SMP against the implementation of others (PyPI smp, smpclient, smpmgr), both ways, over ptys and UDP."""

import asyncio
import json
import pathlib
import subprocess
import sys
from contextlib import asynccontextmanager

import pytest
from house import BUILD, Program, wait_for
from smp import image_management as img
from smp import os_management as osm
from smp import packet
from smp_device import make_image
from smp_peer import PythonDevice, hash_of
from smpclient import SMPClient
from smpclient.exceptions import SMPClientException
from smpclient.generics import error, success
from smpclient.requests.image_management import ImageErase, ImageStatesRead, ImageStatesWrite
from smpclient.requests.os_management import BootloaderInformationRead, EchoWrite, MCUMgrParametersRead, ResetWrite
from smpclient.transport.serial import SMPSerialTransport
from smpclient.transport.udp import SMPUDPTransport

UPDATE = BUILD / "tests" / "support" / "smp-update"
SMPMGR = pathlib.Path(sys.executable).parent / "smpmgr"


@pytest.fixture
def python_device(tmp_path, request):
    device = PythonDevice(make_image(tmp_path, "1.0.0", 20000).read_bytes(), drop=getattr(request, "param", 0.0))
    yield device
    device.close()


def update(*args, ok=True, seconds=300):
    done = subprocess.run([UPDATE, *map(str, args)], capture_output=True, text=True, timeout=seconds)
    steps = {}
    for line in done.stdout.splitlines():
        said = json.loads(line)
        steps[said["step"]] = said
    assert (done.returncode == 0) == ok, done.stdout + done.stderr
    return steps


GOLDEN = {
    "AAsIAAABAAEAAKCvAQ==": lambda: img.ImageStatesReadRequest(sequence=0),
    "ABAKAAAGAAABAKFhZGJoaaWv": lambda: osm.EchoWriteRequest(d="hi", sequence=1),
    "AAsKAAABAAACBaCORw==": lambda: osm.ResetWriteRequest(sequence=2),
    "AAsIAAABAAADBqAqQw==": lambda: osm.MCUMgrParametersReadRequest(sequence=3),
    "ABQKAAAKAAEEAKFnY29uZmlybfVxKA==": lambda: img.ImageStatesWriteRequest(confirm=True, sequence=4),
}


def test_the_library_of_others_writes_our_golden_vectors_byte_for_byte():
    for text, request in GOLDEN.items():
        assert list(packet.encode(request().BYTES)) == [b"\x06\x09" + text.encode() + b"\n"]


def test_a_device_built_on_the_library_of_others_is_updated_by_us(python_device, tmp_path):
    image = make_image(tmp_path, "1.1.0", 60000, seed=2)
    steps = update("--port", python_device.path, "--file", image, "--poll-ms", 50, "probe", "echo", "send", "verify", "activate",
                   "reboot", "confirm")
    assert steps["probe"]["safety"] == "reverts"
    assert steps["probe"]["max_message"] == 508
    assert steps["echo"]["said"] == "hello"
    assert steps["verify"]["version"] == "1.1.0"
    assert steps["reboot"]["boot"] == "trial"
    assert python_device.running.file == image.read_bytes()
    assert not python_device.trial
    assert python_device.refusals == [], "each of our messages is one that the library reads"
    assert python_device.resets == 1
    first = next(r for r in python_device.seen if isinstance(r, img.ImageUploadWriteRequest))
    assert (first.off, first.len, len(first.sha)) == (0, 60000, 32)


def test_a_trial_on_a_device_built_on_the_library_of_others_is_reverted_by_us(python_device, tmp_path):
    old = python_device.running.file
    image = make_image(tmp_path, "1.1.0", 20000, seed=2)
    update("--port", python_device.path, "--file", image, "--poll-ms", 50, "send", "activate", "reboot", "revert")
    assert python_device.running.file == old
    assert python_device.resets == 2


def test_its_refusal_is_read_by_us(python_device, tmp_path):
    image = make_image(tmp_path, "1.1.0", 20000, seed=2)
    steps = update("--port", python_device.path, "--file", image, "activate", ok=False)
    assert "does not have the image" in steps["activate"]["text"]


async def update_by_smpclient(client, image, want_hash):
    """The whole way as a user of smpclient goes it."""
    assert (await client.request(EchoWrite(d="hello"))).r == "hello"
    params = await client.request(MCUMgrParametersRead())
    assert success(params) and params.buf_size >= 384
    assert (await client.request(BootloaderInformationRead())).bootloader == "MCUboot"
    offsets = [off async for off in client.upload(image)]
    assert offsets[-1] == len(image) and offsets == sorted(offsets)
    states = await client.request(ImageStatesRead())
    assert success(states)
    assert [(s.slot, s.version, s.active, s.pending) for s in states.images] == [(0, "1.0.0", True, False), (1, "1.1.0", False, False)]
    assert states.images[1].hash == want_hash
    marked = await client.request(ImageStatesWrite(hash=want_hash))
    assert success(marked) and marked.images[1].pending
    assert error(await client.request(ImageErase())), "a pending image is not erased"
    assert success(await client.request(ResetWrite()))


async def running(client):
    states = await client.request(ImageStatesRead())
    return next(s for s in states.images if s.active)


def test_smpclient_updates_our_simulator_over_the_pty(simulator, tmp_path):
    device = simulator("--version", "1.0.0", "--fault", "noise=0.2")
    path = make_image(tmp_path, "1.1.0", 60000, seed=2)

    async def talk():
        async with SMPClient(SMPSerialTransport(), str(device.link)) as client:
            await update_by_smpclient(client, path.read_bytes(), hash_of(path))
            await asyncio.to_thread(wait_for, "it has booted", lambda: "boot: new image on trial" in device.text())
            trial = await running(client)
            assert (trial.version, trial.confirmed) == ("1.1.0", False)
            assert success(await client.request(ImageStatesWrite(confirm=True)))
            assert (await running(client)).confirmed

    asyncio.run(talk())


def test_smpclient_updates_our_simulator_over_udp(simulator, tmp_path):
    device = simulator("--version", "1.0.0", "--udp", "0", "--buffer-size", "2048")
    path = make_image(tmp_path, "1.1.0", 60000, seed=2)

    async def talk():
        transport = SMPUDPTransport()
        await transport.connect("127.0.0.1", 5, port=device.udp_port)
        client = SMPClient(transport, "127.0.0.1")
        await update_by_smpclient(client, path.read_bytes(), hash_of(path))
        await asyncio.to_thread(wait_for, "it has booted", lambda: "boot: new image on trial" in device.text())
        device.control("reset")
        await asyncio.to_thread(wait_for, "it has reverted", lambda: "boot: reverted" in device.text())
        assert (await running(client)).version == "1.0.0"
        await transport.disconnect()

    asyncio.run(talk())


def test_smpmgr_reads_our_simulator(simulator):
    device = simulator("--version", "1.2.3")
    done = subprocess.run([str(SMPMGR), "--port", str(device.link), "image", "state-read"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1.2.3" in done.stdout


def test_half_a_megabyte_arrives_over_a_pty_that_loses_a_twentieth_of_its_lines(simulator, tmp_path, capsys):
    device = simulator("--version", "1.0.0", "--fault", "drop=0.05", "--fault", "reset-at-chunk=700", "--fault", "noise=0.1")
    image = make_image(tmp_path, "2.0.0", 512 * 1024, seed=3)
    steps = update("--port", device.link, "--file", image, "--reply-ms", 300, "--least-reply-ms", 10, "probe", "send", "verify",
                   "activate", "reboot", "confirm")
    assert steps["send"]["restarts"] >= 1, "the reset has cost the device its offset"
    assert steps["send"]["timeouts"] > 100, "lines were lost"
    assert steps["reboot"]["boot"] == "trial"
    assert "slot0=2.0.0,active,confirmed" in device.report()
    with capsys.disabled():
        print(f"\nRESULT smp-upload-512KiB-5%-lost {steps['send']['seconds']:.1f} s, {steps['send']['timeouts']} time-outs")


@pytest.mark.parametrize("python_device", [0.05], indirect=True)
def test_half_a_megabyte_arrives_at_a_device_of_others_that_loses_a_twentieth_of_its_lines(python_device, tmp_path):
    image = make_image(tmp_path, "2.0.0", 512 * 1024, seed=3)
    steps = update("--port", python_device.path, "--file", image, "--reply-ms", 300, "--least-reply-ms", 20, "probe", "send", "verify")
    assert steps["send"]["timeouts"] > 100 and python_device.dropped > 100
    assert python_device.second.file == image.read_bytes()


@asynccontextmanager
async def connected(device, way):
    if way == "line":
        async with SMPClient(SMPSerialTransport(), str(device.link)) as client:
            yield client
        return
    transport = SMPUDPTransport()
    await transport.connect("127.0.0.1", 5, port=device.udp_port)
    yield SMPClient(transport, "127.0.0.1")
    await transport.disconnect()


# On a line smpclient waits long for each that is lost: there are as many of them in less.
@pytest.mark.parametrize("way, size, options", [("udp", 512 * 1024, ["--udp", "0", "--buffer-size", "2048"]), ("line", 32 * 1024, [])])
def test_smpclient_resumes_at_our_simulator_that_loses_a_twentieth_of_what_comes_and_goes(simulator, tmp_path, way, size, options):
    device = simulator("--version", "1.0.0", "--fault", "drop=0.05", *options)
    path = make_image(tmp_path, "2.0.0", size, seed=3)
    image = path.read_bytes()

    async def send(offset, resumed):
        """Its upload ends with the first answer that is lost; the next one asks the device where it is."""
        async with connected(device, way) as client:
            while offset != len(image):
                try:
                    async for at in client.upload(image, first_timeout_s=0.2, subsequent_timeout_s=0.2):
                        assert at >= offset, "the device never goes back"
                        offset = at
                except TimeoutError:
                    resumed += 1
                except SMPClientException:  # the late answer to another question: on a way that is empty
                    return offset, resumed + 1
        return offset, resumed

    offset, resumed = 0, 0
    while offset != len(image):
        offset, resumed = asyncio.run(send(offset, resumed))
    assert resumed > 10
    device.control("drop=0")
    assert "uploads=1 " in device.report(), "the slot was erased once"

    async def listed():
        async with connected(device, way) as client:
            return await client.request(ImageStatesRead())

    assert hash_of(path) in [state.hash for state in asyncio.run(listed()).images]


def test_an_upload_goes_on_after_our_side_was_killed(simulator, tmp_path):
    device = simulator("--version", "1.0.0", "--fault", "latency-ms=5")
    image = make_image(tmp_path, "2.0.0", 200_000, seed=3)
    sender = Program(tmp_path / "sender.out")
    sender.spawn([UPDATE, "--port", device.link, "--file", image, "probe", "send"])
    wait_for("a part has arrived", lambda: int(device.report().split("chunks=")[1].split()[0]) > 100)
    sender.kill()
    steps = update("--port", device.link, "--file", image, "probe", "send", "verify")
    assert steps["send"]["resumed_at"] > 30_000
    assert "uploads=1 " in device.report(), "the slot was erased once"


def test_a_device_that_vanishes_and_comes_back_under_its_link_is_found_again(simulator, tmp_path):
    device = simulator("--version", "1.0.0", "--fault", "latency-ms=5")
    image = make_image(tmp_path, "2.0.0", 200_000, seed=3)
    sender = Program(tmp_path / "sender.out")
    sender.spawn([UPDATE, "--port", device.link, "--file", image, "--reply-ms", 300, "--least-reply-ms", 50, "probe", "send", "verify"])
    wait_for("a part has arrived", lambda: int(device.report().split("chunks=")[1].split()[0]) > 100)
    device.kill()
    simulator("--version", "1.0.0")
    wait_for("the update has arrived", lambda: not sender.alive(), 120)
    assert sender.process.returncode == 0, sender.text()
    assert "has gone" in sender.text()


@pytest.mark.parametrize("fault, boot", [("revert-on-boot=1", "old-image"), ("self-confirm=1", "confirmed")])
def test_what_a_new_image_does_at_its_first_boot_is_seen(simulator, tmp_path, fault, boot):
    device = simulator("--version", "1.0.0", "--fault", fault)
    image = make_image(tmp_path, "2.0.0", 20_000, seed=3)
    steps = update("--port", device.link, "--file", image, "send", "activate", "reboot")
    assert steps["reboot"]["boot"] == boot

"""kill -9 at every step of an identity's life, before and after the state is on disk; then there is one certificate.

The runs of a method stand beside each other, each with a gateway of its own, against one cloud."""

import concurrent.futures

import pytest
from house import wait_for
from identity_house import METHODS, IdentityCloud, IdentityGateway, TokenDevice, arrived, states

AT_ONCE = 16


def run_all(tmp_path, method, runs, one):
    """one(cloud, folder, name, when, state, …) for each of runs; what they return, or all failures together. The names are short
    because a control socket's path must be."""
    cloud = IdentityCloud(tmp_path, method).start()
    try:
        with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
            found = {pool.submit(one, cloud, tmp_path, f"k{n}", *run): run for n, run in enumerate(runs)}
            concurrent.futures.wait(found)
        failures = [f"killed {run}: {future.exception()!r}" for future, run in found.items() if future.exception()]
        assert not failures, f"{len(failures)} of {len(found)}:\n" + "\n".join(failures)
        return [future.result() for future in found]
    finally:
        cloud.kill()


def steps(method, rotating=False):
    """(when, state, which write of it). Fleet's promise is written twice: when it is given, and before it is redeemed."""
    return [(when, state, nth) for state in states(method, rotating) for nth in range(1, writes(state) + 1)
            for when in ("before", "after")]


def writes(state):
    return 2 if state.endswith("promised") else 1


def failpoint(when, state, nth):
    return {"SLUICE_FAIL": f"identity-{when}-{state}:{nth}:kill"}


def all_is_well(cloud, gateway, device, most=1):
    """To be called with a gateway that was started again: both have one certificate, it is the one in use, nothing is lost."""
    for thing in (gateway.thing, gateway.device_name):
        identity = gateway.wait_state(thing)
        active = cloud.active(thing)
        assert identity["certificate_id"] in active, f"{thing}: {identity} but {cloud.statuses(thing)}"
        assert len(active) <= most, f"{thing}: {cloud.statuses(thing)}"
    device.say_acked()
    arrived(cloud, device)
    assert gateway.ctl("ledger")["equation"]["holds"]


def gateway_killed(cloud, folder, name, when, state, nth):
    """The gateway itself is killed on the way to its first certificate."""
    gateway = IdentityGateway(cloud, folder, name)
    device = gateway.device()
    try:
        gateway.start(env=failpoint(when, state, nth), wait=False)
        gateway.wait_killed(f"{when} {state}")
        gateway.start()
        all_is_well(cloud, gateway, device)
    finally:
        device.close()
        gateway.kill()


def device_killed(cloud, folder, name, when, state, nth):
    """A device comes, and the gateway is killed on the way to the device's first certificate."""
    gateway = IdentityGateway(cloud, folder, name)
    device = None
    try:
        gateway.start(env=failpoint(when, state, writes(state) + nth))
        gateway.wait_state(gateway.thing)
        device = gateway.device()
        gateway.wait_killed(f"{when} {state}", device.say)
        before = len(device.acked)
        gateway.start()
        all_is_well(cloud, gateway, device)
        return before
    finally:
        if device:
            device.close()
        gateway.kill()


def rotation_killed(cloud, folder, name, when, state, nth, whose="device"):
    """The gateway is killed while a certificate is replaced: there is always one that AWS takes."""
    gateway = IdentityGateway(cloud, folder, name)
    device = gateway.device()
    try:
        # The third identity to become active is the rotated one.
        gateway.start(env=failpoint(when, state, 3 if state == "active" else nth))
        thing = gateway.thing if whose == "gateway" else device.name
        former = gateway.wait_state(thing)["certificate_id"]
        gateway.wait_state(gateway.device_name)
        device.say_acked()
        gateway.ctl("rotate", *(["--gateway"] if whose == "gateway" else [thing]), check=False)
        gateway.wait_killed(f"{when} {state}", device.say)
        assert cloud.active(thing), f"AWS takes none any more: {cloud.statuses(thing)}"
        before = len(device.acked)
        gateway.start()
        if (when, state) == ("before", "rotating"):  # not written down: nothing was promised
            assert gateway.wait_state(thing)["certificate_id"] == former
            gateway.ctl("rotate", *(["--gateway"] if whose == "gateway" else [thing]))
        wait_for(f"{thing} has another certificate",
                 lambda: (now := gateway.identity(thing)).get("state") == "active" and now["certificate_id"] != former, 30, every=0.1)
        # JITP has no function that could retire the former one (docs/provision.md).
        all_is_well(cloud, gateway, device, most=2 if cloud.method == "jitp" else 1)
        if cloud.method == "jitp":
            assert former in cloud.active(thing)
        return before
    finally:
        device.close()
        gateway.kill()


def refusal_killed(cloud, folder, name, when, state, nth):
    """A device brings a wrong token, and the gateway is killed when it hears no: it asks again, and the right token comes in."""
    gateway = IdentityGateway(cloud, folder, name)
    liar = TokenDevice(gateway.port, gateway.device_name, "not its token")
    device = None
    try:
        gateway.start(env=failpoint(when, state, nth))
        gateway.wait_killed(f"{when} {state}")
        gateway.start()
        gateway.wait_state(gateway.device_name, "refused")
        liar.close()
        assert not liar.acked and not cloud.statuses(gateway.device_name)
        device = gateway.device()
        all_is_well(cloud, gateway, device)
    finally:
        liar.close()
        if device:
            device.close()
        gateway.kill()


def revocation_killed(cloud, folder, name, when, state, nth):
    """AWS stops taking a device's certificate, and the gateway is killed when it notices."""
    gateway = IdentityGateway(cloud, folder, name)
    device = gateway.device()
    try:
        gateway.start(env=failpoint(when, state, nth))
        former = gateway.wait_state(device.name)["certificate_id"]
        device.say_acked()
        cloud.iot.update_certificate(certificateId=former, newStatus="INACTIVE")
        gateway.wait_killed(f"{when} {state}", device.say)
        gateway.start()
        gateway.wait_state(device.name, "revoked")
        device.say_acked()  # taken in all the same: it waits
        cloud.iot.update_certificate(certificateId=former, newStatus="ACTIVE")
        gateway.ctl("provision", device.name, "--again")
        all_is_well(cloud, gateway, device)
    finally:
        device.close()
        gateway.kill()


def decommissioning_killed(cloud, folder, name, when, state, nth):
    """A device is decommissioned, and the gateway is killed on the way: it is gone in the end, or was never touched."""
    gateway = IdentityGateway(cloud, folder, name)
    device = gateway.device()
    try:
        gateway.start(env=failpoint(when, state, nth))
        gateway.wait_state(device.name)
        device.say_acked()
        arrived(cloud, device)
        gateway.ctl("revoke", device.name, check=False)
        gateway.wait_killed(f"{when} {state}")
        gateway.start()
        if (when, state) == ("before", "decommissioning"):
            all_is_well(cloud, gateway, device)
            gateway.ctl("revoke", device.name)
        gateway.wait_state(device.name, "gone")
        row = gateway.identity(device.name)
        assert not row["certificate_id"] and not cloud.active(device.name), (row, cloud.statuses(device.name))
        wait_for("the device stays out", lambda: device.refusals)
        assert gateway.ctl("ledger")["equation"]["holds"]
    finally:
        device.close()
        gateway.kill()


@pytest.mark.parametrize("method", METHODS)
def test_a_gateway_killed_on_its_way_to_an_identity_has_one_certificate(tmp_path, method):
    run_all(tmp_path, method, steps(method), gateway_killed)


@pytest.mark.parametrize("method", METHODS)
def test_a_gateway_killed_on_a_devices_way_to_an_identity_gets_it_one_certificate(tmp_path, method):
    run_all(tmp_path, method, steps(method), device_killed)


@pytest.mark.parametrize("method", METHODS)
def test_a_gateway_killed_while_it_rotates_has_never_none_and_then_one_certificate(tmp_path, method):
    before = run_all(tmp_path, method, steps(method, rotating=True), rotation_killed)
    assert all(before), "every run had readings acknowledged before the kill"


def test_a_gateway_killed_while_it_rotates_its_own_has_never_none_and_then_one_certificate(tmp_path):
    runs = [(*run, "gateway") for run in steps("cvm", rotating=True)]
    assert all(run_all(tmp_path, "cvm", runs, rotation_killed))


def test_a_gateway_killed_with_certificates_given_by_hand_takes_them_again(tmp_path):
    cloud = IdentityCloud(tmp_path, "given").start()
    gateway = IdentityGateway(cloud, tmp_path, "a")
    device = gateway.device()
    try:
        for _ in range(3):
            gateway.start()
            device.say_acked()
            device.say()
            gateway.kill()
        gateway.start()
        device.say_acked()
        arrived(cloud, device)
        assert len(cloud.active(device.name)) == len(cloud.active(gateway.thing)) == 1
    finally:
        device.close()
        gateway.kill()
        cloud.kill()


@pytest.mark.parametrize("names,one", [(("refused",), refusal_killed), (("revoked",), revocation_killed),
                                       (("decommissioning", "withdrawing", "gone"), decommissioning_killed)])
def test_a_gateway_killed_at_the_end_of_an_identity_goes_on_there(tmp_path, names, one):
    run_all(tmp_path, "cvm", [(when, state, 1) for state in names for when in ("before", "after")], one)

"""F1: kill -9 at any point. A device's PUBACK must survive; the books must be right after every restart."""

import os
import time

import pytest
from house import wait_out, wait_for

# Every named step between a device's publish and the moment when the store forgets it (core/failpoint.hpp).
STEPS = ["before-begin", "after-insert", "before-commit", "after-commit", "before-post", "before-ack-write", "after-ack-write",
         "before-checkpoint"]


# A checkpoint comes every few megabytes: once is enough to wait for.
CASES = [(step, nth) for step in STEPS for nth in ((1,) if step == "before-checkpoint" else (1, 7, 40))]


@pytest.mark.parametrize("step,nth", CASES)
def test_killed_at_a_named_step_loses_nothing(books, step, nth):
    run = books()
    run.fleet.start()
    # Before the control socket answers the step may have been reached already: that is one of the cases.
    run.gateway.start(env={"SLUICE_FAIL": f"{step}:{nth}:kill"}, wait=False)
    wait_for(f"the gateway dies at {step}", lambda: not run.gateway.alive(), 60)
    assert run.gateway.process.returncode == -9, run.gateway.text()[-2000:]
    begin = time.monotonic()
    run.gateway.start()
    assert time.monotonic() - begin < 10, "F1 promises service within 10 s"
    before = len(run.fleet.acked())
    wait_for("the fleet is acknowledged again", lambda: len(run.fleet.acked()) > before + 500, 30)
    run.fleet.stop()
    run.check()


def test_killed_at_random_moments_loses_nothing(books, dice):
    kills = int(os.environ.get("SLUICE_KILLS", "200"))
    run = books()
    run.fleet.start()
    for number in range(kills):
        run.gateway.start(wait=False)
        if number % 20 == 7:
            run.cloud.fault(kind="outage", seconds=2)
        wait_out(dice.uniform(0.02, 0.6))  # the moment of the kill
        run.gateway.kill()
    run.gateway.start()
    before = len(run.fleet.acked())
    wait_for("the fleet is acknowledged again", lambda: len(run.fleet.acked()) > before + 500, 30)
    run.fleet.stop()
    acked, duplicates = run.check()
    print(f"NOTE {kills} kills, {acked} acknowledged, 0 lost, {duplicates} duplicates")


def test_a_killed_cloud_loses_nothing(books, dice):
    run = books()
    run.gateway.start()
    run.fleet.start()
    for _ in range(5):
        wait_out(dice.uniform(0.2, 0.8))
        run.cloud.kill()
        run.cloud.start()
    run.fleet.stop()
    run.check()

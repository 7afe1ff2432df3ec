"""Five hundred devices that have a token only arrive at once: each becomes somebody, and the services are not run down."""

import concurrent.futures
import json
import re
import subprocess
import time

from house import BUILD, LOCAL_CLOUD, Program, wait_for
from identity_house import IdentityCloud, IdentityGateway

FLEET = BUILD / "tests" / "support" / "simulators" / "sluice-fleet"
DEVICES = 500
RATE = 20  # requests a second that the vending machine's usage plan allows; the gateway would ask five times as many


class TokenFleet(Program):
    def __init__(self, folder, gateway, cloud):
        super().__init__(folder / "fleet.out")
        self.names = [f"m-{number:04}" for number in range(1, DEVICES + 1)]
        tokens = {name: f"token-of-{name}-{number * 7919}" for number, name in enumerate(self.names)}
        rows = "".join(f"{name},{token},,\n" for name, token in tokens.items())
        listed, secrets = folder / "devices.csv", folder / "tokens"
        listed.write_text("productid,accessToken,product,region\n" + rows)
        secrets.write_text("".join(f"{name} {token}\n" for name, token in tokens.items()))
        subprocess.run([LOCAL_CLOUD, "--dir", cloud.dir, "import", listed], check=True, capture_output=True)
        self.acked_log = folder / "acked.log"
        self.argv = [FLEET, "--url", f"mqtt://127.0.0.1:{gateway.port}", "--devices", DEVICES, "--prefix", "m-", "--rate", 200,
                     "--topic", "m/{device}/t", "--tokens", secrets, "--log", self.acked_log]

    def acked(self):
        return {(line.split()[0], int(line.split()[1])) for line in self.acked_log.read_text().splitlines()}


def arrived_on_own_lanes(cloud):
    seen = set()
    for line in cloud.received_log.read_text(errors="replace").splitlines():
        entry = json.loads(line) if line.endswith("}") else {}
        if entry.get("client") == entry.get("thing") and str(entry.get("topic", "")).startswith("dt/m-"):
            seen.add((entry["client"], json.loads(entry["payload"])["seq"]))
    return seen


def test_500_devices_that_arrive_at_once_get_one_certificate_each(tmp_path):
    cloud = IdentityCloud(tmp_path, "cvm", extra=("--cvm-rate", str(RATE))).start()
    gateway = IdentityGateway(cloud, tmp_path, "a").start()
    fleet = TokenFleet(tmp_path, gateway, cloud)
    try:
        gateway.wait_state(gateway.thing)
        # However slow the machine is today: some are sent away.
        cloud.fault(kind="cvm-throttle", next=10)
        begin = time.monotonic()
        fleet.spawn(fleet.argv)

        def counts():
            return gateway.ctl("status")["identity"]["counts"]

        wait_for(f"{DEVICES} devices are active", lambda: counts().get("active") == DEVICES, 120, every=0.25)
        seconds = time.monotonic() - begin
        assert counts() == {"active": DEVICES}
        wait_for("every lane is up", lambda: sum(lane["state"] == "connected" for lane in gateway.ctl("status")["lanes"]) == DEVICES + 1,
                 30, every=0.25)
        requests, peak = gateway.ctl("status")["identity"]["requests"], gateway.rss_kb("VmHWM") / 1024
        fleet.stop()
        gateway.wait_drained()

        answers = re.findall(r"POST /Prod/certificates from \S+: (\d+)", cloud.text())
        throttled, granted = answers.count("429"), answers.count("200")
        assert len(answers) == throttled + granted, f"other answers: {set(answers)}"
        # The gateway and every device were granted once; whoever was throttled was granted later.
        log = gateway.text()
        sent_away = {found[1]: found.start() for found in re.finditer(r"identity: (m-\d+): .*\b429\b", log)}
        granted_later = {name for name, at in sent_away.items() if log.find(f"identity: {name}: issued", at) > at}
        assert granted == DEVICES + 1 and requests == granted + throttled
        assert throttled >= 10 and sent_away and granted_later == sent_away.keys()
        assert throttled < DEVICES / 4, "the gateway finds the service's pace; API Gateway's 429 names none"
        print(f"RESULT identity {DEVICES} devices: {seconds:.1f} s, requests {requests}, peak RSS {peak:.1f} MiB, "
              f"throttled {throttled} answered {requests - granted}")

        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            active = dict(zip(fleet.names, pool.map(cloud.active, fleet.names)))
        listed = {one["id"]: one["identity"]["certificate_id"] for one in gateway.ctl("devices") if one["id"] != gateway.device_name}
        assert active == {name: [listed[name]] for name in fleet.names}
        acked = fleet.acked()
        assert {device for device, _ in acked} == set(fleet.names)
        assert not acked - arrived_on_own_lanes(cloud), "acknowledged, but not in the cloud on its own lane"
        assert gateway.ctl("ledger")["equation"]["holds"]
    finally:
        for program in (fleet, gateway, cloud):
            program.kill()

"""The local cloud with everything that provisions devices: control plane, CVM, credentials provider. `aws iot` of Debian's
awscli speaks to it with the operator's keys."""

import json
import os
import pathlib
import subprocess

from house import LOCAL_CLOUD, LocalCloud, accepts, free_port, wait_for

AWS = pathlib.Path("/usr/bin/aws")  # Debian's, whatever else is in PATH


class ProvisioningCloud(LocalCloud):
    def __init__(self, folder, extra=()):
        self.control_port, self.cvm_port, self.credentials_port = free_port(), free_port(), free_port()
        ports = ["--control", f"127.0.0.1:{self.control_port}", "--cvm", f"127.0.0.1:{self.cvm_port}",
                 "--credentials", f"127.0.0.1:{self.credentials_port}"]
        super().__init__(folder, things=(), extra=[*ports, *extra])

    def environment(self):
        return {**{k: v for k, v in os.environ.items() if not k.startswith("AWS_")},
                "AWS_SHARED_CREDENTIALS_FILE": str(self.dir / "admin-credentials"),
                "AWS_CA_BUNDLE": str(self.dir / "ca.pem"), "AWS_DEFAULT_REGION": "eu-central-1", "AWS_PAGER": "",
                "AWS_MAX_ATTEMPTS": "1"}

    def aws(self, *args, check=True):
        done = subprocess.run([AWS, "iot", "--endpoint-url", f"https://127.0.0.1:{self.control_port}", *args],
                              env=self.environment(), capture_output=True, text=True, timeout=60)
        if check:
            assert done.returncode == 0, f"aws iot {args}: {done.stderr}"
            return json.loads(done.stdout) if done.stdout.strip() else {}
        return done

    def add_token(self, productid):
        return subprocess.run([LOCAL_CLOUD, "--dir", self.dir, "add-token", productid], check=True, capture_output=True,
                              text=True).stdout.strip()

    def start(self):
        super().start()
        wait_for("all services listen", lambda: all(map(accepts, (self.control_port, self.cvm_port, self.credentials_port))))
        return self

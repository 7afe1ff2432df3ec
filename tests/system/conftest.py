import pathlib
import signal
import subprocess
import sys

import pytest
from house import Gateway, LocalCloud, accepts, free_port, gateway_config, wait_for

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))


@pytest.fixture(scope="module")
def moto(tmp_path_factory):
    """moto's server, new for each file; its address."""
    port = free_port()
    log = (tmp_path_factory.mktemp("moto") / "log").open("w")
    server = subprocess.Popen([pathlib.Path(sys.executable).with_name("moto_server"), "-H", "127.0.0.1", "-p", str(port)],
                              stdout=log, stderr=log)
    wait_for("moto listens", lambda: accepts(port), 60)
    yield f"http://127.0.0.1:{port}"
    server.send_signal(signal.SIGINT)
    server.wait(20)


class House:
    def __init__(self, cloud, gateway, port, ws_port):
        self.cloud, self.gateway, self.port, self.ws_port = cloud, gateway, port, ws_port


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    folder = tmp_path_factory.mktemp("house")
    cloud = LocalCloud(folder, things=("gw-test", "crt-thing")).start()
    port, ws_port = free_port(), free_port()
    config = gateway_config(cloud, [f"mqtt://127.0.0.1:{port}", f"ws://127.0.0.1:{ws_port}/mqtt"])
    config["devices"]["products"]["sensor"]["may_subscribe"] = ["d/{device}/#", "shared/#", "d/+/temp"]
    config["devices"]["products"]["sensor"]["may_publish"] = ["d/{device}/#", "shared/#"]
    config["routes"] = [{"match": "shared/#", "local": True}, *config["routes"]]
    gateway = Gateway(folder, config).start()
    yield House(cloud, gateway, port, ws_port)
    code = gateway.stop()
    cloud.stop()
    assert code == 0, gateway.text()[-2000:]


@pytest.fixture
def place(tmp_path):
    """A cloud and a maker of gateways, all gone at the end."""
    made = []

    class Place:
        folder = tmp_path

        def cloud(self, **kw):
            made.append(LocalCloud(tmp_path, **kw).start())
            return made[-1]

        def gateway(self, the_cloud, name="gw", wait=True, env=None, routes=None, **config):
            port = free_port()
            listen = [f"mqtt://127.0.0.1:{port}"]
            gate = Gateway(tmp_path / name, gateway_config(the_cloud, listen, routes=routes, **config))
            gate.port = port
            made.append(gate)
            return gate.start(env=env, wait=wait)

    yield Place()
    for program in reversed(made):
        program.kill()


@pytest.fixture
def simulator(tmp_path):
    """Makes simulated SMP devices, all behind the same link, one at a time."""
    from smp_device import Simulator
    made = []

    def make(*options):
        made.append(Simulator(tmp_path, *options))
        return made[-1]

    yield make
    for device in made:
        device.kill()


@pytest.fixture
def sensor(tmp_path):
    """Makes simulated serial sensors, each on a line of its own."""
    from serial_sensor import Sensor
    made = []

    def make(*options, name="usb", devices=("serial-1",)):
        made.append(Sensor(tmp_path, name, *options, devices=devices))
        return made[-1]

    yield make
    for one in made:
        one.kill()

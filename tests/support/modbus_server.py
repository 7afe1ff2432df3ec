"""A simulated Modbus server as a process, with what it has heard."""

import json

from house import BUILD, Program, accepts, free_port, wait_for

SERVER = BUILD / "tests" / "support" / "simulators" / "sluice-modbus-server"


class Server(Program):
    """sluice-modbus-server. `wire` is tcp or rtu."""

    def __init__(self, folder, wire, *options, units=(1,)):
        super().__init__(folder / "modbus.out")
        self.wire, self.port, self.link = wire, free_port(), folder / "usb-485"
        self.counts_file = folder / "modbus.counts"
        self.options, self.units = options, units
        self.start()

    def start(self):
        where = ["--tcp", self.port] if self.wire == "tcp" else ["--link", self.link]
        self.spawn([SERVER, *where, "--unit", *self.units, "--counts", self.counts_file, *self.options])
        wait_for("it is there", self.there)

    def there(self):
        return accepts(self.port) if self.wire == "tcp" else self.link.exists()

    def counts(self, unit):
        try:
            return json.loads(self.counts_file.read_text()).get(str(unit), {})
        except FileNotFoundError:
            return {}

    def bus(self):
        """Where the adapter finds it."""
        return {"host": "127.0.0.1", "tcp_port": self.port} if self.wire == "tcp" else {"port": str(self.link), "baud": 115200}

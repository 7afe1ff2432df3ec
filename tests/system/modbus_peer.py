"""A Modbus server by others (pymodbus), as a program: over TCP, or RTU on a pty that it makes.

  modbus_peer.py tcp PORT | modbus_peer.py rtu LINK

Unit 5 has registers whose contents pymodbus has encoded itself, and nothing in between.
"""

import os
import pathlib
import pty
import sys
import threading
import tty

from pymodbus import FramerType
from pymodbus.server import StartSerialServer, StartTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

HOLDING = [
    SimData(0, values=215, datatype=DataType.UINT16),
    SimData(1, values=-7, datatype=DataType.INT16),
    SimData(4, values=-123456, datatype=DataType.INT32),
    SimData(6, values=123.456, datatype=DataType.FLOAT32),
    SimData(10, values=-9007199254740993, datatype=DataType.INT64),
    SimData(14, values=2.718281828, datatype=DataType.FLOAT64),
    SimData(20, values="SN-0042X", datatype=DataType.STRING),
]
INPUT = [SimData(0, count=300, values=7, datatype=DataType.REGISTERS)]
COILS = [SimData(0, values=[True, False, True, False, False, False, False, False] * 2, datatype=DataType.BITS)]
DISCRETE = [SimData(0, values=[False, True] * 8, datatype=DataType.BITS)]


def relay(source, drain):
    while data := os.read(source, 4096):
        os.write(drain, data)


def cable(link):
    """Two ptys, each the other's far end: what `link` names, and the path for the server."""
    masters, paths = [], []
    for _ in range(2):
        master, slave = pty.openpty()
        tty.setraw(slave)
        masters.append(master)
        paths.append(os.ttyname(slave))  # the slave stays open, so that the line does
    for a, b in (masters, masters[::-1]):
        threading.Thread(target=relay, args=(a, b), daemon=True).start()
    pathlib.Path(link).symlink_to(paths[0])
    return paths[1]


def main():
    device = SimDevice(5, simdata=(COILS, DISCRETE, HOLDING, INPUT))
    if sys.argv[1] == "tcp":
        StartTcpServer(device, address=("127.0.0.1", int(sys.argv[2])))
    else:
        StartSerialServer(device, framer=FramerType.RTU, port=cable(sys.argv[2]), baudrate=115200, ignore_missing_devices=True)


if __name__ == "__main__":
    main()

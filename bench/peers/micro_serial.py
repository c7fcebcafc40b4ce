#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""micro_serial.py [BYTES] [ROUNDS]: round trips over a pseudo-terminal by Python's serial_asyncio
(Debian: python3-serial-asyncio). The far side echoes with blocking calls, as in
bench/micro/serial.c."""
import asyncio
import os
import pty
import signal
import sys
import time
import tty

import serial_asyncio


def echo(fd):
    try:
        while data := os.read(fd, 1024):
            os.write(fd, data)
    finally:
        os._exit(0)


async def trips(path, size, rounds):
    reader, writer = await serial_asyncio.open_serial_connection(url=path, baudrate=115200)
    out = bytes(size)
    begin = time.perf_counter()
    for _ in range(rounds):
        writer.write(out)
        await reader.readexactly(size)
    took = time.perf_counter() - begin
    print(f"serial_asyncio: {took / rounds * 1e6:.2f} us a round trip of {size} bytes")
    writer.close()


def main(size=64, rounds=20000):
    master, slave = pty.openpty()
    tty.setraw(slave)
    child = os.fork()
    if child == 0:
        echo(master)
    try:
        asyncio.run(trips(os.ttyname(slave), size, rounds))
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))

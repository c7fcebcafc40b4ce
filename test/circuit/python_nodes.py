# SPDX-License-Identifier: MIT
"""python_nodes.py clock|iopin|buzzer [options]: the circuit's three on Python's `websockets`, as
somebody would write them who knows the contract and not our code. Servers print their port."""
import argparse
import asyncio
import random

import websockets


def out(name, text):
    print(f"[ {name} ] {text}", flush=True)


async def clock(args):
    async with websockets.connect(args.peer + "/datafeed") as ws:
        for n in range(args.tacks):
            out("clock", f"> {n}")
            await ws.send(str(n))
            out("clock", f"< {await ws.recv()}")
            await asyncio.sleep(args.delay)


class Worker:
    name = None

    def __init__(self, args):
        self.args = args
        self.kept = {}

    async def on_connection(self, ws):
        out(self.name, f"** new client connected, path={ws.path}")
        try:
            while True:
                message = await ws.recv()
                await ws.send(await self.loop(ws.path, message) or "n/a")
        except websockets.ConnectionClosed as e:
            code = e.rcvd.code if e.rcvd else 1006
            out(self.name, f"done processing messages: {code}")

    async def run(self):
        host = self.args.host
        async with websockets.serve(self.on_connection, host, self.args.port) as server:
            port = server.sockets[0].getsockname()[1]
            out(self.name, f"serving on {host}:{port}")
            await asyncio.Future()

    async def stream(self, url, items):
        out(self.name, "starting to stream message to buzzer")
        async with websockets.connect(url) as ws:
            for item in items:
                out(self.name, f"> sending payload: {item}")
                await ws.send(str(item))
                out(self.name, f"< {await ws.recv()}")


class IOPin(Worker):
    name = "IOPin"

    async def loop(self, channel, message):
        out(self.name, f"new tick triggered on {channel}: {message}")
        states = [0 if random.random() < 0.6 else 1 for _ in range(3)]
        out(self.name, f"toggling pin state: {states}")
        await self.stream(self.args.peer, states)
        return "acknowledged"


class Buzzer(Worker):
    name = "Buzzer"
    heard = 0

    async def loop(self, channel, message):
        self.heard += 1
        if self.heard == self.args.die_at:
            out(self.name, f"signal {message} received, and that is the end")
            raise SystemExit(7)
        behaviour = "buzz buzz buzz" if message == "1" else "..."
        out(self.name, f"signal {message} received -> {behaviour}")
        return behaviour


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("what", choices=["clock", "iopin", "buzzer"])
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--peer", help="ws://HOST:PORT to dial")
    parser.add_argument("--tacks", type=int, default=5)
    parser.add_argument("--delay", type=float, default=1)
    parser.add_argument("--die-at", type=int, default=0, help="the buzzer dies at that message")
    args = parser.parse_args()
    run = {"clock": lambda: clock(args), "iopin": lambda: IOPin(args).run(),
           "buzzer": lambda: Buzzer(args).run()}[args.what]
    asyncio.run(run())


if __name__ == "__main__":
    main()

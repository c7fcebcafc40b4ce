#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""deflate.py PEER [NPM_WS]: what a compressed echo costs a server's processor: ours (PEER is
build/test/ws/deflate-peer) beside Python's websockets and npm's ws (NPM_WS is the package's
folder), all with zlib at level 6, memory level 8 and no context takeover. The client sends the same
compressed frame again and again, 8 in flight, and only counts what comes back. Medians of ROUNDS."""
import json
import os
import random
import socket
import statistics
import subprocess
import sys
import time
import zlib

ROUNDS = 5
OFFER = "permessage-deflate; server_no_context_takeover; client_no_context_takeover"
PYTHON = """
import asyncio, websockets
from websockets.extensions.permessage_deflate import ServerPerMessageDeflateFactory as F
async def echo(ws, path=None):
    async for m in ws:
        await ws.send(m)
async def main():
    f = F(compress_settings={'level': 6, 'memLevel': 8})
    s = await websockets.serve(echo, '127.0.0.1', 0, extensions=[f], compression=None,
                               max_size=None, ping_interval=None)
    print(s.sockets[0].getsockname()[1], flush=True)
    await asyncio.Future()
asyncio.run(main())
"""
NODE = """
const {WebSocketServer} = require(process.argv[1]);
const s = new WebSocketServer({host: '127.0.0.1', port: 0, perMessageDeflate: {threshold: 0,
  zlibDeflateOptions: {level: 6, memLevel: 8}, concurrencyLimit: 10}});
s.on('listening', () => console.log(s.address().port));
s.on('connection', ws => ws.on('message', (d, binary) => ws.send(d, {binary})));
"""


def servers(peer, npm):
    options = ["level=6", "memory=8", "threshold=1"]
    for backend in "epoll", "uring":
        for shape in "serve", "react":
            yield (f"weir {backend} {shape}", [peer, shape, *options],
                   {**os.environ, "WEIR_BACKEND": backend})
    yield "python websockets", ["/usr/bin/python3", "-c", PYTHON], None
    if npm:
        yield "npm ws", ["node", "-e", NODE, npm], None


def text_of(size):
    chance, words = random.Random(7), []
    while sum(map(len, words)) < size:
        words.append(json.dumps({"id": chance.randrange(10**6), "node": f"n{chance.randrange(40)}",
                                 "state": chance.choice(["ready", "busy", "gone"]),
                                 "load": round(chance.random(), 4)}))
    return "".join(words)[:size].encode()


def frame_of(payload):
    squeeze = zlib.compressobj(6, zlib.DEFLATED, -15, 8)
    data = squeeze.compress(payload) + squeeze.flush(zlib.Z_SYNC_FLUSH)
    data = data[:-4]
    n = len(data)
    head = bytes([0xc1, 0x80 | n]) if n < 126 else bytes([0xc1, 0xfe]) + n.to_bytes(2, "big") \
        if n < 65536 else bytes([0xc1, 0xff]) + n.to_bytes(8, "big")
    return head + b"\0\0\0\0" + data


class Reader:
    def __init__(self, s):
        self.s, self.kept = s, b""

    def take(self, n):
        while len(self.kept) < n:
            more = self.s.recv(1 << 18)
            if not more:
                sys.exit("the server closed")
            self.kept += more
        taken, self.kept = self.kept[:n], self.kept[n:]
        return taken

    def message(self):
        fin = 0
        while not fin:
            head = self.take(2)
            fin, n = head[0] & 0x80, head[1]
            if n > 125:
                n = int.from_bytes(self.take(2 if n == 126 else 8), "big")
            self.take(n)


def cpu(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii") as f:
        fields = f.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measure(command, env, payload, count):
    process = subprocess.Popen(command, env=env, stdout=subprocess.PIPE, text=True)
    try:
        port = int(process.stdout.readline())
        s = socket.create_connection(("127.0.0.1", port))
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        s.sendall(f"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\n"
                  f"Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                  f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Extensions: {OFFER}\r\n\r\n".encode())
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += s.recv(1)
        assert b"permessage-deflate" in head, head
        reader, frame = Reader(s), frame_of(payload)
        before = from_cpu = None
        for i in range(-count // 10, count):
            if i == 0:
                before, from_cpu = time.monotonic(), cpu(process.pid)
            if i % 8 == 0 or before is None and i == -count // 10:
                s.sendall(frame * 8)
                for _ in range(8):
                    reader.message()
        used, took = cpu(process.pid) - from_cpu, time.monotonic() - before
        return 1e6 * used / count, 1e6 * took / count
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def main(peer, npm=None):
    for size, count in (200, 16000), (4096, 8000), (65536, 800):
        payload = text_of(size)
        print(f"{size} bytes, {len(frame_of(payload))} on the wire; "
              "microseconds of CPU, and in all, for one message", flush=True)
        for name, command, env in servers(peer, npm):
            runs = [measure(command, env, payload, count) for _ in range(ROUNDS)]
            used, took = (statistics.median(column) for column in zip(*runs))
            print(f"  {name:20} {used:9.1f} {took:9.1f}", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])

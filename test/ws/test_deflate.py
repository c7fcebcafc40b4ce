# SPDX-License-Identifier: MIT
"""Compressed messages: ours and those of Python's websockets, and of npm's ws where it is
installed; both directions, both server shapes, several parameters. WEIR_PEER is deflate-peer,
WEIR_BACKEND the backend, WEIR_NPM_WS the folder of the package ws (not needed)."""
import asyncio
import json
import os
import shutil
import signal
import subprocess
import textwrap
import unittest

import websockets
from websockets.extensions.permessage_deflate import (
    ClientPerMessageDeflateFactory, PerMessageDeflate, ServerPerMessageDeflateFactory)

PEER = os.environ["WEIR_PEER"]
SHAPES = "serve", "react"
NPM_WS = os.environ.get("WEIR_NPM_WS", "")
HAS_NPM = bool(shutil.which("node")) and os.path.exists(os.path.join(NPM_WS, "package.json"))
SIZES = 0, 1, 60, 64, 125, 126, 1000, 65535, 70000, 1 << 20

# Our words, what our server makes of an offer without limits (server bits, client bits), takeover.
OURS = {
    (): (15, 15, 0),
    ("takeover=3",): (15, 15, 3),
    ("takeover=1", "server=9", "client=10"): (9, 10, 1),
    ("takeover=2", "server=12", "client=9", "level=1", "memory=1"): (12, 9, 2),
    ("takeover=3", "server=10", "threshold=1", "level=9", "memory=9"): (10, 15, 3),
}


def text_of(size):
    return ("the quick brown fox jumps over " * (size // 31 + 1))[:size]


class Server:
    def __init__(self, shape, words):
        self.process = subprocess.Popen([PEER, shape, *words], stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, text=True)
        line = self.process.stdout.readline()
        if not line:
            error = self.process.communicate()[1]
            if "WEIR_EBACKEND" in error:
                raise unittest.SkipTest("no io_uring here")
            raise AssertionError(error)
        self.url = f"ws://127.0.0.1:{line.strip()}/"

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.process.send_signal(signal.SIGTERM)
        out = self.process.communicate(timeout=10)
        assert (out[1], self.process.returncode) == ("", 0), out


def each_server(story):
    def run(self):
        for shape in SHAPES:
            for words, agreed in OURS.items():
                with self.subTest(shape=shape, words=words), Server(shape, words) as it:
                    asyncio.run(asyncio.wait_for(story(self, it, agreed), 30))
    run.__name__ = story.__name__
    return run


async def echoes(self, ws):
    for size in SIZES:
        for message in text_of(size), os.urandom(size), bytes(size):
            await ws.send(message)
            self.assertEqual(await ws.recv(), message)
    await ws.send(["one ", "", "tw\u00f6 ", text_of(5000)])
    self.assertEqual(await ws.recv(), "one tw\u00f6 " + text_of(5000))


class OurServer(unittest.TestCase):
    @each_server
    async def test_python_and_our_server_agree(self, server, agreed):
        server_bits, client_bits, takeover = agreed
        async with websockets.connect(server.url, max_size=None, extensions=[
                ClientPerMessageDeflateFactory(client_max_window_bits=True)]) as ws:
            got, = ws.extensions
            self.assertIsInstance(got, PerMessageDeflate)
            self.assertEqual((got.remote_max_window_bits, got.local_max_window_bits),
                             (server_bits, client_bits))
            self.assertEqual((got.remote_no_context_takeover, got.local_no_context_takeover),
                             (not takeover & 1, not takeover & 2))
            await echoes(self, ws)

    @each_server
    async def test_what_python_asks_for_is_granted(self, server, agreed):
        for offer in ({"server_max_window_bits": 9}, {"server_no_context_takeover": True},
                      {"client_max_window_bits": 10, "client_no_context_takeover": True}):
            async with websockets.connect(server.url, max_size=None, extensions=[
                    ClientPerMessageDeflateFactory(**offer)]) as ws:
                got, = ws.extensions
                self.assertLessEqual(got.remote_max_window_bits,
                                     offer.get("server_max_window_bits", 15))
                self.assertLessEqual(got.local_max_window_bits,
                                     offer.get("client_max_window_bits", 15))
                self.assertTrue(got.remote_no_context_takeover
                                or "server_no_context_takeover" not in offer)
                await echoes(self, ws)

    def test_a_bomb_is_1009(self):
        async def story(self, server):
            async with websockets.connect(server.url, max_size=None) as ws:
                with self.assertRaises(websockets.ConnectionClosedError):
                    await ws.send(bytes(100 << 20))
                    await ws.recv()
                self.assertEqual(ws.close_code, 1009)
        for shape in SHAPES:
            with self.subTest(shape=shape), Server(shape, []) as server:
                asyncio.run(asyncio.wait_for(story(self, server), 30))


async def our_client(port, words):
    process = await asyncio.create_subprocess_exec(
        PEER, f"ws://127.0.0.1:{port}/", *words, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    out, err = await asyncio.wait_for(process.communicate(), 30)
    return out.decode(), err.decode(), process.returncode


class OurClient(unittest.TestCase):
    def talk(self, words, want, **options):
        async def echo(ws, path=None):
            async for message in ws:
                await ws.send(message)

        async def run():
            async with websockets.serve(echo, "127.0.0.1", 0, max_size=None, **options) as server:
                return await our_client(server.sockets[0].getsockname()[1], words)
        out, err, code = asyncio.run(run())
        if "WEIR_EBACKEND" in err:
            self.skipTest("no io_uring here")
        self.assertEqual((out, err, code), (want, "", 0), words)

    def test_python_grants_what_we_ask_for(self):
        for words, (server_bits, client_bits, takeover) in OURS.items():
            want = f"on {server_bits} {client_bits} {takeover & 1} {takeover >> 1}\n"
            for local in None, 11:
                with self.subTest(words=words, local=local):
                    factory = ServerPerMessageDeflateFactory(server_max_window_bits=local)
                    smaller = min(server_bits, local or 15)
                    self.talk(words, want.replace(f"on {server_bits} ", f"on {smaller} "),
                              extensions=[factory], compression=None)

    def test_python_asks_for_less(self):
        factory = ServerPerMessageDeflateFactory(
            server_no_context_takeover=True, client_no_context_takeover=True,
            server_max_window_bits=9, client_max_window_bits=9)
        self.talk(["takeover=3"], "on 9 9 0 0\n", extensions=[factory], compression=None)

    def test_python_without_compression(self):
        self.talk(["takeover=3"], "off 0 0 0 0\n", compression=None)


NODE = """
const {WebSocket, WebSocketServer} = require(process.argv[2]);
const options = JSON.parse(process.argv[3]), where = process.argv[4];
if (where === 'serve') {
  const server = new WebSocketServer({host: '127.0.0.1', port: 0, perMessageDeflate: options,
                                      maxPayload: 1 << 26});
  server.on('listening', () => console.log(server.address().port));
  server.on('connection', ws => ws.on('message', (data, binary) => ws.send(data, {binary})));
} else {
  const ws = new WebSocket(where, {perMessageDeflate: options});
  const sizes = [0, 1, 60, 1000, 65535, 70000, 1 << 20];
  let at = 0, sent;
  const next = () => {
    if (at === sizes.length) return ws.close(1000);
    sent = Buffer.alloc(sizes[at++], 'the quick brown fox ');
    ws.send(sent);
  };
  ws.on('open', next);
  ws.on('message', data => {
    if (!sent.equals(data)) { console.log('differs'); process.exit(1); }
    next();
  });
  ws.on('close', code => console.log(ws.extensions, code));
  ws.on('error', e => console.log(String(e)));
}
"""


@unittest.skipUnless(HAS_NPM, "no npm ws here")
class NpmWs(unittest.TestCase):
    PARAMETERS = ({"threshold": 0},
                  {"threshold": 0, "serverMaxWindowBits": 10, "clientMaxWindowBits": 9},
                  {"threshold": 0, "serverNoContextTakeover": True,
                   "clientNoContextTakeover": True})

    def node(self, *words):
        process = subprocess.Popen(["node", "-e", textwrap.dedent(NODE), "ws", NPM_WS, *words],
                                   stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        self.addCleanup(process.stdout.close)
        return process

    def test_their_client(self):
        for shape in SHAPES:
            for words in OURS:
                for options in self.PARAMETERS:
                    with self.subTest(shape=shape, words=words, options=options), \
                            Server(shape, words) as server:
                        out, _ = self.node(json.dumps(options), server.url).communicate(timeout=30)
                        self.assertEqual(out, "permessage-deflate 1000\n")

    def test_their_server(self):
        for options in self.PARAMETERS:
            server = self.node(json.dumps(options), "serve")
            port = server.stdout.readline().strip()
            for words in OURS:
                with self.subTest(words=words, options=options):
                    out, err, code = asyncio.run(our_client(port, words))
                    if options.get("serverMaxWindowBits", 0) > OURS[words][0]:
                        self.assertIn("WEIR_EHTTP", err)  # it answers 400: it will not have less
                    else:
                        self.assertEqual((out[:3], err, code), ("on ", "", 0))


if __name__ == "__main__":
    unittest.main()

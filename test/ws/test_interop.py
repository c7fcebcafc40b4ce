# SPDX-License-Identifier: MIT
"""Our WebSockets and Python's, both directions, both server shapes; and curl. WEIR_EXAMPLES names
the folder of ws-echo, ws-gate and ws-client, WEIR_BACKEND the backend."""
import asyncio
import http
import os
import re
import shutil
import signal
import subprocess
import unittest

import websockets

HERE = os.environ["WEIR_EXAMPLES"]
BACKEND = os.environ["WEIR_BACKEND"]
SHAPES = "serve", "react"


class Echo:
    """ws-echo as a child process; told to end on leaving, where it must leave no complaint."""
    program = "ws-echo"

    def __init__(self, shape):
        self.process = subprocess.Popen(
            [os.path.join(HERE, self.program), "--port", "0", "--backend", BACKEND,
             "--shape", shape],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        line = self.process.stdout.readline()
        if not line and "io_uring" in self.process.stderr.read():
            raise unittest.SkipTest("no io_uring here")
        self.url = "ws://127.0.0.1:%s/" % re.search(r"(\d+)\s*$", line).group(1)

    def __enter__(self):
        return self

    def end(self):
        self.process.send_signal(signal.SIGTERM)
        return self.process.communicate(timeout=10)[1], self.process.returncode

    def __exit__(self, *exc):
        if self.process.poll() is None:
            self.process.kill()
            self.process.communicate()


class Gate(Echo):
    """ws-gate: lets in by a token, answers /health."""
    program = "ws-gate"


def both_shapes(story, server=Echo):
    def run(self):
        for shape in SHAPES:
            with self.subTest(shape=shape), server(shape) as it:
                asyncio.run(asyncio.wait_for(story(self, it), 30))
    run.__name__ = story.__name__
    return run


def both_gates(story):
    return both_shapes(story, Gate)


class OurServer(unittest.TestCase):
    @both_shapes
    async def test_messages_of_every_size(self, echo):
        async with websockets.connect(echo.url, max_size=None) as ws:
            for size in 0, 1, 125, 126, 127, 65535, 65536, 70000, 1 << 20:
                for message in "x" * size, os.urandom(size):
                    await ws.send(message)
                    self.assertEqual(await ws.recv(), message)

    @both_shapes
    async def test_fragments(self, echo):
        async with websockets.connect(echo.url) as ws:
            await ws.send(["one ", "", "tw\u00f6 ", "three"])
            self.assertEqual(await ws.recv(), "one tw\u00f6 three")
            await ws.send([b"a" * 50000, b"b" * 50000, b"c"])
            self.assertEqual(await ws.recv(), b"a" * 50000 + b"b" * 50000 + b"c")

    @both_shapes
    async def test_many_in_flight(self, echo):
        async with websockets.connect(echo.url) as ws:
            for i in range(2000):
                await ws.send(str(i))
            for i in range(2000):
                self.assertEqual(await ws.recv(), str(i))

    @both_shapes
    async def test_their_pings_and_keepalive(self, echo):
        async with websockets.connect(echo.url, ping_interval=0.05, ping_timeout=1) as ws:
            for _ in range(5):
                await asyncio.wait_for(await ws.ping(os.urandom(100)), 2)
            await asyncio.sleep(0.4)
            await ws.send("still here")
            self.assertEqual(await ws.recv(), "still here")

    @both_shapes
    async def test_close_codes(self, echo):
        for code, reason in (1000, ""), (1001, "bye"), (3000, "r" * 123), (4999, "gr\u00fc\u00df"):
            ws = await websockets.connect(echo.url)
            await ws.close(code, reason)
            self.assertEqual((ws.close_code, ws.close_reason), (code, reason))

    @both_shapes
    async def test_too_big_is_1009(self, echo):
        async with websockets.connect(echo.url) as ws:
            with self.assertRaises(websockets.ConnectionClosedError):
                await ws.send(b"x" * (3 << 20))
                await ws.recv()
            self.assertEqual(ws.close_code, 1009)

    @both_shapes
    async def test_foreign_origin_is_403(self, echo):
        with self.assertRaises(websockets.InvalidStatusCode) as caught:
            await websockets.connect(echo.url, origin="https://evil.example")
        self.assertEqual(caught.exception.status_code, 403)

    @both_shapes
    async def test_compression_is_declined(self, echo):
        async with websockets.connect(echo.url, compression="deflate") as ws:
            self.assertEqual(ws.extensions, [])
            await ws.send("plain")
            self.assertEqual(await ws.recv(), "plain")

    @both_shapes
    async def test_an_ending_server_leaves_no_complaint(self, echo):
        async with websockets.connect(echo.url) as ws:
            await ws.send("x")
            await ws.recv()
            self.assertEqual(echo.end(), ("", 0))
            with self.assertRaises(websockets.ConnectionClosed):
                await ws.recv()


class OurGate(unittest.TestCase):
    """ws-gate, which sees each request before the upgrade."""

    @both_gates
    async def test_a_header_or_a_cookie_opens_it(self, gate):
        for headers in ({"Authorization": "Bearer for-ada"}, {"Cookie": "a=b; token=for-ada"}):
            async with websockets.connect(gate.url, extra_headers=headers) as ws:
                self.assertEqual(await ws.recv(), "hello Ada")
                await ws.send("and back")
                self.assertEqual(await ws.recv(), "and back")

    @both_gates
    async def test_others_read_a_401_with_its_headers(self, gate):
        for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "Basic Zm9y"}):
            with self.assertRaises(websockets.InvalidStatusCode) as caught:
                await websockets.connect(gate.url, extra_headers=headers)
            self.assertEqual(caught.exception.status_code, 401)
            self.assertEqual(caught.exception.headers["WWW-Authenticate"], "Bearer")
        self.assertEqual(gate.end(), ("", 0))

    @unittest.skipUnless(shutil.which("curl"), "no curl here")
    @both_gates
    async def test_curl_finds_it_well(self, gate):
        url = gate.url.replace("ws:", "http:")

        async def curl(*words):
            process = await asyncio.create_subprocess_exec(
                "curl", "--silent", "--show-error", "--max-time", "10", *words,
                stdout=subprocess.PIPE, stderr=subprocess.PIPE, env={"PATH": os.environ["PATH"]})
            out, err = await process.communicate()
            return process.returncode, out.decode(), err.decode()

        self.assertEqual(await curl(url + "health"), (0, "ok\n", ""))
        self.assertEqual(await curl("--http1.0", url + "health"), (0, "ok\n", ""))
        self.assertEqual((await curl("--fail", url))[0], 22)
        body = "@" + os.path.join(HERE, gate.program)  # which nobody reads
        self.assertEqual(await curl("--data-binary", body, url + "health"), (0, "ok\n", ""))
        self.assertEqual(await curl("--data-binary", body, "--header", "Expect:", url + "health"),
                         (0, "ok\n", ""))
        code, out, err = await curl("--head", url + "health")
        self.assertEqual((code, err), (0, ""))
        self.assertRegex(out, r"^HTTP/1.1 200 OK\r\n(.*\r\n)*Content-Length: 3\r\n\r\n$")
        code, out, err = await curl("--include", url)
        self.assertRegex(out, r"^HTTP/1.1 401 Unauthorized\r\n(.*\r\n)*\r\na token, please\n$")
        self.assertEqual(gate.end(), ("", 0))


class OurClient(unittest.TestCase):
    """ws-client against a server of theirs."""

    def talk(self, handler, lines, *words, **options):
        async def run():
            async with websockets.serve(handler, "127.0.0.1", 0, **options) as server:
                port = server.sockets[0].getsockname()[1]
                process = await asyncio.create_subprocess_exec(
                    os.path.join(HERE, "ws-client"), f"ws://127.0.0.1:{port}/a?b=c", *words,
                    stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                    env={**os.environ, "WEIR_BACKEND": BACKEND}, limit=1 << 24)
                try:
                    out, err = await asyncio.wait_for(process.communicate(lines.encode()), 20)
                finally:
                    if process.returncode is None:
                        process.kill()
                return process.returncode, out.decode(), err.decode()
        return asyncio.run(run())

    @staticmethod
    async def echo(ws, path=None):
        try:
            async for message in ws:
                await ws.send(message)
        except websockets.ConnectionClosedOK:
            pass  # it closed before it had heard all

    def test_lines_come_back_and_the_close_is_answered(self):
        lines = "one\n\ntw\u00f6\n" + "x" * 100000 + "\n"
        code, out, err = self.talk(self.echo, lines)
        self.assertEqual((code, err), (0, "closed: 1000 (OK) end of input\n"))
        self.assertTrue(lines.startswith(out))

    def test_their_close_ends_the_client(self):
        async def handler(ws):
            await ws.recv()
            await ws.send(["frag", "men", "ted"])
            await asyncio.wait_for(await ws.ping("ping"), 2)
            await ws.close(4001, "enough")
        async def run():
            async with websockets.serve(handler, "127.0.0.1", 0) as server:
                port = server.sockets[0].getsockname()[1]
                process = await asyncio.create_subprocess_exec(
                    os.path.join(HERE, "ws-client"), f"ws://127.0.0.1:{port}/",
                    stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                    env={**os.environ, "WEIR_BACKEND": BACKEND})
                process.stdin.write(b"hello\n")
                await process.stdin.drain()
                out = await asyncio.wait_for(process.stdout.read(), 10)
                err = await process.stderr.read()
                return await process.wait(), out, err
        code, out, err = asyncio.run(run())
        self.assertEqual((code, out, err),
                         (0, b"fragmented\n", b"closed: 4001 (unknown) enough\n"))

    def test_subprotocol(self):
        seen = []
        async def handler(ws):
            seen.append((ws.subprotocol, ws.path))
            await self.echo(ws)
        code, _, err = self.talk(handler, "x\n", "chat.v1", subprotocols=["chat.v2", "chat.v1"])
        self.assertEqual((code, err), (0, "closed: 1000 (OK) end of input\n"))
        self.assertEqual(seen, [("chat.v1", "/a?b=c")])

    def test_headers(self):
        seen = []
        async def look(path, headers):
            seen.append((headers["Authorization"], headers.get_all("X-Twice"), headers["X-Empty"]))
        code, _, err = self.talk(self.echo, "x\n", "Authorization: Bearer t", "X-Twice: 1",
                                 "x-twice: 2", "X-Empty:", process_request=look)
        self.assertEqual((code, err), (0, "closed: 1000 (OK) end of input\n"))
        self.assertEqual(seen, [("Bearer t", ["1", "2"], "")])
        code, _, err = self.talk(self.echo, "x\n", "Host: evil.example")
        self.assertEqual(code, 1)
        self.assertIn('ws dial: the header "Host: evil.example"', err)

    def test_a_refusal_is_told(self):
        async def refuse(path, headers):
            return http.HTTPStatus.IM_A_TEAPOT, [], b"teapot"
        code, _, err = self.talk(self.echo, "x\n", process_request=refuse)
        self.assertEqual(code, 1)
        self.assertIn("the server answered 418", err)


if __name__ == "__main__":
    unittest.main()

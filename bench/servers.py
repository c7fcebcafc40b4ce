# SPDX-License-Identifier: MIT
"""What is measured: the points and the servers, one table each. A server is a command with
{port} in it; run.py skips it with a line when its program is not there."""

import os
import shutil
from dataclasses import dataclass

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def npm_ws(build):
    """The folder of npm's package ws: NPM_WS, or where `make conformance` puts it."""
    folder = os.environ.get("NPM_WS", os.path.join(build, "conformance/node_modules/ws"))
    return os.path.abspath(folder)


@dataclass(frozen=True)
class Point:
    name: str
    protocol: str           # "tcp" or "ws"
    size: int               # payload bytes of a message
    connections: int
    depth: int = 1          # messages in flight on a connection, at most
    share: float = 0        # of the maximum of the server's yardstick: the rate; 0: no fixed rate


@dataclass(frozen=True)
class Server:
    name: str
    protocol: str
    command: tuple          # the first word is a program under the build folder
    reference: str = ""     # whose figure at the same point stands below the ratio
    needs: str = ""         # what to install when it is not there


POINTS = (
    Point("64x1", "tcp", 64, 1),
    Point("64x50", "tcp", 64, 50),
    Point("64x500", "tcp", 64, 500),
    Point("64x5000", "tcp", 64, 5000),
    Point("1kx50", "tcp", 1 << 10, 50),
    Point("10kx50", "tcp", 10 << 10, 50),
    Point("100kx50", "tcp", 100 << 10, 50),
    Point("ws-20x50", "ws", 20, 50),
    Point("ws-20x500", "ws", 20, 500),
    Point("ws-16kx50", "ws", 16 << 10, 50),
    Point("ws-64kx50", "ws", 64 << 10, 50),
    *(Point(f"ws-64x{n}{at}", "ws", 64, n, depth) for n in (1, 100)
      for at, depth in (("", 1), ("d16", 16))),
    *(Point(f"depth16-{p}", p, 64, 50, 16) for p in ("tcp", "ws")),
    *(Point(f"rate{percent}-{p}", p, 64, 50, 16, percent / 100)
      for p in ("tcp", "ws") for percent in (10, 50, 90)),
)


def weir_servers():
    """weir's own: both protocols, backends and shapes."""
    for protocol, program in (("tcp", "tcp-echo"), ("ws", "ws-echo")):
        for backend in ("uring", "epoll"):
            for shape in ("serve", "react"):
                prefix = "weir-" if protocol == "tcp" else "weir-ws-"
                command = (f"examples/{program}", "--port", "{port}", "--backend", backend,
                           "--threads", "1", "--shape", shape)
                reference = f"ref-{backend}" if protocol == "tcp" else f"ref-ws-{backend}"
                yield Server(prefix + f"{backend}-{shape}", protocol, command, reference)


def plain(program, *flags):
    return (f"bench/{program}", "--port", "{port}", *flags)


SERVERS = (
    Server("ref-epoll", "tcp", plain("ref-epoll-echo"), "ref-epoll"),
    Server("ref-uring", "tcp", plain("ref-uring-echo"), "ref-epoll", "liburing-dev"),
    Server("libuv", "tcp", plain("peer-uv-echo"), "ref-epoll", "libuv1-dev"),
    Server("asio", "tcp", plain("peer-asio-echo"), "ref-epoll", "g++ and libboost-dev"),
    Server("go", "tcp", plain("peer-go-echo"), "ref-epoll", "golang-go"),
    Server("ref-ws-epoll", "ws", plain("ref-epoll-echo", "--ws"), "ref-ws-epoll"),
    Server("ref-ws-uring", "ws", plain("ref-uring-echo", "--ws"), "ref-ws-epoll", "liburing-dev"),
    *weir_servers(),
    Server("lws", "ws", plain("peer-lws-ws"), "ref-ws-epoll", "libwebsockets-dev"),
    Server("npm-ws", "ws", (shutil.which("node") or "node", f"{ROOT}/bench/peers/ws_echo.js", "{npm}",
                            "{port}"), "ref-ws-epoll", "node, and ws in NPM_WS"),
)


def yardstick(server):
    """The reference whose maximum sets the rates of a server: of a reference, its own."""
    return server.name if server.name.startswith("ref-") else server.reference


def maximum_at(point):
    """The point at which the maximum is looked for: the same load, as fast as it returns."""
    return next(p for p in POINTS if (p.protocol, p.size, p.connections, p.depth, p.share)
                == (point.protocol, point.size, point.connections, point.depth, 0))


def against(server, point):
    """The server whose figure at the same point a server's figure is divided by. At a fixed rate
    two servers are compared only if they had the same one."""
    return yardstick(server) if point.share else server.reference

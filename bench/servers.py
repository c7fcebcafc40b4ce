# SPDX-License-Identifier: MIT
"""What is measured: the points and the servers, one table each. A server is a command with
{port} in it; run.py skips it with a line when its program is not there."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Point:
    name: str
    protocol: str           # "tcp" or "ws"
    size: int               # payload bytes of a message
    connections: int


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
)

# There is no raw WebSocket server. A WebSocket point is compared with a TCP point: 20 B with the
# TCP echo of the same backend and shape, the large ones with raw epoll at 64x50.
WS_AGAINST = {
    "ws-20x50": ("{twin}", "64x50"),
    "ws-20x500": ("{twin}", "64x500"),
    "ws-16kx50": ("ref-epoll", "64x50"),
    "ws-64kx50": ("ref-epoll", "64x50"),
}


def weir_servers():
    """weir's own: both protocols, backends and shapes."""
    for protocol, program in (("tcp", "tcp-echo"), ("ws", "ws-echo")):
        for backend in ("uring", "epoll"):
            for shape in ("serve", "react"):
                prefix = "weir-" if protocol == "tcp" else "weir-ws-"
                command = (f"examples/{program}", "--port", "{port}", "--backend", backend,
                           "--threads", "1", "--shape", shape)
                twin = f"weir-{backend}-{shape}"
                yield Server(prefix + f"{backend}-{shape}", protocol, command,
                             f"ref-{backend}" if protocol == "tcp" else twin)


def plain(program):
    return (f"bench/{program}", "--port", "{port}")


SERVERS = (
    Server("ref-epoll", "tcp", plain("ref-epoll-echo"), "ref-epoll"),
    Server("ref-uring", "tcp", plain("ref-uring-echo"), "ref-epoll", "liburing-dev"),
    Server("libuv", "tcp", plain("peer-uv-echo"), "ref-epoll", "libuv1-dev"),
    Server("asio", "tcp", plain("peer-asio-echo"), "ref-epoll", "g++ and libboost-dev"),
    Server("go", "tcp", plain("peer-go-echo"), "ref-epoll", "golang-go"),
    *weir_servers(),
)


def against(server, point):
    """The (server, point) whose figure a server's figure at a point is divided by."""
    if point.protocol == "tcp":
        return server.reference, point.name
    name, at = WS_AGAINST[point.name]
    return name.format(twin=server.reference), at

#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What asyncio calls, and in which order: each scenario prints the calls of one protocol, and notes
of the scenario itself. weir_side.c does the same with weir; test_transcript.py compares.

  asyncio_side.py            prints all scenarios"""
import asyncio
import errno
import logging
import socket
import struct
import sys

MUCH = 8 << 20  # more than the kernel takes from a writer whose peer does not read

lines = []


def note(text):
    lines.append(text)


async def until(text):
    """Wait until the last line begins with text."""
    while not (lines and lines[-1].startswith(text)):
        await asyncio.sleep(0.001)


def error_name(exc):
    if exc is None:
        return "None"
    if isinstance(exc, OSError) and exc.errno:
        return errno.errorcode[exc.errno]
    return "its own"


class Noted(asyncio.Protocol):
    """Writes down what is called. Scenarios replace single functions."""

    def connection_made(self, transport):
        self.transport = transport
        note("connection_made")

    def data_received(self, data):
        note(f"data_received {data.decode()}" if len(data) < 32 else "data_received much")

    def eof_received(self):
        note("eof_received")
        return False

    def connection_lost(self, exc):
        note(f"connection_lost {error_name(exc)}")

    def pause_writing(self):
        note("pause_writing")

    def resume_writing(self):
        note("resume_writing")


async def connected(protocol):
    """A server with this protocol, and a peer that has connected to it."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: protocol, "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    server.close()
    await until("connection_made")
    return reader, writer


async def echo_until_the_peer_closes():
    class Echo(Noted):
        def data_received(self, data):
            super().data_received(data)
            self.transport.write(data)
    reader, writer = await connected(Echo())
    writer.write(b"hello")
    note("peer got " + (await reader.readexactly(5)).decode())
    writer.close()
    await until("connection_lost")


async def eof_received_returns_false():
    reader, writer = await connected(Noted())
    writer.write(b"last")
    writer.write_eof()
    await until("connection_lost")
    note(f"peer got {len(await reader.read())} bytes and the end")
    writer.close()


async def eof_received_returns_true():
    class Open(Noted):
        def eof_received(self):
            super().eof_received()
            return True
    p = Open()
    reader, writer = await connected(p)
    writer.write_eof()
    await until("eof_received")
    note(f"closing {p.transport.is_closing()}")
    p.transport.write(b"late")
    note("peer got " + (await reader.readexactly(4)).decode())
    p.transport.close()
    note(f"closing {p.transport.is_closing()}")
    await until("connection_lost")
    writer.close()


async def a_peer_that_does_not_read():
    p = Noted()
    reader, writer = await connected(p)
    p.transport.set_write_buffer_limits(1000, 100)
    p.transport.write(b"x" * MUCH)
    note("wrote much")
    p.transport.write(b"more")
    note("wrote more")
    await reader.readexactly(MUCH + 4)
    await until("resume_writing")
    note(f"{p.transport.get_write_buffer_size()} bytes wait")
    p.transport.close()
    await until("connection_lost")
    writer.close()


async def limits_of_zero():
    p = Noted()
    reader, writer = await connected(p)
    p.transport.set_write_buffer_limits(0)
    p.transport.write(b"small")
    note("wrote a little")
    await reader.readexactly(5)
    p.transport.write(b"x" * MUCH)
    note("wrote much")
    await reader.readexactly(MUCH)
    await until("resume_writing")
    p.transport.close()
    await until("connection_lost")
    writer.close()


async def limits_set_when_much_waits():
    p = Noted()
    reader, writer = await connected(p)
    p.transport.set_write_buffer_limits(2 * MUCH)
    p.transport.write(b"x" * MUCH)
    note("wrote much")
    p.transport.set_write_buffer_limits(1000)
    note("set limits")
    await reader.readexactly(MUCH)
    await until("resume_writing")
    p.transport.close()
    await until("connection_lost")
    writer.close()


async def abort_with_unsent_bytes():
    p = Noted()
    reader, writer = await connected(p)
    p.transport.write(b"x" * MUCH)
    p.transport.abort()
    note(f"aborted, {p.transport.get_write_buffer_size()} bytes wait")
    p.transport.abort()
    await until("connection_lost")
    note(f"closing {p.transport.is_closing()}")
    got = await reader.read()
    while piece := await reader.read(1 << 16):
        got += piece
    note(f"peer got all {len(got) == MUCH}")
    writer.close()


async def close_with_unsent_bytes():
    p = Noted()
    reader, writer = await connected(p)
    p.transport.write(b"x" * MUCH)
    p.transport.close()
    p.transport.close()
    note(f"closed, closing {p.transport.is_closing()}")
    await reader.readexactly(MUCH)
    await until("connection_lost")
    note(f"peer got {len(await reader.read())} bytes and the end")
    writer.close()


async def abort_after_close():
    p = Noted()
    _, writer = await connected(p)
    p.transport.write(b"x" * MUCH)
    p.transport.close()
    p.transport.abort()
    note("aborted")
    await until("connection_lost")
    writer.close()


async def the_peer_resets():
    _, writer = await connected(Noted())
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                                               struct.pack("ii", 1, 0))
    writer.close()
    await until("connection_lost")


async def the_peer_resets_while_bytes_wait():
    p = Noted()
    _, writer = await connected(p)
    p.transport.pause_reading()
    p.transport.write(b"x" * MUCH)
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                                               struct.pack("ii", 1, 0))
    writer.close()
    await until("connection_lost")


async def an_error_in_data_received():
    class Fails(Noted):
        def data_received(self, data):
            super().data_received(data)
            raise ValueError("own")
    reader, writer = await connected(Fails())
    writer.write(b"bad")
    await until("connection_lost")
    note(f"peer got {len(await reader.read())} bytes and the end")
    writer.close()


async def an_error_in_eof_received():
    class Fails(Noted):
        def eof_received(self):
            super().eof_received()
            raise ValueError("own")
    _, writer = await connected(Fails())
    writer.write_eof()
    await until("connection_lost")
    writer.close()


async def close_in_connection_made():
    class Closes(Noted):
        def connection_made(self, transport):
            loop = asyncio.get_running_loop()
            super().connection_made(transport)
            loop.call_soon(note, "asked before")
            transport.close()
            note(f"closing {transport.is_closing()}")
            loop.call_soon(note, "asked behind")
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Closes, "127.0.0.1", 0)
    _, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    server.close()
    await until("asked behind")
    writer.close()


async def close_in_data_received():
    class Closes(Noted):
        def data_received(self, data):
            super().data_received(data)
            self.transport.write(b"bye")
            self.transport.close()
            note("closed")
    reader, writer = await connected(Closes())
    writer.write(b"go")
    note_of_peer = (await reader.read()).decode()
    await until("connection_lost")
    note("peer got " + note_of_peer)
    writer.close()


async def call_soon_in_data_received():
    class Asks(Noted):
        def data_received(self, data):
            super().data_received(data)
            asyncio.get_running_loop().call_soon(note, "asked in data_received")
            note("asked")
    _, writer = await connected(Asks())
    writer.write(b"data")
    writer.write_eof()
    await until("connection_lost")
    writer.close()


async def pause_in_data_received():
    class Pauses(Noted):
        def data_received(self, data):
            super().data_received(data)
            self.transport.pause_reading()
    p = Pauses()
    _, writer = await connected(p)
    writer.write(b"one")
    await until("data_received one")
    writer.write(b"two")
    await asyncio.sleep(0.02)
    note("resumes")
    p.transport.resume_reading()
    await until("data_received two")
    writer.close()
    await asyncio.sleep(0.02)
    note("resumes")
    p.transport.resume_reading()
    await until("connection_lost")


async def write_eof_behind_unsent_bytes():
    p = Noted()
    reader, writer = await connected(p)
    p.transport.write(b"x" * MUCH)
    p.transport.write_eof()
    note(f"closing {p.transport.is_closing()}")
    note(f"peer got all {len(await reader.read()) == MUCH}")
    writer.write(b"still")
    await until("data_received still")
    writer.write_eof()
    await until("connection_lost")
    writer.close()


async def a_client_whose_server_closes():
    async def serve(reader, writer):
        note("server got " + (await reader.readexactly(4)).decode())
        writer.write(b"pong")
        writer.close()
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_connection(Noted, *server.sockets[0].getsockname())
    note("connected")
    transport.write(b"ping")
    await until("connection_lost")
    server.close()


class NotedDatagrams(asyncio.DatagramProtocol):
    def connection_made(self, transport):
        self.transport = transport
        note("connection_made")

    def datagram_received(self, data, addr):
        note(f"datagram_received {data.decode()}")
        if data.endswith(b"?"):
            self.transport.sendto(b"answer", addr)

    def error_received(self, exc):
        note(f"error_received {error_name(exc)}")

    def connection_lost(self, exc):
        note(f"connection_lost {error_name(exc)}")


def udp_peer():
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.bind(("127.0.0.1", 0))
    s.setblocking(False)
    return s


async def datagrams_are_answered():
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(NotedDatagrams, ("127.0.0.1", 0))
    note("created")
    with udp_peer() as peer:
        peer.connect(transport.get_extra_info("sockname"))
        await loop.sock_sendall(peer, b"hello")
        await until("datagram_received hello")
        await loop.sock_sendall(peer, b"who?")
        note(f"peer got {(await loop.sock_recv(peer, 100)).decode()}")
        transport.close()
        note(f"closing {transport.is_closing()}")
        await until("connection_lost")


async def datagrams_to_nobody():
    loop = asyncio.get_running_loop()
    with udp_peer() as peer:
        nobody = peer.getsockname()
    transport, _ = await loop.create_datagram_endpoint(NotedDatagrams, remote_addr=nobody)
    transport.sendto(b"anybody")
    note("sent")
    await until("error_received")
    note(f"closing {transport.is_closing()}")
    transport.sendto(b"still nobody")
    note("sent")
    await until("error_received")
    transport.abort()
    transport.abort()
    note("aborted")
    await until("connection_lost")


async def an_endpoint_closed_in_connection_made():
    class Closes(NotedDatagrams):
        def connection_made(self, transport):
            super().connection_made(transport)
            asyncio.get_running_loop().call_soon(note, "asked before")
            transport.close()
            asyncio.get_running_loop().call_soon(note, "asked behind")
    loop = asyncio.get_running_loop()
    await loop.create_datagram_endpoint(Closes, ("127.0.0.1", 0))
    await until("asked behind")


class NotedProgram(asyncio.SubprocessProtocol):
    def connection_made(self, transport):
        self.transport = transport
        note("connection_made")

    def pipe_data_received(self, fd, data):
        note(f"pipe_data_received {fd} {data.decode().rstrip()}")

    def pipe_connection_lost(self, fd, exc):
        note(f"pipe_connection_lost {fd} {error_name(exc)}")

    def process_exited(self):
        note(f"process_exited {self.transport.get_returncode()}")

    def connection_lost(self, exc):
        note(f"connection_lost {error_name(exc)}")


async def a_program_in_single_steps():
    script = ("read x; echo out; read x; echo err >&2; read x; exec >&-; read x; exec 2>&-;"
              " read x; exit 3")
    transport, _ = await asyncio.get_running_loop().subprocess_exec(NotedProgram, "/bin/sh", "-c",
                                                                    script)
    note("started")
    for text in ("pipe_data_received 1", "pipe_data_received 2", "pipe_connection_lost 1",
                 "pipe_connection_lost 2"):
        transport.get_pipe_transport(0).write(b"\n")
        await until(text)
    transport.get_pipe_transport(0).close()
    await until("connection_lost")
    transport.close()


async def a_program_that_is_terminated():
    transport, _ = await asyncio.get_running_loop().subprocess_exec(
        NotedProgram, "/bin/sleep", "60", stdin=None, stdout=None, stderr=None)
    note(f"pipe of 1 {transport.get_pipe_transport(1)}")
    transport.terminate()
    await until("connection_lost")
    transport.close()


async def a_program_that_is_closed():
    transport, _ = await asyncio.get_running_loop().subprocess_exec(NotedProgram, "/bin/sleep",
                                                                    "60")
    transport.close()
    note("closed")
    await until("connection_lost")


async def a_program_that_does_not_exist():
    try:
        await asyncio.get_running_loop().subprocess_exec(NotedProgram, "/nonexistent")
    except OSError as exc:
        note(error_name(exc))


SCENARIOS = [
    echo_until_the_peer_closes, eof_received_returns_false, eof_received_returns_true,
    a_peer_that_does_not_read, limits_of_zero, limits_set_when_much_waits, abort_with_unsent_bytes,
    close_with_unsent_bytes, abort_after_close, the_peer_resets, the_peer_resets_while_bytes_wait,
    an_error_in_data_received, an_error_in_eof_received, close_in_connection_made,
    close_in_data_received, call_soon_in_data_received, pause_in_data_received,
    write_eof_behind_unsent_bytes, a_client_whose_server_closes, datagrams_are_answered,
    datagrams_to_nobody, an_endpoint_closed_in_connection_made, a_program_in_single_steps,
    a_program_that_is_terminated, a_program_that_is_closed, a_program_that_does_not_exist,
]


def main():
    logging.disable(logging.CRITICAL)  # asyncio logs the errors that scenarios raise
    for scenario in SCENARIOS:
        lines.clear()
        asyncio.run(asyncio.wait_for(scenario(), 20))
        sys.stdout.write(f"{scenario.__name__}\n" + "".join(f"    {x}\n" for x in lines))


if __name__ == "__main__":
    main()

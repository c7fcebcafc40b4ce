# SPDX-License-Identifier: MIT
"""Connections that a measuring script opens and holds: plain, TLS, HTTP, WebSocket."""

import resource
import socket
import ssl
import struct
import subprocess
import zlib

REQUEST = ("GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
           "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n{}\r\n")
ACCEPT = b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
BIND_ADDRESS_NO_PORT = 24           # the port is chosen at connect, quickly
RESET = struct.pack("ii", 1, 0)     # linger: no port stays in TIME_WAIT


def raise_limit(wanted):
    """Let this process, and those it starts, open so many files; the number it got."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        hard = max(hard, wanted)
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    except (ValueError, OSError):
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0] or soft


def certificate(folder):
    cert, key = f"{folder}/cert.pem", f"{folder}/key.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:P-256", "-nodes", "-keyout", key, "-out", cert, "-days", "9",
                    "-subj", "/CN=localhost"], check=True, capture_output=True)
    return cert, key


def tls_context():
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def dial(port, source=None, tls=None):
    s = socket.socket()
    s.settimeout(30)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if source:
        s.setsockopt(socket.IPPROTO_IP, BIND_ADDRESS_NO_PORT, 1)
        s.bind((source, 0))
    s.connect(("127.0.0.1", port))
    return tls.wrap_socket(s) if tls else s


def take(s, n):
    data = b""
    while len(data) < n:
        more = s.recv(n - len(data))
        if not more:
            raise RuntimeError("the server closed")
        data += more
    return data


def head(s):
    data = b""
    while not data.endswith(b"\r\n\r\n"):
        data += take(s, 1)
    return data


def upgrade(s, offer=None):
    """Shake hands; returns the answer's head."""
    s.sendall(REQUEST.format(f"Sec-WebSocket-Extensions: {offer}\r\n" if offer else "").encode())
    answer = head(s)
    if b" 101 " not in answer or ACCEPT not in answer:
        raise RuntimeError(f"refused: {answer[:60]}")
    return answer


def frame(payload, compressed=False):
    """A frame of a client, masked with zeros."""
    if compressed:
        squeeze = zlib.compressobj(6, zlib.DEFLATED, -15, 8)
        payload = (squeeze.compress(payload) + squeeze.flush(zlib.Z_SYNC_FLUSH))[:-4]
    n = len(payload)
    first = 0xc1 if compressed else 0x82
    length = bytes([0x80 | n]) if n < 126 else b"\xfe" + n.to_bytes(2, "big") if n < 65536 else \
        b"\xff" + n.to_bytes(8, "big")
    return bytes([first]) + length + bytes(4) + payload


def message(s):
    """The bytes of one message of the server's, as they came."""
    data, last = b"", 0
    while not last:
        last, n = take(s, 2)
        last &= 0x80
        if n > 125:
            n = int.from_bytes(take(s, 2 if n == 126 else 8), "big")
        data += take(s, n)
    return data


def ask_http(s, path="/"):
    s.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    answer = head(s).lower()
    if b" 200 " not in answer:
        raise RuntimeError(f"refused: {answer[:60]}")
    if b"content-length: " in answer:
        return take(s, int(answer.split(b"content-length: ")[1].split(b"\r")[0]))
    while (size := int(line(s), 16)) > 0: # chunked
        take(s, size + 2)
    return line(s)


def line(s):
    data = b""
    while not data.endswith(b"\r\n"):
        data += take(s, 1)
    return data


def resident(pid):
    """Bytes of a process's memory, and of its page tables."""
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        return sum(int(line.split()[1]) * 1024 for line in status
                   if line.startswith(("VmRSS:", "VmPTE:")))

# SPDX-License-Identifier: MIT
"""Small servers and clients with one planted fault each, for the test of the suite itself.

    faulty.py ws|http FAULT          prints its port, serves until it is killed
    faulty.py ws-client FAULT URL    echoes until the connection ends
    faulty.py wss|https FAULT PEM    as ws and http, over TLS, with this key and certificate
FAULT "none" is the same peer without a fault."""
import base64
import hashlib
import os
import socket
import ssl
import struct
import sys
import threading
import urllib.parse
import zlib

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
LIMIT = 1 << 20


class Fails(Exception):
    """The connection fails, with this close code."""


class End(Exception):
    """Nothing more is to be read."""


class Peer:
    """One WebSocket, of either side, after the handshake."""

    def __init__(self, sock, fault, masks, rest=b""):
        self.sock, self.fault, self.masks, self.rest = sock, fault, masks, rest
        self.key = os.urandom(4)
        self.inflater = zlib.decompressobj(-9) if fault == "small-window" else None

    def read(self, count):
        while len(self.rest) < count:
            piece = self.sock.recv(65536)
            if not piece:
                raise End
            self.rest += piece
        data, self.rest = self.rest[:count], self.rest[count:]
        return data

    def send(self, opcode, payload, first=0x80):
        masked = self.masks != (self.fault == "wrong-mask")
        if len(payload) < 126 and self.fault != "long-length":
            head = struct.pack("!BB", first | opcode, masked << 7 | len(payload))
        elif len(payload) < 65536:
            head = struct.pack("!BBH", first | opcode, masked << 7 | 126, len(payload))
        else:
            head = struct.pack("!BBQ", first | opcode, masked << 7 | 127, len(payload))
        if masked:
            key = self.key if self.fault == "same-mask" else os.urandom(4)
            payload = bytes(b ^ key[i & 3] for i, b in enumerate(payload))
            head += key
        self.sock.sendall(head + payload)

    def frame(self):
        first, second = self.read(2)
        opcode, length, masked = first & 15, second & 127, second >> 7
        packed = self.inflater is not None and first & 0x40
        if first & 0x70 and self.fault != "takes-bits" and not packed:
            raise Fails(1002)
        if opcode in (3, 4, 5, 6, 7, 11, 12, 13, 14, 15) and self.fault != "takes-opcodes":
            raise Fails(1002)
        if opcode & 8 and (length > 125 or not first & 0x80) and self.fault != "long-control":
            raise Fails(1002)
        if bool(masked) == self.masks and self.fault != "takes-any-mask":
            raise Fails(1002)
        short = length
        if length == 126:
            length, = struct.unpack("!H", self.read(2))
        elif length == 127:
            length, = struct.unpack("!Q", self.read(8))
            if length >> 63 and self.fault != "ignores-top-bit":
                raise Fails(1002)
            length &= (1 << 63) - 1
        if (short == 126 and length < 126) or (short == 127 and length < 65536):
            raise Fails(1002)
        if length > LIMIT:
            raise Fails(1009)
        key = self.read(4) if masked else b"\0\0\0\0"
        data = bytes(b ^ key[i & 3] for i, b in enumerate(self.read(length)))
        if packed:
            data = self.inflater.decompress(data + b"\0\0\xff\xff")
        return first >> 7, opcode, data

    def close(self, payload):
        if len(payload) == 1:
            raise Fails(1002)
        if payload:
            code, = struct.unpack("!H", payload[:2])
            good = 1000 <= code < 5000 and code not in (1004, 1005, 1006) and \
                not 1015 <= code < 3000
            if not good and self.fault != "any-code":
                raise Fails(1002)
            self.text(payload[2:])
        self.send(8, payload[:2] if self.fault != "empty-close" else b"")

    def text(self, data):
        if self.fault == "any-text":
            return
        try:
            data.decode("utf-8")
        except UnicodeDecodeError:
            raise Fails(1007) from None

    def message(self, opcode, data):
        if opcode == 1:
            self.text(data)
        if self.fault == "cuts" and len(data) > 100:
            data = data[:-1]
        if self.fault == "always-text":
            opcode = 1
        if self.fault == "echoes-bits":
            self.send(opcode, data, 0xc0)
        else:
            self.send(opcode, data)

    def echo(self):
        kind, parts = None, b""
        while True:
            fin, opcode, data = self.frame()
            if opcode == 8:
                return self.close(data)
            if opcode == 9:
                if self.fault == "more-pongs":
                    self.send(10, b"alive?")
                if self.fault != "no-pong":
                    self.send(10, data if self.fault != "bad-pong" else data[::-1])
            elif opcode == 10:
                if self.fault == "answers-pongs":
                    self.send(10, data)
            elif opcode < 8:
                if (opcode == 0) != (kind is not None) and self.fault != "any-order":
                    raise Fails(1002)
                kind = kind or opcode or 1
                parts += data
                if fin:
                    self.message(kind, parts)
                    kind, parts = None, b""

    def run(self):
        try:
            self.echo()
        except Fails as failure:
            if self.fault != "no-close-frame":
                self.send(8, struct.pack("!H", failure.args[0]))
        if self.fault == "goes-on":
            self.send(1, b"late")
        if self.fault == "never-closes":
            threading.Event().wait(30)
        self.sock.shutdown(socket.SHUT_WR)
        while self.sock.recv(65536):
            pass


def fields_of(head):
    lines = head.decode("latin-1").split("\r\n")
    fields = {}
    for line in lines[1:]:
        name, _, value = line.partition(":")
        fields.setdefault(name.lower(), []).append(value.strip())
    return lines[0], fields


def read_head(sock, data=b""):
    while b"\r\n\r\n" not in data:
        piece = sock.recv(65536)
        if not piece:
            raise End
        data += piece
    head, _, rest = data.partition(b"\r\n\r\n")
    return head, rest


def accept_of(key):
    return base64.b64encode(hashlib.sha1(key + GUID).digest()).decode()


def misdirected(sock, line):
    """A whole URL of http over TLS is not of this server (RFC 9110 7.4)."""
    if not isinstance(sock, ssl.SSLSocket) or not line.split(" ")[1].startswith("http:"):
        return False
    sock.sendall(b"HTTP/1.1 421 Not Here\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
    return True


def switch_fields(fault, fields):
    subprotocols, offers = (fields.get("sec-websocket-" + name) for name in
                            ("protocol", "extensions"))
    if fault == "any-subprotocol":
        return "Sec-WebSocket-Protocol: x\r\n"
    if fault == "all-subprotocols" and subprotocols:
        return f"Sec-WebSocket-Protocol: {subprotocols[0]}\r\n"
    if fault == "two-subprotocols" and subprotocols:
        return "Sec-WebSocket-Protocol: chat\r\n" * 2
    if fault == "length-in-101":
        return "Content-Length: 0\r\n"
    if fault == "folded-answer":
        return "X: a\r\n b\r\n"
    if fault == "agrees-to-all" and offers:
        return "Sec-WebSocket-Extensions: permessage-deflate\r\n"
    if fault == "odd-parameter" and offers:
        return "Sec-WebSocket-Extensions: permessage-deflate; x\r\n"
    if fault == "small-window" and offers:
        return "Sec-WebSocket-Extensions: permessage-deflate\r\n"
    if fault == "two-extensions" and offers:
        return "Sec-WebSocket-Extensions: permessage-deflate\r\n" \
            "Sec-WebSocket-Extensions: x\r\n"
    return ""


def serve_ws(sock, fault):
    if fault == "silent":
        threading.Event().wait(30)
    if fault == "closes":
        return
    head, rest = read_head(sock)
    line, fields = fields_of(head)
    key = fields.get("sec-websocket-key", [""])[0]
    good = line.startswith("GET ") and fields.get("sec-websocket-version") == ["13"] and \
        len(fields.get("host", [])) == 1 and len(key) == 24 and \
        all(b":" in field for field in head.split(b"\r\n")[1:])
    if not good and fault != "any-request":
        more = "Sec-WebSocket-Version: 13\r\n" if fault == "names-version" else ""
        status = b"400" if fault == "no-blank" else b"400 Bad"
        sock.sendall(b"HTTP/1.1 " + status + b"\r\nContent-Length: 0\r\n"
                     b"Connection: close\r\n" + more.encode() + b"\r\n")
        return
    if misdirected(sock, line):
        return
    accept = accept_of(b"x" + key.encode() if fault == "bad-accept" else key.encode())
    more = switch_fields(fault, fields)
    if fault == "early-hints":
        sock.sendall(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n")
    sock.sendall(("HTTP/1.1 101 Switching\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                  f"Sec-WebSocket-Accept: {accept}\r\n{more}\r\n").encode())
    if fault == "dies":
        return
    if fault in ("only-pings", "only-pongs"):
        while True:
            sock.sendall(b"\x89\0" if fault == "only-pings" else b"\x8a\0")
            threading.Event().wait(0.05)
    Peer(sock, fault, False, rest).run()


def connect_ws(fault, url):
    parts = urllib.parse.urlsplit(url)
    with socket.create_connection((parts.hostname, parts.port)) as sock:
        key = base64.b64encode(bytes(16) if fault == "same-key" else os.urandom(16))
        host = "x" if fault == "other-host" else parts.netloc
        version = b"12" if fault == "bad-version" else b"13"
        sock.sendall(b"GET / HTTP/1.1\r\nHost: " + host.encode() +
                     b"\r\nUpgrade: websocket\r\n"
                     b"Connection: Upgrade\r\nSec-WebSocket-Key: " + key +
                     b"\r\nSec-WebSocket-Version: " + version +
                     b"\r\n\r\n")
        head, rest = read_head(sock)
        line, fields = fields_of(head)
        good = line.startswith("HTTP/1.1 101") and \
            fields.get("sec-websocket-accept") == [accept_of(key)]
        if fault == "loses-bytes":
            rest = b""
        if good or fault == "any-answer":
            Peer(sock, fault, True, rest).run()
        elif fault == "reads-body":
            while sock.recv(65536):
                pass


class Refused(Exception):
    """The request is answered with 400, and the connection ends."""


def body_end(data, fields, fault):
    """Where the request's body ends in data; None: more must come."""
    length, coding = fields.get("content-length"), fields.get("transfer-encoding")
    if fault == "ignores-body":
        return 0
    if length and coding and fault not in ("length-first", "coding-first"):
        raise Refused
    if length and len(length) > 1 and fault != "last-length":
        raise Refused
    if coding and not (length and fault == "length-first"):
        if coding != ["chunked"]:
            raise Refused
        return chunks_end(data, fault)
    if not length:
        return 0
    if not length[-1].isdigit() and fault != "any-length":
        raise Refused
    count = int(length[-1]) if length[-1].isdigit() else 0
    if fault == "wraps":
        count &= (1 << 64) - 1
    if fault == "ignores-large" and count >> 63:
        count = 0
    return count if len(data) >= count else None


def chunks_end(data, fault):
    at = 0
    while True:
        end = data.find(b"\r\n", at)
        if end < 0:
            return None
        size = data[at:end].partition(b";")[0]
        if not size or size.strip(b"0123456789abcdefABCDEF"):
            if fault != "any-chunk":
                raise Refused
            return end + 2
        count, at = int(size, 16), end + 2
        if fault == "wraps":
            count &= (1 << 64) - 1
        if count == 0:
            end = data.find(b"\r\n\r\n", at - 2)
            return None if end < 0 else end + 4
        if count > LIMIT and fault != "no-limit":
            raise Refused
        if len(data) < at + count + 2:
            return None
        if data[at + count:at + count + 2] != b"\r\n" and fault != "any-chunk-end":
            raise Refused
        at += count + 2


PLAIN = "Content-Length: 5\r\n\r\nhello"
ANSWERS = {
    "two-lengths": "Transfer-Encoding: chunked\r\n" + PLAIN,
    "length-twice": "Content-Length: 5\r\n" + PLAIN,
    "blank-name": "X : a\r\n" + PLAIN,
    "bare-lf": "X: a\nY: b\r\n" + PLAIN,
    "folded-answer": "X: a\r\n b\r\n" + PLAIN,
    "hex-prefix": "Transfer-Encoding: chunked\r\n\r\n0x5\r\nhello\r\n0\r\n\r\n",
    "chunk-junk": "Transfer-Encoding: chunked\r\n\r\n5zz\r\nhello\r\n0\r\n\r\n",
    "always-chunked": "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    "trickles": "\r\n",
    "control": "X: a\x01b\r\n" + PLAIN,
    "switches": "\r\n",
    "padded-size": "Transfer-Encoding: chunked\r\n\r\n" + "0" * 20 + "5\r\nhello\r\n0\r\n\r\n",
    "long-extension": "Transfer-Encoding: chunked\r\n\r\n5;" + "a" * 2000 +
                      "\r\nhello\r\n0\r\n\r\n",
    "long-trailer": "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX: " + "a" * 2000 +
                    "\r\n\r\n",
}


# Answered so before the body has come, which is read all the same.
EARLY = {"early-405": 405, "early-413": 413}


def serve_http(sock, fault):
    data = b""
    if fault == "silent":
        threading.Event().wait(30)
    if fault == "closes":
        return
    try:
        while True:
            if fault == "early" and not data:
                data = sock.recv(65536)
                sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
            head, data = read_head(sock, data.lstrip(b"\r\n"))
            line, fields = fields_of(head)
            if fault == "http2" and line.startswith("PRI"):
                sock.sendall(b"\0\0\0\4\0\0\0\0\0")
                threading.Event().wait(30)
            if len(fields.get("host", [])) != 1 and fault != "any-host":
                raise Refused
            if not line.endswith(("HTTP/1.1", "HTTP/1.0")) or line.count(" ") != 2 or \
                    not line.split(" ")[0].isupper():
                raise Refused
            if misdirected(sock, line):
                return
            if len(line) > 8000:
                raise Refused
            if fault == "drops-options" and line.startswith("OPTIONS"):
                return
            if fault == "ignores-connect" and line.startswith("CONNECT"):
                threading.Event().wait(30)
            if fault == "expects-nothing" and "expect" in fields:
                sock.sendall(b"HTTP/1.1 417 No\r\nContent-Length: 0\r\n"
                             b"Connection: close\r\n\r\n")
                return
            expects = "expect" in fields and fault != "no-continue"
            while (end := body_end(data, fields, fault)) is None:
                if expects and not data:
                    sock.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
                expects = False
                if fault in EARLY:
                    sock.sendall(f"HTTP/1.1 {EARLY[fault]} No\r\n{PLAIN}".encode())
                    while sock.recv(65536):
                        pass
                    return
                piece = sock.recv(65536)
                if not piece:
                    raise End
                data += piece
            data = data[end:]
            status = {"refuses": "400 Bad", "no-blank": "200", "control-reason": "200 O\x1bK",
                      "switches": "101 Switching"}.get(fault, "200 OK")
            sock.sendall(f"HTTP/1.1 {status}\r\n{ANSWERS.get(fault, PLAIN)}".encode())
            if fault == "trickles":
                while True:
                    threading.Event().wait(0.1)
                    sock.sendall(b"x")
            if fault == "closes-always" or line.endswith("HTTP/1.0"):
                return
    except Refused:
        status = b"301 Elsewhere" if fault == "redirects" else b"400 Bad"
        sock.sendall(b"HTTP/1.1 " + status + b"\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        if fault == "stays-open":
            threading.Event().wait(30)


def guarded(serve, sock, fault, tls):
    with sock:
        try:
            if tls:
                sock = tls.wrap_socket(sock, server_side=True)
            serve(sock, fault)
        except (End, OSError):
            pass


def main():
    what, fault = sys.argv[1:3]
    if what == "ws-client":
        try:
            connect_ws(fault, sys.argv[3])
        except (End, OSError):
            pass
        return
    serve, tls = serve_ws if what.startswith("ws") else serve_http, None
    if what in ("wss", "https"):
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(sys.argv[3])
    with socket.create_server(("127.0.0.1", 0), backlog=128) as listener:
        print(listener.getsockname()[1], flush=True)
        while True:
            sock, _ = listener.accept()
            threading.Thread(target=guarded, args=(serve, sock, fault, tls), daemon=True).start()


main()

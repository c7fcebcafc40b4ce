# SPDX-License-Identifier: MIT
"""The suite itself: each fault that is planted in a small peer (faulty.py) must be found, and the
peer without it must pass the same cases. WEIR is the command."""
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import unittest

WEIR = os.environ["WEIR"]
FAULTY = os.path.join(os.path.dirname(os.path.abspath(__file__)), "faulty.py")

# fault: cases that must fail by it, and do not without it
WS = {
    "silent": "frame.text-size.1",
    "closes": "frame.text-size.1",
    "dies": "bits.text.2",
    "any-request": "open.method.POST",
    "bad-accept": "open.plain",
    "any-subprotocol": "open.no-subprotocol",
    "wrong-mask": "frame.text-size.1",
    "long-length": "frame.text-size.1",
    "takes-bits": "bits.text.2",
    "takes-opcodes": "opcode.payload.op3",
    "long-control": "ping.too-long.126",
    "takes-any-mask": "mask.wrong.text/uhello",
    "any-code": "close.code-invalid.1005",
    "any-text": "utf8.invalid.c080",
    "cuts": "frame.text-size.125",
    "always-text": "frame.types-kept",
    "echoes-bits": "frame.text-size.1",
    "no-pong": "ping.size.1",
    "bad-pong": "ping.payload.Hello",
    "any-order": "fragment.no-start.contx",
    "goes-on": "close.empty",
    "never-closes": "close.empty",
    "ignores-top-bit": "frame.length-top-bit-large.text",
    "all-subprotocols": "open.subprotocols.chat,superchat",
    "two-subprotocols": "open.subprotocols.chat",
    "length-in-101": "open.plain",
    "folded-answer": "open.plain",
    "agrees-to-all": "open.offer-bad.unknown1",
    "answers-pongs": "pong.no-answer",
    "no-blank": "open.no-colon",
}
AGREEMENTS = {"odd-parameter": "7692 7.1", "two-extensions": "6455 9.1"}  # fault: clause
NOT_STRICT = {"no-close-frame": "bits.text.2"}
WS_CLIENT = {
    "bad-version": "answer.plain",
    "any-answer": "answer.wrong-accept.x",
    "wrong-mask": "frame.text-size.1",
    "same-mask": "mask.random",
    "takes-bits": "bits.text.2",
    "any-text": "utf8.invalid.c080",
    "never-closes": "close.empty",
    "other-host": "answer.plain",
    "loses-bytes": "answer.together",
}
HTTP = {
    "silent": "accept.get",
    "closes": "reject.no-host",
    "refuses": "accept.get",
    "closes-always": "accept.get",
    "two-lengths": "accept.get",
    "any-host": "reject.no-host",
    "early": "wait.head.G$WET$THTTP/1.1Host:$H",
    "ignores-body": "canary.body.POST",
    "coding-first": "canary.length-coding.GET$THTTP/1.1Host:$HContent-Length:5"
                    "Transfer-Encoding:chunked",
    "last-length": "canary.lengths.Content-Length:$LContent-Length:0",
    "any-length": "canary.length.Content-Length:+$L",
    "any-chunk": "canary.chunk-size.x",
    "any-chunk-end": "canary.chunk-end.helloxx",
    "no-continue": "wait.continue.100-continue",
    "stays-open": "reject.length.+5",
    "length-twice": "accept.get",
    "blank-name": "accept.get",
    "bare-lf": "accept.get",
    "folded-answer": "accept.get",
    "hex-prefix": "accept.get",
    "chunk-junk": "accept.get",
    "always-chunked": "accept.http-old-host",
    "no-blank": "accept.get",
    "control": "accept.get",
    "control-reason": "accept.get",
    "switches": "accept.get",
}
# no fault: what the peer does is right, or its own affair
FREE = {
    "ws": {
        "more-pongs": ("ping.each", "OK"),
        "early-hints": ("open.plain", "OK"),
        "empty-close": ("close.code.1001", "OK"),
        "names-version": ("open.version.8", "OK"),
        "no-close-frame": ("mask.wrong.text/uhello", "OK"),
        "small-window": ("deflate.offer-client-window-value.9", "OK"),
    },
    "http": {
        "padded-size": ("accept.get", "OK"),
        "long-extension": ("accept.get", "OK"),
        "long-trailer": ("accept.get", "OK"),
        "drops-options": ("accept.asterisk", "non-strict"),
        "http2": ("reject.http2", "informational"),
        "redirects": ("reject.line.$THTTP/1.1", "OK"),
        "ignores-connect": ("reject.method-connect", "non-strict"),
        "no-limit": ("reject.chunk-size.10000000000000005", "informational"),
    },
}


GET = """
import sys, urllib.request
try:
    urllib.request.urlopen(sys.argv[1]).read()
except Exception:
    pass
"""


def verdicts(only, *peer, timeout="300ms"):
    done = subprocess.run([WEIR, "torture", "--json", "--timeout", timeout, "--only", only, *peer],
                          capture_output=True, text=True, timeout=60)
    report = json.loads(done.stdout)
    assert report["cases"], f"no case {only}"
    return {case["id"]: case["verdict"] for case in report["cases"]}, done.returncode


class Server:
    def __init__(self, kind, fault, *more):
        self.process = subprocess.Popen([sys.executable, FAULTY, kind, fault, *more],
                                        stdout=subprocess.PIPE, text=True)
        self.url = f"{kind}://127.0.0.1:{int(self.process.stdout.readline())}/"

    def __enter__(self):
        return self.url

    def __exit__(self, *exc):
        self.process.kill()
        self.process.communicate()


class Planted(unittest.TestCase):
    def judge(self, only, want, *peer, timeout="300ms"):
        found, code = verdicts(only, *peer, timeout=timeout)
        self.assertEqual(found.get(only), want, found)
        if want == "FAILED":
            self.assertEqual(code, 1)

    def servers(self, kind, faults, want="FAILED"):
        for fault, only in faults.items():
            with self.subTest(fault=fault):
                with Server(kind, fault) as url:
                    self.judge(only, want, url)

    def test_faults_of_websocket_servers_are_found(self):
        self.servers("ws", WS)

    def test_a_wrong_agreement_about_compression_is_named(self):
        for fault, clause in AGREEMENTS.items():
            with self.subTest(fault=fault), Server("ws", fault) as url:
                done = subprocess.run([WEIR, "torture", "--only", "deflate.offer-second", url],
                                      capture_output=True, text=True, timeout=60)
                self.assertEqual(done.returncode, 1, done.stdout)
                self.assertIn(f"({clause})", done.stdout)
        with Server("ws", "none") as url:
            self.judge("deflate.offer-second", "informational", url, timeout="5s")

    def test_a_websocket_client_that_draws_its_key_once_is_found(self):
        only = "answer.reason.OK|answer.reason.x"
        for fault, want in ("same-key", ["FAILED", "OK"]), ("none", ["OK", "OK"]):
            with self.subTest(fault=fault):
                found, _ = verdicts(only, "ws", "--", sys.executable, FAULTY, "ws-client", fault,
                                    "{}", timeout="5s")
                self.assertEqual(sorted(found.values()), want)

    def test_silence_is_no_fault_where_the_rfc_leaves_it_free_if_the_server_is_alive(self):
        for kind, only in ("ws", "open.bare-lf"), ("http", "reject.line-lf"):
            for fault, want in ("none", "informational"), ("closes", "FAILED"), \
                    ("silent", "FAILED"):
                with self.subTest(kind=kind, fault=fault):
                    with Server(kind, fault) as url:
                        self.judge(only, want, url, timeout="500ms")

    def test_a_server_that_leaves_at_once_refuses_no_handshake(self):
        with Server("ws", "closes") as url:
            self.judge("open.no-host", "FAILED", url)

    def test_what_trickles_in_wins_no_time(self):
        for kind, fault, only in ("ws", "only-pings", "ping.size.1"), \
                ("ws", "only-pongs", "frame.text-size.1"), \
                ("http", "trickles", "accept.get"):
            with self.subTest(fault=fault), Server(kind, fault) as url:
                begun = time.monotonic()
                self.judge(only, "FAILED", url, timeout="500ms")
                self.assertLess(time.monotonic() - begun, 20)

    def test_a_lack_of_close_frames_is_not_strict(self):
        self.servers("ws", NOT_STRICT, "non-strict")

    def test_a_websocket_server_without_a_fault_passes(self):
        with Server("ws", "none") as url:
            for only in {**WS, **NOT_STRICT}.values():
                with self.subTest(only=only):
                    self.judge(only, "OK", url, timeout="5s")

    def test_faults_of_websocket_clients_are_found(self):
        for fault, only in WS_CLIENT.items():
            with self.subTest(fault=fault):
                self.judge(only, "FAILED", "ws", "--", sys.executable, FAULTY, "ws-client", fault,
                           "{}", timeout="1s")

    def test_a_websocket_client_without_a_fault_passes(self):
        for only in WS_CLIENT.values():
            with self.subTest(only=only):
                self.judge(only, "OK", "ws", "--", sys.executable, FAULTY, "ws-client", "none",
                           "{}", timeout="5s")

    def test_what_a_peer_may_do_is_no_fault(self):
        for kind, faults in FREE.items():
            for fault, (only, want) in faults.items():
                with self.subTest(fault=fault), Server(kind, fault) as url:
                    self.judge(only, want, url, timeout="2s")

    def test_a_size_of_2_to_the_64_may_be_awaited_but_not_wrapped(self):
        for only in "canary.length.Content-Length:18446744073709551616", \
                "reject.length.18446744073709551621", "reject.chunk-size.10000000000000005":
            for fault, want in ("no-limit", ("OK", "informational")), ("wraps", ("FAILED",)), \
                    ("early-405", ("OK", "informational")), \
                    ("early-413", ("OK",)):
                with self.subTest(only=only, fault=fault), Server("http", fault) as url:
                    found, _ = verdicts(only, url, timeout="1s")
                    self.assertIn(found[only], want)

    def test_a_length_of_2_to_the_64_is_not_none_at_all(self):
        for only in "reject.length.18446744073709551621", \
                "canary.length.Content-Length:18446744073709551616":
            with self.subTest(only=only), Server("http", "ignores-large") as url:
                self.judge(only, "FAILED", url, timeout="5s")

    def test_a_websocket_client_may_read_the_body_of_a_refusal_first(self):
        self.judge("answer.status.400", "OK", "ws", "--", sys.executable, FAULTY, "ws-client",
                   "reads-body", "{}", timeout="5s")

    def test_a_request_hidden_behind_a_bare_lf_is_found_however_long_its_target_is(self):
        with Server("http", "none") as url:
            for target in "", "a" * 300:
                self.judge("canary.chunk-lf", "FAILED", url + target, timeout="5s")

    def test_a_request_line_of_at_most_8000_bytes_is_sent_however_long_the_target_is(self):
        with Server("http", "none") as url:
            for target in "", "a" * 300:
                self.judge("accept.long-target.7900", "OK", url + target, timeout="5s")

    def test_a_server_may_refuse_an_expectation_with_a_body_and_without(self):
        with Server("http", "expects-nothing") as url:
            for only in "accept.expect.100-continue", "accept.expect-get":
                with self.subTest(only=only):
                    self.judge(only, "informational", url, timeout="5s")

    def test_faults_of_http_servers_are_found(self):
        self.servers("http", HTTP)

    def test_an_http_server_without_a_fault_passes(self):
        with Server("http", "none") as url:
            for only in HTTP.values():
                with self.subTest(only=only):
                    self.judge(only, "OK", url, timeout="5s")

    def test_http_clients_are_judged_by_what_they_print_and_how_they_end(self):
        def client(end):
            return ["http", "--", sys.executable, "-c", GET + end, "{}"]
        take = client("print('hello', end='')")
        self.judge("answer.length", "OK", *take, timeout="5s")
        self.judge("cut.nothing", "FAILED", *take, timeout="5s")
        self.judge("answer.chunked-empty", "FAILED", *take, timeout="5s")
        self.judge("answer.length", "FAILED", *client("sys.exit(1)"), timeout="5s")
        self.judge("answer.length", "FAILED", *client("import time; time.sleep(60)"))


    def test_servers_over_tls_are_tried_by_a_certificate_that_is_given_or_not_looked_at(self):
        if not shutil.which("openssl") or os.environ.get("WEIR_HAS_TLS") == "0":
            self.skipTest("no openssl, or no TLS in this build")
        with tempfile.TemporaryDirectory() as folder:
            pem, key = os.path.join(folder, "pem"), os.path.join(folder, "key")
            subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                            "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", key, "-out", pem,
                            "-days", "2", "-subj", "/CN=a", "-addext",
                            "subjectAltName=IP:127.0.0.1"], check=True, capture_output=True)
            with open(pem, "a", encoding="utf-8") as whole, open(key, encoding="utf-8") as half:
                whole.write(half.read())
            for kind, only, whole in ("wss", "frame.text-size.126", "open.absolute"), \
                    ("https", "accept.get", "accept.absolute"):
                with Server(kind, "none", pem) as url:
                    self.judge(whole, "OK", "--insecure", url, timeout="5s")
                    self.judge(only, "OK", "--cacert", pem, url, timeout="5s")
                    self.judge(only, "OK", "--insecure", url, timeout="5s")
                    self.judge(only, "FAILED", url, timeout="5s")
                    done = subprocess.run([WEIR, "torture", "--only", only, url], text=True,
                                          capture_output=True, timeout=60)
                    self.assertIn("is self-signed: to trust it: --cacert FILE", done.stdout)


if __name__ == "__main__":
    unittest.main()

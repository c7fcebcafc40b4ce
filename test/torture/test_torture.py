# SPDX-License-Identifier: MIT
"""Our servers, of both shapes, and our clients, tried by `weir torture`. WEIR is the command,
WEIR_PEERS the folder of the peers, WEIR_BACKEND the backend."""
import http.server
import json
import os
import re
import socket
import subprocess
import threading
import unittest

WEIR = os.environ["WEIR"]
BACKEND = os.environ["WEIR_BACKEND"]
PEERS = os.environ["WEIR_PEERS"]


def torture(*words, timeout=120):
    return subprocess.run([WEIR, "torture", *words], capture_output=True, text=True,
                          timeout=timeout)


class Server:
    """Our server as a child process."""

    def __init__(self, program, scheme, shape):
        self.process = subprocess.Popen(
            [os.path.join(PEERS, program), "--port", "0", "--backend", BACKEND, "--shape", shape],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        line = self.process.stdout.readline()
        if not line and "io_uring" in self.process.stderr.read():
            raise unittest.SkipTest("no io_uring here")
        self.url = scheme + "://127.0.0.1:%s/" % re.search(r"(\d+)\s*$", line).group(1)

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.process.terminate()
        self.process.communicate()


class Ours(unittest.TestCase):
    def passes(self, count_min, *words):
        done = torture("--json", "--jobs", "32", "--timeout", "20s", *words)
        report = json.loads(done.stdout)
        bad = [c for c in report["cases"] if c["verdict"] in ("FAILED", "non-strict")]
        self.assertEqual(bad, [])
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertGreater(report["ran"], count_min)
        self.assertEqual(report["ran"], len(report["cases"]))

    def server_passes(self, program, scheme, shape, count_min):
        with Server(program, scheme, shape) as server:
            self.passes(count_min, server.url)

    def test_a_websocket_server_with_a_task_per_connection_passes(self):
        self.server_passes("echo-server", "ws", "serve", 900)

    def test_a_reactive_websocket_server_passes(self):
        self.server_passes("echo-server", "ws", "react", 900)

    def test_a_websocket_client_passes(self):
        self.passes(800, "ws", "--", os.path.join(PEERS, "echo-client"), "{}")

    def test_an_http_server_with_a_task_per_request_passes(self):
        self.server_passes("hello-server", "http", "serve", 700)

    def test_a_reactive_http_server_passes(self):
        self.server_passes("hello-server", "http", "react", 700)

    def test_an_http_client_passes(self):
        self.passes(290, "http", "--", os.path.join(PEERS, "get-client"), "{}")


class Command(unittest.TestCase):
    def test_nothing_ran_is_a_failure(self):
        done = torture("--only", "frame.text-size", "ws://127.0.0.1:1/")
        self.assertEqual(done.returncode, 1)
        self.assertIn("nothing ran", done.stderr)

    def test_a_pattern_of_no_case_is_a_failure(self):
        done = torture("--only", "no.such.case", "ws://127.0.0.1:1/")
        self.assertEqual(done.returncode, 1)
        self.assertIn("no case has such an id", done.stderr)

    def test_a_command_that_cannot_be_started_fails_at_once(self):
        done = torture("ws", "--", "/no/such/program", "{}", timeout=20)
        self.assertEqual(done.returncode, 1)
        self.assertIn("nothing ran", done.stderr)

    def test_a_server_that_takes_and_says_nothing_fails_every_case(self):
        with socket.create_server(("127.0.0.1", 0)) as dead:
            done = torture("--json", "--only", "close.*", "--timeout", "100ms",
                           "ws://127.0.0.1:%d/" % dead.getsockname()[1])
        verdicts = {c["verdict"] for c in json.loads(done.stdout)["cases"]}
        self.assertEqual(verdicts, {"FAILED"})
        self.assertEqual(done.returncode, 1)

    def test_a_server_that_never_says_a_byte_is_given_up(self):
        with socket.create_server(("127.0.0.1", 0), backlog=128) as dead:
            for scheme in "ws", "http":
                with self.subTest(scheme=scheme):
                    done = torture("--json", "--timeout", "100ms",
                                   f"{scheme}://127.0.0.1:{dead.getsockname()[1]}/")
                    report = json.loads(done.stdout)
                    self.assertLess(report["ran"], 64)
                    self.assertEqual(report["failed"], len(report["cases"]))
                    self.assertIn("not tried", report["cases"][-1]["why"])

    def try_server(self, only, url="http://127.0.0.1:%d/", host="127.0.0.1", behind=b"",
                   status=200, **fields):
        """The verdicts on a server that answers so, with these bytes behind each answer, and the
        targets that it was asked for."""
        targets = []

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                targets.append(self.path)
                self.rfile.read(int(self.headers.get("Content-Length", 0)) if not behind else 0)
                self.send_response(status)
                self.send_header("Content-Length", "0")
                for name, value in fields.items():
                    self.send_header(name.replace("_", "-"), value)
                self.end_headers()
                self.wfile.write(behind)
                self.close_connection = self.close_connection or behind != b""

            do_POST = do_HEAD = do_GET

            def log_message(self, *_):
                pass

        class Server(http.server.ThreadingHTTPServer):
            address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
            daemon_threads = True

            def handle_error(self, *_):
                pass  # the suite leaves in the middle

        with Server((host, 0), Handler) as server:
            threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
            done = torture("--json", "--only", only, url % server.server_port)
            server.shutdown()
        return {c["verdict"] for c in json.loads(done.stdout)["cases"]}, targets

    def test_a_wrong_answer_behind_the_first_one_fails_a_canary(self):
        again = b"\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
        self.assertEqual(self.try_server("canary.body.GET", behind=again)[0], {"FAILED"})

    def test_a_server_may_close_a_connection_if_it_says_so(self):
        self.assertEqual(self.try_server("accept.fields", Connection="close")[0], {"non-strict"})

    def test_a_server_need_not_know_each_host(self):
        for status in 421, 400:
            with self.subTest(status=status):
                self.assertEqual(self.try_server("accept.host", status=status)[0],
                                 {"informational"})
        self.assertEqual(self.try_server("accept.host", status=500)[0], {"FAILED"})

    def test_a_server_need_not_know_an_expectation(self):
        self.assertEqual(self.try_server("accept.expect.100-continue", status=417)[0],
                         {"informational"})

    def test_a_server_may_answer_as_http_what_is_no_websocket(self):
        url = "ws://127.0.0.1:%d/"
        for only, want in ("open.http-old", "OK"), ("open.no-upgrade", "informational"), \
                ("open.method.POST", "informational"), ("open.wrong-connection", "informational"), \
                ("open.no-key", "FAILED"):
            with self.subTest(only=only):
                self.assertEqual(self.try_server(only, url)[0], {want})

    def test_an_answer_that_no_case_allows_fails_each(self):
        self.assertEqual(self.try_server("reject.value-nul", status=400, Content_length="1")[0],
                         {"FAILED"})

    def test_urls_of_an_address_in_brackets_and_without_a_slash(self):
        verdicts, targets = self.try_server("accept.get", "http://127.0.0.1:%d?x=1")
        self.assertEqual((verdicts, set(targets)), ({"OK"}, {"/?x=1"}))
        try:
            verdicts, _ = self.try_server("accept.get", "http://[::1]:%d/", "::1")
        except OSError as e:
            self.skipTest(f"no IPv6 here: {e}")
        self.assertEqual(verdicts, {"OK"})

    def test_the_ids_of_the_list_are_unique_and_each_names_its_clause(self):
        for peer in "ws://127.0.0.1:1/", "http://127.0.0.1:1/", "ws", "http":
            with self.subTest(peer=peer):
                cases = json.loads(torture("--list", "--json", peer).stdout)
                ids = [c["id"] for c in cases]
                self.assertEqual(len(ids), len(set(ids)))
                for case in cases:
                    self.assertRegex(case["clause"], r"^\d{4} \d")
                    self.assertIn(case["level"], ("must", "should", "informational"))

    def test_what_no_clause_demands_is_not_must(self):
        free = {"http://127.0.0.1:1/": ["accept.query.a[]1", "accept.chunked-trailer.Host:x",
                                        "reject.line.GET$THTTP/1.1", "reject.line.GET$THTTP/1.1-5",
                                        "reject.target-cr", "reject.value-nul", "reject.value-cr",
                                        "reject.value-control.", "reject.line-crcrlf",
                                        "reject.target-long.200000", "reject.long-field.200000"],
                "ws://127.0.0.1:1/": ["frame.length-huge.text", "open.control", "open.bare-cr"],
                "ws": ["answer.name-blank"],
                "http": ["refuse.value-nul", "refuse.value-cr", "refuse.long-head.2000000"]}
        should = {"http://127.0.0.1:1/": ["wait.empty-line", "reject.line.GET$THTTP/1.1-6"],
                  "http": ["refuse.status.000"]}
        for peer, ids in free.items():
            levels = {c["id"]: c["level"] for c in
                      json.loads(torture("--list", "--json", peer).stdout)}
            for name in ids:
                with self.subTest(id=name):
                    self.assertEqual(levels[name], "informational")
            for name in should.get(peer, []):
                with self.subTest(id=name):
                    self.assertEqual(levels[name], "should")
            self.assertFalse([name for name in levels if name.endswith("-host.a,b")])

    def test_usage(self):
        for words in ([], ["tcp://127.0.0.1:1"], ["ws"], ["http"], ["--listen", "0", "http"],
                      ["--jobs", "0", "ws://127.0.0.1:1/"],
                      ["--backend", "sim", "ws://127.0.0.1:1/"],
                      ["--timeout", "x", "ws://127.0.0.1:1/"],
                      ["http://127.0.0.1:1/" + "a" * 400],
                      ["ws://127.0.0.1:1/", "ws://127.0.0.1:1/"]):
            with self.subTest(words=words):
                self.assertEqual(torture(*words).returncode, 2)


if __name__ == "__main__":
    unittest.main()

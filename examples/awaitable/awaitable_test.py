# SPDX-License-Identifier: MIT
"""The two worked examples of doc/awaitable.md: libpq against a real PostgreSQL, and SQLite.
WEIR_EXAMPLES names the folder of the programs."""
import glob
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import unittest

HERE = os.environ["WEIR_EXAMPLES"]
BIN = (sorted(glob.glob("/usr/lib/postgresql/*/bin")) or [""])[-1]


def as_postgres(*words):
    """PostgreSQL refuses to run as root."""
    return ["setpriv", "--reuid", "postgres", "--regid", "postgres", "--clear-groups",
            *words] if os.getuid() == 0 else list(words)


class Postgres:
    """A server in a temporary folder, on a free port of the loopback."""
    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="weir-pg-")
        if os.getuid() == 0:
            shutil.chown(self.folder, "postgres", "postgres")
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            self.port = s.getsockname()[1]
        data = self.folder + "/data"
        subprocess.run(as_postgres(BIN + "/initdb", "-D", data, "-A", "trust", "-U", "pg",
                                   "--no-sync"), check=True, capture_output=True,
                       cwd=self.folder)
        self.process = subprocess.Popen(
            as_postgres(BIN + "/postgres", "-D", data, "-c", "listen_addresses=127.0.0.1",
                        "-c", f"port={self.port}", "-c", "unix_socket_directories=",
                        "-c", "fsync=off"), cwd=self.folder, stderr=subprocess.DEVNULL)
        self.wait()

    def wait(self):
        until = time.monotonic() + 30
        while subprocess.run([BIN + "/pg_isready", "-q", "-h", "127.0.0.1", "-p",
                              str(self.port)]).returncode != 0:
            if time.monotonic() > until or self.process.poll() is not None:
                raise RuntimeError("PostgreSQL does not answer")
            time.sleep(0.05)

    def end(self):
        self.process.send_signal(signal.SIGINT)  # it ends at once, whoever is connected
        self.process.wait(timeout=20)
        shutil.rmtree(self.folder)


class Awaitable(unittest.TestCase):
    def run_on_both(self, *words):
        for backend in "epoll", "uring":
            with self.subTest(backend=backend):
                done = subprocess.run([os.path.join(HERE, words[0]), *words[1:]], timeout=60,
                                      env={**os.environ, "WEIR_BACKEND": backend},
                                      capture_output=True, text=True)
                if backend == "uring" and "WEIR_EBACKEND" in done.stderr:
                    continue
                yield done

    @unittest.skipUnless(os.path.exists(HERE + "/pq-demo"), "libpq is not installed")
    @unittest.skipUnless(os.path.exists(BIN + "/postgres"), "PostgreSQL is not installed")
    def test_libpq_by_its_descriptor_against_a_real_postgresql(self):
        server = Postgres()
        self.addCleanup(server.end)
        for done in self.run_on_both("pq-demo", f"hostaddr=127.0.0.1 port={server.port} user=pg"
                                                " dbname=postgres"):
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            self.assertEqual(done.stdout, "select $1::int * 2: 42\n"
                             "select no_such_column: refused, column \"no_such_column\" does not"
                             " exist\n"
                             "select 'slept' from pg_sleep(0.2): slept\n"
                             "meanwhile the loop went on: yes\n"
                             "a minute's sleep: ETIME\n"
                             "select 'as good as new': as good as new\n"
                             "a hundred queries on ten connections: 100\n")

    @unittest.skipUnless(os.path.exists(HERE + "/pq-demo"), "libpq is not installed")
    def test_libpq_says_why_it_cannot_connect(self):
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            for done in self.run_on_both("pq-demo", f"hostaddr=127.0.0.1 user=pg "
                                                    f"port={s.getsockname()[1]}"):
                self.assertEqual(done.returncode, 1)
                self.assertIn("Connection refused", done.stderr)

    @unittest.skipUnless(os.path.exists(HERE + "/sqlite-demo"), "SQLite is not installed")
    def test_sqlite_on_helper_threads(self):
        for done in self.run_on_both("sqlite-demo", ":memory:"):
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            lines = done.stdout.splitlines()
            self.assertEqual(lines[-4:-2], ["select sum(value) from t: 500500", lines[-3]])
            self.assertRegex(lines[-3], r"^with recursive .*: ETIME$")
            self.assertEqual(lines[-2:], ["cut short: ETIME", "select count(*) from t: 1000"])


if __name__ == "__main__":
    unittest.main()

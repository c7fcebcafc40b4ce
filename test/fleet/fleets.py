# SPDX-License-Identifier: MIT
"""What the tests of `weir up` share: a fleet file in a folder of its own, `weir up` on it, and
ways to wait for what happens without waiting for a time."""
import concurrent.futures
import functools
import os
import signal
import socket
import subprocess
import tempfile
import unittest

WEIR = os.path.abspath(os.environ["WEIR"])
LIMIT = 20 * float(os.environ.get("WEIR_TEST_TIMEOUT_SCALE", "1"))  # only ever met by a failure

# Shell without traps: after PREPARE, BLOCK waits without a child for ever. (A child between its
# fork and its exec would swallow a TERM in the shell's handler, and then sit out the grace.)
PREPARE = "f=$(mktemp -u); mkfifo $f; exec 8<>$f; rm $f; "
BLOCK = "read x <&8"


def say_and_wait(say):
    """Shell, behind its traps: say it, then wait for a signal. Not by BLOCK: a signal between the
    last look at traps and the read would be looked at after the read, never. `wait` looks with
    signals blocked; and the child that it waits for speaks only when the signal can end it."""
    return f'sh -c "{say}; exec sleep 1000" & while :; do wait; done'


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as s:
        return s.getsockname()[1]


def ancestors(pid):
    """The chain of parents of a process: its keeper, the guard, `up`, ..."""
    chain = []
    while pid > 1:
        with open(f"/proc/{pid}/stat", encoding="utf-8") as f:
            pid = int(f.read().rpartition(")")[2].split()[1])
        chain.append(pid)
    return chain


@functools.lru_cache
def why_no_backend():
    """What `weir up` says if the backend of WEIR_BACKEND cannot be had here, else ''."""
    with tempfile.TemporaryDirectory() as folder:
        with open(folder + "/fleet.yaml", "w", encoding="utf-8") as f:
            f.write("fleet: t\nnodes: {a: {command: 'true'}}\n")
        up = subprocess.run([WEIR, "up", "-q"], cwd=folder, capture_output=True, text=True,
                            timeout=LIMIT, check=False)
    return up.stderr.strip().replace("\n", "; ") if up.returncode else ""


class FleetTest(unittest.TestCase):
    def setUp(self):
        why = os.environ.get("WEIR_BACKEND") == "uring" and why_no_backend()
        if why:
            self.skipTest(why)
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, text, mode=0o644):
        with open(self.path(name), "w", encoding="utf-8") as f:
            f.write(text)
        os.chmod(self.path(name), mode)
        return self.path(name)

    def read(self, name):
        with open(self.path(name), encoding="utf-8") as f:
            return f.read()

    def fleet(self, **nodes):
        """Write fleet.yaml: each node is a dict of its keys, or a shell script."""
        text = "fleet: test\nnodes:\n"
        for name, keys in nodes.items():
            text += f"  {name}:\n"
            if isinstance(keys, str):
                keys = {"sh": keys}
            for key, value in keys.items():
                if key == "sh":
                    text += f"    command:\n      - sh\n      - -c\n      - |-\n"
                    text += "".join(f"        {line}\n" for line in value.split("\n"))
                else:
                    text += f"    {key}: {value}\n"
        return self.write("fleet.yaml", text)

    def start(self, *args, env=None, **popen):
        popen.setdefault("stdout", subprocess.PIPE)
        popen.setdefault("stderr", subprocess.PIPE)
        up = subprocess.Popen([WEIR, *args], cwd=self.folder, text=True,
                              env={**os.environ, **(env or {})}, stdin=subprocess.DEVNULL, **popen)
        self.addCleanup(self.finish, up)
        return up

    def finish(self, up):
        if up.poll() is None:
            up.send_signal(signal.SIGKILL)
        up.wait(LIMIT)
        for pipe in (up.stdout, up.stderr):
            if pipe:
                pipe.close()

    def run_weir(self, *args, env=None):
        """Run to the end. Returns (exit code, stdout, stderr)."""
        up = self.start(*args, env=env)
        out, err = up.communicate(timeout=LIMIT)
        return up.returncode, out, err

    def up(self, *args, env=None):
        """`weir up -q`: without the summary."""
        return self.run_weir("up", "-q", *args, env=env)

    def ends(self, up):
        """The rest of both outputs, and the exit code."""
        out, err = up.communicate(timeout=LIMIT)
        return up.returncode, out, err


def at_once(cls):
    """Of a class of tests that mostly wait: all begin together, each in a thread and with a fleet
    of its own. A test of the class then waits for its own thread, and fails as that did."""
    stories = {name: story for name, story in vars(cls).items() if name.startswith("test_")}

    def alone(name):
        case = cls(name)
        try:
            case.setUp()
            stories[name](case)
        finally:
            case.doCleanups()

    def begin():
        pool = concurrent.futures.ThreadPoolExecutor(len(stories))
        cls.addClassCleanup(pool.shutdown)
        cls.begun = {name: pool.submit(alone, name) for name in stories}

    cls.setUpClass = begin
    for name in stories:
        setattr(cls, name, lambda self, name=name: self.begun[name].result())
    return cls

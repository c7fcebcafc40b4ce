# SPDX-License-Identifier: MIT
"""The circuit as real processes for a while, its buzzer killed, stopped and restarted at random.

WEIR_SOAK_SECONDS (6) how long; WEIR_SOAK_SEED: of an earlier run, else drawn; it is printed.
At the end every tick was acked once, or refused with its reason; what the programs count is what
they printed; nothing has waited too long; no process, no descriptor is left."""
import ctypes
import os
import random
import re
import signal
import socket
import subprocess
import sys
import threading
import time

WEIR = os.path.abspath(os.environ["WEIR"])
SECONDS = float(os.environ.get("WEIR_SOAK_SECONDS", "6"))
SEED = int(os.environ.get("WEIR_SOAK_SEED", "0")) or random.SystemRandom().randrange(1, 1 << 32)
LIMIT = 30 * float(os.environ.get("WEIR_TEST_TIMEOUT_SCALE", "1"))  # beyond a stop: it hangs
ITEMS = 3
signal.signal(signal.SIGINT, signal.default_int_handler)  # in a script's background: not ignored
PR_SET_CHILD_SUBREAPER = 36


class Failed(Exception):
    pass


def check(holds, *why):
    if not holds:
        raise Failed(" ".join(map(str, why)))


class Node:
    """A program of the circuit: its lines are read as they come, its counters by the control
    socket."""

    all = []

    def __init__(self, *words, heard=None):
        Node.all = [n for n in Node.all if n.process.poll() is None] + [self]
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self.process = subprocess.Popen(
                [WEIR, *words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                stderr=subprocess.PIPE, text=True, pass_fds=[theirs.fileno()],
                env={**os.environ, "WEIR_CONTROL_FD": str(theirs.fileno())})
        self.heard, self.port, self.serving = heard, None, threading.Event()
        self.counts, self.errors, self.is_refused = {}, [], False
        self.readers = [threading.Thread(target=f, args=(x,), daemon=True) for f, x in (
            (self.read_lines, self.process.stdout), (self.read_errors, self.process.stderr),
            (self.read_counts, ours))]
        for reader in self.readers:
            reader.start()

    def read_lines(self, pipe):
        with pipe:
            for line in pipe:
                served = re.search(r"serving on .*:(\d+)$", line)
                if served:
                    self.port = int(served.group(1))
                    self.serving.set()
                self.is_refused |= "Cannot bind to this port!" in line
                if self.heard:
                    self.heard(line.rstrip("\n"))

    def read_errors(self, pipe):
        with pipe:
            for line in pipe:
                self.errors = self.errors[-20:] + [line.rstrip("\n")]

    def read_counts(self, control):
        with control:
            while said := control.recv(256):
                if said.startswith(b"stat "):
                    self.counts = {k: int(v) for k, v in
                                   (x.split("=") for x in said.decode().split()[1:])}

    def fds(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def send(self, number):
        self.process.send_signal(number)

    def wait(self):
        try:
            code = self.process.wait(LIMIT)
        except subprocess.TimeoutExpired:
            raise Failed("it does not end:", self.process.args, self.errors) from None
        for reader in self.readers:
            reader.join(LIMIT)
        return code


class Ticks:
    """The clock's lines: > n, then exactly one answer, and so on."""

    def __init__(self):
        self.sent = self.acked = 0
        self.refused = {}  # reason: how often
        self.wrong = None
        self.news = threading.Condition()

    def __call__(self, line):
        text = line.removeprefix("[ clock ] ")
        with self.news:
            answered = self.acked + sum(self.refused.values())
            if text.startswith("> "):
                self.expect(line, answered == self.sent and text == f"> {self.sent}")
                self.sent += 1
            elif text.startswith("< "):
                self.expect(line, answered == self.sent - 1)
                if text == "< acknowledged":
                    self.acked += 1
                else:
                    self.expect(line, re.match(r"< nack: \S", text))
                    self.refused[text] = self.refused.get(text, 0) + 1
            self.news.notify_all()

    def expect(self, line, holds):
        if not holds and self.wrong is None:
            self.wrong = f"'{line}' after {self.sent} ticks, {self.acked} acked, {self.refused}"

    @property
    def answered(self):
        return self.acked + sum(self.refused.values())

    def go_on(self, count=1):
        """Wait until so many more are answered."""
        with self.news:
            until = self.answered + count
            self.news.wait_for(lambda: self.answered >= until or self.wrong, LIMIT)
            check(self.wrong is None, "out of order:", self.wrong)
            check(self.answered >= until, "it hangs: no answer for", LIMIT, "s after",
                  self.answered, "ticks")


class Pin:
    """The pin's lines: each tick once, in order; all items of one that is acked are acked."""

    def __init__(self):
        self.ticks = self.items = self.acks = self.whole = 0
        self.wrong = None

    def __call__(self, line):
        text = line.removeprefix("[ IOPin ] ")
        if text.startswith("new tick triggered on /datafeed: "):
            self.end_tick()
            if text.rsplit(" ", 1)[1] != str(self.ticks):
                self.wrong = self.wrong or f"'{line}' as tick {self.ticks}"
            self.ticks += 1
            self.items = self.acks = 0
        elif text.startswith("> sending payload: "):
            self.items += 1
        elif text.startswith("< "):
            self.acks += 1
            if self.acks > self.items:
                self.wrong = self.wrong or f"tick {self.ticks - 1}: an item is acked twice"

    def end_tick(self):
        self.whole += self.ticks > 0 and self.acks == ITEMS


class Buzzer:
    def __init__(self, chance):
        self.chance, self.port, self.starts, self.held, self.done = chance, 0, 0, 0, {}
        self.start()

    def start(self):
        self.begin()
        self.await_serving()

    def begin(self):
        self.node = Node("buzzer", "-p", str(self.port))
        self.starts += 1
        if self.port == 0:
            check(self.node.serving.wait(LIMIT), "no buzzer:", self.node.errors)
            self.port = self.node.port

    def await_serving(self):
        """On a machine that has much else to do, the kernel may hold the port of a killed one for
        longer than the 50 ms that listen tries: then it is started again, as a keeper would."""
        end = time.monotonic() + LIMIT
        while not self.node.serving.wait(0.02):
            check(time.monotonic() < end, "the buzzer does not serve:", self.node.errors)
            if self.node.process.poll() is not None:
                self.node.wait()
                check(self.node.is_refused, "the buzzer ended by itself:", self.node.errors)
                self.held += 1
                self.begin()

    def pause(self, longest):
        """How long something stays as it is: mostly short, now and then beyond the 5 s that the
        pin tries."""
        rare = SECONDS >= 60 and self.chance.random() < 0.05
        time.sleep(self.chance.uniform(5.2, 7) if rare else self.chance.random() ** 3 * longest)

    def kill(self):
        self.node.send(signal.SIGKILL)
        code = self.node.wait()
        check(code == -signal.SIGKILL, "killed, and ended with", code, self.node.errors)
        self.pause(2)
        self.start()

    def kill_at_its_start(self):
        for _ in range(self.chance.randrange(1, 4)):
            self.node.send(signal.SIGKILL)
            self.node.wait()
            self.begin()
        self.await_serving()

    def stop(self):
        self.node.send(signal.SIGSTOP)
        self.pause(3)
        self.node.send(signal.SIGCONT)

    def stop_often(self):
        for _ in range(self.chance.randrange(2, 20)):
            self.node.send(signal.SIGSTOP)
            time.sleep(self.chance.random() * 0.02)
            self.node.send(signal.SIGCONT)

    def kill_while_stopped(self):
        self.node.send(signal.SIGSTOP)
        self.pause(1)
        self.kill()

    def restart(self):
        self.await_serving()
        self.node.send(signal.SIGTERM)
        check(self.node.wait() == 0, "TERM, and it ended otherwise:", self.node.errors)
        self.pause(1)
        self.start()

    def disturb(self):
        what = self.chance.choice([self.kill, self.kill_at_its_start, self.stop, self.stop_often,
                                   self.kill_while_stopped, self.restart])
        self.done[what.__name__] = self.done.get(what.__name__, 0) + 1
        what()


def outage(buzzer, ticks):
    """Longer than the pin tries: a tick is refused, and says why."""
    refused = sum(ticks.refused.values())
    buzzer.node.send(signal.SIGKILL)
    buzzer.node.wait()
    with ticks.news:
        ticks.news.wait_for(lambda: sum(ticks.refused.values()) > refused, LIMIT)
    check(sum(ticks.refused.values()) > refused, "without a buzzer, no tick is refused for", LIMIT,
          "s")
    buzzer.start()


def settle(buzzer, ticks):
    """As it is without disturbance."""
    buzzer.await_serving()
    ticks.go_on(3)


def soak():
    ticks, seen = Ticks(), Pin()
    buzzer = Buzzer(random.Random(SEED))
    pin = Node("iopin", "-p", "0", "--node", f"buzzer=localhost:{buzzer.port}", "--with",
               f"sequence={ITEMS}", heard=seen)
    check(pin.serving.wait(LIMIT), "no pin:", pin.errors)
    clock = Node("clock", "-p", str(pin.port), "-t", "1000000000", "-d", "0.01", heard=ticks)
    settle(buzzer, ticks)
    before = pin.fds(), clock.fds()
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        buzzer.disturb()
        ticks.go_on()
        time.sleep(buzzer.chance.random() * 0.5)
    outage(buzzer, ticks)
    settle(buzzer, ticks)
    after = pin.fds(), clock.fds()
    clock.send(signal.SIGINT)
    check(clock.wait() == 0, "the clock was interrupted, and ended otherwise:", clock.errors)
    for node in pin, buzzer.node:
        node.send(signal.SIGTERM)
        check(node.wait() == 0, "TERM, and it ended otherwise:", node.process.args, node.errors)
    seen.end_tick()
    report(ticks, seen, buzzer, before, after)
    compare(ticks, seen, clock, pin, before, after)


def report(ticks, seen, buzzer, before, after):
    print(f"# {ticks.sent} ticks: {ticks.acked} acked, {sum(ticks.refused.values())} refused, "
          f"{seen.ticks} seen by the pin; the buzzer was started {buzzer.starts} times, "
          f"{buzzer.held} of them while its port was still held")
    print("# " + ", ".join(f"{name} {count}" for name, count in sorted(buzzer.done.items())))
    for reason, count in sorted(ticks.refused.items()):
        print(f"# {count} x {reason}")
    print(f"# descriptors of pin and clock: {before} at the beginning, {after} at the end")


def compare(ticks, seen, clock, pin, before, after):
    refused = sum(ticks.refused.values())
    check(ticks.wrong is None, "the clock:", ticks.wrong)
    check(seen.wrong is None, "the pin:", seen.wrong)
    # The last one may have been on its way when the clock was interrupted.
    last = ticks.sent - ticks.answered
    check(last in (0, 1), "ticks without an answer:", last)
    check(ticks.sent - seen.ticks in (0, last), "ticks that the pin has not seen:",
          ticks.sent - seen.ticks)
    check(seen.whole - ticks.acked in (0, last), "acked by the clock's lines", ticks.acked,
          "but streamed as a whole", seen.whole)
    counts = {k: clock.counts.get(k) for k in ("messages", "acks")}
    check(counts == {"messages": ticks.sent, "acks": ticks.acked}, "the clock counts",
          clock.counts, "and printed", ticks.sent, ticks.acked, refused)
    check(clock.counts["errors"] - refused in (0, last), "errors:", clock.counts, refused)
    check(pin.counts.get("messages") == seen.ticks, "the pin counts", pin.counts, "and printed",
          seen.ticks)
    check(pin.counts["acks"] - ticks.acked in (0, last), "acks:", pin.counts, ticks.acked)
    check(pin.counts["errors"] - refused in (0, last), "errors:", pin.counts, refused)
    check(all(b <= a for a, b in zip(before, after)), "descriptors:", before, "then", after)


def none_is_left():
    try:
        left = os.waitpid(-1, os.WNOHANG)
    except ChildProcessError:
        return
    raise Failed("a process is left:", left)


def why_not():
    """What weir says if the backend of WEIR_BACKEND cannot be had here, else ''."""
    done = subprocess.run([WEIR, "buzzer", "--with", "none=0"], capture_output=True, text=True,
                          timeout=LIMIT, check=False)
    return "" if "none" in done.stderr else done.stderr.strip()


def main():
    print("1..1")
    if os.environ.get("WEIR_BACKEND") == "uring" and why_not():
        print(f"ok 1 - soak # SKIP {why_not()}")
        return 0
    print(f"# seed {SEED}, {SECONDS:g} s, backend {os.environ.get('WEIR_BACKEND', '')}", flush=True)
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    try:
        soak()
        none_is_left()
    except Failed as why:
        for node in Node.all:
            node.process.kill()
        print(f"not ok 1 - every tick is acked once or refused with its reason\n# {why}")
        print(f"seed {SEED}: {why}", file=sys.stderr)
        return 1
    print("ok 1 - every tick is acked once or refused with its reason")
    return 0


if __name__ == "__main__":
    sys.exit(main())

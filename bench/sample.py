# SPDX-License-Identifier: MIT
"""One sample: start a server on one core and the load on the other, in a real-time class where
that is allowed, and read what the load reports. Nothing here knows of tables or medians."""

import json
import os
import socket
import subprocess
import time

from servers import npm_ws

STALL_SHARE = 0.6       # server + load together busier than this, or something stood still


class Failed(Exception):
    """A server did not start, or an echo was wrong."""


def start(command, cpu, realtime, **options):
    """Start a command pinned to a core, in SCHED_RR if realtime."""
    def pin():
        os.sched_setaffinity(0, {cpu})
        if realtime:
            os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
    return subprocess.Popen(command, preexec_fn=pin, **options)


def may_be_realtime():
    """Whether SCHED_RR is allowed: tried in a child, so that this process stays as it is."""
    try:
        return start(["true"], 0, True).wait() == 0
    except (PermissionError, subprocess.SubprocessError):
        return False


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def await_listening(process, port):
    """Until the server accepts; the connection made for it is closed at once."""
    end = time.monotonic() + 5
    while time.monotonic() < end:
        if process.poll() is not None:
            raise Failed(f"exited with {process.returncode} at start")
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.01)
    raise Failed("does not listen after 5 s")


class Bench:
    """The programs of one build, the two cores and the scheduling class."""

    def __init__(self, build, cpus, realtime):
        self.build, self.cpus, self.realtime = build, cpus, realtime

    def path(self, program):
        return os.path.join(self.build, program)

    def machine(self, what):
        """bench-machine's figures; what is --hop or --costs."""
        here, there = self.cpus
        if here == there:
            return {"hop_ns": 0.0}
        pin = os.sched_getaffinity(0)
        command = [self.path("bench/bench-machine"), what, str(here), str(there)]
        process = start(command, min(pin), self.realtime, stdout=subprocess.PIPE)
        return json.loads(process.communicate(timeout=60)[0])

    def serve(self, server):
        """Start a server; returns (process, port) once it listens."""
        port = free_port()
        command = [word.format(port=port, npm=npm_ws(self.build)) for word in server.command]
        command[0] = self.path(command[0])
        environment = dict(os.environ, GOMAXPROCS="1")
        process = start(command, self.cpus[0], self.realtime, env=environment,
                        stdout=subprocess.DEVNULL)
        try:
            await_listening(process, port)
        except Failed:
            stop(process)
            raise
        return process, port

    def load(self, arguments, **options):
        command = [self.path("bench/bench-load"), *map(str, arguments)]
        return start(command, self.cpus[1], self.realtime, stdout=subprocess.PIPE, **options)

    def measure(self, server, point, warmup, seconds, rate=0):
        """Run the load once, with rate messages a second in all unless that is 0. Returns its
        report with server_cpu_us per message added."""
        process, port = self.serve(server)
        try:
            arguments = ["--port", port, "--pid", process.pid, "--size", point.size,
                         "--connections", point.connections, "--depth", point.depth,
                         "--warmup", warmup, "--seconds", seconds]
            if rate:
                arguments += ["--rate", rate]
            if point.protocol == "ws":
                arguments.append("--ws")
            load = self.load(arguments)
            out = load.communicate(timeout=60 + warmup + seconds)[0]
            if load.returncode != 0 or process.poll() is not None:
                raise Failed("wrong echo, or the server died")
        finally:
            stop(process)
        report = json.loads(out)
        if report["messages"] == 0:
            raise Failed("no message came back")
        report["server_share"] = report["server_cpu_ns"] / report["wall_ns"]
        report["server_cpu_us"] = report["server_cpu_ns"] / report["messages"] / 1000
        shares = report["server_share"] + report["busy"]
        report["stalled"] = point.connections > 1 and not rate and shares < STALL_SHARE
        return report

    def idle_bytes(self, server, count):
        """Bytes of VmRSS + VmPTE per idle connection: of one more, between a third of count and
        count; and of all, with the pools that the first ones filled and all share."""
        process, port = self.serve(server)
        try:
            one, third, all_of_them = (self._held(process, port, n, server.protocol)
                                       for n in (1, count // 3, count))
        finally:
            stop(process)
        return {"more": (all_of_them - third) / (count - count // 3),
                "all": (all_of_them - one) / count}

    def _held(self, process, port, count, protocol):
        arguments = ["--port", port, "--idle", count]
        if protocol == "ws":
            arguments.append("--ws")
        load = self.load(arguments, stdin=subprocess.PIPE)
        try:
            if not load.stdout.readline():
                raise Failed(f"could not hold {count} connections")
            return resident_bytes(process.pid)
        finally:
            load.stdin.close()
            load.wait()
            load.stdout.close()


def resident_bytes(pid):
    total = 0
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        for line in status:
            if line.startswith(("VmRSS:", "VmPTE:")):
                total += int(line.split()[1]) * 1024
    return total


def stop(process):
    process.terminate()
    try:
        process.wait(2)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()

#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""campaign.py BUILD SECONDS [NAME ...]: fuzz each target until it has used SECONDS of processor
time, all of them at once. It may be stopped (SIGINT, SIGTERM) and started again: the corpora and
the seconds stay in BUILD/corpora. A target that was built anew begins at 0, with its corpus.
Inputs that were found lie in BUILD/corpora/NAME.found. Exits 1 if there are any, or if a target
ended by itself; 2 if it was stopped before."""
import hashlib
import json
import os
import signal
import subprocess
import sys
import time

ENDS_MAX = 20  # of one target: then it is left alone
TICKS = os.sysconf("SC_CLK_TCK")


class Target:
    def __init__(self, build, name):
        home = os.path.join(build, "corpora")
        self.name = name
        self.binary = os.path.join(build, "test/fuzz", "fuzz-" + name)
        self.corpus, self.found = (os.path.join(home, name + end) for end in ("", ".found"))
        self.log, self.file = (os.path.join(home, name + end) for end in (".log", ".json"))
        self.process, self.before, self.used, self.ends = None, 0.0, 0.0, 0
        for folder in self.corpus, self.found:
            os.makedirs(folder, exist_ok=True)
        with open(self.binary, "rb") as f:
            self.sum = hashlib.sha256(f.read()).hexdigest()
        if os.path.exists(self.file):
            with open(self.file) as f:
                kept = json.load(f)
            self.before = kept["seconds"] if kept["sum"] == self.sum else 0.0

    def seconds(self):
        return self.before + self.used

    def finds(self):
        return len(os.listdir(self.found))

    def start(self, seeds):
        self.before, self.used = self.seconds(), 0.0
        with open(self.log, "a") as log:
            # The load of the others is no fault of an input: long bounds.
            self.process = subprocess.Popen(
                [self.binary, "-max_len=4096", "-timeout=600", "-report_slow_units=600",
                 "-max_total_time=86400", f"-artifact_prefix={self.found}/", self.corpus, seeds],
                stdout=log, stderr=log, start_new_session=True, preexec_fn=lambda: os.nice(10))

    def look(self):
        """Count; returns whether it still runs."""
        try:
            with open(f"/proc/{self.process.pid}/stat") as f:
                fields = f.read().rsplit(")", 1)[1].split()
            self.used = (int(fields[11]) + int(fields[12])) / TICKS
        except OSError:
            pass
        with open(self.file, "w") as f:
            json.dump({"sum": self.sum, "seconds": self.seconds()}, f)
        return self.process.poll() is None

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            self.process.wait()


def main():
    if len(sys.argv) < 3:
        sys.exit("usage: campaign.py BUILD SECONDS [NAME ...]")
    build = sys.argv[1]
    folder = os.path.join(build, "test/fuzz")
    try:
        want = float(sys.argv[2])
    except ValueError:
        sys.exit(f"campaign.py: {sys.argv[2]} is no number of seconds")
    if not os.path.isdir(folder):
        sys.exit(f"campaign.py: {build} is no folder of a build")
    seeds = os.path.join(os.path.dirname(os.path.abspath(__file__)), "seeds")
    names = sys.argv[3:] or sorted(
        n[5:] for n in os.listdir(folder)
        if n.startswith("fuzz-") and os.path.isfile(os.path.join(folder, n)))
    for n in names:
        if not os.path.isfile(os.path.join(folder, "fuzz-" + n)):
            sys.exit(f"campaign.py: no target fuzz-{n} in {folder}")
    targets = [Target(build, n) for n in names]
    stopped = []
    for number in signal.SIGINT, signal.SIGTERM:
        signal.signal(number, lambda *a: stopped.append(a))
    running = [t for t in targets if t.seconds() < want]
    for t in running:
        t.start(os.path.join(seeds, t.name))
    while running and not stopped:
        time.sleep(2)
        for t in list(running):
            alive = t.look()
            if t.seconds() >= want:
                t.stop()
                running.remove(t)
            elif not alive:
                t.ends += 1
                print(f"fuzz-{t.name}: ended after {t.seconds():.0f} s, see {t.log}", flush=True)
                if t.ends == ENDS_MAX:
                    running.remove(t)
                else:
                    t.start(os.path.join(seeds, t.name))
    for t in running:
        t.look()
        t.stop()
    for t in targets:
        print(f"fuzz-{t.name}: {t.seconds() / 60:.1f} minutes of processor, {t.finds()} found")
    sys.exit(1 if any(t.finds() or t.ends for t in targets) else 2 if running else 0)


if __name__ == "__main__":
    main()

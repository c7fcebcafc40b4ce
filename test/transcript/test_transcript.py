# SPDX-License-Identifier: MIT
"""Transports call their protocols in asyncio's order: the same scenarios, played by asyncio and by
weir on each backend, print the same lines. asyncio.txt is what asyncio printed; a test looks
whether it still does, and `python3 test/transcript/asyncio_side.py > test/transcript/asyncio.txt`
makes it anew. WEIR_SIDE: the program that plays them with weir."""
import os
import re
import subprocess
import sys
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
# A simulation has no descriptors, so no peer of the scenario can reset its connection; and no
# programs but those that a function plays.
NEEDS_A_KERNEL = {"the_peer_resets", "the_peer_resets_while_bytes_wait",
                  "a_program_in_single_steps", "a_program_that_is_terminated",
                  "a_program_that_is_closed", "a_program_that_does_not_exist"}


def scenarios(text):
    """The lines of each scenario, by name."""
    return {name: lines for name, lines in re.findall(r"(?m)^(\w+)\n((?:    .*\n)*)", text)}


def kept():
    with open(f"{HERE}/asyncio.txt", encoding="utf-8") as f:
        return scenarios(f.read())


def play(command, **env):
    out = subprocess.run(command, env=os.environ | env, capture_output=True, text=True, timeout=60)
    if out.returncode != 0:
        raise AssertionError(f"{command} ended with {out.returncode}: {out.stdout}{out.stderr}")
    return scenarios(out.stdout)


class TranscriptTest(unittest.TestCase):
    maxDiff = None

    def test_asyncio_still_says_what_was_kept(self):
        self.assertEqual(play([sys.executable, f"{HERE}/asyncio_side.py"]), kept())

    def test_on_epoll_weir_says_the_same(self):
        self.compare("epoll", [])

    def test_on_uring_weir_says_the_same(self):
        probe = subprocess.run([os.environ["WEIR_SIDE"], next(iter(kept()))], check=False,
                               env=os.environ | {"WEIR_BACKEND": "uring"}, text=True,
                               capture_output=True)
        if "WEIR_EBACKEND" in probe.stderr + probe.stdout:
            self.skipTest("no io_uring here")
        self.compare("uring", [])

    def test_in_a_simulation_weir_says_the_same(self):
        self.compare("sim", [name for name in kept() if name not in NEEDS_A_KERNEL])

    def compare(self, backend, names):
        said = play([os.environ["WEIR_SIDE"], *names], WEIR_BACKEND=backend)
        self.assertEqual(said, {name: lines for name, lines in kept().items()
                                if not names or name in names})


if __name__ == "__main__":
    unittest.main()

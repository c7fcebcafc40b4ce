#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""deadlines.py ROOT: checks that the library never adds a duration to a clock with +. A duration
may come from a public option and be WEIR_NEVER, and the sum would overflow; weir__deadline of
base/time.h does not. Reported are the name of a clock with a + behind it, and +=. Tests are left
out, and so is the command, whose duration.c accepts no more than a day."""
import re
import sys

import csource

CLOCK = r"\b(?:weir__loop_now|weir_now|now_ns|turn_ns|ops->now|plain_now)\b"
SUM = re.compile(CLOCK + r"\s*(?:\((?:[^()]|\([^()]*\))*\))?\s*\+(?!\+)|\bnow\s*\+(?!\+)")


def check(root):
    problems = []
    for path in csource.files(root, ("src",), (".c", ".h")):
        if path.startswith("src/cli/") or re.search(r"_(test|bench|test_util|rig)\.[ch]$", path):
            continue
        text = csource.blank(csource.read(root, path))
        problems += [f"{path}:{text.count(chr(10), 0, m.start()) + 1}: a time is made by +: "
                     "weir__deadline does not overflow" for m in SUM.finditer(text)]
    return problems


if __name__ == "__main__":
    problems = check(sys.argv[1])
    print("\n".join(problems) or "no point in time is made by +")
    sys.exit(1 if problems else 0)

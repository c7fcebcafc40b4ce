#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""deadlines.py ROOT: no point in time is made by +. A duration may come from a public option and be
WEIR_NEVER; the sum would overflow: weir__deadline of base/time.h stops at the end of time. Told are
a clock's name with a + behind it, and +=, in the rooms of the library; tests may add. The command
line is left out: duration.c bounds what it reads to a day."""
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

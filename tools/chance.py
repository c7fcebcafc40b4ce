#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""chance.py ROOT: finds in src/sim, except in chance.c and tests, what no seed decides: random
numbers, the time, the identity of processes and threads. A run must depend on its seed alone."""
import re
import sys

import csource
from ranks import TEST_FILE

HOME = "src/sim/chance.c"
CHANCE = re.compile(r"(?<![.>\w])(s?rand(?:om)?(?:_r)?|[dejlmn]rand48"
                    r"|arc4random\w*|getrandom"
                    r"|getentropy|weir__random_\w+|weir__plain_\w+|time|clock|clock_gettime"
                    r"|gettimeofday|timespec_get|getpid|gettid"
                    r"|pthread_self|__rdtsc|weir_now|weir_random)\s*\(")


def check(root):
    problems = []
    for path in csource.files(root, ("src/sim",)):
        if path == HOME or TEST_FILE.search(path):
            continue
        code = csource.blank_directives(csource.blank(csource.read(root, path)))
        for match in CHANCE.finditer(code):
            line = code.count("\n", 0, match.start()) + 1
            problems.append(f"{path}:{line}: {match.group(1)} is chance that no seed decides: "
                            "use weir__choose")
    return problems


if __name__ == "__main__":
    found = check(sys.argv[1])
    print("\n".join(found) or "only the seed decides")
    sys.exit(1 if found else 0)

#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""sizes.py ROOT: the limits of size and shape, with tools/sizes-allow.txt for what exceeds them
for a reason. An entry that nothing needs is an error too."""
import re
import sys

import csource

LIMITS = {"function": 70, "file": 600, "header": 300, "line": 100, "nesting": 3, "if": 0}
CONDITION = re.compile(r"^\s*#\s*(if|ifdef|ifndef|elif)\b(.*)")
# Where `#if` belongs: syscalls differ by kernel, the switch by machine, the features by build.
CONDITION_HOMES = re.compile(r"^(src/sys/|src/task/switch|src/weir-features)")


def read_allowed(root):
    """(rule, place) -> limit. A line is: RULE PLACE LIMIT REASON..."""
    allowed, problems = {}, []
    for number, line in enumerate(csource.read(root, "tools/sizes-allow.txt").splitlines(), 1):
        words = line.split("#")[0].split()
        if not words:
            continue
        if len(words) < 5 or words[0] not in LIMITS or not words[2].isdigit():
            problems.append(f"tools/sizes-allow.txt:{number}: not RULE PLACE LIMIT REASON...")
            continue
        allowed[words[0], words[1]] = int(words[2])
    return allowed, problems


def conditions(path, text):
    """Lines with a condition of the preprocessor, but for include guards and C++."""
    if not path.startswith(("src/", "include/")) or CONDITION_HOMES.match(path):
        return 0
    count = 0
    for line in csource.blank(text).split("\n"):
        match = CONDITION.match(line)
        count += bool(match) and not re.match(r"\s*(\w+_H|__cplusplus)\s*$", match.group(2))
    return count


def measure(path, text):
    """(rule, place, measured) for everything in a file that has a limit."""
    lines = text.splitlines()
    public = path.startswith("include/")
    yield "header" if public else "file", path, len(lines)
    yield "line", path, max((len(line.expandtabs(8)) for line in lines), default=0)
    if path.endswith((".c", ".h")):
        yield "if", path, conditions(path, text)
        for function in csource.functions(text):
            place = f"{path}:{function.name}"
            yield "function", place, function.last - function.first + 1
            yield "nesting", place, function.depth


def check(root):
    allowed, problems = read_allowed(root)
    used = set()
    paths = csource.files(root) + csource.files(root, ("tools", "test"), (".py", ".sh"))
    for path in paths:
        for rule, place, measured in measure(path, csource.read(root, path)):
            if measured <= LIMITS[rule]:
                continue
            if measured <= allowed.get((rule, place), 0):
                used.add((rule, place))
            else:
                problems.append(f"{place}: {rule} {measured}, limit {LIMITS[rule]}")
    problems += [f"tools/sizes-allow.txt: {rule} {place} is not needed"
                 for rule, place in sorted(set(allowed) - used)]
    return problems


if __name__ == "__main__":
    found = check(sys.argv[1])
    print("\n".join(found) or "sizes hold")
    sys.exit(1 if found else 0)

#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""pages.py ROOT: the pages of doc/ (*.md). A line has at most 120 columns. A block of code that
begins with "```c FILE" is what FILE says: each line of it stands there, in this order and without
gaps, but for a line "..." that stands for lines left out."""
import re
import sys

import csource

COLUMNS = 120
BLOCK = re.compile(r"^```c (\S+)\n(.*?)^```$", re.M | re.S)


def long_lines(path, text):
    return [f"{path}:{number}: {len(line)} columns, limit {COLUMNS}"
            for number, line in enumerate(text.splitlines(), 1) if len(line) > COLUMNS]


def parts(block):
    """The lines of a block between its lines of "..."."""
    found = [[]]
    for line in block.splitlines():
        if line.strip() == "...":
            found.append([])
        else:
            found[-1].append(line.rstrip())
    return [part for part in found if part]


def position(lines, part, start):
    """Where in lines, from start on, the lines of part stand together; -1: nowhere."""
    for i in range(start, len(lines) - len(part) + 1):
        if lines[i:i + len(part)] == part:
            return i
    return -1


def quotes(root, path, text):
    problems = []
    for match in BLOCK.finditer(text):
        here = f"{path}:{text.count(chr(10), 0, match.start()) + 1}"
        try:
            lines = [line.rstrip() for line in csource.read(root, match.group(1)).splitlines()]
        except OSError:
            problems.append(f"{here}: quotes {match.group(1)}, which does not exist")
            continue
        at = 0
        for part in parts(match.group(2)):
            at = position(lines, part, at)
            if at < 0:
                problems.append(f"{here}: {match.group(1)} does not say '{part[0].strip()}' and "
                                f"the {len(part) - 1} lines behind it")
                break
            at += len(part)
    return problems


def check(root):
    problems = []
    for path in csource.files(root, ("doc",), (".md",)):
        text = csource.read(root, path)
        problems += long_lines(path, text) + quotes(root, path, text)
    return problems


if __name__ == "__main__":
    found = check(sys.argv[1])
    print("\n".join(found) or "the pages hold")
    sys.exit(1 if found else 0)

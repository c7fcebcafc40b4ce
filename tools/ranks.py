#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""ranks.py ROOT: reads every #include against tools/ranks.txt. A room includes itself and rooms
of lower rank; a room of the same rank only where ranks.txt allows it. And no file or function has
the same name in two of the rooms that a message passes."""
import os
import re
import sys

import csource


# The rooms that each message passes; whoever follows one needs names that say where they are.
ON_THE_WAY = ("wire", "stream", "proto")
# Tests beside the files, and what several of them share.
TEST_FILE = re.compile(r"(_test|_test_util|_rig|_bench)\.[ch]$")


def read_ranks(root):
    """rooms: name -> rank; headers: public header -> room; allowed: pairs of the same rank."""
    rooms, headers, allowed = {}, {}, set()
    for line in csource.read(root, "tools/ranks.txt").splitlines():
        words = line.split("#")[0].split()
        if not words:
            continue
        if words[0] == "room":
            rooms[words[2]] = int(words[1])
        elif words[0] == "header":
            headers[words[2]] = words[1]
        elif words[0] == "allow":
            allowed.add((words[1], words[2]))
    return rooms, headers, allowed


def room_of(path, headers):
    """The room of a path relative to the root, or None for what has no rank."""
    parts = path.split("/")
    if parts[0] == "src":
        return parts[1] if len(parts) > 2 else None
    if parts[:2] == ["include", "weir"]:
        return headers.get(parts[2], "?" + parts[2])
    return None


def target_of(root, path, name):
    """The project file that `#include "name"` in path means, or None."""
    for folder in (os.path.dirname(path), "include", "src", ""):
        candidate = os.path.normpath(os.path.join(folder, name))
        if os.path.exists(os.path.join(root, candidate)):
            return candidate
    return None


def includes(text):
    for number, line in enumerate(csource.blank(text, strings=False).split("\n"), 1):
        match = re.match(r'\s*#\s*include\s*[<"]([^>"]+)[>"]', line)
        if match:
            yield number, match.group(1)


def check_include(ranks, path, target):
    """What is wrong with path including target, or None."""
    rooms, headers, allowed = ranks
    mine, its = room_of(path, headers), room_of(target, headers)
    if path.startswith("examples/"):
        return None if target.startswith(("include/", "examples/")) else \
            f"an example includes {target}: public headers only"
    if mine is None:
        return None
    for room in (mine, its):
        if room is not None and room not in rooms:
            return f"{room} is in no line of tools/ranks.txt"
    if TEST_FILE.search(path) and (target.startswith("test/") or its == "testing"):
        return None
    if its is None:
        return f"{mine} includes {target}, which is in no room"
    if mine == its or rooms[its] < rooms[mine] or (mine, its) in allowed:
        return None
    return f"{mine} ({rooms[mine]}) includes {target} of {its} ({rooms[its]})"


def one_name_at_two_heights(root):
    """Files and functions of the rooms that a message passes: each name stands in one of them."""
    places, problems = {}, []
    for path in csource.files(root, ("src",), (".c", ".h")):
        room = room_of(path, {})
        if room not in ON_THE_WAY or TEST_FILE.search(path):
            continue
        functions = [f.name for f in csource.functions(csource.read(root, path))]
        for name in [os.path.basename(path), *functions]:
            first = places.setdefault(name, path)
            if room_of(first, {}) != room:
                problems.append(f"{path}: the name {name} stands in {first} too")
    return problems


def check(root):
    ranks = read_ranks(root)
    problems = one_name_at_two_heights(root)
    for path in csource.files(root):
        for number, name in includes(csource.read(root, path)):
            target = target_of(root, path, name)
            problem = check_include(ranks, path, target) if target else None
            if problem:
                problems.append(f"{path}:{number}: {problem}")
    return problems


if __name__ == "__main__":
    found = check(sys.argv[1])
    print("\n".join(found) or "ranks hold")
    sys.exit(1 if found else 0)

#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""circles.py [--table|--edges] ROOT BUILD: no two files need each other. File A needs file B if A's
object has an undefined symbol that B's object defines, so this reads the built objects (nm) and
not the includes; an inline function of a header counts for the file that uses it. Files that need
each other, directly or through others, form a circle. tools/circles.txt lists the circles that
are allowed, each with its reason: any other fails, and so does a listed one that has shrunk.
The same is asked of rooms, where nothing is allowed, and a room needs only lower ranks.

  --table   the circles of each room       --edges   what ties each circle together, by symbols"""
import collections
import json
import os
import re
import subprocess
import sys

import csource
import ranks

Circle = collections.namedtuple("Circle", "files line reason")


def sources(build, root):
    """source relative to root -> object, for the sources in src/ of the libraries and the command.
    The same source built again for a test or a measurement is passed over. What is written for
    each machine has one name here: switch.S."""
    with open(os.path.join(build, "compile_commands.json"), encoding="utf-8") as f:
        entries = json.load(f)
    found = {}
    for entry in entries:
        path = os.path.relpath(os.path.join(entry["directory"], entry["file"]), root)
        target = entry["output"].split("/")[0]
        if path.startswith("src/") and re.match(r"(libweir(-test)?-objects\.|weir\.p$)", target):
            path = re.sub(r"_(x86_64|aarch64)\.S$", ".S", path)
            found[path] = os.path.join(entry["directory"], entry["output"])
    return found


def symbols(objects):
    """file -> (defined, needed): the names with external linkage, from a map of file -> object.
    What begins with __ are the compiler's hooks (marks.c defines two, which every object calls)."""
    out = subprocess.run(["nm", "-A", "-P", *objects.values()], text=True, capture_output=True,
                         check=False).stdout
    found = {obj: (set(), set()) for obj in objects.values()}
    for obj, name, kind in re.findall(r"(?m)^(.+): (\S+) (\w)\b", out):
        if name.startswith("__"):
            continue
        if kind in "Uwv":
            found[obj][1].add(name)
        elif kind.isupper():
            found[obj][0].add(name)
    return {path: found[obj] for path, obj in objects.items()}


def graph(tables):
    """file -> file that it needs -> the symbols, from a map of file -> (defined, needed)."""
    home = {name: path for path, (defined, _) in sorted(tables.items()) for name in defined}
    edges = {path: {} for path in tables}
    for path, (_, needed) in sorted(tables.items()):
        for name in sorted(needed):
            if home.get(name, path) != path:
                edges[path].setdefault(home[name], []).append(name)
    return edges


def reach(edges, start):
    """What start needs, directly or through others; start itself only around a circle."""
    seen, ahead = set(), [start]
    while ahead:
        new = set(edges.get(ahead.pop(), ())) - seen
        seen |= new
        ahead += new
    return seen


def circles(edges):
    """Every set of two or more that need each other, the largest first."""
    needs = {node: reach(edges, node) for node in edges}
    found = {frozenset({b for b in needs[a] if a in needs[b]}) for a in edges if a in needs[a]}
    return sorted(found, key=lambda circle: (-len(circle), sorted(circle)))


def by_room(edges):
    """The graph of the rooms: room -> room that it needs -> one example of why."""
    rooms = {path.split("/")[1]: {} for path in edges}
    for path, targets in sorted(edges.items()):
        for target, names in sorted(targets.items()):
            mine, its = path.split("/")[1], target.split("/")[1]
            if mine != its:
                rooms[mine].setdefault(its, f"{path} needs {names[0]} of {target}")
    return rooms


def read_allowed(root):
    """The circles of tools/circles.txt. A line that begins a circle is `ROOM: FILE FILE`; indented
    lines below it are the reason."""
    allowed = []
    for number, line in enumerate(csource.read(root, "tools/circles.txt").splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        if line[0].isspace():
            last = allowed.pop()
            allowed.append(last._replace(reason=f"{last.reason} {line.strip()}".strip()))
            continue
        room, names = line.split(":")
        files = frozenset(f"src/{room}/{name}" for name in names.split())
        allowed.append(Circle(files, number, ""))
    return allowed


def show(circle):
    return " ".join(path.removeprefix("src/") for path in sorted(circle))


def ties(edges, circle):
    """The lines that say which symbols hold a circle together."""
    for path in sorted(circle):
        for target in sorted(set(edges[path]) & circle):
            yield f"    {show([path])} needs {show([target])}: {' '.join(edges[path][target])}"


def check_files(edges, allowed):
    found = circles(edges)
    for circle in found:
        if circle not in {entry.files for entry in allowed}:
            yield "\n".join([f"these files need each other: {show(circle)}",
                             *ties(edges, circle)])
    for entry in allowed:
        place = f"tools/circles.txt:{entry.line}"
        if not entry.reason:
            yield f"{place}: {show(entry.files)} has no reason"
        parts = [circle for circle in found if circle <= entry.files]
        if not parts:
            yield f"{place}: {show(entry.files)} is no circle any more: take the line out"
        elif entry.files not in parts:
            yield f"{place}: of {show(entry.files)} there is only {' and '.join(map(show, parts))}"


def check_rooms(edges, root):
    rooms, (rank, _, allowed) = by_room(edges), ranks.read_ranks(root)
    for circle in circles(rooms):
        yield f"these rooms need each other: {' '.join(sorted(circle))}"
    for mine, targets in sorted(rooms.items()):
        for its, why in sorted(targets.items()):
            if rank.get(its, 0) >= rank.get(mine, 0) and (mine, its) not in allowed:
                yield f"{mine} ({rank.get(mine, '?')}) needs {its} ({rank.get(its, '?')}): {why}"


def load(root, build):
    """The graph of a build, and what makes it useless."""
    objects = sources(build, os.path.abspath(root))
    missing = sorted(path for path, obj in objects.items() if not os.path.exists(obj))
    if missing or not objects:
        return {}, [f"{build} is not built: no object of {' '.join(missing) or 'any source'}"]
    tables = symbols(objects)
    blind = sorted(path for path, (defined, needed) in tables.items() if not defined | needed)
    if blind:
        return {}, [f"nm finds no symbol in the object of {blind[0]}: if it was built with LTO, "
                    "run this on a build without"]
    return graph(tables), []


def check(root, build):
    edges, problems = load(root, build)
    if problems:
        return problems
    return [*check_files(edges, read_allowed(root)), *check_rooms(edges, root)]


def table(edges):
    """A line for each room: files, circles, and who is in them."""
    found = circles(edges)
    yield f"{'room':10} {'files':>5} {'in circles':>10}   circles"
    for room in sorted(by_room(edges)):
        files = [path for path in edges if path.split("/")[1] == room]
        mine = [circle for circle in found if circle & set(files)]
        names = "; ".join(f"{len(circle)}: {show(circle)}" for circle in mine)
        yield f"{room:10} {len(files):5} {sum(map(len, mine)):10}   {names or '-'}"
    between = circles(by_room(edges))
    yield "rooms that need each other: " + ("; ".join(map(" ".join, map(sorted, between))) or "-")


def main(argv):
    words = [word for word in argv if not word.startswith("--")]
    if "--table" in argv or "--edges" in argv:
        edges, problems = load(*words)
        lines = problems or (table(edges) if "--table" in argv else
                             [line for c in circles(edges) for line in [show(c), *ties(edges, c)]])
        print("\n".join(lines))
        return 1 if problems else 0
    problems = check(*words)
    print("\n".join(problems) or "no circles but those that are listed")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

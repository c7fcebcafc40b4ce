#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""submits.py ROOT: checks how the io_uring backend takes entries of the submission queue. A
function that asks for an entry may thereby submit all entries handed out before. So:

- only weir__uring_sqe_for takes an entry from the ring; all others ask by weir__uring_sqe or
  weir__uring_cancel;
- whoever asks calls nothing afterwards that may ask too: its own entry is not whole yet;
- each function that asks, and each that leads to one, has a row in src/sys/full_ring_test.c that
  names the story which runs it with a full queue. (The stories prove it for those that ask.)"""
import collections
import glob
import os
import re
import sys

import csource

TABLE = "src/sys/full_ring_test.c"
SOURCES = "src/sys/uring*.c"
DOORS = {"weir__uring_sqe", "weir__uring_sqe_for", "weir__uring_cancel", "weir__uring_cancel_for"}
ENTRY = re.compile(r"\bweir__uring_sqe(?:_for)?\s*\(")
ROW = re.compile(r'\{(ASKS|LEADS), "(\w+)", "(\w+)"\}')

Node = collections.namedtuple("Node", "path name line body calls")


def nodes(root):
    found = []
    for full in sorted(glob.glob(os.path.join(root, SOURCES))):
        path = os.path.relpath(full, root)
        if path.endswith("_test.c"):
            continue
        text = csource.blank(csource.read(root, path))
        lines = text.split("\n")
        for f in csource.functions(text):
            body = "\n".join(lines[f.first - 1:f.last]).partition("{")[2]
            calls = set(re.findall(r"\b([A-Za-z_]\w*)\s*\(", body))
            found.append(Node(path, f.name, f.first, body, calls))
    return found


def callees(node, all_nodes):
    """A name means the function of the same file, else one that the rooms share."""
    for name in node.calls:
        own = [n for n in all_nodes if n.name == name and n.path == node.path]
        shared = [n for n in all_nodes if n.name == name and name.startswith("weir__")]
        yield from own or shared


def kinds(all_nodes):
    """(path, name) -> ASKS or LEADS, of every function that may submit."""
    found = {(n.path, n.name): "ASKS" for n in all_nodes
             if n.calls & DOORS and n.name not in DOORS}
    grown = True
    while grown:
        grown = False
        for n in all_nodes:
            key = (n.path, n.name)
            if key not in found and n.name not in DOORS and any(
                    (c.path, c.name) in found for c in callees(n, all_nodes)):
                found[key] = "LEADS"
                grown = True
    return found


def check_entries(all_nodes, found):
    for n in all_nodes:
        if "io_uring_get_sqe" in n.calls and n.name != "weir__uring_sqe_for":
            yield f"{n.path}:{n.line}: {n.name} takes an entry by itself: ask weir__uring_sqe"
        match = ENTRY.search(n.body)
        if match is None or n.name in DOORS:
            continue
        after = set(re.findall(r"\b([A-Za-z_]\w*)\s*\(", n.body[match.end():]))
        late = {c.name for c in callees(n._replace(calls=after), all_nodes)
                if (c.path, c.name) in found} | (after & DOORS)
        for name in sorted(late):
            yield f"{n.path}:{n.line}: {n.name} calls {name}, which may submit the entry it fills"


def check_table(root, all_nodes, found):
    text = csource.read(root, TABLE)
    stories = set(re.findall(r"WEIR_TEST_FULL_RING\((\w+)\) \{", text))
    rows = {name: (kind, story) for kind, name, story in ROW.findall(text)}
    names = collections.Counter(name for _, name in found)
    for n in all_nodes:
        kind = found.get((n.path, n.name))
        if kind is None:
            continue
        place = f"{n.path}:{n.line}: {n.name}"
        if names[n.name] > 1:
            yield f"{place} submits, and so does another of that name: name it differently"
        elif n.name not in rows:
            yield f"{place} submits and has no row ({kind}) and story in {TABLE}"
        elif rows[n.name][0] != kind:
            yield f"{place} stands in {TABLE} as {rows[n.name][0]}: it {kind}"
    for name, (_, story) in sorted(rows.items()):
        if name not in names:
            yield f"{TABLE}: {name} does not submit: drop its row"
        if story not in stories:
            yield f"{TABLE}: {name} names {story}, which is no story there"


def check(root):
    all_nodes = nodes(root)
    found = kinds(all_nodes)
    return [*check_entries(all_nodes, found), *check_table(root, all_nodes, found)]


if __name__ == "__main__":
    problems = check(sys.argv[1])
    print("\n".join(problems) or "every function that submits has its story with a full queue")
    sys.exit(1 if problems else 0)

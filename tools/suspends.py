#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""suspends.py ROOT BUILD: a public function is marked WEIR_SUSPENDS exactly if it can reach a
function that parks in the call graph that the compiler writes (gcc -fcallgraph-info).

The compiler cannot follow a call through a pointer, so every function that makes one is listed in
tools/edges.txt, with the functions that such a call may reach. A missing line is an error, and so
is a line that no longer belongs to a function with such a call."""
import concurrent.futures
import json
import os
import re
import shlex
import subprocess
import sys
import tempfile

import csource

PARKS = {"weir__park", "weir__yield_now"}
INDIRECT = "__indirect_call"


def kept_flags(command, source):
    """The flags of a build's command that say what the code is; not where it goes, nor how well."""
    words = iter(shlex.split(command)[1:])
    for word in words:
        if word in ("-o", "-MF", "-MQ"):
            next(words)
        elif word not in ("-c", source) and not re.match(r"-(W|O|M|fsanitize|fdiagn|g$)", word):
            yield word


def compile_graph(entry, out):
    """Compiles one file as the build does, without optimisation; returns its call graph text."""
    subprocess.run(["gcc", *kept_flags(entry["command"], entry["file"]), "-w", "-O0", "-o",
                    out + ".o", "-fcallgraph-info", "-c", entry["file"]],
                   cwd=entry["directory"], check=True)
    with open(out + ".ci", encoding="utf-8") as f:
        return f.read()


def parse_graph(text):
    """(caller, callee) pairs of one file. A static function is FILE:NAME."""
    return re.findall(r'edge: \{ sourcename: "([^"]*)" targetname: "([^"]*)"', text)


def from_root(node, directory, root):
    """src/task/park.c:wake for a static function, wherever the build stands; else the bare name."""
    path, colon, name = node.rpartition(":")
    return os.path.relpath(os.path.join(directory, path), root) + ":" + name if colon else node


def build_graph(root, build):
    with open(os.path.join(build, "compile_commands.json"), encoding="utf-8") as f:
        entries = [e for e in json.load(f) if "libweir-objects" in e["output"]
                   and e["file"].endswith(".c")]
    edges = {}
    with tempfile.TemporaryDirectory() as folder, \
            concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        outs = [os.path.join(folder, str(i)) for i in range(len(entries))]
        for entry, text in zip(entries, pool.map(compile_graph, entries, outs)):
            for pair in parse_graph(text):
                caller, callee = (from_root(node, entry["directory"], root) for node in pair)
                edges.setdefault(caller, set()).add(callee)
    return edges


def read_edges(text):
    """caller -> targets. A line is `CALLER -> TARGET TARGET`, or `CALLER -> -` for a call that
    never suspends (a hook, a user's callback that must not). A static function is FILE:NAME, or
    *:NAME where it is inline in a header, and so in many files."""
    table = {}
    for line in text.splitlines():
        line = line.split("#")[0].strip()
        if line:
            caller, targets = line.split("->")
            table.setdefault(caller.strip(), set()).update(set(targets.split()) - {"-"})
    return table


def reaching(edges, goals):
    """All functions from which one of goals can be reached."""
    callers = {}
    for caller, callees in edges.items():
        for callee in callees:
            callers.setdefault(callee, set()).add(caller)
    found, ahead = set(), list(goals)
    while ahead:
        for caller in callers.get(ahead.pop(), ()):
            if caller not in found:
                found.add(caller)
                ahead.append(caller)
    return found


def public_marks(root):
    """name -> (marked, place) for every public prototype."""
    marks = {}
    for path in csource.files(root, ("include",)):
        for prototype in csource.prototypes(csource.read(root, path)):
            marks[prototype.name] = ("WEIR_SUSPENDS" in prototype.text,
                                     f"{path}:{prototype.line}")
    return marks


def entry_of(caller, table):
    """The line of the table that is about caller, or None."""
    inline = "*:" + caller.rpartition(":")[2]
    return caller if caller in table else inline if inline in table else None


def with_table(edges, table):
    """The graph with the table's edges, and what is wrong with the table."""
    problems, used, whole = [], set(), {}
    names = set(edges) | {callee for callees in edges.values() for callee in callees}
    for caller, callees in sorted(edges.items()):
        entry = entry_of(caller, table) if INDIRECT in callees else None
        if INDIRECT in callees and entry is None:
            problems.append(f"{caller} calls through a pointer and is not in tools/edges.txt")
        used.add(entry)
        whole[caller] = callees | table.get(entry, set())
    for entry, targets in sorted(table.items()):
        if entry not in used:
            problems.append(f"tools/edges.txt: {entry} makes no call through a pointer")
        problems += [f"tools/edges.txt: there is no function {t}" for t in sorted(targets - names)]
    return whole, problems


def check_marks(edges, marks):
    """What is wrong with the marks. A function that is only declared yet is passed over."""
    parks = reaching(edges, PARKS)
    for name, (marked, place) in sorted(marks.items()):
        if name not in edges:
            continue
        if marked and name not in parks:
            yield f"{place}: {name} is marked WEIR_SUSPENDS and never parks"
        if not marked and name in parks:
            yield f"{place}: {name} is not marked and parks: {path_to(edges, name)}"


def path_to(edges, name):
    """A shortest way from name to a function that parks, for the report."""
    ways, seen = [[name]], {name}
    while ways:
        way = ways.pop(0)
        if way[-1] in PARKS:
            return " > ".join(way)
        for callee in sorted(edges.get(way[-1], ())):
            if callee not in seen:
                seen.add(callee)
                ways.append(way + [callee])
    return "?"


def check(root, build):
    table = read_edges(csource.read(root, "tools/edges.txt"))
    edges, problems = with_table(build_graph(os.path.abspath(root), build), table)
    return problems + list(check_marks(edges, public_marks(root)))


if __name__ == "__main__":
    found = check(sys.argv[1], sys.argv[2])
    print("\n".join(found) or "suspend marks are true")
    sys.exit(1 if found else 0)

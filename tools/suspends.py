#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""suspends.py ROOT BUILD: a public function is marked WEIR_SUSPENDS exactly if it can reach a
function that parks in the call graph that the compiler writes (gcc -fcallgraph-info).

The compiler cannot follow a call through a pointer, so tools/edges.txt lists what each may reach:
by the field of the table (.recv), or by the calling function where there is no field. A missing
line is an error, and so is a line that nothing needs, and a function that the code puts into a
field (.recv = x) and the file leaves out."""
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
LIBRARIES = ("libweir-objects.", "libweir-test-objects.", "libweir-http-objects.",
             "libweir-tls-objects.", "libweir-zlib-objects.")  # what the public headers declare


def kept_flags(command, source):
    """The flags of a build's command that say what the code is; not where it goes, nor how well."""
    words = shlex.split(command)
    words = iter(words[2 if os.path.basename(words[0]) == "ccache" else 1:])
    for word in words:
        if word in ("-o", "-MF", "-MQ"):
            next(words)
        elif word not in ("-c", source) and not re.match(r"-(W|O|M|fsanitize|fdiagn|g$)", word):
            yield word


def compile_graph(entry, out):
    """Compiles one file as the build does, without optimisation; returns its call graph text."""
    subprocess.run(["gcc", *kept_flags(entry["command"], entry["file"]), "-w", "-O0", "-o",
                    out + ".o", "-fcallgraph-info", "-c", entry["file"]],
                   cwd=entry["directory"], check=True,
                   env={**os.environ, "CCACHE_DISABLE": "1"})  # a kept object has no call graph
    with open(out + ".ci", encoding="utf-8") as f:
        return f.read()


def defined_in(text):
    """The functions that one file defines; those it only calls are drawn as ellipses."""
    return re.findall(r'node: \{ title: "([^"]*)" label: "[^"]*" \}', text)


def parse_graph(text):
    """(caller, callee) pairs of one file. A static function is FILE:NAME."""
    return re.findall(r'edge: \{ sourcename: "([^"]*)" targetname: "([^"]*)"', text)


def from_root(node, directory, root):
    """src/task/park.c:wake for a static function, wherever the build stands; else the bare name."""
    path, colon, name = node.rpartition(":")
    if name.endswith(".localalias"):  # of -fno-semantic-interposition: a public function's own name
        return name.removesuffix(".localalias")
    return os.path.relpath(os.path.join(directory, path), root) + ":" + name if colon else node


def build_graph(root, build):
    with open(os.path.join(build, "compile_commands.json"), encoding="utf-8") as f:
        entries = [e for e in json.load(f) if e["output"].startswith(LIBRARIES)
                   and e["file"].endswith(".c")]
    edges = {}
    with tempfile.TemporaryDirectory() as folder, \
            concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        outs = [os.path.join(folder, str(i)) for i in range(len(entries))]
        for entry, text in zip(entries, pool.map(compile_graph, entries, outs)):
            for node in defined_in(text):
                edges.setdefault(from_root(node, entry["directory"], root), set())
            for pair in parse_graph(text):
                caller, callee = (from_root(node, entry["directory"], root) for node in pair)
                edges.setdefault(caller, set()).add(callee)
    return edges


def read_edges(text):
    """caller or .field -> targets. A line is `CALLER -> TARGET TARGET`, or `CALLER -> -` for a
    call that never suspends (a hook, a user's callback that must not)."""
    table = {}
    for line in text.splitlines():
        line = line.split("#")[0].strip()
        if line:
            caller, targets = line.split("->")
            table.setdefault(caller.strip(), set()).update(set(targets.split()) - {"-"})
    return table


def scan_sources(root):
    """calls: function name -> fields that it calls through; fills: field -> functions put in."""
    calls, fills = {}, {}
    for path in csource.files(root, ("src", "include")):
        if path.endswith(("_test.c", "_bench.c")):
            continue
        text = csource.blank(csource.read(root, path))
        lines = text.split("\n")
        for function in csource.functions(text):
            body = "\n".join(lines[function.first - 1:function.last])
            fields = set(re.findall(r"(?:->|\.)\s*(\w+)\s*\(", body))
            calls.setdefault(function.name, set()).update("." + field for field in fields)
        for field, name in re.findall(r"(?:->|\.)(\w+) = (\w+)\b(?![(.]|->)", text):
            fills.setdefault("." + field, set()).add(name)
    return calls, fills


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


def entries_of(caller, table, calls):
    """The lines of the table that are about caller's calls: its own, or its fields'."""
    if caller in table:
        return [caller]
    return sorted(calls.get(caller.rpartition(":")[2], set()) & set(table))


def with_table(edges, table, calls):
    """The graph with the table's edges, and what is wrong with the table."""
    problems, used, whole = [], set(), {}
    names = {n.rpartition(":")[2] for callees in edges.values() for n in callees} | set(edges)
    bare = {}
    for node in edges:
        bare.setdefault(node.rpartition(":")[2], set()).add(node)
    for caller, callees in sorted(edges.items()):
        entries = entries_of(caller, table, calls) if INDIRECT in callees else []
        if INDIRECT in callees and not entries:
            fields = " ".join(sorted(calls.get(caller.rpartition(":")[2], ()))) or "no field"
            problems.append(f"{caller} calls through a pointer ({fields}): not in tools/edges.txt")
        used |= set(entries)
        targets = set().union(*(table[e] for e in entries))
        whole[caller] = callees.union(*(bare.get(t, {t}) for t in targets))
    for entry, targets in sorted(table.items()):
        if entry not in used:
            problems.append(f"tools/edges.txt: {entry} makes no call through a pointer")
        problems += [f"tools/edges.txt: there is no function {t}"
                     for t in sorted(targets - names - set(bare))]
    return whole, problems


def check_fills(table, fills, edges):
    """A function that is put into a field and can park must be in the field's line."""
    parks = {node.rpartition(":")[2] for node in reaching(edges, PARKS)}
    for field in sorted(set(fills) & set(table)):
        for name in sorted((fills[field] & parks) - table[field]):
            yield f"tools/edges.txt: {field} may be {name}, which parks"


def check_marks(edges, marks):
    """What is wrong with the marks. Of a function without a definition nothing can be said."""
    parks = reaching(edges, PARKS)
    for name, (marked, place) in sorted(marks.items()):
        if name not in edges:
            yield f"{place}: {name} is declared, and defined in no library"
        elif marked and name not in parks:
            yield f"{place}: {name} is marked WEIR_SUSPENDS and never parks"
        elif not marked and name in parks:
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
    calls, fills = scan_sources(root)
    edges, problems = with_table(build_graph(os.path.abspath(root), build), table, calls)
    return [*problems, *check_fills(table, fills, edges), *check_marks(edges, public_marks(root))]


if __name__ == "__main__":
    found = check(sys.argv[1], sys.argv[2])
    print("\n".join(found) or "suspend marks are true")
    sys.exit(1 if found else 0)

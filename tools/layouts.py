#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""layouts.py ROOT: a public struct that says its size (by its first member, "size_t size") grows
behind all its bytes only. A program that was built with an older header filled a shorter struct,
and its padding can have any value: a field that lies there would be read as what nobody wrote.
tools/layouts.txt has the fields of each such struct: a struct begins with these, as they were; a
field behind them begins behind the padding too, or is padding that has a name, "unused..."; and
none behind them is followed by padding. WEIR_OPTIONS_COPY names the last of these fields.

  layouts.py update ROOT   adds structs that are new and takes out those that have gone. A struct
                           that no release has may change: take it out first."""
import collections
import os
import re
import subprocess
import sys
import tempfile

import csource

LIST = "tools/layouts.txt"
Field = collections.namedtuple("Field", "name offset size")
STRUCT = re.compile(r"^struct (\w+) \{\s*(size_t size[;,].*?)^\};", re.M | re.S)
COPY = re.compile(r"WEIR_OPTIONS_COPY\(\s*struct (\w+),\s*(\w+),")


def names_of(body):
    """The names of the members that the body of a struct declares, in order."""
    names = []
    for member in body.split(";"):
        pointer = re.search(r"\(\*\s*(\w+)\)\s*\(", member)
        if pointer:
            names.append(pointer.group(1))
        elif member.strip():
            names += [re.search(r"(\w+)\s*(\[[^\]]*\]\s*)*$", part).group(1)
                      for part in member.strip().split(",")]
    return names


def structs(root):
    """name -> (header, names of its members) of each public struct that says its size."""
    found = {}
    for header in csource.files(root, ("include/weir",), (".h",)):
        for name, body in STRUCT.findall(csource.blank(csource.read(root, header))):
            found[name] = (header, names_of(body))
    return found


def probe(found):
    """A program that prints the layout of each struct as layouts.txt has it."""
    lines = ["#include <stddef.h>", "#include <stdio.h>"]
    lines += [f"#include <weir/{os.path.basename(h)}>" for h in sorted({h for h, _ in
                                                                        found.values()})]
    lines.append("int main(void) {")
    for name, (_, members) in found.items():
        lines.append(f'printf("{name} %zu\\n", sizeof(struct {name}));')
        lines += [f'printf("    {m} %zu %zu\\n", offsetof(struct {name}, {m}), '
                  f"sizeof(((struct {name} *)0)->{m}));" for m in members]
    return "\n".join(lines + ["return 0;", "}", ""])


def parse(text):
    """name -> (size, fields)"""
    layouts, fields = {}, None
    for line in text.splitlines():
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        if line[0] == " ":
            fields.append(Field(words[0], int(words[1]), int(words[2])))
        else:
            layouts[words[0]] = (int(words[1]), fields := [])
    return layouts


def measure(root, found):
    """name -> (size, fields), as the compiler lays them out."""
    if not found:
        return {}
    with tempfile.TemporaryDirectory() as folder:
        program = os.path.join(folder, "probe")
        subprocess.run([*os.environ.get("CC", "cc").split(), "-std=gnu11", "-I",
                        os.path.join(root, "include"), "-x", "c", "-", "-o", program],
                       input=probe(found), text=True, check=True)
        return parse(subprocess.run([program], text=True, capture_output=True, check=True).stdout)


def growth(old_size, old, size, fields):
    """What is wrong with the fields that a struct has now, and had once."""
    for before, now in zip(old, fields + [None] * len(old)):
        if now != before:
            return f"{before.name} was at {before.offset}, {before.size} bytes: " + \
                (f"there is {now.name} now, at {now.offset}, {now.size} bytes" if now else "it is "
                 "gone") + f"; if no release has the struct, take it out of {LIST} and update that"
    end = old_size
    for field in fields[len(old):]:
        if field.offset < old_size and not field.name.startswith("unused"):
            return f"{field.name} is in what was padding: put a member \"unused\" there before it"
        if field.offset >= old_size and field.offset != end:
            return f"there are {field.offset - end} bytes of padding before {field.name}: name them"
        end = max(end, field.offset + field.size)
    if len(fields) > len(old) and end != size:
        return f"there are {size - end} bytes of padding behind {fields[-1].name}: name them"
    return None


def first_releases(root):
    """(place, struct, field) of each use of WEIR_OPTIONS_COPY."""
    for path in csource.files(root, ("src",), (".c", ".h")):
        if not path.endswith("_test.c"):
            for name, last in COPY.findall(csource.blank(csource.read(root, path))):
                yield path, name, last


def check(root):
    found = structs(root)
    recorded, now = parse(csource.read(root, LIST)), measure(root, found)
    problems = [f"{LIST}: struct {name} is no struct of the public headers any more: update"
                for name in recorded if name not in found]
    for name, (size, fields) in now.items():
        if name not in recorded:
            problems.append(f"{found[name][0]}: struct {name} is not in {LIST}: update")
        elif wrong := growth(*recorded[name], size, fields):
            problems.append(f"{found[name][0]}: struct {name}: {wrong}")
    for path, name, last in first_releases(root):
        first = recorded[name][1][-1].name if name in recorded else None
        if first != last:
            problems.append(f"{path}: the last field of struct {name} in {LIST} is {first}, "
                            f"not {last}")
    return problems


def update(root):
    recorded, now = parse(csource.read(root, LIST)), measure(root, structs(root))
    head = [line for line in csource.read(root, LIST).splitlines() if line.startswith("#")]
    for name in sorted(now):
        size, fields = recorded.get(name, now[name])
        head.append(f"{name} {size}")
        head += [f"    {f.name} {f.offset} {f.size}" for f in fields]
    with open(os.path.join(root, LIST), "w", encoding="utf-8") as f:
        f.write("\n".join(head) + "\n")


if __name__ == "__main__":
    if sys.maxsize < 2**32:
        print(f"{LIST} is for 64-bit machines")
        sys.exit(77)
    if sys.argv[1] == "update":
        update(sys.argv[2])
        sys.exit(0)
    faults = check(sys.argv[1])
    print("\n".join(faults) or "structs grow at their end")
    sys.exit(1 if faults else 0)

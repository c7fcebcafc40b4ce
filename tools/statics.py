#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""statics.py ROOT BUILD: what the library keeps for the whole process hangs in the one struct
weir__process. Each object of the libraries that can be written while they run (nm: it lies in
.data or .bss, and is not of one thread) is the state of a part that its file hangs in ("struct
weir__part" with ".state = &NAME"), or tools/statics.txt says why not. A line there whose object
has gone, or has become a part, fails too. Only the struct's own file registers fork hooks.
src/cli is a program, and passed over."""
import re
import subprocess
import sys

import circles
import csource

LIST = "tools/statics.txt"
HOME = ("src/base/process.c", "weir__process")
ROW = re.compile(r"^(.+):([^\s|]+)\s*\|[^|]*\|[^|]*\|\s*(\w*)\s*\|[^|]*\|[^|]*\|\s*(\S+)", re.M)


def name_in_source(symbol):
    """gcc calls a static object of a function NAME.7, clang FUNCTION.NAME."""
    return re.sub(r"\.\d+$", "", symbol).split(".")[-1]


def is_written(kind, section):
    if kind == "TLS" or section.startswith(".data.rel.ro"):
        return False
    return section.startswith((".data", ".bss", "*COM*"))


def written(objects):
    """The (file, name) of each object that can be written, from a map of file -> built object."""
    file_of = {obj: path for path, obj in objects.items()}
    out = subprocess.run(["nm", "-A", "-f", "sysv", *file_of], text=True, capture_output=True,
                         check=False).stdout
    return {(file_of[obj], name_in_source(symbol))
            for obj, symbol, kind, section in ROW.findall(out) if is_written(kind, section)}


def is_part(root, path, name):
    text = csource.blank(csource.read(root, path))
    return any(re.search(rf"\.state\s*=\s*&{re.escape(name)}\b", part)
               for part in re.findall(r"struct weir__part \w+ = \{(.*?)\};", text, re.S))


def read_allowed(root):
    """(line number, file, name, reason) of each line of the list."""
    for number, line in enumerate(csource.read(root, LIST).splitlines(), 1):
        if line.strip() and not line.startswith("#"):
            yield (number, *(line.split(maxsplit=2) + ["", ""])[:3])


def check(root, build):
    objects = {path: obj for path, obj in circles.sources(build, root).items()
               if not path.startswith("src/cli/")}
    found = {(path, name) for path, name in written(objects)
             if (path, name) != HOME and not is_part(root, path, name)}
    problems, allowed = [], set()
    for number, path, name, reason in read_allowed(root):
        allowed.add((path, name))
        if not reason:
            problems.append(f"{LIST}:{number}: {name} has no reason")
        if path in objects and (path, name) not in found:
            problems.append(f"{LIST}:{number}: {path} has no {name} outside of a part: take the "
                            "line out")
    problems += [f"{path}: {HOME[0]} alone registers fork hooks: give a part a lock or a fork_child"
                 for path in sorted(objects) if path != HOME[0] and path.endswith(".c") and
                 "pthread_atfork" in csource.blank(csource.read(root, path))]
    problems += [f"{path}: {name} can be written while the library runs: make it the state of a "
                 f"part (src/base/process.h), or give {LIST} the reason"
                 for path, name in sorted(found - allowed)]
    return problems


if __name__ == "__main__":
    faults = check(sys.argv[1], sys.argv[2])
    print("\n".join(faults) or "what is the process's hangs in one place")
    sys.exit(1 if faults else 0)

#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The export list of the libraries, from the prototypes of the public headers.

  exports.py map LIBRARY ROOT OUT DEPFILE   the linker's version script
  exports.py check LIBRARY ROOT SO [USER...]   what SO exports against the headers and the list in
                                            src/LIBRARY.exports; each USER.so may use weir__ names
  exports.py update ROOT                    writes src/*.exports, to be read in review

WEIR_0 carries what the headers declare; WEIR_PRIVATE the few internal names that the libraries
beside libweir need (marked WEIR_API where they are declared)."""
import glob
import os
import re
import subprocess
import sys

import csource

# The headers of each library beside libweir; libweir exports what all others declare.
BESIDE = {
    "weir-test": {"testing.h"},
    "weir-http": {"http_server.h", "http_client.h", "http_values.h", "http_file.h",
                  "http_form.h", "http_events.h", "http_log.h", "http_cors.h"},
    "weir-tls": {"tls.h"},
    "weir-zlib": set(),  # it fills a table of libweir's when it is loaded
}
LIBRARIES = ("weir", *BESIDE)


def names_of(text):
    """Functions and variables with external linkage that a header declares. A weir__ name without
    WEIR_API is the inside of a macro, inline."""
    names = {p.name for p in csource.prototypes(text)
             if "WEIR_API" in p.text or not p.name.startswith("weir__")}
    return names | set(csource.variables(text))


def library_of(header):
    name = os.path.basename(header)
    return next((library for library, headers in BESIDE.items() if name in headers), "weir")


def public_names(root, library):
    names = set()
    for header in csource.files(root, ("include/weir",)):
        if library_of(header) == library:
            names |= names_of(csource.read(root, header))
    return names


def write_map(root, library, out, depfile):
    lines = [f"\t\t{name};" for name in sorted(public_names(root, library))]
    with open(out, "w", encoding="utf-8") as f:
        f.write("WEIR_0 {\n")
        if lines:
            f.write("\tglobal:\n" + "\n".join(lines) + "\n")
        f.write("\tlocal:\n\t\t*;\n};\n")
        if library == "weir":
            f.write("WEIR_PRIVATE {\n\tglobal:\n\t\tweir__*;\n};\n")
    folder = os.path.join(root, "include/weir")
    inputs = [folder] + sorted(glob.glob(os.path.join(folder, "*.h")))
    with open(depfile, "w", encoding="utf-8") as f:
        f.write(f"{os.path.basename(out)}: {' '.join(inputs)}\n")


def dynamic_symbols(so, wanted):
    """Names in SO's dynamic table that are defined ("defined") or not ("undefined")."""
    out = subprocess.run(["nm", "-D", f"--{wanted}-only", so], check=True, text=True,
                         capture_output=True).stdout
    names = {line.split()[-1].split("@")[0] for line in out.splitlines()}
    return {name for name in names if not re.fullmatch(r"WEIR_(0|PRIVATE)", name)}


def frozen_names(root, library):
    path = os.path.join(root, f"src/{library}.exports")
    if not os.path.exists(path):
        return set()
    with open(path, encoding="utf-8") as f:
        return {line.strip() for line in f if line.strip() and not line.startswith("#")}


def check(root, library, so, *users):
    declared = public_names(root, library)
    exported = dynamic_symbols(so, "defined")
    private = {name for name in exported if name.startswith("weir__")}
    needed = set().union(*(dynamic_symbols(user, "undefined") for user in users))
    frozen = frozen_names(root, library)
    problems = [f"{n}: declared in a public header, not exported" for n in declared - exported]
    problems += [f"{n}: exported, in no public header" for n in exported - private - declared]
    problems += [f"{n}: private, exported, used by no library"
                 for n in private - needed - declared]
    problems += [f"{n}: used by another library, not exported (mark it WEIR_API)"
                 for n in needed - exported if n.startswith("weir_")]
    problems += [f"{n}: not in src/{library}.exports (exports.py update)"
                 for n in declared - frozen]
    problems += [f"{n}: in src/{library}.exports, in no header (exports.py update)"
                 for n in frozen - declared]
    for problem in sorted(problems):
        print(problem)
    return 1 if problems else 0


def update(root):
    for library in LIBRARIES:
        with open(os.path.join(root, f"src/{library}.exports"), "w", encoding="utf-8") as f:
            f.write(f"# What lib{library}.so exports: written by tools/exports.py update.\n")
            f.writelines(name + "\n" for name in sorted(public_names(root, library)))
    return 0


def main(argv):
    if len(argv) == 6 and argv[1] == "map":
        return write_map(argv[3], argv[2], argv[4], argv[5])
    if len(argv) >= 5 and argv[1] == "check":
        return check(argv[3], argv[2], *argv[4:])
    if len(argv) == 3 and argv[1] == "update":
        return update(argv[2])
    print(__doc__, file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv))

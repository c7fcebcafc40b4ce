#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""marks.py ROOT OUT DEPFILE: the table of the public functions with their suspend marks, as C, for
src/task/marks.c, which checks them while a debug build runs."""
import glob
import os
import sys

import exports
import suspends


def table(root):
    """The C text: every public function of libweir, and whether it is marked."""
    names = exports.public_names(root, "weir")
    rows = [f'    {{(const void *){name}, "{name}", {"true" if marked else "false"}}},\n'
            for name, (marked, _) in sorted(suspends.public_marks(root).items()) if name in names]
    return ('#include <weir/backend.h>\n#include <weir/weir.h>\n#include "task/marks.h"\n'
            "extern const struct mark_entry weir__mark_table[];\n"
            "const struct mark_entry weir__mark_table[] = {\n" + "".join(rows)
            + "    {NULL, NULL, false},\n};\n")


def main(root, out, depfile):
    folder = os.path.join(root, "include/weir")
    with open(out, "w", encoding="utf-8") as f:
        f.write(table(root))
    with open(depfile, "w", encoding="utf-8") as f:
        inputs = [folder] + sorted(glob.glob(os.path.join(folder, "*.h")))
        f.write(f"{os.path.basename(out)}: {' '.join(inputs)}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])

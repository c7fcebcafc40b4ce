#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""index.py ROOT: tools/README.md names each file of tools/, and only files that exist; the tests
(test_NAME.py) stand beside a script that it names."""
import os
import re
import sys

import csource

OTHERS = {"README.md", "meson.build"}


def check(root):
    page = csource.read(root, "tools/README.md")
    files = {name for name in os.listdir(os.path.join(root, "tools")) if "." in name} - OTHERS
    tests = {name for name in files if name.startswith("test_")}
    named = set(re.findall(r"`(?!test_)([\w-]+\.\w+)[ `]", page))
    stems = {name.split(".")[0] for name in files - tests}
    problems = [f"tools/README.md does not name {name}" for name in files - tests - named]
    problems += [f"tools/README.md names {name}, which does not exist" for name in named - files]
    problems += [f"tools/{name} is the test of no script" for name in tests
                 if name.split(".")[0].removeprefix("test_") not in stems]
    return sorted(problems)


if __name__ == "__main__":
    found = check(sys.argv[1])
    print("\n".join(found) or "the index is whole")
    sys.exit(1 if found else 0)

#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""tested.py ROOT: every public function is called by at least one test or example: its name stands
in their code, outside of comments and strings, or in a public macro that they use. That is the
least; what it does there is for the reader to judge."""
import re
import sys

import csource

MACRO = re.compile(r"(?m)^#define (\w+)((?:[^\n]*\\\n)*[^\n]*)$")


def words_of(text):
    return set(re.findall(r"[A-Za-z_]\w*", csource.blank(text)))


def macros(root):
    """name -> the words of its body, for every macro of the public headers."""
    found = {}
    for path in csource.files(root, ("include",)):
        for name, body in MACRO.findall(csource.read(root, path)):
            found[name] = words_of(body)
    return found


def used_words(root):
    """The words of the tests and examples, and of the macros among them, as deep as they go."""
    words = set()
    for path in csource.files(root, ("src", "test", "examples"), (".c", ".cpp", ".h")):
        if not path.startswith("src/") or re.search(r"_test(_util)?\.[ch]$", path):
            words |= words_of(csource.read(root, path))
    known, ahead = macros(root), list(words)
    while ahead:
        fresh = known.get(ahead.pop(), set()) - words
        words |= fresh
        ahead += fresh
    return words


def check(root):
    words = used_words(root)
    return [f"{path}:{prototype.line}: {prototype.name} is in no test and no example"
            for path in csource.files(root, ("include",))
            for prototype in csource.prototypes(csource.read(root, path))
            if prototype.name not in words]


if __name__ == "__main__":
    problems = check(sys.argv[1])
    print("\n".join(problems) or "every public function is in a test or an example")
    sys.exit(1 if problems else 0)

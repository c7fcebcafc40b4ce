#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""doors.py ROOT: finds calls in src/ that write to stdout or stderr. Untrusted text may reach a
terminal only through functions that escape it. tools/doors.txt lists these, and each other place
that may write there, with the reason."""
import re
import sys

import csource
from ranks import TEST_FILE

WRITERS = re.compile(r"\b(printf|vprintf|fprintf|vfprintf|dprintf|vdprintf|puts|fputs|putchar|putc"
                     r"|fputc|fwrite|perror|psignal|syslog|warnx?|errx?|STDOUT_FILENO"
                     r"|STDERR_FILENO)\b(?!\s*=)")


def read_allowed(root):
    """(file, word) -> line number."""
    allowed = {}
    for number, line in enumerate(csource.read(root, "tools/doors.txt").splitlines(), 1):
        words = line.split()
        if words and not line.startswith("#"):
            allowed[tuple(words[:2])] = number if len(words) > 2 else 0
    return allowed


def writers(text):
    """(line, word) of each that writes: calls, and the descriptors by name."""
    code = csource.blank_directives(csource.blank(text))
    for match in WRITERS.finditer(code):
        word, behind = match.group(1), code[match.end():match.end() + 1]
        is_attribute = code[:match.start()].endswith("format(")
        if (word.endswith("_FILENO") or behind == "(") and not is_attribute:
            yield code.count("\n", 0, match.start()) + 1, word


def check(root):
    allowed = read_allowed(root)
    problems = [f"tools/doors.txt: {file} {word} has no reason"
                for (file, word), number in allowed.items() if number == 0]
    used = set()
    for path in csource.files(root, ("src",)):
        if TEST_FILE.search(path):
            continue
        for number, word in writers(csource.read(root, path)):
            used.add((path, word))
            if (path, word) not in allowed:
                problems.append(f"{path}:{number}: {word} writes past the doors: use weir__log, "
                                "weir__line or weir__line_error, or say why in tools/doors.txt")
    problems += [f"tools/doors.txt:{number}: {file} has no {word}"
                 for (file, word), number in allowed.items() if (file, word) not in used]
    return problems


if __name__ == "__main__":
    found = check(sys.argv[1])
    print("\n".join(found) or "the doors hold")
    sys.exit(1 if found else 0)

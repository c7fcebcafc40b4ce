#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""contracts.py ROOT: every public prototype has its contract, and what comments name exists:
a comment stands directly above; a prototype that returns int or ssize_t says what it returns;
errors that are named exist; `names` in back quotes are in the code. Without quotes too, in
comments and in the pages (doc/, README.md): weir_ and WEIR_ names, and files. A page may also use
what tools/names.txt lists; a line there that no page needs, or that has come to exist, is an
error."""
import errno
import os
import re
import sys

import csource

ERROR = re.compile(r"-(E[A-Z0-9]{2,})\b(?!\*)")
BACK_QUOTED = re.compile(r"`([^`\n]+)`")
NAME = re.compile(r"\b((?:weir_|WEIR_)\w+\*?)")
# Not <sys/epoll.h>: that is the system's.
FILE = re.compile(r"(?<![\w<./])((?:[\w.-]+/)*[\w-]+\.(?:c|h|S|py|sh|md))\b(?!\w)")
KINDS = {"coming", "gone", "user"}


def code_words(root):
    """Every identifier of the C code, those inside strings too; comments are left out."""
    words = set()
    for path in csource.files(root):
        text = csource.blank(csource.read(root, path), strings=False)
        words |= set(re.findall(r"[A-Za-z_]\w*", text))
    return words


def tells_returns(prototype):
    """True unless the function has a numeric result of which the contract says nothing."""
    head = prototype.text[:prototype.text.index(prototype.name)]
    if not re.search(r"\b(int|ssize_t)\s*$", head):
        return True
    return bool(re.search(r"\breturns?\b|\b0\b|^/\* The |\bas weir_", prototype.comment,
                          re.I))


def check_prototypes(path, text):
    for prototype in csource.prototypes(text):
        place = f"{path}:{prototype.line}: {prototype.name}"
        if prototype.comment is None:
            yield f"{place} has no contract directly above"
        elif not tells_returns(prototype):
            yield f"{place} returns a number, and its contract does not say what"


def check_errors(path, text):
    for line, comment in csource.comments(text):
        for name in ERROR.findall(comment):
            if not hasattr(errno, name):
                yield f"{path}:{line}: there is no error {name}"


def check_names(path, text, words):
    for line, comment in csource.comments(text):
        for quoted in BACK_QUOTED.findall(comment):
            match = re.fullmatch(r"(?:(?:struct|enum|union) )?([A-Za-z_]\w*)(?:\(\))?", quoted)
            if match and match.group(1) not in words and len(match.group(1)) > 1 \
                    and not NAME.fullmatch(match.group(1)):
                yield f"{path}:{line}: `{quoted}` is nowhere in the code"


def project_files(root):
    """Every file, as path/to/name, to/name and name; of hidden folders only .ci."""
    found = set()
    for here, dirs, names in os.walk(root):
        dirs[:] = [d for d in dirs if not d.startswith((".", "build")) or d == ".ci"]
        parts = [p for p in os.path.relpath(here, root).split(os.sep) if p != "."]
        found |= {"/".join(parts[i:] + [n]) for n in names for i in range(len(parts) + 1)}
    return found


def exists(name, words, files):
    """A name that ends in _ or * stands for all that begin so."""
    if "." in name:
        return name in files
    if name.endswith(("_", "*")):
        return any(word.startswith(name.rstrip("*")) for word in words)
    return name in words


def unknown_names(line, text, words, files):
    """(line, name) of every weir_ name and file in a text that does not exist."""
    for match in [*NAME.finditer(text), *FILE.finditer(text)]:
        if not exists(match.group(1), words, files):
            yield line + text.count("\n", 0, match.start()), match.group(1)


def read_listed(root):
    """name -> line of tools/names.txt, and what is wrong with its lines. One is: KIND NAME."""
    listed, problems = {}, []
    for number, line in enumerate(csource.read(root, "tools/names.txt").splitlines(), 1):
        words = line.split("#")[0].split()
        if len(words) == 2 and words[0] in KINDS:
            listed[words[1]] = number
        elif words:
            problems.append(f"tools/names.txt:{number}: not KIND NAME, KIND one of "
                            + " ".join(sorted(KINDS)))
    return listed, problems


def pages(root):
    found = csource.files(root, ("doc",), (".md", ".1", ".3", ".5"))
    return found + ["README.md"] * os.path.exists(os.path.join(root, "README.md"))


def check_words(root, words):
    """Unquoted names, in the comments of all C files and in the pages."""
    files = project_files(root)
    listed, problems = read_listed(root)
    used = set()
    for path in csource.files(root):
        for line, comment in csource.comments(csource.read(root, path)):
            problems += [f"{path}:{at}: there is no {name}"
                         for at, name in unknown_names(line, comment, words, files)]
    for path in pages(root):
        text = re.sub(r"(?m)^\.Dt .*", "", csource.read(root, path))  # the title, in capitals
        for at, name in unknown_names(1, text, words, files):
            used.add(name)
            if name not in listed:
                problems.append(f"{path}:{at}: there is no {name}")
    for name, number in listed.items():
        if exists(name, words, files):
            problems.append(f"tools/names.txt:{number}: {name} exists now: take the line out")
        elif name not in used:
            problems.append(f"tools/names.txt:{number}: no page names {name}: take the line out")
    return problems


def check(root):
    words = code_words(root)
    problems = []
    for path in csource.files(root, ("include", "src")):
        text = csource.read(root, path)
        if path.startswith("include/"):
            problems += check_prototypes(path, text)
            problems += check_errors(path, text)
        problems += check_names(path, text, words)
    return problems + check_words(root, words)


if __name__ == "__main__":
    found = check(sys.argv[1])
    print("\n".join(found) or "contracts hold")
    sys.exit(1 if found else 0)

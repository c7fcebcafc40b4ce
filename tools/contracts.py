#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""contracts.py ROOT: every public prototype has its contract, and what comments name exists:
a comment stands directly above; a prototype that returns int or ssize_t tells its returns;
errors that are named exist; `names` in back quotes are in the code."""
import errno
import re
import sys

import csource

ERROR = re.compile(r"-(E[A-Z0-9]{2,})\b(?!\*)|\b(WEIR_E[A-Z0-9]+)\b(?!\*)")
BACK_QUOTED = re.compile(r"`([^`\n]+)`")


def code_words(root):
    """Every identifier of the C code, those inside strings too; comments are left out."""
    words = set()
    for path in csource.files(root):
        text = csource.blank(csource.read(root, path), strings=False)
        words |= set(re.findall(r"[A-Za-z_]\w*", text))
    return words


def known_errors(words):
    return set(dir(errno)) | {word for word in words if word.startswith("WEIR_E")}


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


def check_errors(path, text, errors):
    for line, comment in csource.comments(text):
        for match in ERROR.finditer(comment):
            name = match.group(1) or match.group(2)
            if name not in errors:
                yield f"{path}:{line}: there is no error {name}"


def check_names(path, text, words):
    for line, comment in csource.comments(text):
        for quoted in BACK_QUOTED.findall(comment):
            match = re.fullmatch(r"(?:(?:struct|enum|union) )?([A-Za-z_]\w*)(?:\(\))?", quoted)
            if match and match.group(1) not in words and len(match.group(1)) > 1:
                yield f"{path}:{line}: `{quoted}` is nowhere in the code"


def check(root):
    words = code_words(root)
    errors = known_errors(words)
    problems = []
    for path in csource.files(root, ("include", "src")):
        text = csource.read(root, path)
        if path.startswith("include/"):
            problems += check_prototypes(path, text)
            problems += check_errors(path, text, errors)
        problems += check_names(path, text, words)
    return problems


if __name__ == "__main__":
    found = check(sys.argv[1])
    print("\n".join(found) or "contracts hold")
    sys.exit(1 if found else 0)

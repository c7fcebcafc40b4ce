#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""man.py ROOT OUT [VERSION]: writes the man pages of section 3 from the public headers.
One page per contract (a further function under the same contract has the same page), and one
page weir-HEADER.3 per header with its opening words, its types, codes, functions and macros.
What no header can say (the command, its file, macros) is written by hand in doc/man/NAME.SECTION;
a page with several names is written under each of them."""
import os
import re
import sys
import time

import csource

MARKS = re.compile(r"\b(?:WEIR_SUSPENDS|WEIR_API|WEIR_NOEXCEPT|extern)\b|__attribute__\s*"
                   r"\(\((?:[^()]|\([^()]*\))*\)\)")


def plain(comment):
    """The words of a comment as a list of lines."""
    body = re.sub(r"^/\*+|\*/$", "", comment.strip())
    return [re.sub(r"^\s*\*? ?", "", line).rstrip() for line in body.strip().split("\n")]


def escape(line):
    line = line.replace("\\", "\\e").replace("`", "").strip()
    return "\\&" + line if line.startswith((".", "'")) else line


def paragraphs(lines):
    """mdoc for lines of text: an empty line begins a paragraph, a sentence begins a line."""
    text = "\n".join(escape(line) for line in lines).strip()
    text = re.sub(r"\n{2,}", "\n.Pp\n", text)
    return re.sub(r"\. +(?=[^\s.'])", ".\n", text)


def first_sentence(lines):
    """The opening words, in one line, without asides in brackets and without their full stop."""
    text = re.sub(r" \([^()]*\)", "", " ".join(lines)).strip()
    for match in re.finditer(r"(?<=[^.])[.:;](?:\s|$)", text):
        # "In setup: a parameter": a colon after a word or two only says where.
        if match.group(0)[0] != ":" or text.count(" ", 0, match.start()) > 1:
            text = text[:match.start()]
            break
    text = escape(text)
    return text[0].lower() + text[1:] if text[1:2].islower() else text


def split_arguments(text):
    """Splits at the commas outside of brackets."""
    parts, depth = [""], 0
    for char in text:
        depth += (char == "(") - (char == ")")
        if char == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += char
    return [part.strip() for part in parts]


def synopsis(prototype):
    text = " ".join(MARKS.sub(" ", prototype.text).split())
    # The type before it may hold the same name: const struct weir_error *weir_error(int rc)
    head, rest = re.split(rf"\b{prototype.name}\s*(?=\()", text, maxsplit=1)
    inside = rest.strip()[1:rest.strip().rindex(")")]
    lines = [f".Ft {head.strip()}", f".Fo {prototype.name}"]
    lines += [f'.Fa "{argument}"' for argument in split_arguments(inside)]
    return lines + [".Fc"]


def top(name, date, version):
    return [f".Dd {date}", f".Dt {name.upper()} 3", f".Os weir {version}", ".Sh NAME"]


def function_page(header, group, date, version):
    """The page of prototypes that share one contract."""
    lines = plain(group[0].comment)
    cut = next((i for i, line in enumerate(lines) if line.startswith("Returns")), len(lines))
    out = top(group[0].name, date, version)
    out += [f".Nm {p.name} ," for p in group[:-1]] + [f".Nm {group[-1].name}"]
    out += [f".Nd {first_sentence(lines)}", ".Sh SYNOPSIS", f".In weir/{header}.h"]
    for prototype in group:
        out += synopsis(prototype)
    out += [".Sh DESCRIPTION", paragraphs(lines[:cut] or lines)]
    if any("WEIR_SUSPENDS" in p.text for p in group):
        out += [".Pp", "May suspend the calling task, and is then a point where a cancel is felt."]
    if 0 < cut < len(lines):
        out += [".Sh RETURN VALUES", paragraphs(lines[cut:])]
    return "\n".join(out + [".Sh SEE ALSO", f".Xr weir-{header} 3"]) + "\n"


def types(text):
    """The struct and enum definitions of a header, as they stand, but for those that a macro
    fills: see codes()."""
    found = re.findall(r"(?ms)^(?:struct|enum|union) \w+ +\{[^\n]*?(?:\n.*?^)?\};[^\n]*$", text)
    return [definition for definition in found if "#define" not in definition]


def codes(text):
    """(name, number, meaning) of each entry of a table X(NAME, -1, "meaning")."""
    return re.findall(r'\bX\((\w+), (-\d+), "((?:[^"\\]|\\.)*)"\)', text)


def header_page(header, text, groups, macros, date, version):
    sign = next((plain(body) for _, body in csource.comments(text) if "SPDX" not in body), [""])
    sign[0] = re.sub(r"^\S+\.h (?:- )?", "", sign[0])
    out = top(f"weir-{header}", date, version)
    out += [f".Nm weir-{header}", f".Nd {first_sentence(sign)}", ".Sh SYNOPSIS",
            f".In weir/{header}.h", ".Sh DESCRIPTION", paragraphs(sign)]
    if types(text):
        out += [".Ss Types", ".Bd -literal"]
        out += [escape(line) if line.strip() == line else line.replace("\\", "\\e")
                for definition in types(text) for line in definition.split("\n")]
        out += [".Ed"]
    if codes(text):
        out += [".Ss Error codes", ".Bl -tag -width Ds"]
        for name, number, meaning in codes(text):
            out += [f".It Dv {name} Pq {number}", escape(meaning.replace('\\"', '"'))]
        out += [".El"]
    if groups:
        out += [".Ss Functions", ".Bl -tag -width Ds"]
        for group in groups:
            out += [".It " + " , ".join(f"Xr {p.name} 3" for p in group)]
            out += [first_sentence(plain(group[0].comment))]
        out += [".El"]
    if macros:
        out += [".Ss Macros", ".Bl -tag -width Ds"]
        for names, about in macros:
            out += [".It " + " , ".join(f"Xr {name} 3" for name in names), about]
        out += [".El"]
    return "\n".join(out) + "\n"


def groups_of(text):
    """The prototypes of a header, those that share a contract together."""
    groups = []
    for prototype in csource.prototypes(text):
        if prototype.comment is None:
            continue
        if groups and groups[-1][0].comment_line == prototype.comment_line:
            groups[-1].append(prototype)
        else:
            groups.append([prototype])
    return groups


def stamp(root, path):
    """The date of a page, from its source."""
    seconds = int(os.environ.get("SOURCE_DATE_EPOCH", os.path.getmtime(f"{root}/{path}")))
    return time.strftime("%B %d, %Y", time.gmtime(seconds)).replace(" 0", " ")


def names_of(page):
    """What a page is about: its .Nm lines under NAME."""
    head = re.split(r"(?m)^\.Sh ", page)[1]
    return re.findall(r"(?m)^\.Nm (\S+)", head)


def handwritten(root, version):
    """File name -> text of the pages of doc/man, with their date and the version set in."""
    folder = root + "/doc/man"
    found = {}
    for name in sorted(os.listdir(folder)) if os.path.isdir(folder) else []:
        text = csource.read(folder, name)
        text = re.sub(r"(?m)^\.Dd.*$", ".Dd " + stamp(folder, name), text)
        text = re.sub(r"(?m)^\.Os.*$", f".Os weir {version}", text)
        for alias in names_of(text):
            found[alias + os.path.splitext(name)[1]] = text
    return found


def macros_of(header, by_hand):
    """(names, summary) of each page of doc/man that begins with this header."""
    texts = {text: None for text in by_hand.values() if f"\n.In weir/{header}.h\n" in text}
    return [(names_of(text), re.search(r"(?m)^\.Nd (.*)$", text).group(1)) for text in texts]


def pages(root, version):
    """File name -> text of every page."""
    by_hand = handwritten(root, version)
    found = dict(by_hand)
    for path in csource.files(root, ("include",)):
        text = csource.read(root, path)
        header = os.path.basename(path)[:-2]
        date = stamp(root, path)
        groups = groups_of(text)
        found[f"weir-{header}.3"] = header_page(header, text, groups,
                                                macros_of(header, by_hand), date, version)
        for group in groups:
            for prototype in group:
                found[prototype.name + ".3"] = function_page(header, group, date, version)
    return found


def main(root, out, version=""):
    # As an install script Meson gives the folder in the environment.
    out = os.path.join(os.environ.get("MESON_INSTALL_DESTDIR_PREFIX", ""), out)
    for name, text in pages(root, version).items():
        folder = os.path.join(out, "man" + name[-1])
        os.makedirs(folder, exist_ok=True)
        with open(os.path.join(folder, name), "w", encoding="utf-8") as f:
            f.write(text)


if __name__ == "__main__":
    main(*sys.argv[1:])

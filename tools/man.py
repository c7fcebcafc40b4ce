#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""man.py ROOT OUT [VERSION]: writes the man pages of section 3 from the public headers.
One page per contract (a further function under the same contract has the same page), and one
page weir-HEADER.3 per header with its opening words, its types and its functions."""
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
    text = re.split(r"(?<=[^.])[.:;](?:\s|$)", text, maxsplit=1)[0]
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
    head, rest = text.split(prototype.name, 1)
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
    """The struct and enum definitions of a header, as they stand."""
    return re.findall(r"(?ms)^(?:struct|enum|union) \w+ +\{[^\n]*?(?:\n.*?^)?\};[^\n]*$", text)


def header_page(header, text, groups, date, version):
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
    if groups:
        out += [".Ss Functions", ".Bl -tag -width Ds"]
        for group in groups:
            out += [".It " + " , ".join(f"Xr {p.name} 3" for p in group)]
            out += [first_sentence(plain(group[0].comment))]
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


def pages(root, version):
    """File name -> text of every page."""
    found = {}
    for path in csource.files(root, ("include",)):
        text = csource.read(root, path)
        header = os.path.basename(path)[:-2]
        stamp = int(os.environ.get("SOURCE_DATE_EPOCH", os.path.getmtime(f"{root}/{path}")))
        date = time.strftime("%B %d, %Y", time.gmtime(stamp)).replace(" 0", " ")
        groups = groups_of(text)
        found[f"weir-{header}.3"] = header_page(header, text, groups, date, version)
        for group in groups:
            found[group[0].name + ".3"] = function_page(header, group, date, version)
            for other in group[1:]:
                found[other.name + ".3"] = found[group[0].name + ".3"]
    return found


def main(root, out, version=""):
    # As an install script Meson gives the folder in the environment.
    out = os.path.join(os.environ.get("MESON_INSTALL_DESTDIR_PREFIX", ""), out, "man3")
    os.makedirs(out, exist_ok=True)
    for name, text in pages(root, version).items():
        with open(os.path.join(out, name), "w", encoding="utf-8") as f:
            f.write(text)


if __name__ == "__main__":
    main(*sys.argv[1:])

#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""man.py ROOT OUT [VERSION]: writes the man pages of section 3 from the public headers.
One page per contract (a further function under the same contract has the same page), one page per
type and per macro, and one page weir-HEADER.3 per header with its opening words, its types, codes,
functions and macros. What no header can say (the command, its file, some macros) is written by
hand in doc/man/NAME.SECTION; a page with several names is written under each of them.

Each page of section 3 ends with an example, a whole program of doc/man/examples/, which the tests
compile and run. Its first comment names what it shows: `Shows: weir_read weir-stream`. A page that
no example names shows the first that uses it."""
import collections
import itertools
import os
import re
import sys
import time

import csource

MARKS = re.compile(r"\b(?:WEIR_SUSPENDS|WEIR_API|WEIR_NOEXCEPT|WEIR_MUST_USE|extern)\b|"
                   r"__attribute__\s*\(\((?:[^()]|\([^()]*\))*\)\)")


def plain(comment):
    """The words of a comment as a list of lines."""
    body = re.sub(r"^/\*+|\*/$", "", comment.strip())
    return [re.sub(r"^\s*\*? ?", "", line).rstrip() for line in body.strip().split("\n")]


def escape(line):
    line = line.replace("\\", "\\e").replace("`", "").strip()
    return "\\&" + line if line.startswith((".", "'")) else line


def paragraphs(lines):
    """mdoc for lines of text: an empty line begins a paragraph, a sentence begins a line. Indented
    lines, a list or C, stay as they are."""
    parts = []
    for is_indented, group in itertools.groupby(lines, lambda line: line.startswith("  ")):
        if is_indented:
            shown = [re.sub(r"^(?=[.'])", r"\\&", line[2:].replace("\\", "\\e").replace("`", ""))
                     for line in group]
            parts += [".Bd -literal -offset 2n", *shown, ".Ed"]
            continue
        text = "\n".join(escape(line) for line in group).strip()
        text = re.sub(r"\n{2,}", "\n.Pp\n", text)
        parts.append(re.sub(r"\. +(?=[^\s.'])", ".\n", text))
    return "\n".join(part for part in parts if part)


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


Symbol = collections.namedtuple("Symbol", "names text comment")


def behind(line):
    """The comment at the end of a line, or None."""
    match = re.search(r"/\*.*\*/$", line)
    return match and match.group(0)


def type_symbols(text, above):
    """The types that a header defines, its typedefs, and those that it only names, if they have a
    comment. An enum's constants are names of its page."""
    pattern = (r"(?ms)^(?:(?:struct|enum) (\w+) +\{[^\n]*?(?:\n.*?^)?\};[^\n]*$"
               r"|struct (\w+);[^\n]*$|typedef [^;]*?\b(weir_\w+)\)?(?:\([^;]*\))?;[^\n]*$)")
    for match in re.finditer(pattern, text):
        definition = match.group(0)
        name = match[1] or match[2] or match[3]
        constants = re.findall(r"\bWEIR_[A-Z0-9_]+\b(?= *[,=}\n])", csource.blank(definition)) \
            if definition.startswith("enum") and "#define" not in definition else []
        comment = above(match.start()) or behind(definition.split("\n")[0])
        if comment or not match[2]:
            yield Symbol([name, *constants], definition, comment)


def macro_symbols(text, above):
    """The macros with a comment above; one that follows directly shares the page."""
    group, last = None, -1
    pattern = r"(?m)^#define (WEIR_[A-Z][A-Z0-9_]*)(\([^)]*\))?((?:.*\\\n)*.*)$"
    for match in re.finditer(pattern, text):
        name, arguments, body = match.groups()
        line = text.count("\n", 0, match.start())
        shown = name + arguments if arguments else match.group(0) if "\\" not in body else name
        if group and line == last + 1 and not above(match.start()):
            group = Symbol(group.names + [name], group.text + "\n" + shown, group.comment)
        else:
            if group:
                yield group
            comment = above(match.start())
            group = Symbol([name], shown, comment) if comment else None
        last = line + body.count("\n")
    if group:
        yield group


def symbols(text):
    """The types and the macros of a header that have a page."""
    lines = text.split("\n")
    by_end = {line + body.count("\n"): body for line, body in csource.comments(text)
              if lines[line - 1].startswith("/*") and "SPDX" not in body}

    def above(place):
        return by_end.get(text.count("\n", 0, place))
    return [*type_symbols(text, above), *macro_symbols(text, above)]


def literal(text):
    """Lines of C as they stand."""
    lines = [escape(line) if line.strip() == line else line.replace("\\", "\\e")
             for line in text.strip("\n").split("\n")]
    return [".Bd -literal", *lines, ".Ed"]


def examples(root):
    """[(names that it shows, its text)] of each program of doc/man/examples."""
    found = []
    for path in csource.files(root, ("doc/man/examples",)):
        text = csource.read(root, path)
        shows = re.search(r"/\* Shows: (.*?)\*/\n", text, re.S)
        text = text.replace("/* SPDX-License-Identifier: MIT */\n", "")
        names = shows.group(1).replace("*", " ").split() if shows else []
        found.append((names, text.replace(shows.group(0) if shows else "", "")))
    return found


def example_of(names, shown):
    """The lines of the example for a page with these names; none if no program has one of them."""
    for name in names:
        for chosen, text in shown:
            if name in chosen:
                return [".Sh EXAMPLES", *literal(text)]
    for name in names:
        for _, text in shown:
            if re.search(rf"\b{name}\b", text):
                return [".Sh EXAMPLES", *literal(text)]
    return []


def top(name, date, version):
    return [f".Dd {date}", f".Dt {name.upper()} 3", f".Os weir {version}", ".Sh NAME"]


def symbol_page(header, symbol, users, date, version):
    """The page of a type or of macros; users: the functions that take or return the type."""
    lines = plain(symbol.comment) if symbol.comment else []
    out = top(symbol.names[0], date, version)
    out += [f".Nm {name} ," for name in symbol.names[:-1]] + [f".Nm {symbol.names[-1]}"]
    kind = "type" if not symbol.text.startswith("#") else "macro"
    out += [f".Nd {first_sentence(lines) if lines else f'a {kind} of weir/{header}.h'}",
            ".Sh SYNOPSIS", f".In weir/{header}.h", ".Sh DESCRIPTION"]
    out += literal(re.sub(r" \{ uint64_t opaque_.*", ";", symbol.text))
    if lines:
        out += [".Pp", paragraphs(lines)]
    if users:
        out += [".Ss Functions", ".Bl -tag -width Ds"]
        for group in users:
            out += [".It " + " , ".join(f"Xr {p.name} 3" for p in group),
                    first_sentence(plain(group[0].comment))]
        out += [".El"]
    return "\n".join(out) + "\n"


def finished(page, example, header):
    """The page with its example and where to read on."""
    return page + "\n".join([*example, ".Sh SEE ALSO", f".Xr weir-{header} 3"]) + "\n"


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
        out += [".Pp", "May suspend the calling task.", "It is a cancel point: see",
                ".Xr weir-task 3 ."]
    if 0 < cut < len(lines):
        out += [".Sh RETURN VALUES", paragraphs(lines[cut:])]
    return "\n".join(out) + "\n"


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
        out += [".Ss Types", *literal("\n".join(types(text)))]
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


def handwritten(root, version, shown=()):
    """File name -> text of the pages of doc/man, with their date and the version set in, and those
    of section 3 with their example."""
    folder = root + "/doc/man"
    found = {}
    for name in sorted(os.listdir(folder)) if os.path.isdir(folder) else []:
        if not os.path.isfile(f"{folder}/{name}"):
            continue
        text = csource.read(folder, name)
        if name.endswith(".3"):
            example = "".join(line + "\n" for line in example_of(names_of(text), shown))
            text = re.sub(r"(?m)^\.Sh SEE ALSO$", lambda m: example + m.group(0), text)
        text = re.sub(r"(?m)^\.Dd.*$", ".Dd " + stamp(folder, name), text)
        text = re.sub(r"(?m)^\.Os.*$", f".Os weir {version}", text)
        for alias in names_of(text):
            found[alias + os.path.splitext(name)[1]] = text
    return found


def macros_of(header, text, by_hand):
    """(names, summary) of each page of macros: of doc/man, or with their contract in the header."""
    texts = {text: None for text in by_hand.values() if f"\n.In weir/{header}.h\n" in text}
    return ([(names_of(page), re.search(r"(?m)^\.Nd (.*)$", page).group(1)) for page in texts]
            + [(x.names, first_sentence(plain(x.comment))) for x in symbols(text)
               if x.names[0].startswith("WEIR_")])


def users_of(symbol, groups):
    """The groups of prototypes that name the type, unless so many do that the list says nothing."""
    word = re.compile(rf"\b{symbol.names[0]}\b(?!\s*\()")
    users = [g for g in groups if any(word.search(p.text) for p in g)]
    return users if symbol.names[0].islower() and symbol.names[0] != "weir_ns" else []


# What the pages of one header need of the others. by_hand: file name -> text; shown: the examples;
# structs: name -> definition; functions: names.
Project = collections.namedtuple("Project", "version by_hand shown structs functions")


def pages_of(header, text, date, project):
    """File name -> text of the pages that a header makes."""
    groups, version, shown = groups_of(text), project.version, project.shown
    macros = macros_of(header, text, project.by_hand)
    about = header_page(header, text, groups, macros, date, version)
    found = {name + ".3": about for name, _, _ in codes(text)}
    found[f"weir-{header}.3"] = about + "".join(
        line + "\n" for line in example_of([f"weir-{header}"], shown))
    for group in groups:
        names = [p.name for p in group]
        page = function_page(header, group, date, version)
        for name in set(names) & set(project.structs):
            page += "\n".join([".Ss The structure", *literal(project.structs[name])]) + "\n"
        found |= dict.fromkeys([name + ".3" for name in names],
                               finished(page, example_of(names, shown), header))
    for symbol in symbols(text):
        page = finished(symbol_page(header, symbol, users_of(symbol, groups), date, version),
                        example_of(symbol.names, shown), header)
        found |= {name + ".3": page for name in symbol.names if name not in project.functions}
    return found


def pages(root, version):
    """File name -> text of every page."""
    texts = {path: csource.read(root, path) for path in csource.files(root, ("include",))}
    shown = examples(root)
    project = Project(version, handwritten(root, version, shown), shown,
                      {x.names[0]: x.text for text in texts.values() for x in symbols(text)},
                      {p.name for text in texts.values() for p in csource.prototypes(text)})
    found = {}
    for path, text in texts.items():
        found |= pages_of(os.path.basename(path)[:-2], text, stamp(root, path), project)
    return found | project.by_hand


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

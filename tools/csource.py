# SPDX-License-Identifier: MIT
"""What the tools share: finding the project's C files, blanking comments, splitting functions.
Not a C parser: it knows the project's own style, and the tests of the tools show its limits."""
import bisect
import collections
import os
import re

C_FOLDERS = ("include", "src", "test", "examples", "bench", "doc")
TOKEN = re.compile(r"[A-Za-z_]\w*|\d[\w.]*|==|!=|->|[^\s]")

Function = collections.namedtuple("Function", "name first last depth")
Prototype = collections.namedtuple("Prototype", "name text line comment comment_line")


def files(root, folders=C_FOLDERS, ends=(".c", ".h", ".S")):
    """Paths relative to root, sorted; build folders and dot files are passed over."""
    found = []
    for folder in folders:
        for here, dirs, names in os.walk(os.path.join(root, folder)):
            dirs[:] = [d for d in dirs if not d.startswith((".", "build", "__pycache__"))]
            found += [os.path.relpath(os.path.join(here, n), root) for n in names
                      if n.endswith(tuple(ends)) and not n.startswith(".")]
    return sorted(found)


def read(root, path):
    with open(os.path.join(root, path), encoding="utf-8") as f:
        return f.read()


def blank(text, strings=True):
    """The text with comments (and the insides of strings) turned to spaces, lines kept."""
    pattern = r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])+\''

    def hide(match):
        piece = match.group(0)
        if piece[0] in "\"'":
            return piece[0] + " " * (len(piece) - 2) + piece[0] if strings else piece
        return re.sub(r"[^\n]", " ", piece)
    return re.sub(pattern, hide, text, flags=re.S)


def blank_directives(text):
    """Preprocessor lines, with their continuations, turned to empty lines."""
    return re.sub(r"(?m)^[ \t]*#(?:[^\n]*\\\n)*[^\n]*$", lambda m: "\n" * m.group(0).count("\n"),
                  text)


def comments(text):
    """(line, text) of every comment."""
    found = []
    for match in re.finditer(r'"(?:\\.|[^"\\\n])*"|/\*.*?\*/|//[^\n]*', text, flags=re.S):
        if match.group(0)[0] == "/":
            found.append((text.count("\n", 0, match.start()) + 1, match.group(0)))
    return found


class Tokens:
    """The tokens of blanked text with their lines, and the partner of every bracket."""

    def __init__(self, text):
        starts = [m.start() for m in re.finditer(r"^", text, flags=re.M)]
        matches = list(TOKEN.finditer(text))
        self.words = [m.group(0) for m in matches]
        self.lines = [bisect.bisect_right(starts, m.start()) for m in matches]
        self.partner = {}
        stack = []
        for i, word in enumerate(self.words):
            if word in "([{":
                stack.append(i)
            elif word in ")]}" and stack:
                j = stack.pop()
                self.partner[i], self.partner[j] = j, i

    def end_of(self, i):
        """The bracket that closes i; the last token if none does."""
        return self.partner.get(i, len(self.words) - 1)


def statement(tokens, i, end):
    """Reads one statement from i; returns (index past it, control nesting inside it)."""
    words = tokens.words
    if i >= end:
        return end, 0
    if words[i] == "{":
        return block(tokens, i + 1, tokens.end_of(i))
    if words[i] in ("else", "do"):
        i, depth = statement(tokens, i + 1, end)
        return i, depth + 1
    if words[i] in ("case", "default"):
        while i < end and words[i] != ":":
            i += 1
        return i + 1, 0
    if i + 1 < end and words[i + 1] == "(" and re.match(r"[A-Za-z_]", words[i]):
        after = tokens.end_of(i + 1) + 1
        if words[i] in ("if", "for", "while", "switch"):
            return control(tokens, after, end, words[i] == "if")
        if after < end and words[after] == "{":  # a loop macro
            return control(tokens, after, end, False)
    while i < end and words[i] != ";":
        i = tokens.end_of(i) + 1 if words[i] in "([{" else i + 1
    return i + 1, 0


def control(tokens, i, end, is_if):
    """The body of a control statement, with its else branches; `else if` is no deeper."""
    i, depth = statement(tokens, i, end)
    depth += 1
    while is_if and i < end and tokens.words[i] == "else":
        chained = tokens.words[i + 1] == "if"
        i, other = statement(tokens, i + 1, end)
        depth = max(depth, other if chained else other + 1)
    return i, depth


def block(tokens, i, end):
    deepest = 0
    while i < end:
        i, depth = statement(tokens, i, end)
        deepest = max(deepest, depth)
    return end + 1, deepest


def open_of_parameters(tokens, close):
    """The bracket that opens a definition's parameters, of which `close` is the last bracket."""
    i = tokens.partner.get(close, close)
    while i > 1 and tokens.words[i - 1] == "__attribute__":
        i = tokens.partner.get(i - 2, 0)
    return i


def functions(text):
    """The functions that a file defines, each with its lines and its control nesting."""
    tokens = Tokens(blank_directives(blank(text)))
    words, found, i, start = tokens.words, [], 0, 0
    while i < len(words):
        if words[i] == "{":
            close = tokens.end_of(i)
            head = words[start:i]
            if words[i - 1] == ")" and "(" in head and "=" not in head:
                opening = open_of_parameters(tokens, i - 1)
                # WEIR_TEST(sentence) {: the sentence is the name
                story = words[opening - 1].startswith("WEIR_TEST")
                name = words[opening + 1 if story else opening - 1]
                depth = block(tokens, i + 1, close)[1]
                found.append(Function(name, tokens.lines[start], tokens.lines[close], depth))
                start = close + 1
            elif "extern" in head and len(head) <= 4:  # extern "C" {
                close = i
                start = i + 1
            i = close + 1
            continue
        if words[i] == "(":
            i = tokens.end_of(i) + 1
            continue
        if words[i] in ";}":
            start = i + 1
        i += 1
    return found


def declarations(text):
    """The declarations at the top level of a header, each as its words, and the lines of its
    first word and of its semicolon. What stands in braces is passed over."""
    tokens = Tokens(blank_directives(blank(text)))
    words, start, i = tokens.words, 0, 0
    while i < len(words):
        if words[i] == "{":
            head = words[start:i]
            i = i if "extern" in head and len(head) <= 4 else tokens.end_of(i)
            if words[i] == "{" or words[i + 1:i + 2] != [";"]:
                start = i + 1
        elif words[i] == ";":
            yield words[start:i], tokens.lines[start], tokens.lines[i]
            start = i + 1
        i += 1


def variables(text):
    """The weir_ variables that a header declares extern."""
    for words, _, _ in declarations(text):
        if "extern" in words and "(" not in words:
            yield next(word for word in reversed(words) if word.startswith("weir_"))


def prototypes(text):
    """The weir_ functions that a header declares, each with the comment that stands above it.
    Prototypes without an empty line between them share the comment above the first."""
    lines = text.split("\n")
    by_end = {line + body.count("\n"): (line, body) for line, body in comments(text)}
    found, previous = [], None
    for words, first, last in declarations(text):
        name = next((w for w, n in zip(words, words[1:])
                     if n == "(" and w.startswith("weir_")), None)
        if name and not {"typedef", "static", "{"} & set(words):
            line, body = by_end.get(first - 1, (0, None))
            if body is None and previous and previous[0] == first - 1:
                line, body = previous[1]
            found.append(Prototype(name, " ".join(s.strip() for s in lines[first - 1:last]),
                                   first, body, line))
            previous = (last, (line, body))
    return found

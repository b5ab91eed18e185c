"""C source as the rules see it: comments, strings and preprocessor lines blanked, functions and calls found.

The sources are formatted by clang-format, which is relied on: a function's body begins with '{' and ends with '}' in
the first column."""
import bisect
import re

BLANK = re.compile(
    r"/\*.*?\*/|//[^\n]*|\"(?:[^\"\\\n]|\\.)*\"|'(?:[^'\\\n]|\\.)*'|^[ \t]*#(?:[^\n\\]|\\.|\\\n)*", re.S | re.M
)
BODY = re.compile(r"^\{\n.*?^\}", re.S | re.M)
NAME = re.compile(r"(\w+)\s*\(")
# What is printed is judged by people and by the boot tests, and the numbers of a pattern are a label like any other;
# what these calls are given is left as it is.
TEXT_CALLS = re.compile(r"\b(?:log_\w+|panic|fmt_print|LOG|_Static_assert|pattern_seed)\s*\(")


def squeeze(text):
    return " ".join(text.split())


def closing(code, at):
    """Where the bracket that opens at code[at] is closed."""
    depth = 0
    for i in range(at, len(code)):
        depth += {"(": 1, ")": -1}.get(code[i], 0)
        if depth == 0:
            return i
    raise ValueError(f"no closing bracket: {code[at:at + 40]!r}")


class Source:
    def __init__(self, name, text):
        self.name, self.text = name, text
        self.code = BLANK.sub(lambda m: re.sub(r"[^\n]", " ", m[0]), text)
        self.starts = [0] + [m.end() for m in re.finditer("\n", text)]
        self.functions = []  # (name, first, last)
        end = 0
        for body in BODY.finditer(self.code):
            # The head is what stands between the last ';' or '}' and the body; its first "name(" is the function's.
            head = re.split(r"[;}]", self.code[end : body.start()])[-1]
            name = NAME.search(head)
            if name:
                self.functions.append((name[1], body.start(), body.end()))
            end = body.end()
        self.texts = []
        for call in TEXT_CALLS.finditer(self.code):
            self.texts.append((call.start(), closing(self.code, call.end() - 1)))

    def function_at(self, at):
        for name, first, last in self.functions:
            if first <= at < last:
                return name
        return ""

    def in_text_call(self, at):
        return any(first <= at < last for first, last in self.texts)

    def line_number(self, at):
        return bisect.bisect_right(self.starts, at)

    def line_at(self, at):
        """The line of a place: where it begins and ends."""
        first = self.starts[self.line_number(at) - 1]
        last = self.text.find("\n", first)
        return first, len(self.text) if last < 0 else last

"""Mutations made by rule, for every function of a source.

Each has a key that small edits elsewhere leave as it is: file, function, the line, and what becomes of it. A sample is
those whose keys have the smallest hashes, so it is the same in every run, and a change of the source changes little of
it."""
import hashlib
import re
from dataclasses import dataclass

from . import source

RELATION = re.compile(r"(?<![<>=!\-])(<=|>=|==|!=|<|>)(?![<>=])")
FLIP = {"<": "<=", "<=": "<", ">": ">=", ">=": ">", "==": "!=", "!=": "=="}
LOGIC = re.compile(r"&&|\|\|")
NUMBER = re.compile(r"(?<![\w.])(0[xX][0-9a-fA-F]+|\d+)([uUlL]*)\b")
ARRAY = re.compile(r"\b\w+\s+\**\w+(?:\[[^\]]*\])+\s*(?:=|;|,)")
CONDITION = re.compile(r"\bif \(")
ERROR = re.compile(r"\bSL_(?!OK\b)[A-Z]\w*")
RETURN = re.compile(r"\breturn\b[^;]*;")
TRUTH = re.compile(r"\b(true|false)\b")
ORDERING = re.compile(
    r"(?:flush|inval|wait|clear|zero|memset|memcpy|reset|fence|barrier|sync|free|put|release|detach|unmap|disable|"
    r"stop|fini|ring|ack|reserve|drain|quiesce|mask|revoke|forget)"
)
STATEMENT = re.compile(r"(?<=[;{})\s])(?:\(void\)\s*)?(\w+)\(")
RESULT = re.compile(r"(?:=|\breturn)\s+(\w+)\(")


@dataclass(frozen=True)
class Mutant:
    key: str
    file: str
    line: int
    text: str  # the whole file, altered
    tests: tuple = ()  # empty: every test that the file is linked into
    name: str = ""  # of one named by hand
    reason: str = ""  # why it makes no difference, when somebody has found out

    @property
    def label(self):
        return f"{self.name + ': ' if self.name else ''}{self.file}:{self.line} {self.key.split(': ', 1)[1]}"


def relations(s, first, last):
    for m in RELATION.finditer(s.code, first, last):
        yield m.start(), m.end(), FLIP[m[0]]


def logic(s, first, last):
    for m in LOGIC.finditer(s.code, first, last):
        yield m.start(), m.end(), "||" if m[0] == "&&" else "&&"


def constants(s, first, last):
    arrays = [(m.start(), m.end()) for m in ARRAY.finditer(s.code, first, last)]
    for m in NUMBER.finditer(s.code, first, last):
        if any(a <= m.start() < b for a, b in arrays):
            continue
        value = int(m[1], 0) + 1 if not re.fullmatch(r"0\d+", m[1]) else int(m[1], 8) + 1
        yield m.start(), m.end(), (hex(value) if m[1][:2] in ("0x", "0X") else str(value)) + m[2]


def conditions(s, first, last):
    """An if the other way round."""
    for m in CONDITION.finditer(s.code, first, last):
        end = source.closing(s.code, m.end() - 1)
        yield m.end() - 1, end + 1, "(!" + s.text[m.end() - 1 : end + 1] + ")"


def errors(s, first, last):
    """What is returned as an error becomes a success, and the reverse of a truth."""
    for r in RETURN.finditer(s.code, first, last):
        for m in ERROR.finditer(s.code, r.start(), r.end()):
            yield m.start(), m.end(), "SL_OK"
        for m in TRUTH.finditer(s.code, r.start(), r.end()):
            yield m.start(), m.end(), "false" if m[0] == "true" else "true"
        if re.fullmatch(r"return e;", r[0]):
            yield r.start(), r.end(), "return SL_OK;"


def calls(s, first, last):
    """A call whose name says that it flushes, waits, clears or gives back is left out."""
    for m in STATEMENT.finditer(s.code, first, last):
        end = source.closing(s.code, m.end() - 1)
        before = s.code[:m.start()].rstrip()
        if ORDERING.search(m[1]) and s.code[end + 1 : end + 2] == ";" and before[-1:] in (";", "{", "}", ")"):
            yield m.start(), end + 1, ""
    for m in RESULT.finditer(s.code, first, last):
        end = source.closing(s.code, m.end() - 1)
        errs = m[0].startswith("=") and re.search(r"\be $", s.code[: m.start()])
        if ORDERING.search(m[1]) and errs and s.code[end + 1 : end + 2] in (";", ")"):
            yield m.start(1), end + 1, "SL_OK"


RULES = (relations, logic, constants, conditions, errors, calls)


def mutants(s):
    """All mutations of a source, each once."""
    seen = {}
    for name, first, last in s.functions:
        found = sorted({edit for rule in RULES for edit in rule(s, first, last)})
        for start, end, new in found:
            if s.in_text_call(start):
                continue
            a, b = s.line_at(start)
            stop = min(end, b)  # the key shows the first line of what is longer
            shown = new if end <= b else new.split("\n")[0]
            key = "{}:{}: `{}` -> `{}`".format(
                s.name, name, source.squeeze(s.text[a:b]), source.squeeze(s.text[a:start] + shown + s.text[stop:b])
            )
            n = seen[key] = seen.get(key, 0) + 1
            yield Mutant(
                key=key if n == 1 else f"{key} #{n}", file=s.name, line=s.line_number(start),
                text=s.text[:start] + new + s.text[end:],
            )


def order(mutant, seed):
    return hashlib.sha256(f"{seed} {mutant.key}".encode()).digest()

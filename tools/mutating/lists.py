"""The lists in tests/mutants: groups.txt, named.txt and equivalent.txt. README of their form: docs/testing.md."""
import fnmatch
import pathlib
import re
import sys
from dataclasses import dataclass

from . import rules, source


@dataclass
class Group:
    name: str
    floor: float
    sample: int
    files: list


def lines(path):
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if line.strip() and not line.startswith("#"):
            yield f"{path.name}:{number}", line


def bad(where, what):
    sys.exit(f"mutants: {where}: {what}")


def groups(path, root):
    """Name, floor in per cent, how many mutations by rule or "all", then patterns of files ('!': not these)."""
    taken, found = set(), []
    for where, line in lines(path):
        try:
            name, floor, sample, *patterns = line.split()
            group = Group(name, float(floor), sys.maxsize if sample == "all" else int(sample), [])
        except ValueError:
            bad(where, "want: name, floor, sample, files")
        for pattern in patterns:
            if pattern.startswith("!"):
                group.files = [f for f in group.files if not fnmatch.fnmatch(f, pattern[1:])]
                continue
            names = sorted(f.relative_to(root).as_posix() for f in root.glob(pattern))
            names = [f for f in names if not f.endswith("_hw.c") and f not in taken and f not in group.files]
            if not names:
                bad(where, f"{pattern}: no file that is built for the host and is in no group before")
            group.files += names
        taken.update(group.files)
        found.append(group)
    return found


def pattern(text):
    """Text of a source, any run of blanks for any other."""
    return re.compile(r"\s+".join(re.escape(word) for word in text.split()))


def named(path, root):
    """[name], then "file:", "before:", "after:" and, where wanted, "tests:", "means:", "equivalent:"."""
    entries, entry = [], None
    for where, line in lines(path):
        if head := re.fullmatch(r"\[([\w.-]+)\]", line.strip()):
            entry = {"where": where, "name": head[1]}
            if any(e["name"] == head[1] for e in entries):
                bad(where, f"[{head[1]}] is there twice")
            entries.append(entry)
        elif (field := re.fullmatch(r"(file|before|after|tests|means|equivalent):\s*(.*)", line)) and entry:
            entry[field[1]] = field[2]
        else:
            bad(where, f"not a field of an entry: {line}")
    return [named_mutant(e, root) for e in entries]


def named_mutant(e, root):
    for field in ("file", "before", "after"):
        if field not in e:
            bad(e["where"], f"[{e['name']}] has no {field}:")
    try:
        s = source.Source(e["file"], (root / e["file"]).read_text())
    except OSError:
        bad(e["where"], f"[{e['name']}]: there is no {e['file']}")
    places = list(pattern(e["before"]).finditer(s.text))
    if len(places) != 1:
        times = "is not in" if not places else f"is {len(places)} times in"
        bad(e["where"], f"[{e['name']}]: `{e['before']}` {times} {e['file']}: the list has to follow the source")
    m = places[0]
    key = f"{s.name}:{s.function_at(m.start())}: `{e['before']}` -> `{e['after']}`"
    return rules.Mutant(
        key=key, file=s.name, line=s.line_number(m.start()), text=s.text[: m.start()] + e["after"] + s.text[m.end() :],
        tests=tuple(e.get("tests", "").split()), name=e["name"], reason=e.get("equivalent", ""),
    )


def equivalents(path):
    """{key: reason}: a line with the key, below it indented lines with the reason."""
    found, key = {}, None
    for where, line in lines(path):
        if not line[0].isspace():
            key = line.strip()
            if key in found:
                bad(where, "is there twice")
            found[key] = ""
        elif key is None:
            bad(where, "a reason without a mutation")
        else:
            found[key] = (found[key] + " " + line.strip()).strip()
    for key, reason in found.items():
        if not reason:
            bad(path.name, f"no reason: {key}")
    return found

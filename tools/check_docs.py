#!/usr/bin/env python3
"""Compares the documents with the source and prints each difference:

- every failure that Sluice can print is in docs/troubleshooting.md, by its text, and every warning there is printed;
- every fault reason is in docs/faults.md, every cited section of VT-d in docs/references.md, every option of
  boot/options.h with its values and default in docs/options.md;
- paragraphs made from tables of the source are what tools/mkdocs writes, and all others are wrapped by tools/wrapdocs.

A message is found by its fixed words: the format string with every conversion taken as "..."."""
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
STRING = r'(?:"(?:[^"\\]|\\.)*"|BDF_FMT|\s)+'
CALL = re.compile(r"\b(?:log_fail|vtd_unit_trouble)\(\s*([^,]+),\s*(NULL|[A-Z_]+|" + STRING + r"),\s*(" + STRING + r")[,)]")
CONVERSION = re.compile(r"%[-+ #0]*[\d*]*(?:\.\d+)?(?:ll|l|z)?[a-zA-Z]")


def text(c_string):
    """A C string literal, joined, with every conversion as "..."."""
    parts = [part[1:-1] if part.startswith('"') else "%s" for part in re.findall(r'"(?:[^"\\]|\\.)*"|BDF_FMT', c_string)]
    return CONVERSION.sub("...", "".join(parts)).replace('\\"', '"')


def messages():
    for folder in ("apps", "boot", "drivers", "iommu", "kernel", "pci"):
        for path in sorted((ROOT / folder).rglob("*.c")):
            source = path.read_text()
            for call in CALL.finditer(source):
                line = source.count("\n", 0, call.start()) + 1
                yield f"{path.relative_to(ROOT)}:{line}", call[2], text(call[3])


def warnings():
    """Pieces of the warnings that docs/troubleshooting.md lists and that no string of the source has"""
    strings = set()
    for folder in ("apps", "boot", "drivers", "iommu", "kernel", "pci"):
        for path in (ROOT / folder).rglob("*.[ch]"):
            strings.update(text(literal) for literal in re.findall(STRING, path.read_text()) if len(literal) > 8)
    source = "\n".join(strings)
    page = " ".join((ROOT / "docs/troubleshooting.md").read_text().split())
    for warning in re.findall(r"WARN \*\*(.+?)\*\*", page):
        for piece in re.split(r"0x\.\.\.|\.\.\.|: ", warning):
            if piece.strip(" :,;()+") not in source:
                yield f"docs/troubleshooting.md: the source has no {piece.strip()!r} of WARN {warning}"


NUMBER = r"\d+(?:\.\d+)+"
VTD = re.compile(rf"VT-d(?:,? §?{NUMBER}(?:,? and|,? then|,| to)?)+")
BARE = re.compile(rf"(?<!ACPI )(?<!PCIe )§({NUMBER})")


def cited():
    """(file, section) of VT-d; files of iommu/ and the models of units cite it by "§" alone as well"""
    for folder in ("apps", "boot", "docs", "drivers", "iommu", "kernel", "pci", "tests", "tools"):
        for path in sorted((ROOT / folder).rglob("*")):
            name = str(path.relative_to(ROOT))
            if path.suffix not in (".c", ".h", ".py", ".md") or name == "docs/references.md":
                continue
            # a comment's lines joined
            source = re.sub(r"\s*\n\s*(?:\*|#|//)?\s*", " ", path.read_text())
            numbers = [n for match in VTD.finditer(source) for n in re.findall(NUMBER, match[0])]
            if re.match(r"iommu/|tests/model/vtd", name):
                numbers += BARE.findall(source)
            for number in numbers:
                if 3 <= int(number.split(".")[0]) <= 11:
                    yield name, number


def options():
    """The keys of boot/options.h, each with the text that its row of docs/options.md has for its values"""
    source = (ROOT / "boot/options.h").read_text()
    lists = re.findall(r"#define (CONFIG_\w+)\(X\)((?:.*\\\n)*.*)", source)
    words = {name: re.findall(r'X\((\w+), "(\w+)"\)', rest) for name, rest in lists}
    for kind, key, rest in re.findall(r"^\t([A-Z]{2,})\((\w+), (.*)\)(?: \\)?$", source, re.M):
        parts = rest.split(", ")
        if kind in ("WORDS", "EXTEND"):
            yield key, ", ".join(f"`{word}`" + " (default)" * (name == parts[1]) for name, word in words[parts[0]])
        elif kind == "DIGITS":
            yield key, "".join(rf"`{word}`.*" for _, word in words[parts[0]]) + "default: "
        elif parts[:2] == ["0", "1"]:
            yield key, ", ".join(f"`{word}`" + " (default)" * (word == parts[2]) for word in "01")
        elif kind != "OTHER":
            yield key, f"{parts[0]} to {parts[1]}, default {parts[2]}"
        else:
            yield key, ""


def check_options():
    page = (ROOT / "docs/options.md").read_text().split("\n## ")[0]
    rows = dict(re.findall(r"^\| `(\w+)` \| (.*?) \|", page, re.M))
    keys = dict(options())
    for key in sorted(rows.keys() | keys.keys()):
        values = keys.get(key)
        if key not in rows or values is None:
            yield f"docs/options.md and boot/options.h: only one of them has {key}"
        elif not re.match(re.sub(r"[()]", r"\\\g<0>", values), rows[key]):
            yield f"docs/options.md: {key}: boot/options.h says {values}"


# "assigned", "isolated", "reports", "is notified", "forever", "unexpected", "the caller", "cannot" and so on.
PHRASES = re.compile(r"\b(?:given away|give away|held apart|hold apart|is said|are said|it is told|told of|for ever|nobody asked"
                     r"|stands against|[Ww]hoever|the like|can not)\b")


def phrases():
    for name in ("apps", "boot", "drivers", "iommu", "kernel", "pci", "docs", "tools", "README.md", "CONTRIBUTING.md", "run.sh"):
        for path in sorted((ROOT / name).rglob("*")) if (ROOT / name).is_dir() else [ROOT / name]:
            if not path.is_file() or path.suffix in (".pyc", ".png") or path == pathlib.Path(__file__).resolve():
                continue
            for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1):
                for phrase in PHRASES.findall(line):
                    yield f"{path.relative_to(ROOT)}:{number}: use a plainer word than {phrase!r}"


def main():
    doc = " ".join((ROOT / "docs/troubleshooting.md").read_text().split())
    bad = 0
    for place, advice, message in messages():
        if message not in doc and not re.fullmatch(r"[.: ]*", message):
            print(f"{place}: not in docs/troubleshooting.md: {message}")
            bad += 1
        if advice == "NULL" and not place.startswith("kernel/x86/trap_hw.c"):
            print(f"{place}: no advice: {message}")
            bad += 1
    faults = (ROOT / "docs/faults.md").read_text()
    for reason, words in re.findall(r'X\((0x\w\w), \w+, "([^"]*)"\)', (ROOT / "iommu/vtd/reasons.h").read_text()):
        if f"| {reason} | {words} |" not in faults:
            print(f"iommu/vtd/reasons.h: not in docs/faults.md: {reason} {words}")
            bad += 1
    for wrong in [*warnings(), *check_options(), *phrases()]:
        print(wrong)
        bad += 1
    pages = [page.relative_to(ROOT) for name in ("*.md", "docs/*.md", "tests/*/*.md", "tools/*/*.md") for page in sorted(ROOT.glob(name))]
    for tool, words in (("mkdocs", []), ("wrapdocs", pages)):
        done = subprocess.run([ROOT / "tools" / tool, "--check", *words], cwd=ROOT, capture_output=True, text=True)
        print(done.stdout + done.stderr, end="")
        bad += done.returncode != 0
    listed = set(re.findall(rf"^\| §({NUMBER}) \|", (ROOT / "docs/references.md").read_text(), re.M))
    for place, section in sorted(set(cited())):
        if section not in listed:
            print(f"{place}: not in docs/references.md: VT-d {section}")
            bad += 1
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())

"""Hundreds of reports in one view: which machines are alike, which are not and in what, by model and firmware version.

Of each report only its facts are kept, (section, what) -> a short text, so a thousand reports fit into memory. What most
reports of a model have is usual; a machine differs where its fact is not the usual one."""
import collections
import os
import pathlib
import sys
import zlib

from reporting import log
from reporting.machine import FSTS, GSTS, PMEN, Machine, bits_set, plural, tables
from reporting.markup import tag, together
from reporting.page import START, code, description, number, page, section, sentence
from reporting.page import table as html_table

FILE_BYTES = 256 << 20  # a longer file is no log of one machine
SHOWN = 12              # lines of one machine, and machines of one model, in the text; page and JSON have all
# What a report has that the loader kept (keep=1): nothing else is compared with it.
EARLY = ("machine", "ACPI tables", "functions", "IOMMU units at hand-over")
NOTHING = {"findings": "not found", "groups": "not shared"}  # absent, elsewhere


class Told:
    """One report that could be read: its file, who it is, what it came to, and its facts."""

    def __init__(self, name, report, machine):
        run, this, verdict = report.one("run"), report.one("machine"), report.one("verdict")
        self.name, self.kept, self.notes = name, report.kept, report.notes
        self.serial = this.serial if this else ""
        self.model, self.firmware = model_of(run, this)
        self.errors, self.warnings = (verdict.errors, verdict.warnings) if verdict else (None, None)
        self.proof = verdict.proof if verdict else ""
        self.failed = bool(verdict and (verdict.ok is False or verdict.errors))
        self.findings = {(row.severity, row.id) for row in report["finding"]}
        self.facts = {sys.intern(section) + "\0" + sys.intern(what): sys.intern(value)
                      for section, what, value in facts(report, machine)}
        self.differs = []  # (section, what, usual, here)

    def has(self, key):
        return not self.kept or key.partition("\0")[0] in EARLY


def short(words, most=100):
    return words if len(words) <= most else words[:most - 3] + "..."


def model_of(run, this):
    """(model, firmware version): from SMBIOS where the report has it, else the processor and the firmware's vendor."""
    words = [part for part in (this.maker, this.product or this.board) if part] if this else []
    bios = [part for part in (this.bios_version, this.bios_date and f"({this.bios_date})") if part] if this else []
    model = " ".join(words) or (run.cpu if run else "") or "unknown"
    return short(model), short(" ".join(bios) or (run.firmware if run else "") or "unknown")


def crc(body):
    return f"{plural(len(body), 'byte')}, crc32 {zlib.crc32(body):08x}"


def facts(report, machine):
    """What two machines of one model should have in common, as (section, what, value). Not: serial numbers, times, addresses
    that the kernel chose, latencies."""
    run, this, verdict = report.one("run"), report.one("machine"), report.one("verdict")
    for name in ("cpu", "firmware", "secure_boot"):
        yield "machine", name, short(getattr(run, name)) if run else ""
    for name in ("version", "board_maker", "board", "board_version", "bios_vendor", "bios_version", "bios_date"):
        yield "machine", name, short(getattr(this, name)) if this else ""
    for name, body in tables(report).items():
        yield "ACPI tables", name, crc(body)
    yield from function_facts(machine)
    yield from unit_facts(report)
    if report.kept:
        return
    yield "run", "app", run.app if run else ""
    yield "run", "APIC ids", str(run.apicids) if run and run.apicids is not None else ""
    if verdict:
        for name in ("errors", "warnings", "proof", "text"):
            yield "verdict", name, short(str(getattr(verdict, name)))
    for row in report["finding"]:
        yield "findings", f"{row.id} at {short(row.who)}", row.severity
    for group in machine.shared_groups():
        yield "groups", f"group of {group.members[0]}", short(" ".join(group.members), 400)
    for row in report["sriov"]:
        yield "SR-IOV", row.bdf, f"{row.fit} of {row.total} VFs, limit: {row.limit}, {row.enabled} on"
    for row in report["case"]:
        yield "proof", f"{row.who} {row.dir} {row.what}", row.verdict


def function_facts(machine):
    for f in machine.placed():
        early = "VFs" if f.pf else "functions"
        yield early, f.bdf, f"{machine.id_words(f)} {machine.names.kind(f.class_code()) if f.read else ''}".strip()
        if f.entry is not None and not f.pf:
            yield early, f"{f.bdf} DMA on at hand-over", "yes" if f.entry else "no"
        if f.left is not None:
            yield "functions later", f"{f.bdf} DMA on after ExitBootServices", "yes" if f.left else "no"
        if f.attach:
            yield "functions later", f"{f.bdf} unit", str(f.attach.unit)
            yield "functions later", f"{f.bdf} reaches", f.attach.mode


def unit_facts(report):
    for row in report["unit"]:
        where = "IOMMU units at hand-over" if row.phase == "entry" else "IOMMU units later"
        for name, names in (("cap", []), ("ecap", []), ("gsts", GSTS), ("pmen", PMEN), ("fsts", FSTS)):
            value = getattr(row, name)
            words = "" if value is None else " ".join([f"{value:#x}", *(bit for bit in bits_set(value, names) if "=" not in bit)])
            yield where, f"{row.base or 0:#x} {'' if row.phase == 'entry' else row.phase + ' '}{name.upper()}", words


class Model:
    """Reports of one model with one firmware version. usual: key -> (value, how many have it, how many could)."""

    def __init__(self, name, firmware, machines):
        self.name, self.firmware, self.machines = name, firmware, machines
        counts = collections.defaultdict(collections.Counter)
        for each in machines:
            for key, value in each.facts.items():
                counts[key][value] += 1
        could = {kept: sum(each.kept == kept for each in machines) for kept in (False, True)}
        self.usual = {}
        for key in sorted(counts):
            section_of = key.partition("\0")[0]
            all_of = could[False] + (could[True] if section_of in EARLY else 0)
            absent = NOTHING.get(section_of, "absent")
            if all_of > sum(counts[key].values()):
                counts[key][absent] += all_of - sum(counts[key].values())
            # The most frequent; of equally frequent ones the first in the alphabet, so that the order of files is no matter.
            value, most = min(counts[key].items(), key=lambda item: (-item[1], item[0]))
            self.usual[key] = value, most, all_of
        for each in machines:
            for key, (value, most, all_of) in self.usual.items():
                if most == all_of or not each.has(key):
                    continue
                section_of, _, what = key.partition("\0")
                here = each.facts.get(key, NOTHING.get(section_of, "absent"))
                if here != value:
                    each.differs.append((section_of, what, value, here))

    @property
    def alike(self):
        return [each for each in self.machines if not each.differs]

    def classes(self):
        """[(differences, machines that have just these)], the largest first"""
        found = collections.defaultdict(list)
        for each in self.machines:
            if each.differs:
                found[tuple(each.differs)].append(each)
        return sorted(found.items(), key=lambda item: (-len(item[1]), item[1][0].name))


class Summary:
    def __init__(self, folder):
        self.folder, self.files, self.pages, self.unusable = str(folder), 0, 0, []
        found = collections.defaultdict(list)
        for path in every_file(folder, self.unread):
            name = self.name(path)
            try:
                body = read(path)
                if body.startswith(START.encode()):
                    self.pages += 1
                    continue
                report = log.read(body)
                each = Told(name, report, Machine(report))
                found[each.model, each.firmware].append(each)
            except OSError as error:
                self.unusable.append((name, f"cannot be read: {error.strerror}"))
            except log.Broken as error:
                self.unusable.append((name, str(error)))
            self.files += 1
        self.models = [Model(*key, found[key]) for key in sorted(found, key=lambda key: (-len(found[key]), key))]
        self.machines = [each for model in self.models for each in model.machines]

    def name(self, path):
        return log.clean(os.path.relpath(path, self.folder))

    def unread(self, error):
        self.unusable.append((self.name(error.filename), f"cannot be read: {error.strerror}"))

    @property
    def all_alike(self):
        return not self.unusable and all(not each.differs for each in self.machines)

    def findings(self):
        """[(severity, id, how many reports have it)], errors first"""
        counts = collections.Counter(found for each in self.machines for found in each.findings)
        order = ["error", "warning", "info"]
        return sorted(((severity, name, n) for (severity, name), n in counts.items()),
                      key=lambda row: (order.index(row[0]) if row[0] in order else len(order), -row[2], row[1]))

    def notes(self):
        """(how many, sentence): what was odd about logs, without the numbers that differ from log to log"""
        return sorted(collections.Counter(note for each in self.machines for note in each.notes).items(), key=lambda x: (-x[1], x[0]))


def every_file(folder, failed):
    """Files below the folder, in the order of their names; pipes, sockets and devices are none. Links are not followed into
    folders. failed(error): a folder cannot be read."""
    found = [pathlib.Path(place, name) for place, _, names in os.walk(folder, onerror=failed) for name in names]
    return sorted(path for path in found if path.is_file() or not path.exists())


def read(path):
    with path.open("rb") as file:
        body = file.read(FILE_BYTES + 1)
    if len(body) > FILE_BYTES:
        raise log.Broken(f"longer than {FILE_BYTES >> 20} MiB, so not read: keep the log of each machine in a file of its own")
    return body


# --- text

def columns(rows, right=()):
    wide = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return ["  " + "  ".join(cell.rjust(wide[i]) if i in right else cell.ljust(wide[i]) for i, cell in enumerate(row)).rstrip()
            for row in rows]


def said(summary):
    words = [f"{plural(summary.files, 'file')}: {plural(len(summary.machines), 'report')}"]
    kept = sum(each.kept for each in summary.machines)
    if kept:
        words.append(f"{kept} of them kept by the loader and not judged yet (make replay LOG=FILE)")
    words.append(f"{plural(len(summary.unusable), 'file')} without one that can be used" if summary.unusable else "every file could be used")
    if summary.pages:
        words.append(f"{plural(summary.pages, 'page')} of tools/report left out")
    return "; ".join(words)


def who(machines):
    names = [f"{each.name} [{short(each.serial, 40)}]" if each.serial else each.name for each in machines]
    return ", ".join(names[:SHOWN]) + (f" and {len(names) - SHOWN} more" if len(names) > SHOWN else "")


def lines_of(model):
    found = model.classes()
    lines = [f"{model.name}, firmware {model.firmware}: {len(model.alike)} of {len(model.machines)} alike in {plural(len(model.usual), 'fact')}"]
    for differs, machines in found[:SHOWN]:
        lines.append(f"  {who(machines)}:")
        lines += [f"    {where}: {short(what)}: {here} (usual: {usual})" for where, what, usual, here in differs[:SHOWN]]
        if len(differs) > SHOWN:
            lines.append(f"    and {len(differs) - SHOWN} more differences: --json and -o have all")
    if len(found) > SHOWN:
        lines.append(f"  and {plural(sum(len(each) for _, each in found[SHOWN:]), 'machine')} more: --json and -o have all")
    return lines


def as_text(summary):
    lines = [f"summary of {log.clean(summary.folder)}: {said(summary)}"]
    if summary.models:
        rows = [("reports", "alike", "differ", "failed", "model", "firmware")]
        rows += [(str(len(model.machines)), str(len(model.alike)), str(len(model.machines) - len(model.alike)),
                  str(sum(each.failed for each in model.machines)), short(model.name, 60), model.firmware) for model in summary.models]
        lines += ["", *columns(rows, right=range(4))]
    findings = summary.findings()
    if findings:
        rows = [("reports", "severity", "finding")] + [(str(n), short(severity, 12), short(name, 60)) for severity, name, n in findings]
        lines += ["", *columns(rows, right=(0,))]
    for model in summary.models:
        if len(model.alike) < len(model.machines):
            lines += ["", *lines_of(model)]
    if summary.unusable:
        lines += ["", "cannot be used:", *(f"  {name}: {why}" for name, why in summary.unusable)]
    return "\n".join(lines) + "\n"


# --- JSON

def as_json(summary):
    return {
        "v": 1, "folder": summary.folder, "files": summary.files, "reports": len(summary.machines), "alike": summary.all_alike,
        "unusable": [{"file": name, "why": why} for name, why in summary.unusable],
        "findings": [{"severity": severity, "id": name, "reports": n} for severity, name, n in summary.findings()],
        "models": [{
            "model": model.name, "firmware": model.firmware, "facts": len(model.usual), "alike": len(model.alike),
            "machines": [{
                "file": each.name, "serial": each.serial, "kept": each.kept, "failed": each.failed, "errors": each.errors,
                "warnings": each.warnings, "proof": each.proof,
                "differs": [{"section": where, "what": what, "usual": usual, "here": here} for where, what, usual, here in each.differs],
            } for each in model.machines],
        } for model in summary.models],
    }


# --- page

def model_section(n, model):
    parts = [tag("p", f"{len(model.alike)} of {plural(len(model.machines), 'report')} are alike in all of {plural(len(model.usual), 'fact')}.")]
    found = model.classes()
    if found:
        split = collections.Counter((where, what, usual, here) for each in model.machines for where, what, usual, here in each.differs)
        parts.append(tag("h3", "What differs"))
        parts.append(html_table(["machines", "part", "what", "here", "usual"],
                                [[number(many), where, what, here, usual] for (where, what, usual, here), many in
                                 sorted(split.items(), key=lambda item: (-item[1], item[0]))]))
        parts.append(tag("h3", "Who differs"))
        parts.append(html_table(["machines", "in"], [
            [together(tag("div", code(each.name), f" {each.serial}") for each in machines),
             tag("ul", *(tag("li", f"{where}: {what}: ", tag("b", here), f" (usual: {usual})") for where, what, usual, here in differs))]
            for differs, machines in found]))
    rows = [[code(each.name), each.serial, "not judged" if each.kept else "failed" if each.failed else "passed",
             number(each.errors), number(each.warnings), each.proof, number(len(each.differs))] for each in model.machines]
    parts.append(tag("details", tag("summary", "All reports"), html_table(
        ["file", "serial number", "verdict", "errors", "warnings", "proof", "differences"], rows)))
    return section(f"model{n}", f"{model.name}, firmware {model.firmware}", *parts)


def as_page(summary):
    name = pathlib.Path(summary.folder).name or summary.folder
    bad = bool(summary.unusable) or any(each.failed for each in summary.machines)
    heads = ["reports", "alike", "differ", "failed", "model", "firmware"]
    rows = [[number(len(model.machines)), number(len(model.alike)), number(len(model.machines) - len(model.alike)),
             number(sum(each.failed for each in model.machines)), tag("a", model.name, href=f"#model{n}"), model.firmware]
            for n, model in enumerate(summary.models)]
    differ = sum(bool(each.differs) for each in summary.machines)
    title = "All reports are alike" if summary.all_alike else f"{number(differ)} of {number(len(summary.machines))} reports differ from their model"
    return page(
        f"Sluice: {name}",
        tag("h1", f"Sluice reports of {name}"),
        tag("div", tag("strong", title), tag("p", sentence(said(summary))), cls=f"verdict {'bad' if bad else 'warn' if differ else 'good'}"),
        section("models", "Models", html_table(heads, rows)) if rows else "",
        section("findings", "Findings", html_table(["reports", "severity", "finding"], [
            [number(n), severity, code(name_of)] for severity, name_of, n in summary.findings()])) if summary.findings() else "",
        section("unusable", "Cannot be used", html_table(["file", "why"], [[code(each), why] for each, why in summary.unusable]))
        if summary.unusable else "",
        *(model_section(n, model) for n, model in enumerate(summary.models)),
        section("notes", "About the logs", description((note, plural(n, "log")) for note, n in summary.notes()))
        if summary.notes() else "",
    )

"""A report as one HTML page that asks for nothing: verdict first, raw data last."""
import pathlib

from reporting import draw
from reporting.machine import (ACS, CAP, ECAP, FSTS, GSTS, MEMORY, PMEN, bits_set, fault_reasons, field, percentile, plural,
                               size_words, tables, unit_words)
from reporting.markup import Html, escaped, folded, table, tag, together

START = "<!DOCTYPE html>\n<!-- made by tools/report of Sluice -->\n"  # no other file is replaced without being named
STYLE = pathlib.Path(__file__).with_name("style.css")
PHASES = {"entry": "at hand-over by UEFI", "left": "after ExitBootServices", "now": "at the end of the run"}
SEVERITIES = {"error": "Error", "warning": "Warning", "info": "Note"}
MODES = {"domain": "a domain", "passthrough": "all memory, untranslated", "off": "all memory: translation is off",
         "none": "nothing: every request is refused"}


def page(title, *inside):
    """The whole file. Nothing may be loaded and no script may run, whatever stands in it."""
    return together([
        Html(START),
        tag("html",
            tag("head",
                Html('<meta charset="utf-8">'),
                Html('<meta name="viewport" content="width=device-width, initial-scale=1">'),
                Html('<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; style-src \'unsafe-inline\'">'),
                tag("title", title),
                Html(f"<style>{STYLE.read_text()}</style>")),
            tag("body", *inside), lang="en"),
        Html("\n"),
    ])


def section(name, title, *inside):
    return tag("section", tag("h2", title), *inside, id=name)


def code(words):
    return tag("code", words)


def address(value):
    return "" if value is None else f"{value:#x}"


def sentence(words):
    """With a capital letter and a full stop"""
    return words and words[0].upper() + words[1:] + ("" if words[-1] in ".!?" else ".")


def number(value):
    return "" if value is None else f"{value:,}".replace(",", "\u202f")


def yes(value):
    return {None: "?", True: "yes", False: "no"}[value]


def bits(value, names):
    """Names of the bits of a register: those that are set stand out; fields have their value."""
    parts = []
    for name, high, low, meaning in names:
        part = field(value, high, low)
        words = name if high == low else f"{name} {part}"
        parts.append(tag("span", words, cls="pill on" if part else "pill off", title=f"{meaning}, bit {low}" if high == low
                         else f"{meaning}, bits {high}:{low}"))
    return together(parts)


# --- what it comes to

def translation(machine, phase):
    """(units that translate, units that were read) in a phase"""
    rows = [unit[phase] for unit in machine.units.values() if phase in unit and unit[phase].gsts is not None]
    return sum(field(row.gsts, 31, 31) for row in rows), len(rows)


def in_short(report, machine):
    """Sentences that stand on what the report's lines say, not on what anybody concluded."""
    said = []
    functions = machine.placed()
    for phase, attribute in (("entry", "entry"), ("left", "left")):
        on, read = translation(machine, phase)
        told = [f for f in functions if getattr(f, attribute) is not None]
        able = sum(getattr(f, attribute) for f in told)
        if told:
            words = f"{sentence(PHASES[phase])[:-1]}, {able} of {plural(len(told), 'function')} could do DMA"
            said.append(words + (f", and {on} of {plural(read, 'IOMMU unit')} translated" if read else ""))
    on, read = translation(machine, "now")
    if read:
        said.append(f"At the end of the run, {on} of {plural(read, 'IOMMU unit')} translated")
    if machine.groups:
        shared = machine.shared_groups()
        said.append(
            f"{plural(sum(len(g.members) for g in machine.groups), 'function')} in {plural(len(machine.groups), 'IOMMU group')}; "
            + (
                f"{len(shared)} of them {'has' if len(shared) == 1 else 'have'} more than one function"
                if shared
                else "each function is alone in its group"
            )
        )
    for row in report["sriov"]:
        said.append(sriov_words(row))
    if report["case"]:
        said.append(cases_words(report))
    return tag("ul", *(tag("li", words) for words in said)) if said else ""


def verdict_class(row):
    if row is None or row.ok is None:
        return "warn"
    if not row.ok or row.errors or row.proof in ("fail", "broken"):
        return "bad"
    return "warn" if row.warnings else "good" if row.proof == "pass" else "plain"


PROOF = {"pass": "what must be refused was refused when it was tried", "fail": "something that must be refused was NOT refused",
         "broken": "it broke before all requests were tried", "not run": "it was not tried whether forbidden DMA is refused"}


def places(report, severity, count):
    """5 warnings, at 78 places: an id is one finding, however many functions have it. Empty when there is none."""
    ids = {each.id for each in report["finding"] if each.severity == severity}
    if not count or not ids:
        return plural(count, severity) if count else ""
    return plural(len(ids), severity) + (f" (at {count} places)" if count > len(ids) else "")


def not_judged(name):
    return tag("p", "Not judged yet: ", code(f"make replay LOG={name}"), ".")


def verdict(name, report):
    row = report.one("verdict")
    if row is None and report.kept:
        return tag(
            "div",
            tag("strong", "What was known before firmware was left"),
            tag(
                "p",
                "Kept by the loader (keep=1) and not judged yet: ",
                code(f"make replay LOG={name}"),
                " judges it. Groups, findings and proof of the run itself came later: they are in its report on the serial line.",
            ),
            cls="verdict plain",
        )
    if row is None:
        return tag("div", tag("strong", "The report has no verdict"), cls="verdict warn")
    counts = " and ".join(filter(None, (places(report, "error", row.errors), places(report, "warning", row.warnings))))
    proof = PROOF.get(row.proof, row.proof or "not in the report")
    passed = sum(case_class(each) == "warn" for each in report["case"])
    if passed and row.proof == "pass":
        proof = f"forbidden requests were refused when they were tried, but {passed} are not enforced on this machine"
    return tag("div", tag("strong", sentence(row.text) or ("Nothing is wrong" if row.ok else "Something is wrong")),
               tag("p", f"{counts or 'No error, no warning'}. Proof: {proof}."),
               cls=f"verdict {verdict_class(row)}")


def banners(report):
    parts = []
    if report.broken:
        parts.append(tag("div", tag("strong", "This report is not whole"),
                         tag("p", f"{sentence(report.broken)} What is missing is not shown, and what is shown may be wrong."),
                         cls="verdict bad"))
    if report.notes:
        parts.append(tag("p", "About the log: " + "; ".join(report.notes) + ".", cls="soft small"))
    return together(parts)


def description(pairs):
    return tag("dl", *(tag("dt", name) + tag("dd", value) for name, value in pairs if value not in (None, "")))


SECURE_BOOT = {"on": "on", "off": "off", "setup": "setup mode: no key enrolled", "unknown": "unknown"}


def words(*parts):
    return " ".join(part for part in parts if part)


def identity(report):
    """What a "machine" line says, as (name, text); reports of older versions have none"""
    row = report.one("machine")
    if row is None:
        return []
    return [
        ("machine", words(row.maker, row.product, row.version)),
        ("serial number", row.serial or ("left out (privacy=1)" if row.privacy else "")),
        ("UUID", row.uuid),
        ("board", words(row.board_maker, row.board, row.board_version, row.board_serial)),
        ("BIOS", words(row.bios_vendor, row.bios_version, row.bios_date)),
        ("started", row.time),
        ("Sluice", words(row.build, f"of {row.built}" if row.built else "")),
    ]


def machine_section(report):
    row = report.one("run")
    if row is None:
        return ""
    return section(
        "machine",
        "The machine",
        description(
            [
                *identity(report),
                ("processor", row.cpu),
                ("vendor", row.vendor),
                ("APIC ids", " ".join(part for part in (number(row.apicids), row.apic) if part)),
                ("physical addresses", f"{row.phys_bits} bits" if row.phys_bits else ""),
                ("firmware", row.firmware),
                ("Secure Boot", SECURE_BOOT.get(row.secure_boot, row.secure_boot)),
                ("TSC", f"{row.tsc_hz / 1e6:,.3f} MHz".replace(",", "\u202f") if row.tsc_hz else ""),
                ("run as", f"app={row.app}" if row.app else ""),
            ]
        ),
    )


IN_FULL = 3  # readings of one finding that are shown at once


def readings(rows):
    """Where a finding was, and what was read there: the first ones, and the rest when somebody opens it"""
    shown = [tag("li", code(each.who), ": ", code(each.read)) for each in rows]
    first = tag("ul", *shown[:IN_FULL], cls="plain")
    if len(rows) <= IN_FULL + 1:
        return tag("ul", *shown, cls="plain")
    rest = tag("details", tag("summary", f"and at {len(rows) - IN_FULL} more places"), tag("ul", *shown[IN_FULL:], cls="plain"))
    return together([first, rest])


def finding_card(rows):
    """One card for all places with the same finding"""
    row = rows[0]
    severity = row.severity if row.severity in SEVERITIES else "info"
    pill = tag("span", row.kind, cls="pill") if row.kind and row.kind != "note" else ""
    where = together([" at ", code(row.who)]) if len(rows) == 1 else f", at {len(rows)} places"
    read = code(row.read) if len(rows) == 1 else readings(rows)
    return tag(
        "article",
        tag(
            "h3", tag("span", SEVERITIES.get(row.severity, row.severity or "?"), cls="sev"), " ", pill, " ", code(row.id), where
        ),
        description(
            [
                ("means", sentence(row.means)),
                ("read", read),
                ("an operating system", sentence(row.os)),
                ("remedy", sentence(row.remedy)),
            ]
        ),
        cls=f"finding {severity}",
    )


def findings_section(name, report):
    if not report["finding"]:
        return section("findings", "Findings", not_judged(name) if report.kept else tag("p", "The report has none."))
    cards = {}
    for row in report["finding"]:
        cards.setdefault((row.id, row.severity, row.kind, row.means, row.os, row.remedy), []).append(row)
    order = list(SEVERITIES)
    rows = sorted(cards.values(), key=lambda each: order.index(each[0].severity) if each[0].severity in order else len(order))
    return section("findings", "Findings", *(finding_card(each) for each in rows))


# --- tree and groups

def group_card(tree, machine, group):
    missing = [f"{name} ({ACS[name]})" if name in ACS else name for name in group.missing]
    members = together(
        part for bdf in group.members for part in (code(bdf), " " + machine.name(machine.functions[bdf]), Html("<br>"))
    )
    return tag(
        "div",
        description(
            [
                (draw.group_badge(tree, group), members),
                ("why", sentence(group.why)),
                ("port", code(group.port) if group.port else ""),
                ("ACS bits missing", ", ".join(missing)),
                ("remedy", sentence(group.remedy)),
            ]
        ),
        cls="group",
        style=f"border-left-color:{draw.group_colour(tree, group)}",
    )


def tree_section(name, report, machine):
    if not machine.placed():
        return ""
    tree = draw.Tree(machine)
    shared = machine.shared_groups()
    alone = [group for group in machine.groups if len(group.members) == 1]
    parts = [tag("h3", "IOMMU groups")]
    if shared:
        parts.append(tag("p", "Functions of one group cannot be isolated from each other: they belong to one owner. "
                         "Groups of more than one function have a colour:", cls="small"))
        parts += [group_card(tree, machine, group) for group in shared]
    if alone:
        parts.append(
            tag(
                "p",
                f"{plural(len(alone), 'function is', 'functions are')} each alone in a group, with an outlined number in "
                "the tree: they can be given to different owners.",
                cls="small",
            )
        )
    if not machine.groups:
        parts.append(not_judged(name) if report.kept else tag("p", "The report has no groups.", cls="small"))
    return section(
        "tree",
        "PCIe tree and IOMMU groups",
        tag("div", tag("div", tree.svg(), cls="wide"), tag("div", *parts), cls="columns"),
        folded("All functions as a table", functions_table(machine)),
    )


def attach_words(machine, f):
    if not f.attach:
        return ""
    row = f.attach
    if row.mode == "domain" and row.domain is not None:
        return f"domain {row.domain}"
    return MODES.get(row.mode, row.mode)


def what_words(machine, f):
    named = f"{machine.role(f)}: {machine.name(f)}".rstrip(": ")
    return f"{named}; {f.model or 'model unknown'}, serial number {f.serial}" if f.serial else named


def functions_table(machine):
    rows = []
    for f in machine.placed():
        rows.append([code(f.bdf), machine.id_words(f), what_words(machine, f),
                     str(f.group.id) if f.group else "", "" if not f.attach or f.attach.unit is None else str(f.attach.unit),
                     attach_words(machine, f), yes(f.entry), yes(f.left)])
    return table(["function", "ids", "what", "group", "unit", "reaches", "DMA on at hand-over", "after ExitBootServices"], rows)


# --- units

def fault_words(reasons, high, low):
    """A fault record (VT-d §11.4.7.6) in words"""
    source = field(high, 15, 0)
    bdf = f"{source >> 8:02x}:{source >> 3 & 31:02x}.{source & 7}"
    reason = field(high, 39, 32)
    what = "read" if high >> 62 & 1 else "write"
    what = "interrupt" if is_interrupt(reason) else what
    return f"{bdf} {what} {where_words(reason, low & ~0xfff)}: {reasons.get(reason, 'reason')} ({reason:#x})"


def is_interrupt(reason):
    return reason is not None and 0x20 <= reason < 0x30


def where_words(reason, address_of_fault):
    """The device address of a fault, or the index of a refused interrupt: its field is bits 63:48 (VT-d §11.4.7.6)"""
    if address_of_fault is None:
        return ""
    return f"index {address_of_fault >> 48}" if is_interrupt(reason) else f"{address_of_fault:#x}"


def register_table(phases):
    """Registers of one unit as they were found, side by side; a line that changed is marked."""
    shown = [phase for phase in PHASES if phase in phases] + [phase for phase in phases if phase not in PHASES]
    rows, classes = [], []
    for name, decode in (("GSTS", GSTS), ("RTADDR", None), ("IRTA", None), ("PMEN", PMEN), ("FSTS", FSTS)):
        values = [getattr(phases[phase], name.lower()) for phase in shown]
        if all(value is None for value in values):
            continue
        cells = []
        for value in values:
            words = (
                "" if value is None else " ".join(w for w in bits_set(value, decode) if not w.endswith("=0")) if decode else ""
            )
            cells.append(
                together(
                    [
                        code(address(value)),
                        Html("<br>"),
                        tag("span", words or ("no bit set" if decode else ""), cls="soft small"),
                    ]
                )
            )
        rows.append([tag("b", name), *cells])
        classes.append("changed" if len(set(values)) > 1 else None)
    for name, low, high in (("protected low", "plmbase", "plmlimit"), ("protected high", "phmbase", "phmlimit")):
        values = [(getattr(phases[phase], low), getattr(phases[phase], high)) for phase in shown]
        if any(a is not None and b is not None and a | b for a, b in values):
            rows.append([tag("b", name), *(code(f"{address(a)} to {address(b)}") for a, b in values)])
            classes.append("changed" if len(set(values)) > 1 else None)
    return table(["register", *(PHASES.get(phase, phase) for phase in shown)], rows, row_classes=classes)


def state_words(phases):
    said = []
    for phase in PHASES:
        row = phases.get(phase)
        if row and row.gsts is not None:
            words = [
                name
                for bit, name in ((31, "translation"), (25, "interrupt remapping"), (26, "queued invalidation"))
                if row.gsts >> bit & 1
            ]
            if row.pmen is not None and row.pmen & 1:
                words.append("protected memory")
            said.append(f"{PHASES[phase]}: {', '.join(words) or 'everything off'}")
    return "; ".join(said)


def unit_part(reasons, i, phases):
    any_row = phases.get("now") or next(iter(phases.values()))
    parts = [
        tag(
            "h3",
            f"Unit {i} at ",
            code(address(any_row.base)),
            f", segment {any_row.seg if any_row.seg is not None else '?'}"
            + (f", VT-d {field(any_row.ver, 7, 4)}.{field(any_row.ver, 3, 0)}" if any_row.ver is not None else ""),
        ),
        tag("p", sentence(state_words(phases))),
        register_table(phases),
    ]
    if None not in (any_row.cap, any_row.ecap):
        parts.append(tag("p", sentence(unit_words(any_row.cap, any_row.ecap))))
    for name, names in (("CAP", CAP), ("ECAP", ECAP)):
        values = {getattr(row, name.lower()) for row in phases.values()} - {None}
        for value in sorted(values):
            parts.append(tag("p", tag("b", name), " ", code(f"{value:#018x}"), " ", bits(value, names)))
        if len(values) > 1:
            parts.append(tag("p", f"{name} changed during the run.", cls="bad"))
    records = [(phase, high, low) for phase, row in phases.items() for high, low in row.frcd if high >> 63]
    if records:
        parts.append(tag("p", "Fault records:"))
        parts.append(
            tag(
                "ul",
                *(tag("li", f"{PHASES.get(phase, phase)}: {fault_words(reasons, high, low)}") for phase, high, low in records),
            )
        )
    return together(parts)


def units_section(machine):
    if not machine.units:
        return section("units", "IOMMU units", tag("p", "The report has no VT-d unit."))
    reasons = fault_reasons()
    return section(
        "units",
        "IOMMU units",
        tag("p", "Registers as firmware left them, and as they were at the end. Marked lines changed.", cls="small"),
        *(unit_part(reasons, i, phases) for i, phases in sorted(machine.units.items()))
    )


# --- domains

def domain_title(machine, row):
    members = [f.bdf for f in machine.placed() if f.attach and f.attach.mode == "domain" and f.attach.domain == row.id]
    return together(
        [
            tag("b", f"Domain {row.id}"),
            f" {row.name} " if row.name else " ",
            tag("span", " ".join(members) or "no function in it", cls="soft m"),
            " · ",
            tag(
                "span",
                f"{size_words(sum(size for _, size, _ in row.iova))} in {plural(len(row.iova), 'run')}",
                cls="soft small",
            ),
        ]
    )


def domains_section(report, machine):
    rows = sorted((row for row in report["domain"] if row.id is not None), key=lambda row: row.id)
    others = {}
    for f in machine.placed():
        if f.attach and f.attach.mode != "domain":
            others.setdefault(f.attach.mode, []).append(f.bdf)
    if not rows and not others:
        return ""
    parts = []
    runs = [run for row in rows for run in row.iova]
    if runs:
        scale = draw.Scale(runs)
        sample = together(
            tag(
                "span",
                Html(f'<svg class="sample {kind}" aria-hidden="true"><rect width="14" height="11" class="{kind}"/></svg>'),
                words,
                cls="key",
            )
            for kind, words in (
                ("rw", "read and write"),
                ("ro", "read only"),
                ("wo", "write only"),
                ("none", "nothing: refused"),
            )
        )
        parts.append(
            tag(
                "p",
                "What each domain's functions reach, by device address. Coloured parts are to scale; what no domain maps is cut out "
                "(dotted), and its size is in the table.",
                cls="small",
            )
        )
        parts.append(tag("p", sample, cls="small"))
        strips = [
            tag("div", domain_title(machine, row), draw.strip(scale, row.iova) if row.iova else tag("p", "empty", cls="soft"))
            for row in rows
        ]
        parts.append(tag("div", draw.letters(scale), *strips, cls="strips"))
        legend = []
        for i, (start, end) in enumerate(scale.parts):
            gap = scale.parts[i + 1][0] - end if i + 1 < len(scale.parts) else None
            legend.append([tag("b", chr(65 + i)), code(f"{start:#x}"), code(f"{end - 1:#x}"), size_words(end - start),
                           "" if gap is None else size_words(gap)])
        parts.append(table(["part", "from", "to", "size", "gap behind it"], legend, cls="tight"))
    for mode, members in others.items():
        parts.append(tag("p", f"In no domain, and reach {MODES.get(mode, mode)}: ", tag("span", " ".join(members), cls="m")))
    if runs:
        every = [[str(row.id), code(f"{start:#x}"), code(f"{start + size - 1:#x}"), size_words(size), allowed]
                 for row in rows for start, size, allowed in row.iova]
        parts.append(folded("All runs", table(["domain", "from", "to", "size", "allowed"], every)))
    return section("domains", "Domains", *parts)


# --- SR-IOV

def sriov_words(row):
    words = f"{row.bdf}: {number(row.fit) or '?'} of {plural(row.total, 'VF') if row.total is not None else '? VFs'} can be had"
    if row.limit and row.limit != "none":
        words += f", limited by {row.limit}"
    missing = [size_words(row.missing_bytes)] if row.missing_bytes else []
    missing += [plural(row.missing_buses, "bus number")] if row.missing_buses else []
    return words + (f" ({' and '.join(missing)} missing)" if missing else "")


def sriov_section(report, machine):
    if not report["sriov"]:
        return ""
    parts = []
    for row in report["sriov"]:
        f = machine.functions.get(row.bdf)
        part = 100 * min(row.fit, row.total) / row.total if row.fit is not None and row.total else 0
        parts.append(
            tag(
                "div",
                tag("h3", code(row.bdf), f" {machine.name(f)}" if f else ""),
                tag("div", tag("div", style=f"width:{part:.1f}%"), cls="bar"),
                tag("p", sriov_words(row) + "."),
                tag(
                    "p",
                    f"InitialVFs {number(row.initial)}; {number(row.enabled)} were on when the report was written.",
                    cls="soft small",
                )
                if row.initial is not None and row.enabled is not None
                else "",
            )
        )
    return section("sriov", "SR-IOV", *parts)


# --- proof

def case_class(row):
    return {"refused": "good", "not enforced": "warn", "not tried": "warn"}.get(row.verdict, "bad")


def cases_words(report):
    tried = {}
    for row in report["case"]:
        tried[row.verdict or "without verdict"] = tried.get(row.verdict or "without verdict", 0) + 1
    return f"{plural(len(report['case']), 'forbidden request was', 'forbidden requests were')} tried: " + ", ".join(
        f"{n} {verdict_words}" for verdict_words, n in tried.items())


def worst(rows):
    return min(rows, key=lambda row: ["bad", "warn", "good"].index(case_class(row)))


def proof_section(report):
    if not report["case"]:
        return ""
    reasons = fault_reasons()
    cases, who = {}, list(dict.fromkeys(row.who for row in report["case"]))
    for row in report["case"]:
        cases.setdefault((row.what, row.dir), {}).setdefault(row.who, []).append(row)
    body = []
    for (what, direction), each in cases.items():
        found = [worst(each[name]) if name in each else None for name in who]
        cells = [
            tag("span", row.verdict or "?", cls=case_class(row), title=reason_words(reasons, row)) if row else ""
            for row in found
        ]
        body.append(
            (min((case_class(row) for row in found if row), key=["bad", "warn", "good"].index), [f"{direction} {what}", *cells])
        )
    body.sort(key=lambda line: ["bad", "warn", "good"].index(line[0]))
    every = [[row.who, row.dir, row.what, row.verdict, together([code(row.bdf), " ", code(where_words(row.reason, row.iova))]),
              reason_words(reasons, row)] for row in report["case"]]
    heads = ["who", "does", "to what", "verdict", "recorded by the IOMMU", "why it was refused"]
    return section(
        "proof",
        "Proof: forbidden DMA, tried",
        tag("p", sentence(cases_words(report)), cls="small"),
        table(
            ["", *who],
            [cells for _, cells in body],
            cls="cases",
            row_classes=[mark if mark == "bad" else None for mark, _ in body],
        ),
        folded("Each with what was recorded", table(heads, every)),
    )


def reason_words(reasons, row):
    return "" if row.reason is None else f"{reasons.get(row.reason, 'reason')} ({row.reason:#x})"


# --- latencies

CURVES = 6  # in one plot: more cannot be told apart


def time_words(value, unit):
    if value is None:
        return ""
    return f"{value / 1000:,.1f} µs".replace(",", "\u202f") if unit == "ns" else f"{number(value)} {unit}"


def latency_section(report):
    plots = {}
    for row in report["lat"]:
        if any(n for _, n in row.hist):
            plots.setdefault((row.mode, row.iommu, row.qd, row.unit), []).append(row)
    if not plots:
        return ""
    parts = []
    several = [(key, rows[i:i + CURVES], len(rows), i) for key, rows in plots.items() for i in range(0, len(rows), CURVES)]
    for (mode, iommu, depth, unit), rows, of_all, first in several:
        heads = ["", "who", "requests", "median", "99 %", "99.9 %", "slowest"]
        body = []
        for n, row in enumerate(rows):
            hist = sorted(row.hist)
            body.append([draw.swatch(n), row.who, number(sum(count for _, count in hist)),
                         *(time_words(percentile(hist, part), unit) for part in (0.5, 0.99, 0.999, 1))])
        words = ", ".join(part for part in (f"{depth} in flight" if depth is not None else "", f"mode={mode}" if mode else "",
                                            f"iommu={iommu}" if iommu else "") if part)
        words += f"; {first + 1} to {first + len(rows)} of {of_all}" if of_all > CURVES else ""
        parts.append(tag("figure", tag("h3", words), tag("div", draw.latencies(rows), cls="wide"), table(heads, body)))
    return section("latency", "Latency", tag("p", "How many requests were done after which time. Times are lower bounds of the "
                                             "histogram's buckets.", cls="small"), *parts)


# --- raw data

def hexdump(body):
    """16 bytes a line; lines of zeros are left out and marked by *"""
    lines, gap = [], False
    for at in range(0, len(body), 16):
        part = body[at:at + 16]
        if not any(part) and at:
            if not gap:
                lines.append("*")
            gap = True
            continue
        gap = False
        letters = "".join(chr(c) if 32 <= c < 127 else "." for c in part)
        lines.append(f"{at:03x}: {part.hex(' '):47}  {letters}")
    return tag("pre", "\n".join(lines))


def raw_section(report, machine):
    parts = []
    for name, body in tables(report).items():
        good = "right" if sum(body) % 256 == 0 else "WRONG"
        parts.append(folded(f"{name}, {plural(len(body), 'byte')}, checksum {good}", hexdump(body)))
    if report["window"]:
        rows = [
            [
                code(row.bdf),
                code(address(row.base)),
                code(address(row.limit)),
                size_words(row.limit - row.base + 1)
                if None not in (row.base, row.limit) and row.limit >= row.base
                else "closed",
                "prefetchable" if row.pref else "",
            ]
            for row in report["window"]
        ]
        parts.append(folded("Windows of bridges", table(["bridge", "from", "to", "size", ""], rows)))
    if report["bar"]:
        rows = [
            [
                code(row.bdf),
                f"{'VF ' if row.vf else ''}BAR{row.n}",
                code(address(row.base)),
                size_words(row.size) if row.size else "",
                " ".join(words for on, words in ((row.io, "I/O"), (row.pref, "prefetchable"), (row.w64, "64-bit")) if on),
            ]
            for row in report["bar"]
        ]
        parts.append(folded("BARs", table(["function", "BAR", "address", "size", ""], rows)))
    if report["mem"]:
        rows = [
            [
                code(f"{row.start:#x}"),
                size_words(row.pages * 4096),
                MEMORY[row.type] if row.type is not None and row.type < len(MEMORY) else f"type {row.type}",
                code(address(row.attr)),
            ]
            for row in report["mem"]
            if None not in (row.start, row.pages)
        ]
        parts.append(folded("Firmware's memory map", table(["from", "size", "what", "attributes"], rows)))
    spaces = [folded(together([code(f.bdf), f" {machine.name(f)}"]), hexdump(f.cfg[:f.read])) for f in machine.placed() if f.read]
    if spaces:
        parts.append(folded("Configuration spaces", *spaces))
    parts.append(folded(f"The report's {len(report.lines)} lines", tag("pre", Html("\n".join(map(escaped, report.lines))))))
    return section("raw", "Raw data", *parts)


NAV = (("findings", "Findings"), ("tree", "Tree and groups"), ("units", "IOMMU"), ("domains", "Domains"), ("sriov", "SR-IOV"),
       ("proof", "Proof"), ("latency", "Latency"), ("raw", "Raw data"))


def report_page(name, report, machine):
    sections = together([machine_section(report), findings_section(name, report), tree_section(name, report, machine), units_section(machine),
                         domains_section(report, machine), sriov_section(report, machine), proof_section(report),
                         latency_section(report), raw_section(report, machine)])
    nav = tag("nav", *(tag("a", words, href=f"#{anchor}") for anchor, words in NAV if f'id="{anchor}"' in sections))
    return page(
        f"Sluice: {name}",
        tag("h1", f"Sluice report, {name}"),
        banners(report),
        verdict(name, report),
        in_short(report, machine),
        nav,
        sections,
    )

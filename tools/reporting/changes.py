"""What changed between two reports: sections of lines, each with a sign: - only before, + only after, ~ both, but different."""
import copy

from reporting.log import Report
from reporting.machine import CAP, ECAP, FSTS, GSTS, PMEN, Machine, field, percentile, plural, size_words, tables
from reporting.page import PHASES, attach_words, page, time_words
from reporting.markup import tag, together


def differ(before, after, words, changed):
    """Changes of two dicts: words(value) of what is only in one, changed(key, before, after) gives texts of what is in both."""
    lines = [("-", words(before[key])) for key in before if key not in after]
    lines += [("+", words(after[key])) for key in after if key not in before]
    for key in before:
        if key in after:
            lines += [("~", text) for text in changed(key, before[key], after[key])]
    return lines


def said(value):
    return (
        {None: "nothing", "": "nothing", True: "yes", False: "no"}.get(value, value)
        if not isinstance(value, int) or isinstance(value, bool)
        else value
    )


def arrow(name, before, after):
    """One line when it is not the same, none when it is."""
    return [] if before == after else [f"{name}: {said(before)} -> {said(after)}"]


def verdicts(a, b):
    rows = a[0].one("verdict"), b[0].one("verdict")
    if None in rows:
        return [] if rows[0] is rows[1] else [("-" if rows[0] else "+", (rows[0] or rows[1]).text)]
    lines = []
    for name in ("errors", "warnings", "proof", "text"):
        lines += arrow(name, getattr(rows[0], name), getattr(rows[1], name))
    return [("~", line) for line in lines]


RUN = (("app", "app"), ("cpu", "processor"), ("apicids", "APIC ids"), ("firmware", "firmware"), ("secure_boot", "Secure Boot"))
MODEL = (("maker", "maker"), ("product", "product"), ("version", "version"), ("board_maker", "board's maker"), ("board", "board"),
         ("board_version", "board's version"), ("bios_vendor", "BIOS vendor"), ("bios_version", "BIOS version"),
         ("bios_date", "BIOS date"))
ONE = (("serial", "serial number"), ("board_serial", "board's serial number"), ("chassis_serial", "chassis' serial number"),
       ("uuid", "UUID"), ("build", "Sluice"))


def values(kind, names, a, b):
    """The fields of a line that comes once, where both reports have it and they are not the same."""
    rows = a[0].one(kind), b[0].one(kind)
    if None in rows:
        return []
    return [("~", line) for name, words in names for line in arrow(words, getattr(rows[0], name), getattr(rows[1], name))]


def runs(a, b):
    return values("machine", MODEL, a, b) + values("run", RUN, a, b)


def which(a, b):
    """Not the time, which always differs."""
    drives = [{f.bdf: f.serial for f in machine.placed() if f.serial} for _, machine in (a, b)]
    return values("machine", ONE, a, b) + [
        ("~", line) for bdf in sorted(drives[0].keys() & drives[1].keys())
        for line in arrow(f"serial number of {bdf}", drives[0][bdf], drives[1][bdf])]


def acpi(a, b):
    def changed(name, before, after):
        if before == after:
            return []
        places = [i for i in range(min(len(before), len(after))) if before[i] != after[i]]
        first = f", first at offset {places[0]:#x}" if places else ""
        sizes = f"{len(before)} -> {len(after)} bytes; " if len(before) != len(after) else ""
        return [f"{name}: {sizes}{plural(len(places), 'byte differs', 'bytes differ')}{first}"]

    before, after = tables(a[0]), tables(b[0])
    named = [{name: (name, body) for name, body in each.items()} for each in (before, after)]
    return differ(*named, lambda each: f"{each[0]}, {len(each[1])} bytes", lambda name, x, y: changed(name, x[1], y[1]))


def functions(a, b):
    def words(each):
        machine, f = each
        return f"{f.bdf} {machine.role(f)}: {machine.name(f)} {machine.id_words(f)}".rstrip()

    def changed(bdf, before, after):
        (machine_a, x), (machine_b, y) = before, after
        lines = arrow("is", machine_a.id_words(x), machine_b.id_words(y))
        lines += arrow("DMA on at hand-over", x.entry, y.entry)
        lines += arrow("DMA on after ExitBootServices", x.left, y.left)
        lines += arrow("unit", x.attach.unit if x.attach else None, y.attach.unit if y.attach else None)
        lines += arrow("reaches", attach_words(machine_a, x), attach_words(machine_b, y))
        return [f"{bdf} {line}" for line in lines]

    return differ(*({f.bdf: (machine, f) for f in machine.placed()} for _, machine in (a, b)), words, changed)


def groups(a, b):
    """Groups are the same when their members are; numbers may change. Functions that came or went are reported elsewhere, unless
    they came to or went from a group with others in it."""
    both = {f.bdf for f in a[1].placed()} & {f.bdf for f in b[1].placed()}
    sets = [{frozenset(group.members) & both: group for group in machine.groups} for _, machine in (a, b)]
    for each in sets:
        each.pop(frozenset(), None)

    def words(group):
        return " ".join(group.members) + (f" ({group.why})" if group.why else "")

    def changed(_, before, after):
        gone, new = set(before.members) - set(after.members), set(after.members) - set(before.members)
        told = sorted(set(before.members) & set(after.members))[0]
        lines = [f"the group of {told} has lost {' '.join(sorted(gone))}"] if gone else []
        return lines + ([f"the group of {told} also has {' '.join(sorted(new))}"] if new else [])

    return differ(*sets, words, changed)


def findings(a, b):
    def words(row):
        return f"{row.severity}: {row.id} at {row.who}: {row.means}"

    def changed(key, x, y):
        return [
            f"{key[0]} at {key[1]} {line}"
            for name in ("severity", "read")
            for line in arrow(name, getattr(x, name), getattr(y, name))
        ]

    return differ(*({(row.id, row.who): row for row in report["finding"]} for report, _ in (a, b)), words, changed)


def windows(a, b):
    def span(row):
        return "closed" if None in (row.base, row.limit) or row.limit < row.base else \
            f"{row.base:#x} to {row.limit:#x} ({size_words(row.limit - row.base + 1)})"

    def name(row):
        return f"{row.bdf}{' prefetchable' if row.pref else ''}"

    # A host has several windows of one kind: they are told apart by their place in the report.
    keyed = []
    for report, _ in (a, b):
        each = {}
        for row in report["window"]:
            n = 0
            while (name(row), n) in each:
                n += 1
            each[name(row), n] = row
        keyed.append(each)
    return differ(*keyed, lambda row: f"{name(row)}: {span(row)}", lambda _, x, y: arrow(name(x), span(x), span(y)))


def flags(title, before, after, names):
    """Bits and fields of a register that are not the same."""
    if before is None or after is None:
        return arrow(title, None if before is None else f"{before:#x}", None if after is None else f"{after:#x}")
    told = [f"{name} {field(before, high, low)} -> {field(after, high, low)} ({meaning})" for name, high, low, meaning in names
            if field(before, high, low) != field(after, high, low)]
    return [f"{title} {line}" for line in told] or arrow(title, f"{before:#x}", f"{after:#x}")


def units(a, b):
    def changed(_, x, y):
        lines = []
        title = f"unit {x.base:#x}, {PHASES.get(x.phase, x.phase)}:" if x.base is not None else "unit:"
        for name, names in (("cap", CAP), ("ecap", ECAP), ("gsts", GSTS), ("pmen", PMEN), ("fsts", FSTS)):
            if name not in ("cap", "ecap") or x.phase == "now":
                lines += flags(f"{title} {name.upper()}", getattr(x, name), getattr(y, name), names)
        return lines

    return differ(*({(row.base, row.phase): row for row in report["unit"]} for report, _ in (a, b)),
                  lambda row: f"unit {row.base or 0:#x}, {PHASES.get(row.phase, row.phase)}", changed)


def sriov(a, b):
    def words(row):
        return f"{row.bdf}: {row.fit} of {row.total} VFs can be had, limit: {row.limit}"

    def changed(bdf, x, y):
        lines = (
            arrow("VFs that can be had", x.fit, y.fit) + arrow("TotalVFs", x.total, y.total) + arrow("limit", x.limit, y.limit)
        )
        lines += arrow("missing", size_words(x.missing_bytes or 0), size_words(y.missing_bytes or 0))
        lines += arrow("missing bus numbers", x.missing_buses, y.missing_buses) + arrow("VFs on", x.enabled, y.enabled)
        return [f"{bdf} {line}" for line in lines]

    return differ(*({row.bdf: row for row in report["sriov"]} for report, _ in (a, b)), words, changed)


def proof(a, b):
    def words(row):
        return f"{row.who} {row.dir} {row.what}: {row.verdict}"

    def changed(_, x, y):
        return arrow(f"{x.who} {x.dir} {x.what}", x.verdict, y.verdict)

    return differ(*({(row.who, row.dir, row.what): row for row in report["case"]} for report, _ in (a, b)), words, changed)


def latency(a, b):
    def median(row):
        return percentile(sorted(row.hist), 0.5)

    def name(row):
        return f"{row.who}, {row.qd} in flight, mode={row.mode}, iommu={row.iommu}"

    def changed(_, x, y):
        before, after = median(x), median(y)
        if before == after:
            return []
        part = f" ({100 * (after - before) / before:+.1f} %)" if before and after is not None else ""
        return [f"{name(x)}: median {time_words(before, x.unit) or 'nothing'} -> {time_words(after, y.unit) or 'nothing'}{part}"]

    return differ(*({(row.who, row.mode, row.iommu, row.qd, row.unit): row for row in report["lat"]} for report, _ in (a, b)),
                  lambda row: f"{name(row)}: median {time_words(median(row), row.unit)}", changed)


# What two runs of one machine, or two machines of one kind, never have in common: shown, and no difference by itself.
NOT_COUNTED = ("which machine, which Sluice", "latency")

SECTIONS = (
    ("verdict", verdicts),
    ("machine", runs),
    (NOT_COUNTED[0], which),
    ("findings", findings),
    ("functions", functions),
    ("groups", groups),
    ("ACPI tables", acpi),
    ("IOMMU units", units),
    ("windows", windows),
    ("SR-IOV", sriov),
    ("proof", proof),
    ("latency", latency),
)


def as_kept(report, machine):
    """What a report that the loader kept would have of this machine: no VFs, nothing of later than the hand-over, nothing judged."""
    kept, vfs = Report(), {f.bdf for f in machine.placed() if f.pf}
    for kind in ("run", "machine", "table", "mem", "unit", "amd", "fn", "cfg"):
        kept.rows[kind] = [copy.copy(row) for row in report[kind] if getattr(row, "bdf", None) not in vfs]
    for row in kept["run"]:
        row.app, row.apicids = "keep", None
    for row in kept["fn"]:
        row.bme_left = None
    for kind in ("unit", "amd"):
        kept.rows[kind] = [row for row in kept[kind] if row.phase == "entry"]
    return kept, Machine(kept)


def notes(names, a, b):
    """Sentences on what could not be compared."""
    said = [f"{name} was kept by the loader (keep=1) and is not judged yet: make replay LOG={name}"
            for name, (report, _) in zip(names, (a, b)) if report.kept]
    if said and not (a[0].kept and b[0].kept):
        said.append("compared is what both have: the machine, its tables, its functions and its units at hand-over by UEFI")
    return said


def counted(found):
    return [title for title, _ in found if title not in NOT_COUNTED]


def changes(a, b):
    """[(title, [(sign, text)])] of two (report, machine); sections without a change are left out."""
    if a[0].kept != b[0].kept:
        a, b = as_kept(*a), as_kept(*b)
    found = ((title, [line for line in compare(a, b) if line]) for title, compare in SECTIONS)
    return [(title, lines) for title, lines in found if lines]


def as_text(names, found, said=()):
    lines = [f"before: {names[0]}", f"after:  {names[1]}", *(f"note:   {words}" for words in said)]
    for title, each in found:
        more = " (not counted as a difference)" if title in NOT_COUNTED else ""
        lines += ["", f"{title}{more}:", *(f"  {sign} {words}" for sign, words in each)]
    if not counted(found):
        lines += ["", "no other difference" if found else "no difference"]
    return "\n".join(lines) + "\n"


def as_json(names, found, said=()):
    """What --json prints. alike is what the exit status says."""
    return {
        "v": 1, "before": names[0], "after": names[1], "alike": not counted(found), "notes": list(said),
        "changes": [{"section": title, "counted": title not in NOT_COUNTED, "sign": sign, "text": words}
                    for title, lines in found for sign, words in lines],
    }


def as_page(names, found, said=()):
    signs = {"+": "plus", "-": "minus", "~": None}
    parts = [
        tag("h1", "Sluice reports compared"),
        tag("p", "before: ", tag("b", names[0]), ", after: ", tag("b", names[1])),
        tag(
            "p",
            together([tag("b", "- "), "only before ", tag("b", "+ "), "only after ", tag("b", "~ "), "changed"]),
            cls="soft",
        ),
        *(tag("p", words) for words in said),
    ]
    for title, lines in found:
        items = [tag("li", tag("span", sign, cls=f"sign {signs[sign] or ''}".strip()), words) for sign, words in lines]
        parts.append(tag("section", tag("h2", title[0].upper() + title[1:]), tag("ul", *items, cls="changes")))
    if not found:
        parts.append(tag("p", "No difference."))
    return page(f"Sluice: {names[0]} and {names[1]}", *parts)

"""What changed between two reports: sections of lines, each with a sign: - only before, + only after, ~ both, but different."""
from reporting.machine import CAP, ECAP, FSTS, GSTS, PMEN, field, percentile, plural, size_words, tables
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


def runs(a, b):
    rows = a[0].one("run"), b[0].one("run")
    if None in rows:
        return []
    return [
        ("~", line)
        for name, words in (
            ("app", "app"),
            ("cpu", "processor"),
            ("apicids", "APIC ids"),
            ("firmware", "firmware"),
            ("secure_boot", "Secure Boot"),
        )
        for line in arrow(words, getattr(rows[0], name), getattr(rows[1], name))
    ]


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


SECTIONS = (
    ("verdict", verdicts),
    ("machine", runs),
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


def changes(a, b):
    """[(title, [(sign, text)])] of two (report, machine); sections without a change are left out."""
    found = ((title, [line for line in compare(a, b) if line]) for title, compare in SECTIONS)
    return [(title, lines) for title, lines in found if lines]


def as_text(names, found):
    lines = [f"before: {names[0]}", f"after:  {names[1]}"]
    for title, each in found:
        lines += ["", f"{title}:", *(f"  {sign} {words}" for sign, words in each)]
    if not found:
        lines += ["", "no difference"]
    return "\n".join(lines) + "\n"


def as_page(names, found):
    signs = {"+": "plus", "-": "minus", "~": None}
    parts = [
        tag("h1", "Sluice reports compared"),
        tag("p", "before: ", tag("b", names[0]), ", after: ", tag("b", names[1])),
        tag(
            "p",
            together([tag("b", "- "), "only before ", tag("b", "+ "), "only after ", tag("b", "~ "), "changed"]),
            cls="soft",
        ),
    ]
    for title, lines in found:
        items = [tag("li", tag("span", sign, cls=f"sign {signs[sign] or ''}".strip()), words) for sign, words in lines]
        parts.append(tag("section", tag("h2", title[0].upper() + title[1:]), tag("ul", *items, cls="changes")))
    if not found:
        parts.append(tag("p", "No difference."))
    return page(f"Sluice: {names[0]} and {names[1]}", *parts)

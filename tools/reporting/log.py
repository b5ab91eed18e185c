"""A report taken out of a serial log: what stands between the markers, checked, and every value of the kind that it should be.

Nothing in a log is trusted: a line may be lost, cut or foreign. What comes out of read() has the fields of KINDS
and no others, each of its type, with texts in which nothing is invisible."""
import json
import re
import unicodedata
import zlib

BEGIN = re.compile(rb"(.{0,400}?)BEGIN SLUICE REPORT v=(\d{1,9})")
END = re.compile(rb"(.{0,400}?)END SLUICE REPORT lines=(\d{1,9}) crc32=([0-9a-f]{8})")
FIRST = b'{"t":"'  # what each line of a report begins with
BDF = re.compile(r"([0-9a-f]{4}):([0-9a-f]{2}):([01][0-9a-f])\.([0-7])")
HEX = re.compile(r"0x[0-9a-f]{1,16}")
CFG_BYTES = 4096
HIDDEN = ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")  # general categories of Unicode


class Broken(Exception):
    """The log has no whole report. The text is a sentence that says why; partly: there is something to show all the same."""

    def __init__(self, words, partly=False):
        super().__init__(words)
        self.partly = partly


def clean(words):
    """Text in which nothing is invisible, moves the cursor or turns the direction of what follows."""
    if words.isprintable():
        return words
    return "".join(c if unicodedata.category(c) not in HIDDEN else f"\\u{ord(c):04x}" for c in words)


class Wrong(Exception):
    """A value is not of its kind."""


def text(value):
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        raise Wrong
    return clean(str(value))


def count(value):
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 1 << 64:
        raise Wrong
    return value


def index(value):
    """A number of something, or None where -1 stands for none."""
    return None if value == -1 and not isinstance(value, bool) else count(value)


def flag(value):
    if value not in (0, 1):
        raise Wrong
    return bool(value)


def hexa(value):
    if not isinstance(value, str) or not HEX.fullmatch(value):
        raise Wrong
    return int(value, 16)


def data(value):
    try:
        return bytes.fromhex(value)
    except (TypeError, ValueError):
        raise Wrong from None


def run_of_iova(value):
    """ "0x2000000000:0x4000:rw" -> (start, bytes, "rw")"""
    parts = value.split(":") if isinstance(value, str) else []
    if len(parts) != 3:
        raise Wrong
    start, size = hexa(parts[0]), hexa(parts[1])
    if not size or start + size > 1 << 64:
        raise Wrong
    return start, size, clean(parts[2])


def pair_of_hexa(value):
    parts = value.split(":") if isinstance(value, str) else []
    if len(parts) != 2:
        raise Wrong
    return hexa(parts[0]), hexa(parts[1])


def bucket(value):
    if not isinstance(value, list) or len(value) != 2:
        raise Wrong
    return count(value[0]), count(value[1])


def absent(kind):
    """What stands for a value that is not there, or is not of its kind."""
    return [] if isinstance(kind, list) else {text: "", data: b""}.get(kind)


def value_of(kind, value):
    if not isinstance(kind, list):
        return kind(value)
    if not isinstance(value, list):
        raise Wrong
    return [kind[0](part) for part in value]


KINDS = {
    "run": {
        "v": count,
        "app": text,
        "cpu": text,
        "vendor": text,
        "apicids": count,
        "apic": text,
        "phys_bits": count,
        "secure_boot": text,
        "firmware": text,
        "tsc_hz": count,
    },
    "machine": {
        **dict.fromkeys(
            ["build", "built", "time", "maker", "product", "version", "serial", "uuid", "board_maker", "board", "board_version"], text
        ),
        **dict.fromkeys(["board_serial", "chassis_serial", "bios_vendor", "bios_version", "bios_date"], text),
        "privacy": flag,
    },
    "table": {"sig": text, "addr": hexa, "len": count, "off": count, "hex": data},
    "mem": {"start": hexa, "pages": count, "type": count, "attr": hexa},
    "unit": {
        "i": count,
        "base": hexa,
        "seg": count,
        "phase": text,
        "ver": hexa,
        "cap": hexa,
        "ecap": hexa,
        "gsts": hexa,
        "rtaddr": hexa,
        "irta": hexa,
        "pmen": hexa,
        "fsts": hexa,
        "plmbase": hexa,
        "plmlimit": hexa,
        "phmbase": hexa,
        "phmlimit": hexa,
        "frcd": [pair_of_hexa],
    },
    "amd": {
        "i": count,
        "base": hexa,
        "bdf": text,
        "phase": text,
        **dict.fromkeys(
            ["cap_base", "efr", "efr2", "control", "status", "devtab", "cmdbuf", "evtlog", "excl_base", "excl_limit"], hexa
        ),
    },
    "fn": {"bdf": text, "bme_entry": flag, "bme_left": flag, "serial": text, "model": text},
    "missed": {"why": text, "bdf": text, "first": count, "last": count},
    "cfg": {"bdf": text, "off": count, "hex": data},
    "bar": {"bdf": text, "n": count, "vf": flag, "base": hexa, "size": hexa, "io": flag, "pref": flag, "w64": flag},
    "window": {"bdf": text, "base": hexa, "limit": hexa, "pref": flag},
    "group": {"id": count, "members": [text], "why": text, "port": text, "missing": [text], "remedy": text},
    "attach": {"bdf": text, "unit": index, "domain": count, "mode": text},
    "domain": {"id": count, "name": text, "iova": [run_of_iova]},
    "scalable": {"i": count, **dict.fromkeys(["smts", "first", "second", "prs", "rps", "smpwcs", "c", "dt"], flag), "pasid_bits": count},
    "caches": {"bdf": text, **dict.fromkeys(["ats", "ats_on", "pasid_on", "pri", "pri_on"], flag), "pasid_bits": count},
    "sva": {"possible": flag, "text": text},
    "sriov": {
        "bdf": text,
        "total": count,
        "initial": count,
        "fit": count,
        "limit": text,
        "missing_bytes": hexa,
        "missing_buses": count,
        "enabled": count,
    },
    "case": {"who": text, "dir": text, "what": text, "verdict": text, "bdf": text, "iova": hexa, "reason": count},
    "error": {"source": text, "grade": text, "count": count, "who": text, "text": text},
    "lat": {"who": text, "mode": text, "iommu": text, "qd": count, "unit": text, "count": count, "hist": [bucket]},
    "finding": {
        "id": text,
        "severity": text,
        "kind": text,
        "who": text,
        "read": text,
        "means": text,
        "os": text,
        "remedy": text,
    },
    "verdict": {"ok": flag, "errors": count, "warnings": count, "proof": text, "text": text},
}


class Row:
    """One line of a report; fields as in KINDS. What is absent is None, or empty for texts, bytes and lists."""

    def __init__(self, fields):
        self.__dict__.update(fields)


class Report:
    def __init__(self):
        self.rows = {kind: [] for kind in KINDS}
        self.lines = []  # as they came, for those who want to look at them
        self.notes = []  # sentences on what was odd, but does no harm
        self.broken = ""  # a sentence; only when the reader asked for what is there of a broken report

    def __getitem__(self, kind):
        return self.rows[kind]

    def one(self, kind):
        """The last line of a kind that comes once; None when there is none."""
        return self.rows[kind][-1] if self.rows[kind] else None

    @property
    def kept(self):
        """Whether the loader wrote it (keep=1): what was known before firmware was left, and nothing judged."""
        return self.one("run") is not None and self.one("run").app == "keep"


def no_constant(name):
    raise ValueError(name)


def add(report, line):
    """One line of JSON. False when it is none."""
    try:
        raw = json.loads(line, parse_constant=no_constant)
    except (ValueError, RecursionError):
        return False
    if not isinstance(raw, dict):
        return False
    report.lines.append(line)
    kind = raw.get("t")
    if not isinstance(kind, str) or kind not in KINDS:
        report.unknown += 1
        return True
    fields = {}
    for name, kind_of_value in KINDS[kind].items():
        fields[name] = absent(kind_of_value)
        if raw.get(name) is None:
            continue
        try:
            fields[name] = value_of(kind_of_value, raw[name])
        except Wrong:
            report.wrong.append(f"{kind}.{name}")
    report.rows[kind].append(Row(fields))
    return True


class Span:
    """Where a report stands in a log: its lines, its END where there is one, and whether a collector has put something
    (a time, a host's name) before each of its lines."""

    def __init__(self, begin, lines):
        self.prefixed, self.version, self.end, self.lines = bool(begin[1]), int(begin[2]), None, []
        for line in lines:
            found = END.fullmatch(line.strip()) if b"END SLUICE REPORT" in line else None
            if found and bool(found[1]) == self.prefixed:
                self.end = found
                break
            self.lines.append(line)
        self.sent = sent(self.lines, self.prefixed)

    def fault(self):
        """Why these lines are not what was sent; empty when they are."""
        if self.version != 1:
            return f"its report is of version {self.version}; this tool reads version 1"
        if not self.end:
            return f"the report is cut: {len(self.sent)} lines came, and no line \"END SLUICE REPORT\""
        if len(self.sent) != int(self.end[2]):
            return f"the report is not whole: {len(self.sent)} of its {int(self.end[2])} lines came"
        crc = zlib.crc32(b"".join(line + b"\n" for line in self.sent))
        if crc != int(self.end[3], 16):
            return f"bytes were lost or changed on the way: crc32 is {crc:08x}, the report's end says {self.end[3].decode()}"
        return ""


def sent(lines, prefixed):
    """Those of the lines that are a report's, without what a collector has put before them."""
    if prefixed:
        return [line[line.index(FIRST):] for line in lines if FIRST in line]
    return [line for line in lines if line.startswith(b"{")]


def spans(lines):
    """Every report of a log, in order; each ends where the next begins."""
    begins = []
    for i, line in enumerate(lines):
        found = BEGIN.fullmatch(line.strip()) if b"BEGIN SLUICE REPORT" in line else None
        if found:
            begins.append((i, found))
    ends = [i for i, _ in begins[1:]] + [len(lines)]
    return [Span(found, lines[i + 1:end]) for (i, found), end in zip(begins, ends)]


def choose(lines, partial):
    """(the span to read, its fault, a note): the last whole report; the last one when none is whole or partial is wanted."""
    every = spans(lines)
    if not every:
        raise Broken("no report in it: no line \"BEGIN SLUICE REPORT\" (json=1 makes one; is it the log of the whole run?)")
    last, fault = every[-1], every[-1].fault()
    if last.version != 1 and partial:
        raise Broken(fault)
    if not fault or partial:
        return last, fault, f"the log has {len(every)} reports; this is the last" if len(every) > 1 else ""
    for n in range(len(every) - 1, 0, -1):
        if not every[n - 1].fault():
            return every[n - 1], "", f"the log has {len(every)} reports; this is number {n}, the last that is whole: of the last, {fault}"
    return last, fault, ""


def join_domains(rows):
    """A domain of many runs comes in several lines of one id."""
    first = {}
    for row in rows:
        if first.setdefault(row.id, row) is not row and row.id is not None:
            first[row.id].iova += row.iova
    return [row for row in rows if row.id is None or first[row.id] is row]


def add_benchmark(report, lines):
    """Rows of app=bench with json=1, which stand anywhere in the log and have no checksum, as latencies."""
    found = 0
    for line in lines:
        if not line.startswith(b'{"t":"bench",'):
            continue
        try:
            raw = json.loads(line, parse_constant=no_constant)
            who = f"{text(raw['who']).upper()}, {count(raw['vfs'])} at once, {count(raw['bytes'])} bytes"
            if count(raw["batch"]):
                who += f", batches of {raw['batch']}"
            if count(raw["writes"]):
                who += f", {raw['writes']} % writes"
            iommu = " ".join(filter(None, (text(raw["iommu"]), text(raw["pages"]))))
            row = {"who": f"{who}, {text(raw['order'])}", "mode": text(raw["mode"]), "iommu": iommu, "qd": count(raw["depth"]),
                   "unit": "ns", "count": count(raw["ops"]), "hist": [bucket(pair) for pair in raw["hist"]]}
        except (ValueError, RecursionError, KeyError, TypeError, Wrong):
            continue
        report.rows["lat"].append(Row(row))
        found += 1
    if found:
        report.notes.append(f"{found} rows of the benchmark stand in the log beside the report; no checksum covers them")


def read(log, partial=False):
    """The last whole report in a log (bytes). Raises Broken; with partial, the last one, and only when there is nothing at
    all to show."""
    every = log.replace(b"\r", b"").split(b"\n")
    span, fault, note = choose(every, partial)
    noise = sum(1 for line in span.lines if line.strip()) - len(span.sent)
    report = Report()
    report.unknown, report.wrong, bad = 0, [], 0
    report.broken = fault
    if fault and span.version != 1:
        raise Broken(fault)
    for line in span.sent:
        bad += not add(report, line.decode("utf-8", "replace"))
    if bad and not report.broken:
        report.broken = f"{bad} of its lines are not JSON, although none was lost on the way: a bug of what wrote them"
    if report.broken and not partial:
        raise Broken(report.broken, bool(report.lines))
    if not report.lines:
        raise Broken("the report in it is empty")
    report.rows["domain"] = join_domains(report.rows["domain"])
    add_benchmark(report, sent(every, span.prefixed))
    if bad:
        report.notes.append(f"{bad} lines that are no JSON were left out")
    if note:
        report.notes.append(note)
    if span.prefixed:
        report.notes.append("something stands before each of the report's lines, a time or a name, and was left out")
    if noise:
        report.notes.append(f"{noise} lines of other output stood between the report's lines and were left out")
    if report.unknown:
        report.notes.append(
            f'{report.unknown} lines are of kinds that this tool does not know; they stand below "raw data" only'
        )
    if report.wrong:
        names = ", ".join(sorted(set(report.wrong))[:8])
        report.notes.append(f"{len(report.wrong)} values are not of their kind and were left out: {names}")
    return report

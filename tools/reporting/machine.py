"""The machine that a report tells of: functions with their names and places in the tree, groups, units, bits in words."""
import functools
import pathlib
import re

from reporting.log import BDF, CFG_BYTES, clean

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
PCI_IDS = ("/usr/share/misc/pci.ids", "/usr/share/hwdata/pci.ids")

# Bits and fields (name, high bit, low bit, meaning): VT-d §11.4, names as in iommu/vtd/regs.h.
CAP = [
    ("ND", 2, 0, "domain ids: 4 + 2N bits"),
    ("RWBF", 4, 4, "write buffer must be flushed"),
    ("PLMR", 5, 5, "protected low memory"),
    ("PHMR", 6, 6, "protected high memory"),
    ("CM", 7, 7, "caching mode"),
    ("SAGAW", 12, 8, "levels of tables"),
    ("MGAW", 21, 16, "address width, minus one"),
    ("ZLR", 22, 22, "zero-length reads"),
    ("FRO", 33, 24, "fault record offset"),
    ("SSLPS", 37, 34, "large pages"),
    ("PSI", 39, 39, "page-selective invalidation"),
    ("NFR", 47, 40, "fault records, minus one"),
    ("MAMV", 53, 48, "greatest address mask"),
    ("DWD", 54, 54, "write draining"),
    ("DRD", 55, 55, "read draining"),
    ("FS1GP", 56, 56, "first-stage 1 GiB pages"),
    ("PI", 59, 59, "posted interrupts"),
    ("FS5LP", 60, 60, "first-stage 5 levels"),
    ("ECMDS", 61, 61, "enhanced commands"),
    ("ESIRTPS", 62, 62, "SIRTP invalidates by itself"),
    ("ESRTPS", 63, 63, "SRTP invalidates by itself"),
]
ECAP = [("C", 0, 0, "table walks snoop caches"), ("QI", 1, 1, "queued invalidation"), ("DT", 2, 2, "device TLBs"),
        ("IR", 3, 3, "interrupt remapping"), ("EIM", 4, 4, "x2APIC destinations"), ("PT", 6, 6, "pass-through"),
        ("SC", 7, 7, "snoop control"), ("IRO", 17, 8, "IOTLB register offset"), ("MHMV", 23, 20, "greatest interrupt mask"),
        ("NEST", 26, 26, "nesting"), ("PRS", 29, 29, "page requests"), ("SRS", 31, 31, "supervisor requests"),
        ("PSS", 39, 35, "PASID bits, minus one"), ("PASID", 40, 40, "PASIDs"), ("SMTS", 43, 43, "scalable mode"),
        ("SSADS", 45, 45, "second-stage A/D bits"), ("SSTS", 46, 46, "second stage in scalable mode"),
        ("FSTS", 47, 47, "first stage in scalable mode"), ("SMPWCS", 48, 48, "scalable-mode walk coherency"),
        ("ADMS", 52, 52, "abort-DMA mode")]
GSTS = [
    ("TES", 31, 31, "translation"),
    ("RTPS", 30, 30, "root table set"),
    ("WBFS", 27, 27, "write buffer flush under way"),
    ("QIES", 26, 26, "queued invalidation"),
    ("IRES", 25, 25, "interrupt remapping"),
    ("IRTPS", 24, 24, "interrupt table set"),
    ("CFIS", 23, 23, "compatibility format interrupts pass"),
]
PMEN = [("EPM", 31, 31, "protected memory enabled"), ("PRS", 0, 0, "protected memory in force")]
FSTS = [
    ("PFO", 0, 0, "fault records overflowed"),
    ("PPF", 1, 1, "a fault is recorded"),
    ("IQE", 4, 4, "invalidation queue error"),
    ("ICE", 5, 5, "invalidation completion error"),
    ("ITE", 6, 6, "invalidation time-out"),
    ("FRI", 15, 8, "first record"),
]

ACS = {"SV": "Source Validation", "TB": "Translation Blocking", "RR": "P2P Request Redirect", "CR": "P2P Completion Redirect",
       "UF": "Upstream Forwarding", "EC": "P2P Egress Control", "DT": "Direct Translated P2P"}

# PCIe §7.5.3.2, Device/Port Type
PORTS = {0: "endpoint", 1: "legacy endpoint", 4: "root port", 5: "switch up", 6: "switch down",
         7: "PCIe to PCI bridge", 8: "PCI to PCIe bridge", 9: "integrated endpoint", 10: "root complex event collector"}

# UEFI §7.2.3
MEMORY = ["reserved", "loader code", "loader data", "boot services code", "boot services data", "runtime services code",
          "runtime services data", "free", "unusable", "ACPI reclaim", "ACPI NVS", "MMIO", "MMIO ports", "PAL code",
          "persistent", "unaccepted"]


def field(value, high, low):
    return value >> low & (1 << high - low + 1) - 1


def fields_of(value, bits):
    """{name: value}"""
    return {name: field(value, high, low) for name, high, low, _ in bits}


def bits_set(value, bits):
    """Names of the bits that are 1, and name=value of fields."""
    return [name if high == low else f"{name}={field(value, high, low)}"
            for name, high, low, _ in bits if high == low and field(value, high, low) or high != low]


def size_words(size):
    for shift, unit in ((60, "EiB"), (50, "PiB"), (40, "TiB"), (30, "GiB"), (20, "MiB"), (10, "KiB")):
        if size >= 1 << shift:
            whole = size / (1 << shift)
            return f"{whole:.0f} {unit}" if whole == int(whole) else f"{whole:.1f} {unit}"
    return f"{size} bytes"


def plural(n, one, many=None):
    return f"{n} {one if n == 1 else many or one + 's'}"


def unit_words(cap, ecap):
    """What a unit can do, in the words of the console"""
    levels = [str(n + 2) for n in (1, 2, 3) if field(cap, 8 + n, 8 + n)]
    pages = ["4K"] + [words for n, words in ((0, "2M"), (1, "1G")) if field(cap, 34 + n, 34 + n)]
    has = [
        words if field(ecap, bit, bit) else f"no {words}"
        for bit, words in (
            (1, "queued invalidation"),
            (3, "interrupt remapping"),
            (6, "pass-through"),
            (0, "coherent table walks"),
        )
    ]
    return (
        f"Device addresses of {field(cap, 21, 16) + 1} bits, tables of {' or '.join(levels) or 'no'} levels, "
        f"pages of {' '.join(pages)}, "
        f"{plural(field(cap, 47, 40) + 1, 'fault record')}; {', '.join(has)}"
    )


def fault_reasons():
    """{reason: words}, from the table that the kernel prints from."""
    try:
        source = (ROOT / "iommu/vtd/reasons.h").read_text()
    except OSError:
        return {}
    return {int(reason, 16): words for reason, words in re.findall(r'X\((0x\w\w), \w+, "([^"]*)"\)', source)}


class Names:
    """pci.ids, where it is installed; numbers otherwise."""

    def __init__(self):
        self.vendors, self.devices, self.classes = {}, {}, {}
        for path in map(pathlib.Path, PCI_IDS):
            if path.is_file():
                self.load(path.read_text(errors="replace"))
                break

    def load(self, source):
        table, major = None, ""
        for line in source.splitlines():
            if re.match(r"[0-9a-f]{4}  ", line):
                table, major = self.devices, line[:4]
                self.vendors[major] = clean(line[6:])
            elif line.startswith("C "):
                table, major = self.classes, line[2:4]
                self.classes[major] = clean(line[6:])
            elif table is not None and re.match(r"\t[0-9a-f]{2,4}  ", line):
                minor, _, words = line[1:].partition("  ")
                table[major + minor] = clean(words)

    def device(self, vendor, device):
        maker = re.sub(
            r",? (Inc\.?|Corporation|Corp\.?|Co\.?,? Ltd\.?|Ltd\.?|Limited|GmbH|LLC)(?=,|$)", "", self.vendors.get(vendor, "")
        )
        return f"{maker} {self.devices.get(vendor + device, '')}".strip()

    def kind(self, code):
        return self.classes.get(f"{code:04x}") or self.classes.get(f"{code >> 8:02x}") or f"class {code:04x}"


@functools.lru_cache(maxsize=1)
def names():
    return Names()


class Function:
    """One function: its configuration space, and what follows from it."""

    def __init__(self, bdf):
        self.bdf = bdf
        self.cfg = bytearray(CFG_BYTES)
        self.read = 0  # bytes that the report has
        found = BDF.fullmatch(bdf)
        self.place = tuple(int(part, 16) for part in found.groups()) if found else None
        self.entry = self.left = None  # bus mastering at hand-over, after ExitBootServices
        self.serial = self.model = ""  # of an NVMe controller that the firmware drives
        self.group = self.attach = self.pf = self.above = None
        self.vf_index = 0
        self.below = []

    def word(self, offset, size=2):
        return int.from_bytes(self.cfg[offset:offset + size], "little")

    @property
    def bus(self):
        return self.place[:2]

    @property
    def rid(self):
        return self.place[1] << 8 | self.place[2] << 3 | self.place[3]

    @property
    def is_bridge(self):
        return self.read > 0 and not self.pf and self.cfg[0x0e] & 0x7f == 1

    @property
    def secondary(self):
        return self.place[0], self.cfg[0x19]

    @property
    def subordinate(self):
        return self.cfg[0x1a]

    def ids(self):
        """(vendor, device); a VF's own read as all ones (PCIe §9.3.4.1), so they are the PF's."""
        if self.pf:
            sriov = self.pf.extended(0x10)
            return f"{self.pf.word(0):04x}", f"{self.pf.word(sriov + 0x1a):04x}" if sriov else "ffff"
        return f"{self.word(0):04x}", f"{self.word(2):04x}"

    def class_code(self):
        """Base class and sub-class"""
        return self.word(0x0a) or (self.pf.word(0x0a) if self.pf else 0)

    def capability(self, wanted):
        """Offset of a capability, 0 without one (PCIe §7.5.1.1.11)"""
        at, left = self.cfg[0x34] & 0xfc if self.word(6) & 0x10 else 0, 48
        while at >= 0x40 and left:
            if self.cfg[at] == wanted:
                return at
            at, left = self.cfg[at + 1] & 0xfc, left - 1
        return 0

    def extended(self, wanted):
        """Offset of an extended capability, 0 without one (PCIe §7.6.3)"""
        at, left = 0x100, 960
        while 0x100 <= at <= CFG_BYTES - 4 and left:
            header = self.word(at, 4)
            if header & 0xffff == wanted and header not in (0, 0xffffffff):
                return at
            at, left = header >> 20 & 0xffc, left - 1
        return 0

    def port(self):
        """Device/Port Type in words; empty without PCI Express capability"""
        at = self.capability(0x10)
        return PORTS.get(self.cfg[at + 2] >> 4, "") if at else ""


class Machine:
    def __init__(self, report):
        self.names = names()
        self.functions = {}
        for row in report["fn"]:
            function = self.function(row.bdf)
            function.entry, function.left = row.bme_entry, row.bme_left
            function.serial, function.model = row.serial, row.model
        for row in report["cfg"]:
            function, at = self.function(row.bdf), row.off
            if at is not None and at + len(row.hex) <= CFG_BYTES:
                function.cfg[at:at + len(row.hex)] = row.hex
                function.read = max(function.read, at + len(row.hex))
        self.groups = self.joined_groups(report)
        for group in self.groups:
            for bdf in group.members:
                self.function(bdf).group = group
        for row in report["attach"]:
            self.function(row.bdf).attach = row
        self.find_vfs()
        self.find_tree()
        self.units = {}
        for row in report["unit"]:
            if row.i is not None:
                self.units.setdefault(row.i, {})[row.phase] = row

    def function(self, bdf):
        return self.functions.setdefault(bdf, Function(bdf))

    @staticmethod
    def joined_groups(report):
        """A group of many members comes in several lines of one id."""
        groups = {}
        for row in report["group"]:
            if row.id is None:
                continue
            first = groups.setdefault(row.id, row)
            if first is not row:
                first.members = first.members + row.members
        return [groups[n] for n in sorted(groups)]

    def placed(self):
        return sorted((f for f in self.functions.values() if f.place), key=lambda f: f.place)

    def find_vfs(self):
        """PCIe §9.2.1.2: routing ids of VFs are PF + offset + index * stride."""
        by_rid = {(f.place[0], f.rid): f for f in self.placed()}
        for pf in self.placed():
            at = pf.extended(0x10) if pf.read else 0
            if pf.pf or not at or not pf.word(at + 8) & 1:
                continue
            for index in range(pf.word(at + 0x10)):
                vf = by_rid.get((pf.place[0], pf.rid + pf.word(at + 0x14) + index * pf.word(at + 0x16)))
                if vf and vf is not pf and not vf.pf:
                    vf.pf, vf.vf_index = pf, index

    def find_tree(self):
        """Each function below the bridge whose secondary bus is its own; VFs below their PF; the rest on root buses."""
        bridges = {}
        for f in self.placed():
            if f.is_bridge and f.secondary[1] > f.place[1]:
                bridges.setdefault(f.secondary, f)
        self.roots = {}
        for f in self.placed():
            above = f.pf or bridges.get(f.bus)
            if above:
                f.above = above
                above.below.append(f)
            else:
                self.roots.setdefault(f.bus, []).append(f)

    def role(self, f):
        if f.pf:
            return f"VF {f.vf_index} of {f.pf.bdf}"
        if f.read and f.word(0) == 0xffff:
            return "does not answer"
        if f.is_bridge:
            last = f", bus {f.secondary[1]:02x}" if f.secondary[1] == f.subordinate else \
                f", buses {f.secondary[1]:02x}-{f.subordinate:02x}"
            return f"{f.port() or 'bridge'}{last}"
        return self.names.kind(f.class_code()) if f.read else "configuration space is not in the report"

    def name(self, f):
        """Maker and device, as far as known"""
        return self.names.device(*f.ids()) if f.read or f.pf else ""

    def id_words(self, f):
        return "[{}:{}]".format(*f.ids()) if f.read or f.pf else ""

    def shared_groups(self):
        return [group for group in self.groups if len(group.members) > 1]


TABLES_BYTES = 8 << 20  # of all tables: a firmware has less than one MiB


def tables(report):
    """{signature: bytes} put together from their pieces; several of one signature are numbered. A log that claims more than
    TABLES_BYTES in all gets no more, with a note."""
    parts, left = {}, TABLES_BYTES
    for row in report["table"]:
        if row.off is not None and row.len is not None and row.off + len(row.hex) <= row.len <= 1 << 20:
            key = (row.sig, row.addr)
            if key not in parts:
                if row.len > left:
                    note = f"the tables of the log claim more than {TABLES_BYTES} bytes: what goes beyond is left out"
                    report.notes += [note] if note not in report.notes else []
                    continue
                parts[key], left = bytearray(row.len), left - row.len
            if row.off + len(row.hex) <= len(parts[key]):
                parts[key][row.off:row.off + len(row.hex)] = row.hex
    found = {}
    for (sig, _), body in parts.items():
        name, n = sig, 2
        while name in found:
            name, n = f"{sig} {n}", n + 1
        found[name] = bytes(body)
    return found


def percentile(hist, part):
    """Lower bound of the bucket that the given part of all lies in; None of an empty histogram."""
    total, seen = sum(count for _, count in hist), 0
    for lower, count in hist:
        seen += count
        if count and seen >= total * part:
            return lower
    return None

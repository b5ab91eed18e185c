"""tools/replay: the analysis that runs on the machine, on a host, over reports, tables, dumps and groups that were
recorded. What is recorded of real machines is looked for in $SLUICE_DATA, else ../shared/data."""
import json
import os
import pathlib
import re
import zlib

import pytest
import sluice
from sluice import replay

pytestmark = pytest.mark.usefixtures("replay_tool")

DATA = pathlib.Path(os.environ.get("SLUICE_DATA", sluice.ROOT / "../shared/data")).resolve()

def recorded(folder, pattern="*"):
    paths = sorted((DATA / folder).glob(pattern)) if (DATA / folder).is_dir() else []
    if not paths:
        pytest.skip("no recorded data")
    return paths


def machines(text):
    """What --each said of each file."""
    parts = re.split(r"^== (.*)\n", text, flags=re.M)
    return {pathlib.Path(name).name: said for name, said in zip(parts[1::2], parts[2::2])}


# ---- DMAR tables ----


def keys(text):
    """The findings, by key."""
    return sorted(re.findall(r"^finding: (?:firmware bug|setup choice|note) (\S+?): ", text, re.M))


def expected(path, madt):
    """What the independent decoding of a table found, and what follows from the values that it decoded."""
    decoded = json.loads(path.with_name(path.name[: -len(".dat")] + ".expect.json").read_text())
    want = [key for key in decoded["findings"] if madt or not key.startswith("ioapic-without-dmar-scope")]
    flags = decoded["flags_raw"]
    if not flags & 1:
        want.append("intr-remap-off")
    if flags & 3 == 3:
        want.append("x2apic-opt-out")
    for s in decoded["structures"]:
        if s.get("type") == 1 and s.get("size", 0) >= 512 << 20:
            want.append(f"rmrr-huge@{s['offset']:#x}:{s['size']:#x}")
    return sorted(want)


def without_place(found):
    """scope-without-ioapic@0x70:2 is not in the decodings by its place."""
    return [key for key in found if not key.startswith("scope-without-ioapic")]


def test_tables():
    paths = recorded("dmar", "*.dat")
    status, text, _ = replay("--each", *paths)
    said = machines(text)
    assert status == 0 and len(said) == len(paths)
    for path in paths:
        assert keys(said[path.name]) == expected(path, madt=False), path.name


def test_tables_with_madt():
    """I/O APICs of the MADT against the scopes: what needs both tables."""
    paths = recorded("dmar", "*.dat")
    both = [(path, madt) for path in paths if (madt := DATA / "acpi" / f"{path.stem}.APIC.dat").exists()]
    found = 0
    for path, madt in both:
        status, text, _ = replay(path, madt)
        assert status == 0 and without_place(keys(text)) == expected(path, madt=True), path.name
        found += "ioapic-without-dmar-scope" in text
    assert not both or found


def test_amd_tables():
    for path in recorded("acpi", "*.IVRS.dat"):
        status, text, _ = replay(path)
        assert status == 0 and "AMD's IOMMU" in text


def test_units():
    """Capability registers of real units; the decoding beside them was made by someone else."""
    rows = [line.split("\t") for line in recorded("dmar", "cap-ecap.tsv")[0].read_text().splitlines()[1:]]
    names, rows = rows[0], rows[1:]
    for row in rows:
        unit = dict(zip(names, row))
        status, text, _ = replay("--unit", f"fed90000:{unit['cap']}:{unit['ecap']}")
        assert status == 0
        assert f" {unit['MGAW']}-bit addresses" in text and f" {unit['domains']} domains" in text
        assert f" {unit['NFR']} fault records at {unit['FRO']}\n" in text
        assert ("snooped" in text) == (unit["C"] == "1")
        assert ("remapping yes" in text) == (unit["IR"] == "1")
        assert ("pass-through yes" in text) == (unit["PT"] == "1")


# ---- configuration space dumps ----

# Why a function of a dump may not be found. Dumps of single functions are not whole machines.
NOT_FOUND = ("its bytes read all ones", "the dump does not have function 0 of its device")


def test_dumps():
    paths = recorded("lspci", "*.txt")
    status, text, _ = replay("--each", *paths)
    said = machines(text)
    assert status == 0 and len(said) == len(paths)
    pfs = 0
    for path in paths:
        what = said[path.name]
        dump, decoded = path.read_text(), path.with_suffix(".decoded").read_text()
        names = re.findall(r"^((?:[0-9a-f]{4}:)?[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]) ", dump, re.M)
        missing = re.findall(r"^not found: \S+: (.*)$", what, re.M)
        assert all(why in NOT_FOUND for why in missing), path.name
        found = int(re.search(r"^pci: (\d+) functions", what, re.M)[1])
        vfs = sum(int(n) for n in re.findall(r"^sriov: .* (\d+) on;", what, re.M) if found + len(missing) > len(names))
        assert found + len(missing) == len(names) + vfs, path.name
        assert "\ncomplaint: " not in what, path.name
        # Each PF, with the numbers that pciutils decodes.
        readiness = re.findall(r"^sriov: \S+ (\d+) VFs \(InitialVFs (\d+)\), \d+ on; First VF Offset (\d+), VF Stride (\d+)", what, re.M)
        theirs = re.findall(r"Initial VFs: (\d+), Total VFs: (\d+), Number of VFs: \d+.*\n\s*VF offset: (\d+), stride: (\d+)", decoded)
        assert sorted(readiness) == sorted((total, initial, offset, stride) for initial, total, offset, stride in theirs), path.name
        pfs += len(readiness)
        groups = re.search(r"^groups: (\d+) of (\d+) functions, (\d+) have more than one$", what, re.M)
        assert int(groups[2]) == found and what.count("\ngroup ") == int(groups[3])
        assert what.count("  why: ") >= int(groups[3]), "each group of more than one has a reason"
    assert pfs


def dump(functions):
    """lspci -xxxx of {name: bytes}."""
    text = ""
    for name, data in functions.items():
        text += f"{name} Class: something\n"
        for at in range(0, len(data), 16):
            text += f"{at:02x}: {' '.join(f'{b:02x}' for b in data[at : at + 16])}\n"
        text += "\n"
    return text


def header(device, bridge=None, size=256):
    """A function with an empty capability list; bridge: its buses."""
    data = bytearray(size)
    data[0:4] = bytes([0x36, 0x1B]) + device.to_bytes(2, "little")
    data[6], data[0x34] = 0x10, 0x40
    data[0x0B] = 6 if bridge else 1
    if bridge:
        data[0x0A], data[0x0E], data[0x19], data[0x1A] = 4, 1, *bridge
    return data


def test_broken_dump(tmp_path):
    """A capability list that runs in a circle, a bridge to its own bus, a domain that only Linux has, and 64 bytes of a
    function, which is what lspci prints without root."""
    circle, mirror = header(1), header(2, bridge=(0, 0))
    circle[0x40:0x42] = bytes([9, 0x40])
    mirror[0x19:0x1B] = bytes([0, 4])
    path = tmp_path / "dump"
    path.write_text(dump({"00:00.0": circle, "00:01.0": mirror, "00:02.0": header(3, size=64), "10000:e0:06.0": header(4),
                          "0001:00:00.0": header(5)}))
    status, text, _ = replay(path)
    assert status == 0
    assert "complaint: pci: 0000:00:00.0: capability list is broken after 40" in text
    assert "complaint: pci: 0000:00:01.0, a bridge to buses 00-04, is not followed: its bus numbers do not ascend" in text
    assert "of 1 of 4 functions there are 64 bytes: the dump was not taken by root" in text
    assert "0000:00:02.0: capability list" not in text
    assert "pci: 4 functions, 2 root buses" in text


def test_audit_of_a_dump(tmp_path):
    """A dump and the DMAR table of one machine: the audit, as far as it goes without the machine."""
    port, inside = header(1, bridge=(1, 1)), header(2)
    path = tmp_path / "dump"
    path.write_text(dump({"00:01.0": port, "00:02.0": header(3), "01:00.0": inside, "01:00.1": inside}))
    units = bytes([0, 0, 16, 0, 0, 0, 0, 0]) + 0xFED90000.to_bytes(8, "little")
    rmrr = bytes([1, 0, 32, 0, 0, 0, 0, 0]) + 0x7A000000.to_bytes(8, "little") + 0x7A00FFFF.to_bytes(8, "little") + bytes(
        [1, 8, 0, 0, 0, 0, 2, 0])
    body = bytes([38, 1]) + bytes(10) + units + rmrr
    table = bytearray(b"DMAR" + (36 + len(body)).to_bytes(4, "little") + bytes([1, 0]) + b"OEMOEMTABLETAB" + bytes(12) + body)
    table[9] = -sum(table) & 255
    (tmp_path / "DMAR").write_bytes(table)
    status, text, _ = replay("--unit", "fed90000:d2008c40660462:f050d2", path, tmp_path / "DMAR")
    assert status == 0
    assert "(hardware limit) GROUP-BRIDGE 0000:00:01.0" in text
    assert re.search(r"IR-FLAG-FALSE iommu0\n  read: ECAP.IR is 0 at 0xfed90010 \(ECAP=0xf050d2\)", text)
    assert "RMRR 0 0x7a000000..0x7a00ffff (64 KiB, memory type not known) for 0000:00:02.0" in text
    assert "NO-INCLUDE-ALL DMAR+" in text and "BYPASS machine" in text, "the unit has neither a scope nor INCLUDE_PCI_ALL"
    assert "iommu0: unit at 0xfed90000 of segment 0 covers 0 functions" in text and "no unit covers 0000:01:00.0" in text
    assert not re.search(r"\) (SECURE|STATE|IOMMU-NONE|PCIE)", text), "what was not read is not judged"


# ---- Linux's groups ----


def test_linux_groups():
    """Every group of Linux comes out of the rules, or a rule tells why it does not."""
    paths = [path for path in recorded("groups", "*.txt")]
    status, text, _ = replay("--each", *paths)
    said = machines(text)
    assert status == 0, "a difference without a rule"
    for path in paths:
        for compared, rules in re.findall(r"(\d+) functions compared, \d+ differences, (\d+) without a rule", said[path.name]):
            assert int(compared) > 20 and rules == "0", path.name
        assert "without a rule" in said[path.name]
    for rule in ("Volume Management Device", "firmware hides it", "a VF: ", "port to port inside this switch",
                 "function 0 of its device", "which buses are behind the bridges"):
        assert rule in text


def test_linux_groups_with_dump():
    """The ports' own registers: those without ACS are told apart in Linux by a register of the chipset."""
    status, text, _ = replay(
        recorded("lspci", "x99-root-ports.txt")[0], recorded("groups", "x99-i7-5930k-groups-before-after.txt")[0])
    assert status == 0
    assert re.search(r"one group here, several in Linux:\n  rule: the chipset's ports isolate by registers of their own", text)


def express(data, kind, acs=None):
    """With a PCI Express capability of that kind, and ACS with these bits."""
    data = data + bytearray(0x110 - len(data))
    data[0x40], data[0x42] = 0x10, 2 | kind << 4
    if acs is not None:
        data[0x100:0x106] = bytes([0x0D, 0, 1, 0, acs, 0])
    return data


@pytest.mark.parametrize("functions, linux, rule", [
    # Intel's integrated endpoints without ACS, on a kernel that does not know of them.
    ({"00:05.0": (0x8086, 9, None), "00:05.1": (0x8086, 9, None)}, ["00:05.0 00:05.1"], "Linux has that since 5.8"),
    ({"00:05.0": (0x1B36, 9, None), "00:05.1": (0x1B36, 9, None)}, ["00:05.0 00:05.1"], None),
    ({"00:05.0": (0x1B36, 9, 0x1D), "00:05.1": (0x1B36, 9, 0x1D)}, ["00:05.0 00:05.1"], "NONE"),
    # A root port whose ACS is all there but for Source Validation.
    ({"00:01.0": (0x1B36, 4, 0x1C), "01:00.0": (0x1B36, 0, None)}, ["00:01.0", "01:00.0"], "lacks Source Validation"),
    ({"00:01.0": (0x1B36, 4, 0x1D), "01:00.0": (0x1B36, 0, None)}, ["00:01.0", "01:00.0"], None),
    ({"00:01.0": (0x1B36, 4, None), "01:00.0": (0x1B36, 0, None)}, ["00:01.0", "01:00.0"], "NONE"),
    # Registers of the chipset that Linux sets: Intel's ports of that time (8d10) have them, not others.
    ({"00:1c.0": (0x8086, 4, None), "01:00.0": (0x1B36, 0, None)}, ["00:1c.0", "01:00.0"], "registers of their own"),
    ({"00:01.0": (0x8086, 4, None), "01:00.0": (0x1B36, 0, None)}, ["00:01.0", "01:00.0"], "NONE"),
])
def test_linux_rules(tmp_path, functions, linux, rule):
    spaces = {}
    for name, (vendor, kind, acs) in functions.items():
        data = express(header(0x8D10 if name == "00:1c.0" else 0x1234, bridge=(1, 1) if kind == 4 else None), kind, acs)
        data[0:2] = vendor.to_bytes(2, "little")
        data[0x0E] |= 0x80 if name.startswith("00:05") else 0
        spaces[name] = data
    (tmp_path / "dump").write_text(dump(spaces))
    (tmp_path / "groups").write_text("".join(f"{i}: 0000:{line.replace(' ', ' 0000:')}\n" for i, line in enumerate(linux)))
    status, text, _ = replay(tmp_path / "dump", tmp_path / "groups")
    assert status == (1 if rule == "NONE" else 0)
    assert f"2 functions compared, {0 if rule is None else 1} differences" in text
    assert rule is None or re.search(f"rule: .*{rule}", text)


def test_linux_groups_that_can_not_be(tmp_path):
    """Two functions of different devices on a root bus in one group: no rule gives that."""
    listing = tmp_path / "groups.txt"
    rows = ["0000:00:00.0 8086:1234 00 0x060000 [conventional PCI endpoint]",
            "0000:00:02.0 8086:1235 00 0x030000 [PCIe Root Complex Integrated Endpoint]",
            "0000:00:1c.0 8086:1236 01 0x060400 [PCIe Root Port] 01-01",
            "0000:01:00.0 144d:a808 00 0x010802 [PCIe Endpoint]"]
    good = ["0: 0000:00:00.0", "1: 0000:00:02.0", "2: 0000:00:1c.0", "3: 0000:01:00.0"]
    listing.write_text("\n".join(rows + ["## groups", *good]) + "\n")
    status, text, _ = replay(listing)
    assert status == 0 and "4 functions compared, 0 differences" in text and "1 ports and 0 other functions have ACS" in text
    listing.write_text("\n".join(rows + ["## groups", "0: 0000:00:00.0 0000:00:02.0", *good[2:]]) + "\n")
    status, text, _ = replay(listing)
    assert status == 1 and "NONE: this is not explained" in text
    # The other way round: functions of one device without ACS, which Linux has apart.
    path = tmp_path / "dump"
    first, second = header(1), header(2)
    first[0x0E] = 0x80
    path.write_text(dump({"00:03.0": first, "00:03.1": second}))
    listing.write_text("1: 0000:00:03.0 0000:00:03.1\n")
    assert replay(path, listing)[0] == 0
    listing.write_text("1: 0000:00:03.0\n2: 0000:00:03.1\n")
    status, text, _ = replay(path, listing)
    assert status == 1 and "one group here, several in Linux:\n  rule: NONE" in text
    # As `find /sys/kernel/iommu_groups -type l` has it, with nothing to compare with.
    listing.write_text("/sys/kernel/iommu_groups/0/devices/0000:00:00.0\n")
    status, _, error = replay(listing)
    assert status == 2 and "give the dump too" in error
    path.write_text(dump({"00:00.0": header(1)}))
    status, text, _ = replay(path, listing)
    assert status == 0 and "1 functions compared, 0 differences" in text


# ---- reports ----


class Report:
    """A serial log with one report, to be changed."""

    def __init__(self, text):
        lines = text.splitlines()
        begin = next(i for i, line in enumerate(lines) if line.startswith("BEGIN SLUICE REPORT"))
        end = next(i for i, line in enumerate(lines) if line.startswith("END SLUICE REPORT"))
        self.before, self.end, self.after = lines[: begin + 1], lines[end], lines[end + 1 :]
        self.lines = lines[begin + 1 : end]

    def of(self, **want):
        """The lines with these values."""
        return [line for line in self.lines if all(json.loads(line).get(key) == value for key, value in want.items())]

    def without(self, **want):
        gone = self.of(**want)
        assert gone
        return [line for line in self.lines if line not in gone]

    def changed(self, old, new, **want):
        """The first line with these values, with a part of its text put in place of another."""
        first = self.of(**want)[0]
        assert old in first
        return [line.replace(old, new, 1) if line is first else line for line in self.lines]

    def log(self, lines, end=None, begin=None):
        """As a machine would have sent these lines; end and begin take the place of the markers."""
        body = "".join(f"{line}\n" for line in lines if line.startswith("{"))
        end = end or f"END SLUICE REPORT lines={body.count(chr(10))} crc32={zlib.crc32(body.encode()):08x}"
        return "\r\n".join([*self.before[:-1], begin or self.before[-1], *lines, end, *self.after]) + "\r\n"


def try_log(folder, text):
    path = folder / "serial.log"
    path.write_text(text)
    return replay(path)


def broken_logs(report):
    """(log, what has to be said of it): nothing is judged then."""
    one = report.lines[5]
    yield report.log(report.lines[:-1], end=report.end), "lines, "
    yield report.log([line for line in report.lines if line is not one], end=report.end), "are here"
    yield report.log(report.changed("intel", "INTEL", t="run") if "intel" in report.lines[0] else
                     report.changed("UEFI", "uefi", t="run") if "UEFI" in report.lines[0] else
                     report.changed('"v":1', '"v": 1', t="run"), end=report.end), "some byte is not as it was sent"
    yield report.log(report.lines).replace("END SLUICE", "end sluice"), "has no end: the log is cut"
    yield report.log(report.lines, begin="BEGIN SLUICE REPORT v=2"), "version 2 of the report is not known"
    yield report.log(report.lines, end="END SLUICE REPORT lines=many"), "does not say lines="
    yield report.log([one[: len(one) // 2] if line is one else line for line in report.lines]), "not JSON"
    pages = json.loads(report.of(t="mem")[0])["pages"]
    number = f'"pages":{pages},'
    yield report.log(report.changed(number, '"pages":99999999999999999999,', t="mem")), "not JSON: too big integer"
    yield report.log(report.changed(number, '"pages":9007199254740992,', t="mem")), "which is not in 0.."
    yield report.log(report.changed(number, '"pages":-1,', t="mem")), "which is not in 0.."
    yield report.log(report.changed(number, '"pages":"1",', t="mem")), "is not a whole number"
    yield report.log(report.changed('"start":"0x', '"start":"0xz', t="mem")), "is not a hexadecimal number"
    yield report.log(report.changed('"len":', '"len":1', t="table", sig="DMAR")), "table DMAR: "
    yield report.log(report.changed('"off":0', '"off":1', t="table", sig="DMAR")), "table DMAR goes on at 1"
    yield report.log(report.without(t="table", sig="DMAR")), "no DMAR table that names them"
    yield report.log(report.without(t="table", sig="MCFG")), "no MCFG table"
    yield report.log(report.without(t="run")), 'there is no "run" line'
    yield report.log([*report.lines, report.lines[0]]), 'a second "run" line'
    yield report.log(report.without(t="cfg", bdf="0000:00:00.0")), "0000:00:00.0 has no configuration space"
    yield report.log(report.without(t="fn", bdf="0000:00:00.0")), 'no "fn" line for 0000:00:00.0'
    yield report.log(report.changed('"bdf":"0000:00:00.0"', '"bdf":"0000:00:20.0"', t="fn")), "is not a function's name"
    yield report.log(report.changed('"off":0', '"off":4095', t="cfg")), "do not fit into a configuration space"
    yield report.log(report.changed('"hex":"', '"hex":"x', t="cfg")), "is not bytes in hexadecimal"
    size = json.loads(report.of(t="bar")[0])["size"]
    yield report.log(report.changed(f'"size":"{size}"', '"size":"0x3001"', t="bar")), "can not have 0x3001 bytes"
    yield report.log(report.changed('"phase":"entry"', '"phase":"left"', t="unit")), "is there twice"
    yield report.log(report.changed('"t":"mem"', '"t":"mem","t":"mem"', t="mem")), "not JSON: duplicate"
    yield report.log([*report.lines, "{" + " " * 1200 + "}"]), "a report has at most"
    yield report.log([*report.lines, '{"t":7}']), 'no "t" says'


def other_logs(report):
    """(log, what has to be said of it): other findings than the log's."""
    finding = json.loads(report.of(t="finding")[0])
    name = f"finding {finding['id']} {finding['who']}"
    yield report.log(report.changed('"severity":"', '"severity":"not ', t="finding")), f"! {name}: not as in the log"
    yield report.log([line for line in report.lines if line != report.of(t="finding")[0]]), f"+ {name}: found here, not in the log"
    yield (report.log(report.changed('"id":"', '"id":"NEVER-', t="finding")),
           f"- {name.replace('finding ', 'finding NEVER-')}: in the log, not found here")
    extra = report.of(t="finding")[0].replace('"id":"', '"id":"NEVER-')
    yield report.log([*report.lines, extra]), f"- {name.replace('finding ', 'finding NEVER-')}: in the log, not found here"
    # What was read is another: so is what is found.
    gsts = json.loads(report.of(t="unit", phase="left")[0])["gsts"]
    yield (report.log(report.changed(f'"gsts":"{gsts}"', '"gsts":"0xc0000000"', t="unit", phase="left")),
           "+ finding STATE-LEFT-ON iommu0: found here, not in the log")
    group = next(one["id"] for one in map(json.loads, report.of(t="group")) if "0000:00:1f.2" in one["members"])
    yield report.log(report.changed('"0000:00:1f.2",', "", t="group", id=group)), f"! group {group}: not as in the log"
    yield report.log(report.changed('"errors":', '"errors":1', t="verdict")), "! verdict: not as in the log"


def test_round_trip(boot, tmp_path):
    """What the audit finds on a machine, the same code finds in the record on a host; and a log that was cut or changed
    is never taken for a whole one."""
    run = boot("app=audit", "json=1")
    assert run.result and run.result["app"] == "audit", run.summary()
    report = Report(run.text)
    status, text, error = try_log(tmp_path, run.text)
    assert status == 0, error
    findings = len(report.of(t="finding"))
    assert findings and f"against the log: {findings} findings" in text and text.endswith(": the same\n")
    assert len(re.findall(r"^(?:info|warning|error) \(", text, re.M)) == findings
    for line in report.of(t="finding"):
        assert f" {json.loads(line)['id']} {json.loads(line)['who']}\n" in text
    assert report.of(t="sriov") and "\ncomplaint" not in text
    # The frame of these tests, other lines between those of the report, and a report before it that was cut.
    cut = report.log(report.lines).split("END SLUICE")[0]
    noise = [*report.lines[:3], "[    1.000000] pci: something", '{"t":"new","v":9}', *report.lines[3:]]
    status, text, error = try_log(tmp_path, cut + report.log(noise))
    assert status == 0, error
    assert "the log has 2; this is the last that is whole" in text
    assert "1 other lines between" in text and "1 lines of kinds that are not known" in text
    for log, said in broken_logs(report):
        status, text, error = try_log(tmp_path, log)
        assert status == 2 and not text and said in error, said
    for log, said in other_logs(report):
        status, text, error = try_log(tmp_path, log)
        assert status == 1 and f"\n{said}" in text, said


# ---- what can not be used ----


@pytest.mark.parametrize("text, said", [
    ("", "neither a log"), ("hello\n", "neither a log"), ("DMAR: DRHD base: 0x000000fed90000\n", "neither a log"),
])
def test_not_ours(tmp_path, text, said):
    (tmp_path / "file").write_text(text)
    status, _, error = replay(tmp_path / "file")
    assert status == 2 and said in error


def test_arguments(tmp_path):
    assert replay("--help")[0] == 0
    for words in ([], ["--frob"], ["--unit", "1:2"], [tmp_path / "nothing"]):
        assert replay(*words)[0] == 2

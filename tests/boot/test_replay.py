"""tools/replay: the analysis that runs on the machine, on a host, over reports, tables, dumps and groups that were
recorded. What is recorded of real machines is looked for in $SLUICE_DATA, else ../shared/data."""
import json
import os
import pathlib
import re
import sys
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
        bugs = re.findall(r"^finding: firmware bug ([a-z-]+)", text, re.M)
        assert status == 0 and "IVHD type 10h: unit 0000:" in text
        assert bugs == {"fwts-": ["range-no-end"] * 2 + ["ivmd-range-reversed"], "deskt": ["no-ioapic"] * ("f2a78m" in path.name)}.get(
            path.name[:5], []), path.name


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
NOT_FOUND = re.compile("its bytes read all ones|the dump does not have function 0 of its device|no bridge leads to bus ..,.*")


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
        assert all(NOT_FOUND.fullmatch(why) for why in missing), path.name
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


def express(data, kind, acs=None):
    """With a PCI Express capability of that kind, and ACS with these bits."""
    data = data + bytearray(0x110 - len(data))
    data[0x40], data[0x42] = 0x10, 2 | kind << 4
    if acs is not None:
        data[0x100:0x106] = bytes([0x0D, 0, 1, 0, acs, 0])
    return data


def put(data, at, value, size=4):
    data[at : at + size] = value.to_bytes(size, "little")


def function(kind, bridge=None, acs=None, device=0x1234, several=False, vendor=0x1B36, size=4096):
    """A PCI Express function of that kind (PCIe §7.5.3.2) with all of its configuration space, or a part."""
    data = express(header(device, bridge=bridge), kind, acs)
    data += bytes(4096 - len(data))
    put(data, 0, vendor, 2)
    data[0x0E] |= 0x80 if several else 0
    return data[:size]


def short_machine(size):
    """A root port with full ACS and an NVMe drive, a switch with two ports, two endpoints of one device; size bytes of each."""
    return {"00:01.0": function(4, (1, 1), 0x1D, size=size), "01:00.0": function(0, size=size),
            "00:02.0": function(4, (2, 6), 0x1D, size=size), "02:00.0": function(5, (3, 6), size=size),
            "03:00.0": function(6, (4, 4), 0x1D, size=size), "03:01.0": function(6, (5, 5), 0x1D, size=size),
            "04:00.0": function(0, size=size), "05:00.0": function(0, size=size),
            "00:05.0": function(0, None, 0x1D, several=True, size=size), "00:05.1": function(0, None, 0x1D, several=True, size=size)}


APART = "".join(f"{i}: {name}\n" for i, name in enumerate(short_machine(256)))


def test_dump_of_256_bytes(tmp_path):
    """lspci -xxx has no extended capabilities: what hangs on them is not known, and nothing says that it is not there."""
    path, listing, table = tmp_path / "dump", tmp_path / "groups", tmp_path / "DMAR"
    listing.write_text(APART)
    table.write_bytes(mktable("table haw=39 flags=1\ndrhd base=0xfed90000 flags=1\n"))
    path.write_text(dump(short_machine(4096)))
    status, text, _ = replay(path, table, listing)
    assert status == 0 and "256 bytes" not in text and "not in the dump" not in text
    assert "groups: 10 of 10 functions, 0 have more than one" in text and "10 functions compared, 0 differences" in text
    path.write_text(dump(short_machine(256)))
    status, text, _ = replay(path, table, listing)
    assert status == 0, "every difference has a rule"
    assert "of 10 of 10 functions there are 256 bytes: ACS, ARI, ATS and SR-IOV are not in them" in text
    assert "sudo lspci -D -xxxx" in text and "rule: the dump does not have the ACS of these functions" in text
    for one in ("00:01.0: ACS is", "03:00.0: ACS is", "00:05.0: ACS of the functions of its device is"):
        assert f"why: 0000:{one} not in the dump and taken as absent: the group may be smaller" in text
    assert re.search(r"GROUP-PORT 0000:00:01\.0\n  read: ACS is not in the dump\n  means: it is taken as absent", text)
    assert "GROUP-SWITCH" in text and "GROUP-MULTI" in text
    for words in ("has no ACS", "no ACS capability", "lacks ACS", "ACS-NONE"):
        assert words not in text
    # Where the dump has them, they are printed as before.
    path.write_text(dump({**short_machine(256), "00:01.0": function(4, (1, 1))}))
    assert "root port 0000:00:01.0 has no ACS" in replay(path)[1]


def test_dump_of_64_bytes(tmp_path):
    path = tmp_path / "dump"
    path.write_text(dump(short_machine(64)))
    status, text, _ = replay(path)
    assert status == 0 and "of 10 of 10 functions there are 64 bytes: the dump was not taken by root" in text
    assert "has no ACS" not in text and "conventional bus" not in text and "256 bytes" not in text


def mktable(text):
    """The bytes of a table that tools/mktable.py makes of a description."""
    sys.path.insert(0, str(sluice.ROOT / "tools"))
    import mktable as tool
    sys.path.pop(0)
    return tool.make(text)


def test_not_found(tmp_path):
    """Why a function of a dump is not found: no bridge leads to its bus; function 0 is not there; it is no VF. What is
    behind a CardBus bridge is found."""
    socket = header(0x476)
    socket[0x0E], socket[0x0A], socket[0x0B] = 2, 7, 6
    socket[6], socket[0x34] = 0, 0
    socket[0x18:0x1B] = bytes([0x1C, 0x1D, 0x20])
    lonely = header(5)
    path = tmp_path / "dump"
    path.write_text(dump({
        "00:1e.0": header(1, bridge=(0x1C, 0x22)), "1c:03.0": socket, "1d:00.0": header(2), "21:00.0": header(3),
        "00:04.1": lonely, "00:05.0": function(4, (0x30, 0x30)), "30:00.0": header(6), "30:02.0": header(7)}))
    status, text, _ = replay(path)
    assert status == 0
    assert re.findall(r"^not found: (.*)", text, re.M) == [
        "0000:21:00.0: no bridge leads to bus 21, which is one of those below 0000:00:1e.0",
        "0000:00:04.1: the dump does not have function 0 of its device",
        "0000:30:02.0: below port 0000:00:05.0 there is only device 0, but for VFs"]
    assert "0000:00:1e.0 0000:1c:03.0 0000:1d:00.0" in text, "one group, as in Linux"


def test_bridge_in_d3hot(tmp_path):
    """A port that slept when the dump was taken can be woken in the copy, and leads to what is below it."""
    port = function(4, (1, 1), 0x1D)
    port[0x41] = 0x80
    port[0x80:0x88] = bytes([1, 0, 3, 0xC8, 3, 0, 0, 0])
    path = tmp_path / "dump"
    path.write_text(dump({"00:01.0": port, "01:00.0": function(0)}))
    status, text, _ = replay(path)
    assert status == 0 and "pci: 2 functions" in text and "complaint" not in text and "not found" not in text


def sriov(data, at=0x200):
    """With an SR-IOV capability; ARI Capable Hierarchy is on in it."""
    put(data, 0x100, 1 << 16 | 0x0E | at << 20)
    put(data, at, 1 << 16 | 0x10)
    put(data, at + 0x08, 0x10, 2)
    for off, value in ((0x0C, 8), (0x0E, 8), (0x14, 0x80), (0x16, 2)):
        put(data, at + off, value, 2)
    return data


def test_ari_of_the_second_function(tmp_path):
    """ARI Capable Hierarchy is a bit of the lowest PF: that of the other reads 0 and means nothing."""
    first, second = sriov(function(0, several=True)), sriov(function(0, several=True))
    put(second, 0x208, 0, 2)
    path = tmp_path / "dump"
    path.write_text(dump({"00:01.0": function(4, (1, 2), 0x1D), "01:00.0": first, "01:00.1": second}))
    status, text, _ = replay(path)
    assert status == 0
    assert re.search(r"^sriov: 0000:01:00\.0: .*, ARI on: ", text, re.M)
    assert re.search(r"^sriov: 0000:01:00\.1: .*, ARI as that of 0000:01:00\.0: ", text, re.M)


def test_vmd_of_a_dump(tmp_path):
    """Drives behind a VMD are in no dump of the machine's own domain."""
    vmd = header(0x467F)
    put(vmd, 0, 0x8086, 2)
    vmd[0x0A], vmd[0x0B] = 4, 1
    path = tmp_path / "dump"
    path.write_text(dump({"00:0e.0": vmd}))
    assert "vmd: 0000:00:0e.0: drives behind it are in a PCI domain of their own" in replay(path)[1]


# ---- a table by itself ----


def test_table_by_itself(tmp_path):
    """Each structure has a line, whatever the rules say; what the owner of the machine can do comes before what its maker can."""
    table = tmp_path / "DMAR"
    table.write_bytes(mktable("""
        table haw=39 flags=5
        drhd base=0xfed90000
        scope endpoint 00 02.0
        drhd base=0xfed91000 flags=1
        scope ioapic 00 1e.7 id=2
        rmrr base=0x7a000000 limit=0x7a01ffff
        scope endpoint 00 14.0
        scope bridge 00 1c.0 02.1
        rmrr
        scope endpoint 00 1d.0
        atsr flags=1
        rhsa base=0xfed91000 domain=1
        andd number=3 name=DEV
    """))
    status, text, _ = replay(table)
    assert status == 0
    for line in ("DMAR: 210 bytes, host address width 39, interrupt remapping offered, x2APIC allowed, DMA opt-in set",
                 "DRHD: iommu0 of segment 0, registers at 0xfed90000 (4 KiB), covers what is named below", "  endpoint 00:02.0",
                 "DRHD: iommu1 of segment 0, registers at 0xfed91000 (4 KiB), covers what is named below and all that no other unit names",
                 "  ioapic 2 00:1e.7", "RMRR 0: segment 0, 0x7a000000..0x7a01ffff (128 KiB), for", "  endpoint 00:14.0",
                 "  bridge 00:1c.0 -> 02.1 and all below", "RMRR 1: segment 0, 0x0..0x0, for",
                 "ATSR: segment 0, ATS may be used below all root ports",
                 "RHSA: the unit at 0xfed91000 is in proximity domain 1", "ANDD: namespace device 3"):
        assert f"{line}\n" in text, line
    zero = re.search(r"^finding: firmware bug rmrr-zero.*\n(.*)\n(.*)", text, re.M)
    assert "keeps the entry: VFIO refuses the device unless it is USB or graphics" in zero[1]
    assert "try: update the firmware; for its maker: This RMRR" in zero[2]
    table.write_bytes(mktable("table haw=39 flags=1\ndrhd base=0xfed90000\ndrhd base=0xfed91000 flags=1\n"))
    assert "try: nothing needs to be done; for the maker of the firmware: A DRHD without" in replay(table)[1]


def test_two_tables(tmp_path):
    """The first DMAR table counts, and the audit says that there is another."""
    (tmp_path / "dump").write_text(dump(short_machine(4096)))
    for name, base in (("A", "0xfed90000"), ("B", "0xfed80000")):
        (tmp_path / name).write_bytes(mktable(f"table haw=39 flags=1\ndrhd base={base} flags=1\n"))
    status, text, _ = replay(*(tmp_path / name for name in ("dump", "A", "B")))
    assert status == 0 and "(firmware bug) DMAR-SECOND machine\n  read: 2 DMAR tables" in text
    assert "iommu0: unit at 0xfed90000" in text and "0xfed80000" not in text
    assert "DMAR-SECOND" not in replay(tmp_path / "dump", tmp_path / "A")[1]


def test_many_rmrrs(tmp_path):
    """All of the ledger is printed."""
    table, path = tmp_path / "DMAR", tmp_path / "dump"
    table.write_bytes(mktable("table haw=39 flags=1\ndrhd base=0xfed90000 flags=1\n" + "".join(
        f"rmrr base={at:#x} limit={at + 0xfff:#x}\nscope endpoint 00 05.0\n" for at in range(0x7A000000, 0x7A12C000, 0x1000))))
    path.write_text(dump(short_machine(4096)))
    status, text, _ = replay(path, table)
    assert status == 0 and len(re.findall(r"^RMRR \d+ 0x.* for 0000:00:05.0 ", text, re.M)) == 300
    assert "(note) LIMIT machine\n  read: RMRRs and functions make 300 pairs; the first 64 are judged" in text


def test_rmrr_without_memory(tmp_path):
    """Linux keeps an RMRR of 0..0 or one that is reversed, and refuses its device, but for USB and graphics."""
    table, path = tmp_path / "DMAR", tmp_path / "dump"
    usb = header(9)
    usb[0x0A], usb[0x0B] = 3, 0x0C
    path.write_text(dump({**short_machine(4096), "00:14.0": usb}))
    for limit in ("0", "0x3eff0000"):
        base = "0" if limit == "0" else "0x3f000000"
        table.write_bytes(mktable(f"table haw=39 flags=1\ndrhd base=0xfed90000 flags=1\nrmrr base={base} limit={limit}\n"
                                  "scope endpoint 00 01.0 00.0\nscope endpoint 00 14.0\n"))
        status, text, _ = replay(path, table)
        assert status == 0
        assert re.search(r"^RMRR 0 .* for 0000:01:00\.0 .*: this describes no memory, but Linux keeps it", text, re.M)
        assert re.search(r"^RMRR 0 .* for 0000:00:14\.0 .*: can be assigned: this describes no memory", text, re.M)
        assert "(firmware bug) RMRR-EMPTY 0000:01:00.0" in text and "RMRR-EMPTY 0000:00:14.0" not in text
        assert "RMRR-KEPT" not in text


# ---- the cases ----


def case(name):
    return recorded("cases", name)[0]


def test_case_256_bytes():
    status, text, _ = replay(case("alder-lake-p-cut-to-256-bytes.txt"))
    assert status == 0 and "of 14 of 29 functions there are 256 bytes" in text
    assert not re.search(r"(port|device of) \S+ (has no ACS|.*lacks ACS)", text)
    status, text, _ = replay(case("xd675-lspci-xxx-256-bytes.txt"), case("xd675-groups.txt"))
    assert status == 0, "every difference from Linux's groups has a rule"
    assert "the dump does not have the ACS of these functions" in text
    assert "the listing has other buses below a bridge of this group than the dump" in text
    assert re.search(r"^not in Linux's list: \d+ functions, .*; 8 of them are IOMMUs", text, re.M)
    # The words that lspci -vvv printed in the same start of the machine have the groups too.
    status, text, _ = replay(case("xd675-lspci-xxx-256-bytes.txt"), case("xd675-lspci-vvv.txt"))
    assert status == 0 and "26 functions compared, 1 differences, 0 without a rule" in text
    assert "not in Linux's list: 2 functions, the first 0000:20:00.0; 1 of them are IOMMUs" in text


def test_case_titan_ridge():
    """Ports whose ACS has neither RR nor CR: not isolated here, and said to be so in Linux."""
    status, text, _ = replay(case("hp-spectre-x360-titan-ridge-acs-rr-cr-missing.txt"), case("some-DMAR.dat"))
    assert status == 0
    port = re.search(r"ACS-NONE 0000:03:01\.0\n.*\n.*\n.*", text)[0]
    assert "ACS Capability 0x13" in port and "this port lacks part of ACS" in port and "has no ACS" not in port
    assert "Linux takes ACS bits that a port does not have as hard-wired" in port
    switch = re.search(r"GROUP-SWITCH 0000:03:00\.0\n.*\n.*\n.*", text)[0]
    assert "stricter than Linux, which takes ACS bits that a port lacks as set" in switch
    assert "Linux takes ACS bits that a port does not have as hard-wired" in switch


@pytest.mark.parametrize("name, said, not_said", [
    ("v-rmrr0.dat", ["taints itself and keeps the entry"], ["ignores it"]),
    ("v-rmrrrev.dat", ["taints itself and keeps the entry"], ["ignores it"]),
    ("v-drhd0last.dat", ["drops the whole table: no IOMMU, no interrupt remapping, no VFIO"], ["ignores the unit"]),
    ("v-twice.dat", ["drhd-listed-twice@0x70", "Linux takes the first entry"], ["drhd-overlap", "scope-duplicate"]),
    ("gen-3-include-all-in-the-middle.dat", ["include-all-not-last@0x456:10: units follow"], ["include-all-not-last@0x486"]),
])
def test_case_tables(name, said, not_said):
    status, text, _ = replay(case(name))
    assert status == 0
    assert all(words in text for words in said) and not any(words in text for words in not_said)


def test_case_many():
    """101 units, and 40 RMRRs that make more lines than there was room for."""
    status, text, _ = replay(case("101-units-40-rmrrs.dat"))
    assert status == 0 and len(re.findall(r"^DRHD: iommu", text, re.M)) == 101 and len(re.findall("^RMRR ", text, re.M)) == 40
    status, text, _ = replay(recorded("lspci", "alder-lake-p-laptop-whole-machine.txt")[0], case("101-units-40-rmrrs.dat"))
    assert status == 0 and "DMAR has 101 units; registers of the first 64 are kept" in text


# ---- Linux's groups ----

FORMS = {
    "a script's listing": """IOMMU Group 0:
\t00:01.0 PCI bridge [0604]: Red Hat, Inc. QEMU PCIe Root port [1b36:1234]
IOMMU Group 1:
\t01:00.0 Non-Volatile memory controller [0100]: Red Hat, Inc. Thing [x] [1b36:1234] (rev 02)
IOMMU Group 2:
\t00:05.0 SCSI storage controller [0100]: Red Hat, Inc. Device [1b36:1234]
\t00:05.1 SCSI storage controller [0100]: Red Hat, Inc. Device [1b36:1234]
""",
    "one with a group in each line": """IOMMU Group 0 00:01.0 PCI bridge [0604]: Red Hat, Inc. [1b36:1234]
IOMMU group 1:\t[1b36:1234] 01:00.0 SCSI storage controller [0100]: Red Hat, Inc.
Group 2:  [1b36:1234] [R] 00:05.0 SCSI storage controller [0100]: Red Hat, Inc.
          [1b36:1234] [R] 0000:00:05.1 SCSI storage controller [0100]: Red Hat, Inc.
""",
    "a kernel's log": """[    0.210000] pci 0000:00:01.0: [1b36:1234] type 01 class 0x060400 PCIe Root Port
[    0.210001] pci 0000:00:01.0: PCI bridge to [bus 01]
[    0.210002] pci 0000:00:05.0: [1b36:1234] type 00 class 0x010000 PCIe Endpoint
[    0.210003] pci 0000:00:05.1: [1b36:1234] type 00 class 0x010000 PCIe Endpoint
[    0.210004] pci 0000:01:00.0: [1b36:1234] type 00 class 0x010000 PCIe Endpoint
[    0.600000] pci 0000:00:01.0: Adding to iommu group 0
[    0.600001] pci 0000:01:00.0: Adding to iommu group 7
[    0.600002] pci 0000:00:05.0: Adding to iommu group 2
[    0.600003] pci 0000:00:05.1: Adding to iommu group 2
[    4.000000] nvme 0000:01:00.0: Removing from iommu group 7
[    4.000001] nvme 0000:01:00.0: Adding to iommu group 1
""",
    "an older kernel's, by way of a journal": "".join(
        f"Nov 28 10:00:01 host kernel: iommu: Adding device 0000:{name} to group {group}\r\n"
        for name, group in (("00:01.0", 0), ("01:00.0", 1), ("00:05.0", 2), ("00:05.1", 2))),
    "lspci -v": """00:01.0 PCI bridge: Red Hat, Inc. QEMU PCIe Root port (prog-if 00 [Normal decode])
\tFlags: bus master, fast devsel, latency 0, IRQ 10, IOMMU group 0
\tCapabilities: [40] Express Root Port

01:00.0 SCSI storage controller: Red Hat, Inc.
\tIOMMU group: 1

00:05.0 SCSI storage controller: Red Hat, Inc.
\tIOMMU group: 2

00:05.1 SCSI storage controller: Red Hat, Inc.
\tIOMMU group: 2
""",
}


@pytest.mark.parametrize("form", FORMS)
def test_forms_of_groups(tmp_path, form):
    """What people post: all are read as the same groups. One function is moved to another group: that is seen."""
    path, listing = tmp_path / "dump", tmp_path / "groups"
    path.write_text(dump({"00:01.0": function(4, (1, 1), 0x1D), "01:00.0": function(0), "00:05.0": function(0, several=True),
                          "00:05.1": function(0, several=True)}))
    listing.write_text(FORMS[form])
    status, text, error = replay(path, listing)
    assert status == 0 and "4 functions compared, 0 differences" in text, text + error
    text = FORMS[form]
    moved = {"lspci -v": ("IOMMU group: 1", "IOMMU group: 2"), "a kernel's log": ("group 1\n", "group 2\n"),
             "one with a group in each line": ("group 1:", "group 2:")}.get(form)
    old = "0000:01:00.0 to group 1" if "journal" in form else "Group 1:"
    listing.write_text(text.replace(*(moved or (old, old.replace("1", "2") if old == "Group 1:" else "0000:01:00.0 to group 2"))))
    status, text, _ = replay(path, listing)
    assert status == 1 and "one group in Linux, several here" in text


def test_log_of_a_kernel_alone(tmp_path):
    """A log describes the functions, so a machine is made of it; VFs are known by their header type."""
    log = tmp_path / "dmesg"
    log.write_text(FORMS["a kernel's log"] + """[    9.1] pci 0000:01:00.4: [1b36:1235] type 7f class 0x010000 PCIe Endpoint
[    9.2] pci 0000:01:00.4: Adding to iommu group 9
""")
    status, text, error = replay(log)
    assert status == 0 and "made of the listing: 4 functions" in text, text + error
    assert "4 functions compared" in text and "rule: a VF: " in text


def test_logs_of_recorded_machines(tmp_path):
    """Recorded listings, written as the kernel's log that they came from: the same comes out."""
    words = re.compile(r"^(\S+) (\w{4}:\w{4}) (\w\w) (0x\w{6})(?: \[(.*?)\])?(?: (\w\w)-(\w\w))?$")
    tried = 0
    for path in recorded("groups"):
        text = path.read_text()
        if text.count("## groups") > 1 or not re.search(r"^\S+ \w{4}:\w{4} \w\w 0x\w{6} \[", text, re.M):
            continue
        log = ""
        for line in text.splitlines():
            if m := words.match(line):
                log += f"[    0.1] pci {m[1]}: [{m[2]}] type {m[3]} class {m[4]} {m[5] or ''}\n"
                log += f"[    0.1] pci {m[1]}: PCI bridge to [bus {m[6]}-{m[7]}]\n" if m[6] else ""
            elif m := re.match(r"^(\d+):((?: [0-9a-f:.]+)+)$", line):
                log += "".join(f"[    0.6] pci {name}: Adding to iommu group {m[1]}\n" for name in m[2].split())
        (tmp_path / "dmesg").write_text(log)
        assert replay(tmp_path / "dmesg")[:2] == replay(path)[:2], path.name
        tried += 1
    assert tried > 2


def test_words_without_bytes(tmp_path):
    """lspci -v of a kernel without groups: the message names the alternative."""
    (tmp_path / "words").write_text("00:01.0 PCI bridge: Red Hat\n\tCapabilities: [40] Express Root Port\n")
    status, _, error = replay(tmp_path / "words")
    assert status == 2 and "lspci's words have no bytes in them: take them with sudo lspci -D -xxxx" in error


def test_functions_without_group(tmp_path):
    """Functions that Linux's list does not have are counted; IOMMUs have no group there."""
    iommu = header(0x149E)
    iommu[0x0A], iommu[0x0B] = 6, 8
    path, listing = tmp_path / "dump", tmp_path / "groups"
    path.write_text(dump({"00:00.2": iommu, "00:00.0": header(1), "00:01.0": header(2)}))
    path.write_text(path.read_text().replace("00: 36 1b 01 00 00 00 10 00 00 00 00 01 00 00 00 00", "00: 36 1b 01 00 00 00 10 00 00 00 00 01 00 00 80 00"))
    listing.write_text("0: 00:01.0\n")
    status, text, _ = replay(path, listing)
    assert status == 0 and "not in Linux's list: 2 functions, the first 0000:00:00.0; 1 of them are IOMMUs" in text


def test_bridge_that_leads_to_its_own_bus(tmp_path):
    """Bus numbers that make a circle: the kinds of what is below are not looked for without end."""
    (tmp_path / "groups.txt").write_text("1: 0000:01:00.0\n0000:01:00.0 8086:a110 01 0x060400 [] 01-02\n"
                                         "0000:02:00.0 8086:a111 01 0x060400 [] 03-03\n0000:03:00.0 8086:a112 01 0x060400 [] 02-02\n")
    status, text, complaints = replay(tmp_path / "groups.txt")
    assert status in (0, 1) and "made of the listing: 3 functions" in text, complaints


def test_listing_of_another_start(tmp_path):
    """Bus numbers moved between the dump and the listing: what stands at a place is another function."""
    path, listing = tmp_path / "dump", tmp_path / "groups"
    path.write_text(dump({"00:01.0": function(4, (1, 1), 0x1D), "01:00.0": function(0, device=1)}))
    listing.write_text("0000:00:01.0 1b36:1234 01 0x060400 [PCIe Root Port] 01-01\n"
                       "0000:01:00.0 1b36:0002 00 0x010000 [PCIe Endpoint]\n## groups\n0: 00:01.0\n1: 01:00.0\n")
    status, text, _ = replay(path, listing)
    assert status == 0 and "rule: another function was there when the dump was taken" in text


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
    yield report.log(report.changed(f'"size":"{size}"', '"size":"0x3001"', t="bar")), "cannot have 0x3001 bytes"
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
    # A collector's time before each line; and a report behind it that was cut.
    dated = "".join(f"Nov 28 16:02:01 node7 {line}\n" for line in [*report.log(noise).splitlines(), *cut.splitlines()])
    status, text, error = try_log(tmp_path, dated)
    assert status == 0, error
    assert "what a collector put before each of its lines was left out" in text and text.endswith(": the same\n")
    status, _, error = try_log(tmp_path, dated.replace("crc32=", "crc32 = "))
    assert status == 2 and "has no end: the log is cut" in error
    for log, said in broken_logs(report):
        status, text, error = try_log(tmp_path, log)
        assert status == 2 and not text and said in error, said
    for log, said in other_logs(report):
        status, text, error = try_log(tmp_path, log)
        assert status == 1 and f"\n{said}" in text, said


# ---- what cannot be used ----


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

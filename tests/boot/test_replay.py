"""tools/replay: the analysis that runs on the machine, on a host, over reports, tables, dumps and groups that were
recorded. What is recorded of real machines is looked for in $SLUICE_DATA, else ../shared/data."""
import fcntl
import json
import os
import pathlib
import re
import subprocess
import zlib

import pytest
import sluice

DATA = pathlib.Path(os.environ.get("SLUICE_DATA", sluice.ROOT / "../shared/data")).resolve()
TOOL = sluice.ROOT / "build/replay"


@pytest.fixture(scope="session", autouse=True)
def tool():
    with open(sluice.ROOT / "build/replay.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        variables = {k: v for k, v in os.environ.items() if k not in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS")}
        subprocess.run(["make", "-s", "replay"], cwd=sluice.ROOT, env=variables, check=True)


def replay(*words):
    done = subprocess.run([TOOL, *map(str, words)], capture_output=True, text=True, errors="replace", timeout=300)
    print("$ build/replay", *words, f"-> {done.returncode}\n{done.stdout}{done.stderr}")
    assert "Sanitizer" not in done.stderr
    return done.returncode, done.stdout, done.stderr


def recorded(folder, pattern="*"):
    paths = sorted((DATA / folder).glob(pattern)) if (DATA / folder).is_dir() else []
    if not paths:
        pytest.skip(f"{DATA / folder} is not there: no recorded machines")
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
    assert "complaint: pci: 0000:00:01.0: bridge to buses 00-04 not followed: bus numbers do not ascend" in text
    assert "of 1 of 4 functions there are 64 bytes: the dump was not taken by root" in text
    assert "0000:00:02.0: capability list" not in text
    assert "pci: 4 functions, 2 root buses" in text


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


def test_linux_groups_with_dump():
    """The ports' own registers: those without ACS are told apart in Linux by a register of the chipset."""
    status, text, _ = replay(
        recorded("lspci", "x99-root-ports.txt")[0], recorded("groups", "x99-i7-5930k-groups-before-after.txt")[0])
    assert status == 0
    assert re.search(r"one group here, several in Linux:\n  rule: the chipset's ports isolate by registers of their own", text)


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
    # As `find /sys/kernel/iommu_groups -type l` has it, with nothing to compare with.
    listing.write_text("/sys/kernel/iommu_groups/0/devices/0000:00:00.0\n")
    status, _, error = replay(listing)
    assert status == 2 and "give the dump too" in error
    path = tmp_path / "dump"
    path.write_text(dump({"00:00.0": header(1)}))
    status, text, _ = replay(path, listing)
    assert status == 0 and "1 functions compared, 0 differences" in text


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

"""Firmware that lies (tests/mangle): the loader never faults, each run ends with a RESULT line or the loader's
sentence, what cannot be is left out with a reason, and the rest works."""
import json
import re
import struct
import subprocess

import pytest
import sluice


@pytest.fixture
def mangle(boot, folder):
    """mangle(lines, *words, files={name: bytes}): boots with the lines of tests/mangle/README.md."""

    def mangle(lines, *words, files=(), **more):
        at = folder / "mangle"
        at.mkdir()
        (at / "mangle.txt").write_text("\n".join(lines) + "\n")
        for name, data in dict(files).items():
            (at / name).write_bytes(data)
        run = boot(*words, env={"MANGLE": str(at / "mangle.txt"), **more.pop("env", {})}, **more)
        assert "mangle: what is" not in run.text and "X64 Exception Type" not in run.text
        assert run.result is None or run.result.get("stage") != "crash", run.summary()
        return run

    return mangle


def table(sig, body):
    """An ACPI table with its checksum."""
    data = bytearray(struct.pack("<4sIBB6s8sIII", sig.encode(), 36 + len(body), 1, 0, b"MANGLE", b"MANGLED ", 0, 0, 0) + body)
    data[9] = -sum(data) & 0xFF
    return bytes(data)


def dmar(folder, text):
    """The table that tools/mktable.py makes of it."""
    (folder / "dmar.txt").write_text(text)
    subprocess.run(["tools/mktable.py", "--into", str(folder), str(folder / "dmar.txt")], cwd=sluice.ROOT, check=True)
    return {"dmar.bin": (folder / "dmar.bin").read_bytes()}


def ecam(run):
    """Where configuration space begins: the first entry of the MCFG table in a report."""
    tables = [item for item in map(json.loads, re.findall(r"^{.*}$", run.text, re.M)) if item["t"] == "table" and item["sig"] == "MCFG"]
    return struct.unpack_from("<Q", bytes.fromhex("".join(item["hex"] for item in tables)), 44)[0]


GOOD_UNIT = "drhd base=0xfed90000 segment=0 flags=1\nscope ioapic 00 1f.7 id=0\n"


def audited(run):
    assert run.result and run.result["app"] == "audit", run.summary()
    return run


def test_wild_table_pointers(mangle):
    """The root table names addresses that no device has, or that no processor has: these tables are left out."""
    run = audited(mangle(["add 0x10000000000", "add 0xff00000000008000", "add 0xfffffffffffffff0"], "app=audit"))
    assert "sluice: the ACPI table at 0x10000000000 is left out: the processor has no such physical address" in run.text
    assert "no table is at 0xff00000000008000, which the root table names: left out" in run.text
    assert "translation is on" in run.text


def test_addresses_that_firmware_does_not_map(mangle):
    """The processor has them, firmware's page tables do not: a table, and the registers of a unit."""
    run = audited(mangle(["unmap 0x8000000000", "add 0x8000000000", "unmap 0xc000000000", "patch DMAR 56 0xc000000000 8"], "app=audit"))
    assert "sluice: the ACPI table at 0x8000000000 is left out: firmware's page tables do not map it" in run.text
    assert "sluice: the VT-d unit at 0xc000000000 is left out: firmware's page tables do not map it" in run.text
    assert run.result["ok"] == "0"


@pytest.mark.parametrize(
    "base, why",
    [
        (0x20000000, "it is in RAM by firmware's memory map"),
        (0x10000000000, "the processor has no such physical address"),
        (0xFEE00000, "it overlaps the registers of something else"),
    ],
    ids=["ram", "wide", "interrupts"],
)
def test_configuration_space_elsewhere(mangle, base, why):
    """RAM is neither read nor written as configuration space, and no function at all is no PASS."""
    run = audited(mangle([f"patch MCFG 44 {base:#x} 8", "poke 0x20008000 0x12348086 4"], "app=audit"))
    assert f"sluice: configuration space at {base:#x} is left out: {why}" in run.text
    assert f"a window of the MCFG table at {base:#x} is not touched: {why}" in run.text
    assert run.result["ok"] == "0" and run.number("errors") and "8086:1234" not in run.text


@pytest.mark.parametrize(
    "base, why",
    [
        (0x10000000000, "the processor has no such physical address"),
        (0xFF00000000008000, "the processor has no such physical address"),
        (0x20000000, "it is in RAM by firmware's memory map"),
        (None, "it overlaps the registers of something else"),
    ],
    ids=["wide", "not-canonical", "ram", "ecam"],
)
def test_unit_elsewhere(boot, mangle, folder, base, why):
    """That unit alone is unusable; the other one translates. Without a base: where configuration space is on this firmware."""
    base = base or ecam(boot("app=audit", "json=1"))
    text = f"table haw=39 flags=1\ndrhd base={base:#x} segment=0 flags=0\nscope endpoint 00 02.0\n{GOOD_UNIT}"
    run = audited(mangle(["table dmar.bin"], "app=audit", files=dmar(folder, text)))
    assert f"a VT-d unit at {base:#x} is not touched: {why}" in run.text
    assert re.search(r"iommu1: VT-d 1\.0 at 0xfed90000", run.text) and "translation is on" in run.text


def test_framebuffer_over_a_unit(mangle):
    """The unit is a unit, and the screen is left out with a reason: nothing is drawn over registers."""
    run = audited(mangle(["screen 0xfed90000"], "app=audit", qemu=["-device", "VGA"]))
    assert "WARN map: the screen's framebuffer at 0xfed90000 is not touched: it overlaps the registers of something else" in run.text
    assert "console: nothing is shown on the screen: its framebuffer lies over other registers" in run.text
    assert re.search(r"iommu0: VT-d 1\.0 at 0xfed90000", run.text) and run.result["ok"] == "1", run.summary()


@pytest.mark.parametrize("line, said", [("# both", True), ("dark 0", False)], ids=["two", "first-closed"])
def test_two_screens(mangle, line, said):
    """The one that the firmware's console is on is drawn on, and never one without a mode."""
    run = audited(mangle([line], "app=audit", "access=read", qemu=["-device", "VGA", "-device", "ramfb"]))
    assert "console: output goes to the screen, 800x600 pixels" in run.text, run.summary()
    assert ("of 2 screens, this is one that the firmware's console is on; the others stay as they are" in run.text) == said


def test_registers_in_ram(mangle):
    """I/O APIC, HPET and a UART at addresses of RAM: none is read or written there."""
    ioapic = table("APIC", struct.pack("<II", 0xFEE00000, 1) + struct.pack("<BBBBI", 0, 8, 0, 0, 1) +
                   struct.pack("<BBBBI", 0, 8, 1, 1, 1) + struct.pack("<BBBBII", 1, 12, 0, 0, 0x20000000, 0))
    spcr = table("SPCR", bytes([0, 0, 0, 0, 0, 8, 0, 1]) + struct.pack("<Q", 0x20002000) + bytes(28))
    run = audited(mangle(["table madt.bin", "table spcr.bin", "patch HPET 44 0x20001000 8"], "app=audit",
                         files={"madt.bin": ioapic, "spcr.bin": spcr}))
    for what, at in ("an I/O APIC", 0x20000000), ("the HPET", 0x20001000), ("a UART", 0x20002000):
        assert f"{what} at {at:#x} is not touched: it is in RAM by firmware's memory map" in run.text


def test_more_tables_than_there_is_room_for(mangle):
    """Those that are used are found behind 200 others."""
    run = mangle(["fill 200"])
    assert re.search(r"tables that Sluice does not use are not listed: there are more than 96", run.text)
    run.assert_ok()


def test_long_memory_map(mangle):
    """More than a thousand descriptors, of which most join."""
    mangle(["frag 700"]).assert_ok()


def test_memory_map_grows(mangle):
    """Room for it is made again, before and between the calls."""
    mangle(["grow 150 9"]).assert_ok()


def test_memory_map_overlaps(mangle):
    """Reserved over free memory, free memory over reserved regions, and descriptors that no machine has."""
    run = mangle(["mem 0 0x10000000 0x800", "mem 7 0x10100000 0x100", "mem 7 0x10400000 0x100", "mem 7 0xb0000000 0x100",
                  "mem 7 0x10000000000000 1", "mem 7 0x500001 1", "mem 11 0x1000 0xffffffffffffffff"])
    assert "descriptors of the firmware's memory map that are invalid and ignored: 3" in run.text
    run.assert_ok()


def test_control_registers_of_firmware(mangle):
    """FSGSBASE and PKS, left on by firmware, are off on every core."""
    run = mangle(["cr4 0x1010000"])
    assert re.search(r"the firmware left CR4 at 0x101[0-9a-f]{4}; every core now has 0x3[0-9a-f]{5}\n", run.text)
    run.assert_ok()


@pytest.mark.parametrize(
    "lines",
    [["patch MCFG 55 0 1"], ["cfg 0 1 0 0x1a 0 1"]],
    ids=["window-ends-at-bus-0", "port-without-subordinate-buses"],
)
def test_functions_that_are_not_reached(mangle, lines):
    """What lies on buses that cannot be read is counted, and is an error of the audit."""
    run = audited(mangle(lines, "app=audit"))
    assert run.result["ok"] == "0" and run.number("errors"), run.summary()
    assert run.number("uncovered") > 0


@pytest.mark.parametrize("lines, said", [
    ([], ""),
    (["reset 0x10"], "the exception came while the machine was to be reset: the RESULT line above stands"),  # nothing is there
    (["reset 0x8000000000000000"], "the exception came while the machine was to be reset"),
], ids=["works", "unmapped", "non-canonical"])
def test_reset(mangle, lines, said):
    """end=reboot with firmware whose ResetSystem faults: another way is taken, and there is one RESULT line."""
    run = mangle([*lines, "options end=reboot"], "app=audit")
    assert len(re.findall("^RESULT ", run.text, re.M)) == 1 and run.result["ok"] == "1", run.summary()
    assert said in run.text and "System halted" not in run.text and "no end within" not in run.text
    assert bool(said) == ("WARN power: the exception" in run.text)


def test_load_file_2(mangle):
    """The device that the loader came from has no file system, but hands out files: sluice.cfg in the loader's folder."""
    run = audited(mangle(["loadfile2 sluice.cfg"], "app=audit", "access=read", "vfs=7"))
    assert "boot: options from sluice.cfg by Load File 2: app=audit vfs=7" in run.text, run.summary()


@pytest.mark.parametrize("how, said", [("hang", "the call had no end after 10 s"), ("fault", "an exception ended the call")],
                         ids=["hang", "fault"])
def test_set_variable(mangle, how, said):
    """The variable that remembers the result: firmware that does not come back from the call costs neither RESULT nor the end."""
    run = mangle([f"setvar {how}"], "app=audit")
    assert run.status == 0 and run.results == 1 and run.result["ok"] == "1", run.summary()
    assert f"WARN power: the firmware did not write the UEFI variable SluiceRun: {said}" in run.text


def test_two_units_at_one_address(mangle, folder):
    """The second is not driven, and that is an error."""
    text = f"table haw=39 flags=1\ndrhd base=0xfed90000 segment=0 flags=0\nscope endpoint 00 1f.2\n{GOOD_UNIT}"
    run = audited(mangle(["table dmar.bin"], "app=audit", files=dmar(folder, text)))
    assert re.search(r"iommu1: left out: the table lists its registers before, as iommu0", run.text)
    assert run.result["ok"] == "0" and run.number("errors"), run.summary()


def test_phantom_processors(mangle):
    """62 processors that the MADT names and that are not there cost one wait, together. They take no place of those that are
    there, which all start."""
    cpus = b"".join(struct.pack("<BBBBI", 0, 8, n, n, 1) for n in [0, *range(3, 40), *range(60, 85), 1, 2])
    ioapic = struct.pack("<BBBBII", 1, 12, 0, 0, 0xFEC00000, 0) + struct.pack("<BBHIQ", 16, 16, 0, 0, 0x7F001000)
    run = mangle(["table madt.bin"], "vfs=2", qemu=["-smp", "3,sockets=1,cores=3"],
                 files={"madt.bin": table("APIC", struct.pack("<II", 0xFEE00000, 1) + cpus + ioapic)})
    run.assert_ok(vfs=2)
    assert "cores: processors: 65 listed" in run.text and "cores: 3 run (" in run.text
    assert "cores: the MADT has a wakeup mailbox at 0x7f001000, which is not used: processors that INIT and STARTUP" in run.text
    assert "did not start: 62, with APIC ids 3-39, 60-84\n" in run.text
    begin, end = (float(re.search(rf"^\[ *([\d.]+)\] cores: {words}", run.text, re.M)[1]) for words in ("processors: 65", "3 run"))
    assert end - begin < 60, "62 waits of two seconds each"


@pytest.mark.parametrize("rhsa", ["rhsa base=0xfed90000 domain=1\n", ""], ids=["told", "not-told"])
def test_nodes(mangle, folder, rhsa):
    """Two nodes of memory and processors. A VF's memory is near its device where the DMAR table says where that is, else
    near the core that works it."""
    ram = [f"memory-backend-ram,id=m{n},size=512M" for n in (0, 1)]
    nodes = [f"node,nodeid={n},cpus={2 * n}-{2 * n + 1},memdev=m{n}" for n in (0, 1)]
    run = mangle(["table dmar.bin"], "vfs=2", files=dmar(folder, GOOD_UNIT + rhsa),
                 qemu=["-smp", "4", *(word for one in ram for word in ("-object", one)), *(w for one in nodes for w in ("-numa", one))])
    run.assert_ok(vfs=2)
    at = [int(where, 16) for where in re.findall(r"^\[.*\] vf: 0000:01:00\.\d domain .* is memory at (0x\w+)$", run.text, re.M)]
    cores = re.findall(r"^ +0000:01:00\.(\d) +(\d+) ", run.text, re.M)
    if rhsa:
        assert "numa: 0000:01:00.0 is in node 1: " in run.text and "and the node's 2 cores" in run.text
        assert len(at) == 2 and all(where >= 512 << 20 for where in at) and cores == [("1", "2"), ("2", "3")], run.summary()
    else:
        assert "numa: the DMAR table does not say which node 0000:01:00.0 is in" in run.text
        assert cores == [("1", "1"), ("2", "2")] and at[0] < 512 << 20 <= at[1], run.summary()


PORT = r"0000:00:01\.0 had memory decoding and bus mastering off \(Command 0000\): on until the end of the run, for 0000:01:00\.0"
ASLEEP = r"0000:01:00\.0 was in D3hot: it is in D0 until the end of the run"


@pytest.mark.parametrize(
    "lines, said, put_back",
    [
        (["cfg 1 0 0 0x64 3 2"], [ASLEEP], r"power states: 1"),
        (["cfg 0 1 0 4 0 2"], [PORT], r"Command registers: [1-9]"),
        (["cfg 1 0 0 0x64 3 2", "cfg 0 1 0 4 0 2"], [ASLEEP, PORT], r"Command registers: [1-9]\d*, power states: 1"),
    ],
    ids=["device-in-d3hot", "port-closed", "both"],
)
def test_path_that_firmware_closed(mangle, lines, said, put_back):
    """The controller is asleep, or the port above it passes nothing: both are opened, said, and put back."""
    run = mangle(lines)
    for words in said:
        assert re.search(words, run.text), run.summary()
    assert re.search(r"put back as found: Command registers: \d+, power states: \d\n", run.text)
    assert re.search(put_back, run.text)
    run.assert_ok()


@pytest.mark.parametrize("line, said, finding", [("cfg 1 0 0 0x64 3 2", ASLEEP, "STATE-ASLEEP"), ("cfg 0 1 0 4 0 2", PORT, "STATE-CLOSED")],
                         ids=["device-in-d3hot", "port-closed"])
def test_audit_where_the_path_is_closed(mangle, line, said, finding):
    """PASS covers what was tried: the proof is done by the controller that the firmware had closed."""
    run = audited(mangle([line], "app=audit"))
    assert re.search(said, run.text) and f" - {finding} (note)" in run.text, run.summary()
    assert run.number("cases") and run.result["cases"] == run.result["refused"], run.summary()


def test_registers_that_no_port_passes_on(mangle):
    """BAR0 of the controller lies outside the windows of the port above it: a reason, and no register is read."""
    run = mangle(["cfg 0 1 0 0x20 0x0000fff0 4", "cfg 0 1 0 0x24 0x0001fff1 4"])
    run.assert_not_ok(r"0000:01:00\.0: BAR0 0x[0-9a-f]+\.\.0x[0-9a-f]+ is not in the windows of the bridge 0000:00:01\.0")

"""What translation does not cover is counted, named, and part of no verdict; memory of RMRRs stays the device's."""
import json
import re
import struct

import pytest
import sluice

EDU = ["-device", "edu,addr=3,dma_mask=0xffffffffffffffff"]
NIC = "e1000e,bus={},romfile="
SHARED = 0x8000000  # free memory that the RMRRs below name


def scope(kind, *path, bus=0, number=0):
    hops = b"".join(struct.pack("<BB", dev, fn) for dev, fn in path)
    return struct.pack("<BBHBB", kind, 6 + len(hops), 0, number, bus) + hops


def endpoint(*path):
    return scope(1, *path)


def bridge(*path):
    return scope(2, *path)


IOAPIC = scope(3, (0, 0), bus=0xFF)


def dmar(*structures):
    body = struct.pack("<BB10x", 38, 1) + b"".join(structures)
    table = bytearray(b"DMAR" + struct.pack("<IBB6s8sI4sI", 36 + len(body), 1, 0, b"LIES", b"FIRMWARE", 7, b"TEST", 1) + body)
    table[9] = -sum(table) & 0xFF
    return bytes(table)


def unit(*scopes):
    return struct.pack("<HHBBHQ", 0, 16 + len(b"".join(scopes)), 0, 0, 0, 0xFED90000) + b"".join(scopes)


def rmrr(base, limit, *scopes):
    return struct.pack("<HHHHQQ", 1, 24 + len(b"".join(scopes)), 0, 0, base, limit) + b"".join(scopes)


@pytest.fixture
def lies(boot, folder):
    """lies("patch ...", table=..., words=[...], qemu=[...]): a boot on firmware that says so."""

    def lies(*lines, table=None, words=(), **more):
        if table:
            (folder / "dmar.bin").write_bytes(table)
            lines = ("table dmar.bin", *lines)
        (folder / "mangle.txt").write_text("".join(line + "\n" for line in lines))
        return boot(*words, env={"MANGLE": str(folder / "mangle.txt")}, **more)

    return lies


ISA, SATA, SMBUS = endpoint((0x1F, 0)), endpoint((0x1F, 2)), endpoint((0x1F, 3))


def test_what_is_not_covered(lies):
    """An RMRR in RAM, a root bus under no unit, and a bridge that is not followed: the proof is about the rest."""
    table = dmar(unit(ISA, SATA, SMBUS, IOAPIC, endpoint((3, 0)), bridge((4, 0)), bridge((5, 0))),
                 rmrr(SHARED, SHARED + 0xFFFF, SATA))
    qemu = [*sluice.iommu(), *EDU,
            "-device", "pcie-root-port,id=rp0,addr=4,chassis=1,slot=1", "-device", NIC.format("rp0"),
            "-device", "pcie-root-port,id=rp1,addr=5,chassis=2,slot=2", "-device", NIC.format("rp1"),
            "-device", "pxb-pcie,id=pxb0,bus=pcie.0,bus_nr=32,bypass_iommu=on",
            "-device", "pcie-root-port,id=rp9,bus=pxb0,chassis=9,slot=9", "-device", "virtio-rng-pci,bus=rp9"]
    run = lies("cfg 0 5 0 0x19 1 1", table=table, words=["--bare", "app=isolate"], qemu=qemu)
    assert run.status == 0 and run.result["ok"] == "1", run.summary()
    assert run.number("refused") == run.number("cases") > 0
    named = [line for line in run.lines if "] WARN coverage: not covered: " in line]
    assert run.number("uncovered") == len(named) == 2
    assert "0000:21:00.0 " in named[0] and "is under no unit that translates" in named[0]
    assert "0000:00:05.0, a bridge to buses 01-02, is not followed" in named[1]
    assert "translation is on in 1 of 1 units; 1 functions are below no unit that translates: only their Bus Master" in run.text
    verdict = run.text[run.text.index("] verdict: "):]
    assert "verdict: it does not cover 2 functions or buses: 1 functions under no unit that translates, 1 bridges" in verdict
    assert "verdict: not covered: 0000:21:00.0" in verdict and "verdict: not covered: 0000:00:05.0" in verdict
    assert "of the firmware's boot memory stay unused: 1 of 1 units translate, and 2 functions or buses are not covered" in run.text
    assert re.search(r"RMRR 0x8000000\.\.0x800ffff: one to one for 0000:00:1f\.2 in domain 1", run.text)
    assert "bus mastering is back on in 1 functions that the RMRR lines above name" in run.text
    for untrue in ("no device can reach memory", "stay blocked", "no device reaches anything", "all others nothing"):
        assert untrue not in run.text


@pytest.mark.parametrize("line, finding, where", [
    ("patch MCFG 55 0 1", "PCI-NOT-FOLLOWED", "0000:00:04.0"),
    ("cfg 0 4 0 0x1a 0 1", "PCI-NOT-FOLLOWED", "0000:00:04.0"),
    ("cfg 0 4 0 0x1a 2 1", "PCI-NOT-READ", "0000:01:00.0"),
], ids=["window-ends", "no-subordinate", "partly-hidden"])
def test_bridges(lies, line, finding, where):
    """What the walk does not reach is an error, never PASS: a window or a bridge that ends too early."""
    qemu = [*sluice.iommu(), "-device", "pcie-root-port,id=rp0,addr=4,chassis=1,slot=1",
            "-device", "x3130-upstream,id=up0,bus=rp0", "-device", "xio3130-downstream,id=dn0,bus=up0,chassis=2,slot=2",
            "-device", NIC.format("dn0")]
    run = lies(line, words=["--bare", "app=audit"], qemu=qemu)
    run.assert_not_ok("the verdict: not all of this machine could be judged", stage="audit")
    assert run.result["err"] == "UNSUPPORTED" and run.result["verdict"] == "none"
    assert run.number("uncovered") >= 1
    assert f" E {finding} (firmware bug)" in run.text and f"read    {where}: " in run.text
    assert "\n NOT JUDGED " in run.text and "\n PASS " not in run.text


def test_no_function(lies):
    """A window in which nothing answers: nothing is known of the machine."""
    run = lies("patch MCFG 44 0xd0000000 8", words=["--bare", "app=audit"], qemu=sluice.iommu())
    run.assert_not_ok("no function answers in the windows of the MCFG table|no entry of the MCFG table is usable")
    assert run.result["uncovered"] == "unknown" and "\n PASS " not in run.text
    assert " E PCIE-NO-ECAM (firmware bug)" in run.text and " E RUN-FAILED (note)" in run.text


def test_owner_goes_on(lies):
    """Who has an RMRR is a bus master again, as firmware had it, once it reaches that memory and nothing else."""
    table = dmar(unit(ISA, SATA, SMBUS, IOAPIC), rmrr(SHARED, SHARED + 0xFFFF, SATA))
    run = lies(table=table, words=["--bare", "app=audit", "json=1"], qemu=sluice.iommu())
    objects = [json.loads(line) for line in run.lines if line.startswith('{"t":"')]
    command = {item["bdf"]: bytes.fromhex(item["hex"])[4] for item in objects if item["t"] == "cfg" and item["off"] == 0}
    left = {item["bdf"]: item["bme_left"] for item in objects if item["t"] == "fn"}
    assert left["0000:00:1f.2"] == 1 and command["0000:00:1f.2"] & 4
    assert not command["0000:00:1f.3"] & 4
    assert run.number("uncovered") == 0 and "of the firmware's boot memory reclaimed" in run.text
    domain = [item for item in objects if item["t"] == "domain"]
    assert [item["iova"] for item in domain] == [["0x8000000:0x10000:rw"]]


def test_rmrr_of_the_pf(lies):
    """The controller that is to be used is held by an RMRR: that is the reason that is given, and the advice is about it."""
    table = dmar(unit(ISA, SATA, SMBUS, IOAPIC, bridge((1, 0)), bridge((2, 0))),
                 rmrr(SHARED, SHARED + 0xFFFF, endpoint((1, 0), (0, 0))))
    run = lies(table=table, words=["vfs=1"])
    run.assert_not_ok(r"0000:01:00\.0 is tied to the RMRR 0x8000000\.\.0x800ffff, in domain 1", stage="pf")
    assert "RMRR off), or update the firmware; docs/audit.md, RMRR-KEPT" in run.text
    assert "another slot, or ACS" not in run.text


def test_rmrr_over_the_kernel(lies):
    """An RMRR over the memory that the loader and the kernel lie in is not mapped, and is an error."""
    table = dmar(unit(ISA, SATA, SMBUS, IOAPIC), rmrr(0x100000, 0x3FFFFFFF, SATA))
    run = lies(table=table, words=["--bare", "app=audit"], qemu=sluice.iommu())
    run.assert_not_ok("the verdict: not safe to assign devices to others", stage="audit")
    assert re.search(r"RMRR 0x100000\.\.0x3fffffff for 0000:00:1f\.2 is left out: Sluice itself lies there", run.text)
    assert " E RMRR-RAM (firmware bug)" in run.text

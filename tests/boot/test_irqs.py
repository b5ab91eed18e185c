"""Interrupt remapping: each VF's MSI-X arrives by its own entry, and by no other."""
import re

import pytest
import sluice

X2APIC = ["-smp", "1,maxcpus=258,sockets=2,cores=129,threads=1",
          "-device", "max-x86_64-cpu,socket-id=1,core-id=0,thread-id=0,die-id=0"]  # its APIC id is 256


def irqs(run):
    """(VF, case, what came of it) of each line of stage irqs"""
    return [(int(vf), case, what) for vf, case, what in re.findall(r"^\[.*\] irqs: VF (\d+), ([^:]+): (.*)$", run.text, re.M)]


def assert_remapped(run, vfs, recorded=True):
    run.assert_ok(vfs=vfs)
    assert run.number("irqs") == vfs
    seen = irqs(run)
    reasons = {"another function's entry": "0x26", "its entry after it was freed": "0x22", "beyond the table": "0x21"}
    for vf in range(vfs):
        mine = {case: what for who, case, what in seen if who == vf}
        own = next(what for case, what in mine.items() if case.startswith("its own entry"))
        assert re.fullmatch(r"vector 0x[0-9a-f]{2} arrived on core 0", own)
        for case, reason in reasons.items():
            if case == "beyond the table" and vf:
                continue
            assert mine[case].startswith("refused")
            if recorded:
                assert f"reported by an interrupt; 0000:01:00.{vf + 1} interrupt " in mine[case]
                assert f"(reason {reason})" in mine[case]
            else:
                assert "no record" in mine[case]
    return seen


@pytest.mark.quick
@pytest.mark.needs("interrupt-faults")
def test_remapped(boot):
    run = boot("vfs=3")
    seen = assert_remapped(run, 3)
    assert "iommu0: interrupts are remapped: 1024 entries, 8-bit destinations, compatibility format refused" in run.text
    # The refusal says whose entry it was.
    assert "entry 1 is only for 01:00.2" in next(what for vf, case, what in seen if (vf, case) == (0, "another function's entry"))
    # A vector without a handler stops no core.
    assert (0, "a vector without a handler", "1 dropped, and the core continues") in seen
    assert (0, "its entry moved", "arrived on core 1 (APIC id 1)") in seen
    # QEMU lets compatibility format through, and that is reported.
    assert next(what for _, case, what in seen if case == "compatibility format").startswith("DELIVERED")


@pytest.mark.needs("interrupt-faults", "x2apic")
def test_x2apic(boot):
    """32-bit destinations: an interrupt for a processor that 8 bits cannot name."""
    run = boot("vfs=1", qemu=[*X2APIC, *sluice.iommu(eim="on")])
    seen = assert_remapped(run, 1)
    assert "1024 entries, 32-bit destinations" in run.text
    assert (0, "its entry moved", "arrived on core 1 (APIC id 256)") in seen


def test_not_remapped(boot):
    """A unit that cannot: no VF gets interrupts, and everything else works."""
    run = boot("vfs=1", qemu=sluice.iommu(intremap="off"))
    run.assert_ok(vfs=1)
    assert run.result["irqs"] == "0" and not irqs(run)
    assert "interrupts are not remapped: the firmware says that the platform does not remap interrupts" in run.text


@pytest.mark.needs("x2apic")
def test_x2apic_without_eim(boot):
    """x2APIC processors below a unit that has no 32-bit destinations: said, and not remapped."""
    run = boot("vfs=1", qemu=[*X2APIC, *sluice.iommu(eim="off")])
    run.assert_ok(vfs=1)
    assert "interrupts are not remapped: the unit has no x2APIC destinations (ECAP.EIM)" in run.text
    assert not irqs(run)


@pytest.mark.each_qemu
def test_on_each_qemu(boot, emulator):
    """QEMU 7.2 refuses the same interrupts and records none of them."""
    assert_remapped(boot("vfs=2"), 2, recorded=emulator.has("interrupt-faults"))

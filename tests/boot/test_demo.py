"""Machines on which the demo has to work."""
import re

import pytest
import sluice

SWITCH = [
    *sluice.root_port("rp0", 1),
    "-device", "x3130-upstream,id=up0,bus=rp0",
    "-device", "xio3130-downstream,id=dn0,bus=up0,chassis=2,slot=2",
]


@pytest.mark.quick
@pytest.mark.each_qemu
def test_default(boot):
    run = boot()
    run.assert_ok()
    assert run.number("verified") > 10000
    assert run.lines[-1].startswith("RESULT ")


@pytest.mark.parametrize("words, vfs", [(["vfs=1"], 1), (["vfs=8", "qd=64", "seconds=2"], 8)], ids=["1", "8-qd64"])
def test_vfs(boot, words, vfs):
    run = boot(*words)
    run.assert_ok(vfs=vfs)
    said = [line for line in run.lines if "] refuse: VF " in line]
    if vfs > 4:  # folded: the first attempt, a line for each VF, and a table that fits a console
        assert len(said) == 1 + vfs and len(re.findall(r"\] irqs: VF 1,", run.text)) == 1
        table = run.lines[run.lines.index("  o refused, X NOT REFUSED, ? not tried, - itself"):][:2 + vfs]
        assert all(len(line) <= 80 for line in table), table


@pytest.mark.each_qemu
def test_usb_stick(boot):
    boot("--usb").assert_ok()


@pytest.mark.parametrize("option", ["caching-mode=on", "caching-mode=off", "intremap=off"])
def test_iommu(boot, option):
    key, _, value = option.partition("=")
    boot(qemu=sluice.iommu(**{key: value})).assert_ok()


@pytest.mark.each_qemu
@pytest.mark.parametrize("bits", [39, 48])
def test_width(boot, bits):
    boot(qemu=sluice.iommu(aw_bits=bits)).assert_ok()


@pytest.mark.parametrize("size", ["512M", "8G"])
def test_memory(boot, size):
    boot(qemu=["-m", size]).assert_ok()


@pytest.mark.parametrize("cpus", ["1", "4"])
def test_cpus(boot, cpus):
    boot(qemu=["-smp", cpus]).assert_ok()


@pytest.mark.parametrize("port", ["switch", "root-port"])
def test_without_acs(boot, images, port):
    """QEMU's switch has no ACS, a root port can be without: PF and VFs are one group, and a group cannot be split."""
    disks = images.make("a", "b", "c", "d")
    above = SWITCH if port == "switch" else ["-device", "root-port-no-acs,id=dn0,chassis=1,slot=1"]
    nvme = sluice.nvme_sriov("nvme0", "dn0", sluice.SERIAL, disks)
    run = boot("--bare", f"scratch={sluice.SERIAL}", qemu=[*sluice.iommu(), *above, *nvme])
    run.assert_not_ok("cannot be put into a domain", stage="domains")
    assert "has no ACS (SV, RR, CR, UF)" in run.text
    assert "of the same group" in run.text
    images.assert_untouched(disks)


def test_two_pfs(boot, images):
    """Only the controller that scratch= names is worked on."""
    ours, theirs = images.make("a", "b", "c", "d"), images.make("e", "f", "g", "h")
    qemu = [
        *sluice.iommu(),
        *sluice.root_port("rp0", 1), *sluice.nvme_sriov("nvme0", "rp0", "not-scratch", theirs),
        *sluice.root_port("rp1", 2), *sluice.nvme_sriov("nvme1", "rp1", sluice.SERIAL, ours),
    ]
    boot("--bare", f"scratch={sluice.SERIAL}", qemu=qemu).assert_ok()
    images.assert_untouched(theirs)


def test_other_disk_untouched(boot, images):
    disks = images.make("keep")
    boot(qemu=sluice.nvme_plain("keep", "keep", disks[0])).assert_ok()
    images.assert_untouched(disks)


@pytest.mark.needs("device:igb")
def test_igb_unused(boot):
    run = boot()
    run.assert_ok()
    assert re.search(r"8086:10c9|82576", run.text), "igb is not in the list of functions"

"""A second opinion on an AMD machine: Debian's Linux, under the same QEMU, has the same IOMMU groups, the same functions under
the unit and the same reserved device addresses."""
import json
import re
import subprocess
import sys
import time

import pytest
import sluice

sys.path.insert(0, str(sluice.ROOT / "tools"))
import linux_guest  # noqa: E402

WAIT = 3 * sluice.PATIENCE  # seconds for a boot


@pytest.fixture(params=["", "trixie"], ids=["installed", "trixie"])
def guest(request):
    """(kernel, initrd): this system's Linux, and Debian 13's 6.12"""
    name = "-".join(filter(None, ["amd-linux", request.param]))
    return sluice.linux(name, linux_guest.Guest(who="test_amd_linux", init=sluice.ROOT / "tests/walk/linux_groups_init.sh", suite=request.param,
                                                packages=("busybox-static",), binaries=(), modules=("nvme",)))


def devices(images):
    """Two VFs of a drive; conventional buses below a root port and on the root bus, which the IVRS table has aliases for; two
    functions of one device."""
    port = ["-device", "pcie-root-port,id=rp1,chassis=2,slot=2"]
    return [*sluice.root_port("rp0", 1), *sluice.nvme_sriov("nvme0", "rp0", sluice.SERIAL, images, max_vfs=2),
            *port, "-device", "pcie-pci-bridge,id=pb,bus=rp1", "-device", "edu,bus=pb,addr=1", "-device", "edu,bus=pb,addr=2",
            "-device", "i82801b11-bridge,id=dmi,addr=8", "-device", "edu,bus=dmi,addr=1",
            "-device", "edu,addr=9.0,multifunction=on", "-device", "edu,addr=9.1"]


def linux(emulator, guest, folder, machine):
    """What Linux says: {function: (group, unit)}, {group: {(from, to, kind)}}."""
    console = folder / "console"
    kernel, initrd = guest
    with subprocess.Popen([emulator.path, "-machine", "q35,kernel-irqchip=split", "-accel", "tcg", "-m", "512", "-display", "none",
                           "-nodefaults", "-no-reboot", "-serial", f"file:{console}", "-kernel", kernel, "-initrd", initrd, "-append",
                           "console=ttyS0 quiet panic=-1 no_timer_check amd_iommu=force_isolation",
                           "-device", "amd-iommu,dma-remap=on,intremap=on", *machine],
                          stderr=subprocess.DEVNULL, cwd=sluice.ROOT) as child:
        try:
            end = time.monotonic() + WAIT
            while not console.exists() or not re.search(r"^READY .*\n", console.read_text(errors="replace"), re.M):
                assert child.poll() is None and time.monotonic() < end, "Linux did not get ready:\n" + console.read_text(errors="replace")[-2000:]
                time.sleep(0.5)
        finally:
            child.kill()
    text = console.read_text(errors="replace").replace("\r", "")
    print(text)
    functions = {bdf: (group, unit) for bdf, group, unit in re.findall(r"^FUNCTION (\S+) group=(\S*) unit=(\S*)$", text, re.M)}
    regions = {}
    for group, first, last, kind in re.findall(r"^REGION (\d+) 0x(\w+) 0x(\w+) (\S+)$", text, re.M):
        regions.setdefault(group, set()).add((int(first, 16), int(last, 16), kind))
    return functions, regions


def joined(pairs):
    """The sets of names that have one value."""
    sets = {}
    for name, value in pairs:
        sets.setdefault(value, set()).add(name)
    return {frozenset(names) for names in sets.values()}


UNIT = "0000:00:01.0"  # QEMU's table has an entry for the unit's own function, which Sluice goes by; Linux never takes it for a device
RESERVED = {(0xFEE00000, 0xFEEFFFFF, "msi"), (0xFD00000000, 0xFFFFFFFFFF, "reserved")}  # as iommu_reserved_next(): test_amdvi.c


@pytest.mark.soak  # two boots, one with the proof
@pytest.mark.needs("property:amd-iommu.dma-remap")
def test_same_view(boot, emulator, guest, folder, images):
    machine = devices(images.make("a", "b"))
    run = boot("--bare", "app=audit", "json=1", "vfs=2", f"scratch={sluice.SERIAL}",
               qemu=["-device", "amd-iommu,dma-remap=on,intremap=on", *machine])
    lines = [json.loads(line) for line in run.text.splitlines() if line.startswith('{"t":"')]
    ours = {bdf: line["id"] for line in lines if line["t"] == "group" for bdf in line["members"]}
    units = {line["bdf"]: line["unit"] for line in lines if line["t"] == "attach"}
    functions, regions = linux(emulator, guest, folder, machine)
    assert set(functions) == set(ours) == set(units) and len(functions) == 17
    assert functions.pop(UNIT) == ("", "") and units.pop(UNIT) == 0 and list(ours.values()).count(ours.pop(UNIT)) == 1
    assert set(units.values()) == {0} and {unit for _, unit in functions.values()} == {"ivhd0"}
    assert joined((bdf, group) for bdf, (group, _) in functions.items()) == joined(ours.items())
    assert set(regions) == {group for group, _ in functions.values()} and all(found == RESERVED for found in regions.values())
    runs = [run.split(":") for line in lines if line["t"] == "domain" for run in line["iova"]]
    mapped = [(int(at, 16), int(at, 16) + int(length, 16) - 1) for at, length, _ in runs]
    assert mapped and not any(at <= last and first <= end for at, end in mapped for first, last, _ in RESERVED)

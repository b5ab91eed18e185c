"""The walker of scalable mode over tables that Debian's Linux built for its drivers: each function's whole address space is
walked, and what QEMU's unit does with the same memory must be the same, page by page."""
import hashlib
import os
import re
import shutil
import subprocess
import sys
import time

import pytest
import sluice
import test_walker
import walker

sys.path.insert(0, str(sluice.ROOT / "tools"))
import linux_guest  # noqa: E402

MIB = 256
SLOTS = {"nvme": 3, "e1000e": 4, "qemu-xhci": 5}
WAIT = 3 * sluice.PATIENCE  # seconds for a boot
BITS = {test_walker.FIRST: 47, test_walker.SECOND: 48}


@pytest.fixture
def guest():
    """(kernel, initrd)"""
    return sluice.linux("walker-linux", linux_guest.Guest(who="test_walker_linux", init=sluice.ROOT / "tests/walk/linux_init.sh",
                                           packages=("busybox-static",), binaries=(), modules=("nvme", "e1000e", "xhci-pci")))


def registers(path):
    """RTADDR, CAP and ECAP of the unit, and what it says about faults, by the qtest socket of a running machine."""
    with walker.connected(path) as qtest:
        values = []
        for offset in (walker.RTADDR, 8, 0x10, walker.FSTS):
            qtest.write(f"readq {walker.VTD + offset:#x}\n")
            qtest.flush()
            values.append(int(qtest.readline().split()[1], 0))
        return values[:3], values[3] & 0xFF


def boot(emulator, options, guest, folder):
    """Linux until its drivers work, then its memory: console text, registers, path of the memory from 1 MiB on."""
    disk, console, image = folder / "disk.img", folder / "console", folder / "memory"
    disk.write_bytes(os.urandom(1 << 20))
    monitor = sluice.Monitor(folder)
    qtest = f"{monitor.path}-qtest"
    kernel, initrd = guest
    with subprocess.Popen([emulator.path, "-machine", "q35,kernel-irqchip=split", "-accel", "tcg", "-m", str(MIB), "-display", "none",
                           "-nodefaults", "-no-reboot", "-serial", f"file:{console}", "-kernel", kernel, "-initrd", initrd, "-append",
                           "console=ttyS0 quiet panic=-1 no_timer_check nointremap intel_iommu=on,sm_on iommu.strict=1",
                           "-device", f"intel-iommu,{options},intremap=off",
                           "-drive", f"file={disk},format=raw,if=none,id=d", "-device", f"nvme,serial=1,drive=d,addr={SLOTS['nvme']}",
                           "-netdev", "user,id=n", "-device", f"e1000e,netdev=n,addr={SLOTS['e1000e']}",
                           "-device", f"qemu-xhci,addr={SLOTS['qemu-xhci']}", *monitor.qemu,
                           "-qtest", f"unix:{qtest},server=on,wait=off", "-qtest-log", "/dev/null"],
                          stderr=subprocess.DEVNULL, cwd=sluice.ROOT) as child:
        try:
            end = time.monotonic() + WAIT
            while not console.exists() or not re.search(r"^READY .*\n", console.read_text(errors="replace"), re.M):
                assert child.poll() is None and time.monotonic() < end, "Linux did not get ready:\n" + console.read_text(errors="replace")[-2000:]
                time.sleep(0.5)
            values, faults = registers(qtest)
            monitor("stop", f"pmemsave 0x100000 {(MIB - 1) << 20:#x} \"{image}\"")
        finally:
            child.kill()
    text = console.read_text(errors="replace")
    assert f"READY {hashlib.md5(disk.read_bytes()).hexdigest()}" in text, text
    assert not faults, "the unit has refused something of Linux's"
    return text, values, image


def same_in_qemu(machine, oracle, rid, runs, rtaddr):
    """Each page of a function by QEMU's unit: it goes where the walker says, and the pages before and behind are refused."""
    mapped = {at + off: (phys + off, may) for at, length, phys, may in runs for off in range(0, length, 0x1000)}
    around = {at + step for at in mapped for step in (-0x1000, 0x1000)} - set(mapped)
    for at in sorted([*mapped, *(at for at in around if 0 <= at < 1 << 47)]):
        phys, may = mapped.get(at, (0, 0))
        read, write, *_ = oracle.ask(rid, at)
        got = test_walker.seen(machine, test_walker.Shape(f"{rid:x} {at:x}", {}, rid=rid, iova=at, rtaddr=rtaddr), phys)
        assert (not read, not write) == (bool(may & 1), bool(may & 2))
        assert tuple(not reason for reason in got) == (not read, not write), f"function {rid:x}, address {at:x}: QEMU {got}, walker {read, write}"
    return len(mapped)


@pytest.mark.parametrize("emulator", (pytest.param("10.0", marks=pytest.mark.soak), "11.1"), indirect=True)
@pytest.mark.parametrize("mode", (test_walker.FIRST, test_walker.SECOND), ids=("first-stage", "second-stage"))
def test_tables_of_linux(emulator, mode, guest, folder):
    sluice.make("build/walk")
    options = test_walker.OPTIONS[emulator.version[0], mode]
    text, (rtaddr, cap, ecap), image = boot(emulator, options, guest, folder)
    assert rtaddr >> 10 & 3 == 1, "Linux did not choose scalable mode"
    functions = [int(bus, 16) << 8 | int(device, 16) << 3 | int(function)
                 for bus, device, function in re.findall(r"^FUNCTION 0000:(..):(..)\.(.)", text, re.M)]
    whole = folder / "whole"
    with open(whole, "wb") as out, open(image, "rb") as rest:
        out.write(bytes(1 << 20))
        shutil.copyfileobj(rest, out)
    machine, oracle = walker.Machine(emulator, options, SLOTS.values(), folder, MIB, image), walker.Walker()
    with walker.ending(machine, oracle):
        oracle.put(f"image {whole}", f"unit {rtaddr:x} {cap:x} {ecap:x} {test_walker.WIDTH:x}")
        spaces = {rid: oracle.space(rid, BITS[mode]) for rid in functions}
        assert None not in spaces.values(), "a function of Linux's has no tables"
        tested = {name: same_in_qemu(machine, oracle, slot << 3, spaces[slot << 3], rtaddr) for name, slot in SLOTS.items()}
        without = [rid for rid in range(0x100) if rid not in functions and oracle.space(rid, 20) is not None]
    print(f"{len(functions)} functions; pages tested: {tested}")
    assert all(tested.values()) and tested["e1000e"] > 100
    assert not without, f"functions that Linux does not have, with tables: {without}"
    for path in (image, whole):
        path.unlink()

"""Refused requests that come by themselves: explained, counted, and a function that floods is cut off."""
import json
import re
import socket
import time

import pytest
import sluice

EDU = ["-device", "edu,dma_mask=0xffffffffffffffff"]
WALK = r"refused: not mapped for writing \(reason 0x5\); root ok, context ok \(domain \d+, [34]-level\)"


def lines_with(run, words):
    return [line for line in run.lines if re.search(words, line)]


def test_flood_is_cut_off(boot):
    """The last two of three VFs flood. Each is explained four times, counted, cut off, and then not seen any more."""
    run = boot("app=isolate", "vfs=3")
    assert run.status == 0, run.summary()
    assert run.result["ok"] == "1" and run.result["faults"] == "0"
    for name in ("0000:01:00.2", "0000:01:00.3"):
        cut = lines_with(run, rf"\] faults: {name} floods: 50 refused requests in a second\. "
                              "Cut off: bus mastering off, context entry removed$")
        explained = lines_with(run, rf"\] iommu0: {name} write 0x\w+ {WALK}, .*L\d\[\d+\] empty$")
        counted = lines_with(run, rf"\] iommu: {name}: \d+ more requests refused \(\d+ in all\), the last write 0x")
        assert len(cut) == 1 and len(explained) == 4 and counted
        assert max(map(run.lines.index, explained)) < run.lines.index(counted[0]) < run.lines.index(cut[0])
    # One fault record for two VFs. Said, and no oftener than the requests themselves.
    assert 1 <= len(lines_with(run, r"\] iommu: a unit had no fault record free, \d+ times \(FSTS\.PFO\)")) <= 8
    assert lines_with(run, "flood: cut off after .* neither completion nor fault record; memory is untouched, and the other VFs "
                           r"\(1\) keep working")
    assert not lines_with(run, "WARN"), "provoked requests are no warnings"
    assert not lines_with(run, "qemu-system-x86_64: "), "QEMU's lines on them are elsewhere"
    assert "vtd_" in (run.folder / "qemu-refused.txt").read_text()
    assert not lines_with(run, "could not be taken out of its domain|was not put back cleanly")


def test_only_vf_floods(boot):
    run = boot("app=isolate", "vfs=1")
    assert run.status == 0, run.summary()
    assert lines_with(run, r"faults: 0000:01:00\.1 floods: .*Cut off")
    assert lines_with(run, r"flood: cut off after .*the other VFs \(0\) keep working")


def test_edu_that_misses_its_page(boot):
    """With its default mask edu wraps addresses. Detecting that is refused, and is no failure."""
    run = boot("app=isolate", "vfs=1", qemu=["-device", "edu"])
    assert run.status == 0, run.summary()
    assert "edu does not attack: it does not reach its own page" in run.text and run.result["faults"] == "0"


def test_none_in_the_demo(boot):
    run = boot()
    run.assert_ok()
    assert run.result["faults"] == "0" and run.result["stray_faults"] == "0"
    assert not lines_with(run, "WARN (iommu|faults)")


class Gdb:
    """QEMU's gdb stub. The machine stands still from the connection to close()."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(20)
        self.socket.connect(path)
        assert self.ask("Qqemu.PhyMemMode:1") == "OK"

    def ask(self, words):
        self.socket.sendall(f"+${words}#{sum(words.encode()) & 255:02x}".encode())
        said = ""
        while not re.search(r"\$([^#]*)#..", said):
            said += self.socket.recv(4096).decode()
        return re.search(r"\$([^#]*)#..", said)[1]

    def write(self, address, data):
        assert self.ask(f"M{address:x},{len(data):x}:{data.hex()}") == "OK"

    def close(self):
        assert self.ask("D") == "OK"
        self.socket.close()


def find_edu(qmp_path):
    """Addresses of edu's configuration space and registers. ECAM is where firmware has put it: not in every version at the
    same place."""
    said = {}
    with socket.socket(socket.AF_UNIX) as qmp:
        qmp.settimeout(20)
        qmp.connect(qmp_path)
        answers = qmp.makefile()
        for line in (None, "info pci", "info mtree"):
            command = {"execute": "human-monitor-command", "arguments": {"command-line": line}} if line else {"execute": "qmp_capabilities"}
            qmp.sendall(json.dumps(command).encode())
            while "return" not in (answer := json.loads(answers.readline())):
                pass
            said[line] = answer["return"]
    found = re.search(r"Bus +(\d+), device +(\d+), function 0:\s+Class[^\n]*PCI device 1234:11e8.*?BAR0: 32 bit memory at 0x(\w+)",
                      said["info pci"], re.S)
    ecam = int(re.search(r"^ *([0-9a-f]+)-[0-9a-f]+ .*: pcie-mmcfg", said["info mtree"], re.M)[1], 16)
    return ecam + (int(found[1]) << 20) + (int(found[2]) << 15), int(found[3], 16)


def edu_dma(paths, log, when):
    """Waits for the line when; then, behind the kernel's back, sets edu's Bus Master Enable and tells it to write."""
    sluice.wait_for(log, "groups: ")
    config, bar = find_edu(paths[0])
    sluice.wait_for(log, when)
    done = 0
    try:
        for _ in range(4):
            gdb = Gdb(paths[1])
            gdb.write(config + 4, (0x0006).to_bytes(2, "little"))
            for offset, value, size in ((0x80, 0x40000, 8), (0x88, 0x123456000, 8), (0x90, 4, 8), (0x98, 3, 4)):
                gdb.write(bar + offset, value.to_bytes(size, "little"))
            gdb.close()
            done += 1
            time.sleep(0.4)
    except OSError:  # the machine has ended, not before the first
        if not done:
            raise


def with_edu_dma(boot, folder, when, *words):
    paths = [f"/tmp/sluice-{kind}-{time.monotonic_ns()}" for kind in ("qmp", "gdb")]
    qemu = [*EDU, "-qmp", f"unix:{paths[0]},server=on,wait=off", "-gdb", f"unix:{paths[1]},server=on,wait=off"]
    with sluice.beside(edu_dma, paths, folder / "run/serial.log", when):
        return boot(*words, qemu=qemu)


@pytest.mark.needs("gdb")
def test_unexpected_breaks_the_proof(boot, folder):
    """edu, which was in use, does unexpected DMA: it reached nothing, and yet the run is not ok."""
    run = with_edu_dma(boot, folder, "isolate: pass 1 of 1 done", "app=isolate", "vfs=1")
    assert run.status == 3 and run.result["ok"] == "0", run.summary()
    assert run.number("faults") >= 1 and run.result["stage"] == "faults" and run.result["err"] == "VERIFY"
    assert run.number("refused") == run.number("cases") > 0
    assert lines_with(run, r"WARN iommu0: 0000:00:\w\w\.0 write 0x123456000 refused: function has no context entry "
                           r"\(reason 0x2\); root ok, context empty")
    assert lines_with(run, r"FAIL faults: unexpected refused requests of functions in use: [1-9]\d*$")


@pytest.mark.needs("gdb")
def test_stray_is_no_failure(boot, folder):
    """A function that is not in use: it reached nothing, which is reported; the proof stands."""
    run = with_edu_dma(boot, folder, "timed: random", "vfs=2", "seconds=5")
    run.assert_ok(vfs=2)
    assert run.result["faults"] == "0" and run.number("stray_faults") >= 1
    assert lines_with(run, r"WARN iommu0: 0000:00:\w\w\.0 write 0x123456000 refused: bus has no root entry "
                           r"\(reason 0x1\); root empty")
    assert lines_with(run, r"WARN faults: refused requests of functions that Sluice does not drive: [1-9]\d*; ")

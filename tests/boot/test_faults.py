"""Refused requests that come by themselves: explained, counted, and a function that floods is cut off."""
import json
import re
import socket

import pytest
import sluice
from test_cores import socket_path, stopped_at

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
        cut = lines_with(run, rf"\] faults: {name} floods: 8 refused requests in a second\. "
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


def find_edu(qmp_path):
    """Addresses of edu's configuration space and registers. ECAM is where firmware has put it: not in every version at the
    same place."""
    said = {}
    with socket.socket(socket.AF_UNIX) as qmp:
        qmp.settimeout(sluice.PATIENCE)
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


def edu_dma(paths, place):
    """When the kernel comes to the function place: behind its back, sets edu's Bus Master Enable and tells it to write."""
    gdb = stopped_at(paths[1], place)
    config, bar = find_edu(paths[0])
    assert gdb.ask("Qqemu.PhyMemMode:1") == "OK"
    for address, value, size in ((config + 4, 0x0006, 2), (bar + 0x80, 0x40000, 8), (bar + 0x88, 0x123456000, 8), (bar + 0x90, 4, 8), (bar + 0x98, 3, 4)):
        assert gdb.ask(f"M{address:x},{size:x}:{value.to_bytes(size, 'little').hex()}") == "OK"
    assert gdb.ask("D") == "OK"


def with_edu_dma(boot, folder, place, *words):
    paths = [socket_path(folder, kind) for kind in ("qmp", "gdb")]
    qemu = [*EDU, "-S", "-qmp", f"unix:{paths[0]},server=on,wait=off", "-gdb", f"unix:{paths[1]},server=on,wait=off"]
    with sluice.beside(edu_dma, paths, place):
        return boot(*words, qemu=qemu)


@pytest.mark.needs("gdb")
def test_unexpected_breaks_the_proof(boot, folder):
    """edu, which was in use, does unexpected DMA: it reached nothing, and yet the run is not ok. What comes while
    VFs are switched off, which is the last that is done, counts too."""
    run = with_edu_dma(boot, folder, "sriov_disable", "app=isolate", "vfs=1")
    assert run.status == 3 and run.result["ok"] == "0", run.summary()
    assert run.number("faults") >= 1 and run.result["stage"] == "faults" and run.result["err"] == "VERIFY"
    assert run.number("refused") == run.number("cases") > 0
    assert lines_with(run, r"WARN iommu0: 0000:00:\w\w\.0 write 0x123456000 refused: function has no context entry "
                           r"\(reason 0x2\); root ok, context empty")
    assert lines_with(run, r"FAIL faults: unexpected refused requests of functions in use: [1-9]\d*$")


@pytest.mark.needs("gdb")
def test_stray_is_no_failure(boot, folder):
    """A function that is not in use: it reached nothing, which is reported; the proof stands."""
    run = with_edu_dma(boot, folder, "stage_timed", "vfs=2", "seconds=2")
    run.assert_ok(vfs=2)
    assert run.result["faults"] == "0" and run.number("stray_faults") >= 1
    assert lines_with(run, r"WARN iommu0: 0000:00:\w\w\.0 write 0x123456000 refused: bus has no root entry "
                           r"\(reason 0x1\); root empty")
    assert lines_with(run, r"WARN faults: refused requests of functions that Sluice does not drive: [1-9]\d*; ")

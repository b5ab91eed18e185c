"""VFs of a network card (QEMU's igb): frames from each to each other, compared; what the card has to hold back."""
import os
import re
import subprocess

import pytest
import sluice

pytestmark = pytest.mark.needs("device:igb")


@pytest.mark.each_qemu
def test_packets(folder, emulator):
    """All VFs, admitted by messages to their PF."""
    run = sluice.run_sh(folder / "run", "device=igb", "mailbox=1", "ops=300", "seconds=1", env=emulator.env)
    assert run.status == 0, run.text
    assert run.result["ok"] == "1" and run.result["vfs"] == "7" and run.result["faults"] == "0"
    assert len(re.findall(r"vf: 0000:\w\w:1[01]\.\d domain \d, 82576, 128 buffers each way, admitted by mailbox", run.text)) == 7
    assert "never run on silicon" in run.text and "link at 1000 Mbit/s" in run.text
    # 42 pairs; then one by one: four frames of each VF that must arrive as said, or nowhere, and more for those in a VLAN.
    assert "packets: 12600 frames of 60 to 9000 bytes, 300 from each of 7 VFs to each other" in run.text
    assert int(run.result["verified"]) == 12600 + int(re.search(r"packets: (\d+) more: broadcast and multicast reached all", run.text)[1])
    # The ring of all VFs, sending and receiving alone, polled; doorbells for 32 frames: two at most, with shorter bursts in a ring of many.
    sums = {"a ring of 7 VFs forwarded": 4.5, "sent alone:": 1, "received alone:": 1}
    for what, most in sums.items():
        frames, doorbells = map(int, re.search(rf"{what} (\d+) frames.*?, \d+ in a second, with (\d+) doorbells", run.text).groups())
        assert frames > 1000 and doorbells * 32 <= frames * most * 1.1, what
    assert int(run.result["ops"]) > 1000
    assert int(run.result["p50_ns"]) > 0
    # Buffers and rings of both directions, from each VF; each line of the first VF names it, the direction and the reason.
    assert run.result["cases"] == run.result["refused"] == "77" and run.result["not_tried"] == "0"
    assert len(re.findall(r"refuse: VF \d 0000:\w\w:1[01]\.\d: 11 of 11 forbidden accesses refused", run.text)) == 7
    first = re.findall(r"refuse: VF 0, (.*): refused; fault: 0000:\w\w:10\.0 (read|write) 0x\w+, reason (\d)", run.text)
    assert len(first) == 11 and {f[1:] for f in first} == {("read", "6"), ("write", "5")}
    assert all((f[1] == "write") == f[0].startswith(("receive buffer", "written-back")) for f in first)
    # QEMU's igb has no anti-spoof, and that is said.
    assert "7 of 7 frames with a false sender, 3 with the tag of a VLAN that the sender is not in" in run.text


@pytest.mark.soak
@pytest.mark.each_qemu
def test_100000_frames_on_each_pair(folder, emulator):
    """Each of 7 VFs sends 100,000 frames to each other, on every QEMU that has the card."""
    run = sluice.run_sh(folder / "run", "device=igb", "ops=100000", "seconds=1", deadline=10 * sluice.PATIENCE, env=emulator.env)
    assert run.status == 0, run.text
    assert "packets: 4200000 frames of 60 to 9000 bytes, 100000 from each of 7 VFs to each other" in run.text
    assert run.result["ok"] == "1" and int(run.result["verified"]) > 4200000 and run.result["faults"] == "0"
    assert run.result["cases"] == run.result["refused"] == "77" and run.result["not_tried"] == "0"


def test_translation_off(folder, emulator):
    """The same accesses reach memory then, and the run says so. Two VFs have no third that would work meanwhile."""
    run = sluice.run_sh(folder / "run", "device=igb", "iommu=off", "vfs=2", "ops=20", "seconds=1", env=emulator.env)
    assert run.status == 3 and run.result["ok"] == "0" and run.result["verdict"] == "fail", run.text
    assert int(run.result["refused"]) < int(run.result["cases"])
    assert "send buffer in kernel memory at 0x" in run.text and "SUCCEEDED: memory was reached" in run.text


def test_instructions(emulator):
    """What a frame costs: as recorded, and below the limits that are promised."""
    sluice.make("build/insncount.so")
    done = subprocess.run(["tools/bench-insn", "--igb"], cwd=sluice.ROOT, env={**os.environ, **emulator.env}, capture_output=True,
                          text=True, timeout=3 * sluice.PATIENCE)
    assert done.returncode == 0, done.stdout + done.stderr
    row = r"^op=([\w-]+) depth=\d+ batch=(\d+) insn_per_op=([\d.]+) mmio_per_op=([\d.]+) doorbells_per_op=([\d.]+) "
    now = re.findall(row, done.stdout, re.M)
    recorded = re.findall(row, (sluice.ROOT / "tests/insn-igb.txt").read_text(), re.M)
    assert [one[:2] for one in now] == [one[:2] for one in recorded]
    limits = {"send": 12, "receive": 15, "forward": 40}
    for (name, batch, insn, mmio, bells), (_, _, before, *_) in zip(now, recorded):
        assert float(insn) <= 1.01 * float(before), name
        assert mmio == bells
        if batch == "32":
            assert float(insn) <= limits[name] and float(bells) <= 2 / 32, name
    promised = {"rdma-write-64": 500, "rdma-write-kib-1024": 700, "rdma-write-kib-4096": 500, "rdma-read-kib-1024": 700,
                "rdma-read-kib-4096": 500, "rdma-poll": 8}
    last = {name: float(insn) for name, _, insn, *_ in now}  # of a WRITE of 64 bytes: 16 at once
    assert all(last[name] <= most for name, most in promised.items())

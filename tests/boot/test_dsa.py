"""A Data Streaming Accelerator (the model in tools/dsa-model): its queues as tenants with a PASID each, and a device that is wrong."""
import os
import re
import subprocess

import pytest
import sluice

pytestmark = pytest.mark.needs("dsa-model")


@pytest.mark.each_qemu
def test_queues(folder, emulator):
    run = sluice.run_sh(folder / "run", "device=dsa", "ops=200", "seconds=1", env=emulator.env)
    assert run.status == 0, run.text
    assert "8 queues of 16 entries, 4 engines, each queue with a PASID (1 to 8) and a domain of its own" in run.text
    verified, *kinds = map(int, re.search(r"dsa: (\d+) operations on 8 queues, each right: (\d+) copies, (\d+) fills, (\d+) compares, "
                                          r"(\d+) CRCs", run.text).groups())
    assert min(kinds) >= 8 * 200 and sum(kinds) == verified == int(run.result["verified"])
    copies, submissions = map(int, re.search(r"dsa: (\d+) copies of 4 KiB in .* with (\d+) submissions", run.text).groups())
    assert copies == 32 * submissions == int(run.result["ops"]), "a batch of 32 is one submission"
    assert run.result["cases"] == run.result["refused"] == "200" and run.result["ok"] == "1" and run.result["faults"] == "0"
    assert len(re.findall(r"  queue \d    (ok +){7}", run.text)) == 8
    assert re.search(r"write to an address that another PASID maps: refused; fault: write 0x2000410000 PASID 1, reason 0x71; completion record 83",
                     run.text)


def test_no_pasids(folder, emulator):
    run = sluice.run_sh(folder / "run", "device=dsa", "tables=legacy", "ops=20", "seconds=7", env=emulator.env)
    assert run.status == 0 and run.result["ok"] == "1" and run.result["cases"] == "0", run.text
    assert "has made no progress" not in run.text  # though it works for longer than the watchdog waits
    assert "8 queues of 16 entries, 4 engines, no PASID (never run on silicon)" in run.text
    assert "nothing is tried: the queues have no PASID each" in run.text


@pytest.mark.each_qemu
def test_wrong_pasid(folder, emulator):
    """Once, where queue 3 writes to an address that PASID 5 maps: ops=1 is a single batch, and 41 jobs of the matrix come before."""
    run = sluice.run_sh(folder / "run", "device=dsa", "ops=1", "seconds=1", env={**emulator.env, "DSA": "fault=pasid,fault-wq=3,fault-after=42"})
    assert run.status != 0 and run.result["ok"] == "0" and run.result["stage"] == "refuse" and run.result["verdict"] == "fail", run.text
    assert run.result["cases"] == "200" and run.result["refused"] == "199"
    assert "queue 3 (PASID 4) -> write to an address that another PASID maps at 0x2000440000: SUCCEEDED: memory was reached" in run.text


needs_ats = pytest.mark.needs("property:intel-iommu.svm")


@needs_ats
def test_ats(folder, emulator):
    """The device keeps translations and asks for pages: the same is refused, and a page that it asks for in vain."""
    run = sluice.run_sh(folder / "run", "device=dsa", "ats=1", "ops=20", "seconds=1", env=emulator.env)
    assert run.status == 0 and run.result["ok"] == "1" and run.result["cases"] == run.result["refused"] == "208", run.text
    assert "ATS is on, and page requests" in run.text
    assert len(re.findall(r"  queue \d    (ok +){8}", run.text)) == 8
    assert "write to a page that it asked for in vain: refused; the device asked for its translation and got none (ATS); completion record 84" in run.text


@needs_ats
def test_stale_device_tlb(folder, emulator):
    """Where no invalidation reaches the device's cache, it reaches what was taken away, and no other queue's memory."""
    run = sluice.run_sh(folder / "run", "device=dsa", "ats=1", "ops=1", "seconds=1", env={**emulator.env, "DSA": "fault=stale"})
    assert run.status != 0 and run.result["ok"] == "0" and run.result["stage"] == "refuse" and run.result["cases"] == "208", run.text
    for what in ("write to a page that was unmapped", "read of a page that was unmapped", "write to its own page after its domain was taken away"):
        assert len(re.findall(rf"-> {what} at 0x[0-9a-f]+: SUCCEEDED: memory was reached", run.text)) == 8
    assert len(re.findall(r"  queue \d    ok       ok       ok       ok       ok       FAIL     FAIL", run.text)) == 8


@needs_ats
def test_translated_request_that_nobody_asked_for(folder, emulator):
    """One write of queue 3, after its first batch and 30 jobs of the matrix: the kernel's memory is what the device says is
    translated, so it reaches it, though no domain maps it."""
    run = sluice.run_sh(folder / "run", "device=dsa", "ats=1", "ops=1", "seconds=1",
                        env={**emulator.env, "DSA": "fault=lie,fault-wq=3,fault-after=31"})
    assert run.status != 0 and run.result["ok"] == "0" and run.result["verdict"] == "fail", run.text
    assert run.result["cases"] == "208" and run.result["refused"] == "207"
    assert re.search(r"queue 3 \(PASID 4\) -> write to kernel memory at 0x[0-9a-f]+: SUCCEEDED: memory was reached", run.text)


@pytest.mark.parametrize("fault, says", [
    ("flip", r"queue 3: a (copy|fill|CRC) of \d+ bytes (left|gave)"),
    ("pasid", r"queue 3: 0 of 32 jobs came back within 10 s: GENSTS 1"),
    ("lost", r"queue 3: 0 of 32 jobs came back within 10 s: GENSTS 1, SWERR 00000000"),
])
def test_ordered_faults(folder, emulator, fault, says):
    """The sixth descriptor of queue 3, which is a batch like all of them."""
    run = sluice.run_sh(folder / "run", "device=dsa", "ops=2000", "seconds=1", env={**emulator.env, "DSA": f"fault={fault},fault-wq=3,fault-after=5"})
    assert run.status != 0 and run.result["ok"] == "0" and run.result["stage"] == "move", run.text
    assert re.search(says, run.text), run.text


def test_no_more_instructions_than_recorded(emulator):
    """The model's plugin and the counting one at once."""
    sluice.make("build/insncount.so")
    done = subprocess.run(["tools/bench-insn", "--dsa"], cwd=sluice.ROOT, env={**os.environ, **emulator.env}, capture_output=True, text=True,
                          timeout=sluice.PATIENCE)
    print(done.stdout, done.stderr)
    row = r"^op=copy depth=32 batch=32 insn_per_op=([\d.]+) mmio_per_op=0.0000 doorbells_per_op=0.0312 "
    now, recorded = (float(re.search(row, text, re.M)[1]) for text in (done.stdout, (sluice.ROOT / "tests/insn-dsa.txt").read_text()))
    assert done.returncode == 0 and now <= recorded * 1.01 and now <= 40

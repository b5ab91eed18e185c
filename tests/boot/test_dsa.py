"""A Data Streaming Accelerator (the model in tools/dsa-model): its queues at work, every result compared, and a device that is wrong."""
import re

import pytest
import sluice

pytestmark = pytest.mark.needs("dsa-model")


@pytest.mark.each_qemu
def test_queues(folder, emulator):
    run = sluice.run_sh(folder / "run", "device=dsa", "ops=200", "seconds=1", env=emulator.env)
    assert run.status == 0, run.text
    assert "8 queues of 16 entries, 4 engines, no PASID (never run on silicon)" in run.text
    verified, *kinds = map(int, re.search(r"dsa: (\d+) operations on 8 queues, each right: (\d+) copies, (\d+) fills, (\d+) compares, "
                                          r"(\d+) CRCs", run.text).groups())
    assert min(kinds) >= 8 * 200 and sum(kinds) == verified == int(run.result["verified"])
    copies, submissions = map(int, re.search(r"dsa: (\d+) copies of 4 KiB in .* with (\d+) submissions", run.text).groups())
    assert copies == 32 * submissions == int(run.result["ops"]), "a batch of 32 is one submission"
    assert run.result["ok"] == "1" and run.result["faults"] == "0"


@pytest.mark.parametrize("fault, says", [
    ("flip", r"queue 3: a (copy|fill|CRC) of \d+ bytes (left|gave)"),
    ("lost", r"queue 3: 0 of 32 jobs came back within 10 s: GENSTS 1, SWERR 00000000"),
])
def test_ordered_faults(folder, emulator, fault, says):
    """The sixth descriptor of queue 3, which is a batch like all of them."""
    run = sluice.run_sh(folder / "run", "device=dsa", "ops=2000", "seconds=1", env={**emulator.env, "DSA": f"fault={fault},fault-wq=3,fault-after=5"})
    assert run.status != 0 and run.result["ok"] == "0" and run.result["stage"] == "move", run.text
    assert re.search(says, run.text), run.text

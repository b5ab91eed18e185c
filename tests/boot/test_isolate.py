"""app=isolate: every forbidden access by every function that can do DMA."""
import re

import pytest
import sluice

EDU = ["-device", "edu,dma_mask=0xffffffffffffffff"]


def cases(run):
    """attacker, direction, case, verdict of each line of the table"""
    return re.findall(r"^  (\S+) +(write|read) +(.+?) {2,}(refused|NOT REFUSED|not enforced) ", run.text, re.M)


def assert_all_refused(run, attackers):
    assert run.status == 0 and run.result["ok"] == "1" and run.result["app"] == "isolate"
    assert run.number("cases") == run.number("refused") > 0
    seen = cases(run)
    assert {name for name, *_ in seen} == attackers
    assert sum(verdict == "refused" for *_, verdict in seen) == run.number("refused")
    assert not [case for case in seen if case[3] == "NOT REFUSED"]
    return seen


def test_vfs_pf_edu(boot):
    run = boot("app=isolate", "vfs=3", qemu=EDU)
    seen = assert_all_refused(run, {"VF0", "VF1", "VF2", "PF", "edu"})
    for name in ("VF0", "VF1", "VF2"):
        mine = {(direction, case) for who, direction, case, _ in seen if who == name}
        for case in ("unmapped page", "kernel data", "kernel text", "kernel page table", "its own VT-d table",
                     "beyond the address width", "runs out of its mapping", "buffer after unmap", "page it may only read"):
            assert ("write", case) in mine
        assert ("read", "page it may only write") in mine
        assert {("write", f"memory of {other}") for other in ("VF0", "VF1", "VF2", "PF", "edu") if other != name} <= mine
    assert ("VF0", "read", "VF off and on, not attached", "refused") in seen
    edu = {case for who, _, case, _ in seen if who == "edu"}
    assert {"last 4 bytes before it", "first 4 bytes after it", "after detach", "after its domain is gone"} <= edu
    # QEMU passes DMA writes into the interrupt window on.
    assert run.result.get("not_enforced") == "1"
    assert "not enforced here" in run.text


def test_proof_can_fail(boot):
    """Without translation the attacks succeed, and it is said."""
    run = boot("app=isolate", "vfs=2", "iommu=off", qemu=EDU)
    assert run.status == 1 and run.result["ok"] == "0" and run.result["refused"] == "0"
    assert run.result["stage"] == "isolate"
    assert "SUCCEEDED: memory was reached" in run.text
    assert all(verdict == "NOT REFUSED" for *_, verdict in cases(run))


def test_without_sriov(boot, images):
    """An NVMe controller with Identify alone, which writes nothing to the medium."""
    disk = images.make("keep")
    qemu = [*sluice.iommu(), *sluice.nvme_plain("nvme0", "plain", disk[0])]
    run = boot("--bare", "app=isolate", "scratch=plain", "passes=2", qemu=qemu)
    assert_all_refused(run, {"PF"})
    assert "pass 2 of 2" in run.text
    images.assert_untouched(disk)


@pytest.mark.parametrize("options", [{"aw_bits": 39}, {"caching_mode": "on"}, {"device_iotlb": "on"},
                                     {"snoop_control": "on"}, {"x_scalable_mode": "on"}],
                         ids=lambda options: "-".join(f"{k}-{v}" for k, v in options.items()))
def test_units(boot, options):
    run = boot("app=isolate", "vfs=2", qemu=[*sluice.iommu(**options), "-m", "8G"])
    assert_all_refused(run, {"VF0", "VF1", "PF"})


def test_isolate_stock_qemu_72(boot, qemu72):
    run = boot("app=isolate", "vfs=2", qemu=EDU, env=qemu72)
    assert_all_refused(run, {"VF0", "VF1", "PF", "edu"})

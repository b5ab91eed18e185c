"""app=isolate: every forbidden access by every function that can do DMA."""
import re

import pytest
import sluice

EDU = ["-device", "edu,dma_mask=0xffffffffffffffff"]


ROW = re.compile(r"^  (\S+) +(write|read) +(.{19}) (refused|NOT REFUSED|not enforced here) +(.*)$", re.M)


def cases(run):
    """attacker, direction, case, verdict of each line of the table"""
    return [(who, direction, case.strip(), verdict) for who, direction, case, verdict, _ in ROW.findall(run.text)]


def assert_all_refused(run, attackers, vfs=0):
    assert run.status == 0 and run.result["ok"] == "1" and run.result["app"] == "isolate", run.summary()
    assert run.number("cases") == run.number("refused") > 0
    seen = cases(run)
    assert {name for name, *_ in seen} == attackers
    assert sum(verdict == "refused" for *_, verdict in seen) == run.number("refused")
    assert not [case for case in seen if case[3] == "NOT REFUSED"]
    assert all(len(row[0]) <= 80 for row in re.finditer(ROW, run.text)), "the table has 80 columns"
    # QEMU passes DMA writes into the interrupt window on, whoever makes them.
    windows = [case for case in seen if case[2] == "interrupt window"]
    assert {name for name, *_ in windows} == attackers
    assert all(verdict == "not enforced here" for *_, verdict in windows)
    assert run.number("not_enforced") == len(windows)
    assert f"not shown: {len(windows)} writes to the interrupt window: not enforced here" in run.text
    # 8 operations of each other VF during each case, but for the few that are tried with VFs off.
    assert run.number("verified") >= 8 * (vfs - 1) * (len(seen) - 4 - 2 * vfs)
    return seen


def test_vfs_pf_edu(boot):
    run = boot("app=isolate", "vfs=3", qemu=EDU)
    seen = assert_all_refused(run, {"VF0", "VF1", "VF2", "PF", "edu"}, vfs=3)
    writes = {"unmapped page", "read-only page", "page before mapping", "page after mapping", "last byte before it",
              "first byte after it", "kernel data", "kernel text", "kernel page table", "its own VT-d table", "VT-d context table",
              "beyond the width", "runs out of mapping", "buffer after unmap"}
    attackers = ("VF0", "VF1", "VF2", "PF", "edu")
    for name in attackers:
        mine = {(direction, case) for who, direction, case, _ in seen if who == name}
        others = {f"memory of {other}" for other in attackers if other != name}
        assert {("write", case) for case in writes | others} <= mine
        if name != "PF":  # Identify only writes
            assert {("read", case) for case in {"unmapped page", "write-only page", "kernel data"} | others} <= mine
        how = "write" if name == "edu" else "read"  # an NVMe controller fetches a command
        assert {(how, "after detach"), (how, "its domain is gone")} <= mine
        assert {case for _, case in mine} & {f"registers of {other}" for other in attackers}
        assert ((how, "VF off and on again") in mine) == name.startswith("VF")


def test_passes(boot):
    """Each pass has the same cases, and gives back what it took."""
    run = boot("app=isolate", "vfs=2", "passes=3")
    seen = assert_all_refused(run, {"VF0", "VF1", "PF"}, vfs=2)
    assert seen[: len(seen) // 3] * 3 == seen
    assert "after each pass as much memory was free as after the first" in run.text


def test_proof_can_fail(boot):
    """Without translation the attacks succeed, and it is said."""
    run = boot("app=isolate", "vfs=2", "iommu=off", qemu=EDU)
    assert run.status == 1 and run.result["ok"] == "0" and run.result["refused"] == "0"
    assert run.result["stage"] == "isolate"
    seen = cases(run)
    assert all(verdict == "NOT REFUSED" for *_, verdict in seen)
    rows = list(ROW.finditer(run.text))
    reached = {row[1] for row in rows if run.text[row.end():].lstrip("\n").startswith("       ^ SUCCEEDED: memory was reached")}
    assert reached == {"VF0", "VF1", "PF", "edu"}


@pytest.mark.parametrize("words", [["scratch=plain"], []], ids=["scratch", "no-scratch"])
def test_without_sriov(boot, images, words):
    """An NVMe controller with Identify alone, which writes nothing to the medium, so it need not be the scratch one."""
    disk = images.make("keep")
    qemu = [*sluice.iommu(), *sluice.nvme_plain("nvme0", "plain", disk[0])]
    run = boot("--bare", "app=isolate", *words, "passes=2", qemu=qemu)
    assert_all_refused(run, {"PF"}, vfs=1)
    assert "pass 2 of 2" in run.text
    images.assert_untouched(disk)


def test_edu_alone(boot):
    run = boot("--bare", "app=isolate", qemu=[*sluice.iommu(), *EDU])
    assert_all_refused(run, {"edu"}, vfs=1)


def test_no_scratch(boot, images):
    """A controller with SR-IOV is not started unless it is named."""
    disks = images.make("a")
    qemu = [*sluice.iommu(), *sluice.root_port("rp0", 1), *sluice.nvme_sriov("nvme0", "rp0", "other", disks)]
    boot("--bare", "app=isolate", qemu=qemu).assert_not_ok("scratch= is not set", stage="pf")
    images.assert_untouched(disks)


@pytest.mark.parametrize("options", [{"aw_bits": 39}, {"caching_mode": "on"}, {"device_iotlb": "on"},
                                     {"snoop_control": "on"}, {"x_scalable_mode": "on"}],
                         ids=lambda options: "-".join(f"{k}-{v}" for k, v in options.items()))
def test_units(boot, options):
    run = boot("app=isolate", "vfs=2", qemu=[*sluice.iommu(**options), "-m", "8G"])
    assert_all_refused(run, {"VF0", "VF1", "PF"}, vfs=2)


def test_isolate_stock_qemu_72(boot, qemu72):
    run = boot("app=isolate", "vfs=2", qemu=EDU, env=qemu72)
    assert_all_refused(run, {"VF0", "VF1", "PF", "edu"}, vfs=2)

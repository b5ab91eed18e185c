"""Units in scalable mode, tables=scalable: the same domains and the same refusals through PASID entries."""
import re

import pytest

LEGACY = ["-device", "intel-iommu,intremap=on"]
SECOND = ["-device", "intel-iommu,intremap=on,scalable-mode=on"]
FIRST = ["-device", "intel-iommu,intremap=on,scalable-mode=on,fsts=on"]


def proved(run, stage):
    """The demo's end, and that the unit was in that mode."""
    assert run.status == 0, run.summary()
    assert re.search(rf"scalable mode, {stage} stage, [34]-level, 4K 2M 1G pages", run.text)  # QEMU 7.2's unit has 39 bits
    assert (run.number("cases"), run.number("refused"), run.number("not_tried")) == (8, 8, 0)
    assert run.number("verified") > 10000 and run.number("faults") == run.number("stray_faults") == 0


@pytest.mark.each_qemu
def test_second_stage(boot):
    proved(boot("app=demo", "tables=scalable", "vfs=2", qemu=SECOND), "second")


@pytest.mark.each_qemu
@pytest.mark.needs("first-stage")
def test_first_stage(boot):
    proved(boot("app=demo", "tables=scalable", "vfs=2", qemu=FIRST), "first")


def test_auto_is_legacy(boot):
    run = boot("app=demo", "vfs=1", qemu=SECOND)
    assert run.status == 0 and "scalable mode" not in run.text, run.summary()


def test_unit_without(boot):
    """tables=scalable on a unit that has no scalable mode: a line, and legacy mode."""
    run = boot("app=demo", "tables=scalable", "vfs=1", qemu=LEGACY)
    assert run.status == 0, run.summary()
    assert "tables=scalable: the unit has no scalable mode with tables for DMA (ECAP 0xf00f4a: SMTS, and SSTS or FSTS)" in run.text


def counted(boot, app):
    """cases and refused of an app in legacy mode, with second-stage and with first-stage tables."""
    counts = []
    for words, qemu in ((), LEGACY), (("tables=scalable",), SECOND), (("tables=scalable",), FIRST):
        run = boot(f"app={app}", "vfs=1", *words, qemu=qemu)
        assert run.status == 0, run.summary()
        assert run.number("cases") == run.number("refused") and run.number("not_tried") == 0
        own = len(re.findall(r"write PASID (?:directory|table) +refused", run.text))  # only scalable mode has these
        assert (own > 0) == bool(words)
        counts.append((run.number("cases") - own, run.number("not_enforced"), run.text.count("write-only page")))
    return counts


@pytest.mark.parametrize("app", ["isolate", "audit"])
@pytest.mark.needs("first-stage")
def test_counts(boot, app):
    """The attacks of legacy mode are made and refused in scalable mode. A page that can only be written does not exist in
    first-stage tables, so nobody tries to read one.
    The two tables of PASIDs, which only scalable mode has, come on top."""
    legacy, second, first = counted(boot, app)
    assert second == legacy
    assert legacy[2] > 0 and first[2] == 0
    assert first[:2] == (legacy[0] - legacy[2], legacy[1])

"""AMD's IOMMU: the demo, every attack, the audit. QEMU's unit records neither bus nor address of a refused request, so these
are compared with its trace."""
import json
import re

import pytest
import sluice

REMAPS = pytest.mark.needs("property:amd-iommu.dma-remap")


@REMAPS
def test_demo(boot):
    run = boot("iommu_kind=amd")
    run.assert_ok(vfs=4)
    assert (run.number("cases"), run.number("refused"), run.number("irqs")) == (24, 24, 4)
    assert run.number("verified") > 10000
    assert re.search(r"iommu0: AMD-Vi at 0xfed80000, 3-level, 4K 2M 1G pages", run.text)
    assert "not shown: bus and address of 24 of them: this unit's events have neither" in run.text
    assert re.search(r"VF 0 -> memory of VF 1: refused; fault: 0000:01:00\.1 write \(no address\), reason 2", run.text)


@REMAPS
def test_isolate(boot, tmp_path):
    """Each refused request has the right bus and address, by QEMU's trace."""
    trace = tmp_path / "trace"
    run = boot("iommu_kind=amd", "app=isolate", "vfs=2",
               qemu=["-trace", f"amdvi_translation_result,file={trace}", *sluice.root_port("rp9", 9),
                     "-device", "edu,bus=rp9,dma_mask=0xffffffffffffffff"])
    assert run.status == 0 and run.result["ok"] == "1" and run.result["app"] == "isolate", run.summary()
    assert "codes of AMD-Vi's event log" in run.text and "VT-d" not in run.text
    assert run.number("refused") == run.number("cases") > 150 and run.number("not_enforced") == 0
    assert re.search(r"not shown: bus and address of \d+ of them", run.text)
    assert f"{run.number('not_tried')} of them are interrupts written by DMA: by the sender's own entry they do not" in run.text
    own = {line.split()[0].removesuffix("+msi") for line in run.lines if re.search(r"write its I/O page table +refused", line)}
    assert own == {line.split()[0].removesuffix("+msi") for line in run.lines if re.search(r"write AMD device table +refused", line)}
    assert own > {"VF0", "VF1", "PF", "edu"} and "VT-d table" not in run.text
    refused = set(re.findall(r"devid: (\d\d:\d\d\.\d) gpa 0x([0-9a-f]+) hpa 0x0$", trace.read_text(), re.M))
    for function in ("01:00.1", "01:00.2", "03:00.0"):
        pages = {int(address, 16) >> 12 for by, address in refused if by == function}
        assert len(pages) > 5, f"{function} was refused at {len(pages)} pages"


@REMAPS
def test_audit(boot):
    run = boot("iommu_kind=amd", "app=audit", "vfs=2", "json=1")
    assert run.result["proof"] == "pass" and run.result["verdict"] != "fail", run.text
    assert "IOMMU-AMD" in run.text and "STATE-BME                            0000:00:01.0" not in run.text
    seen = [json.loads(line) for line in run.text.splitlines() if line.startswith('{"t":"amd"')]
    assert [unit["phase"] for unit in seen] == ["entry", "left", "now"] and {unit["bdf"] for unit in seen} == {"0000:00:01.0"}
    assert {unit["base"] for unit in seen} == {"0xfed80000"} and {int(unit["cap_base"], 16) & ~1 for unit in seen} == {0xFED80000}
    assert [int(unit["control"], 16) & 1 for unit in seen] == [0, 0, 1] and len({unit["efr"] for unit in seen}) == 1
    assert re.search(r"in UEFI: unit at 0xfed80000 translation off, exclusion range off \(Control 0 ", run.text)
    assert "STATE-OPEN                           amd0" in run.text

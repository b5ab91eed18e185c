"""How a run ends: by itself in each way that end= names, and by an exception."""
import re

import pytest
import sluice
from test_cores import at_work

pytestmark = pytest.mark.own_firmware


@pytest.mark.parametrize("end", ["shutdown", "reboot"])
def test_through_firmware(boot, end):
    """UEFI's runtime services are called with the kernel's own page tables: QEMU ends with status 0."""
    run = boot("vfs=1", f"end={end}")
    run.assert_ok(vfs=1)
    assert "System halted" not in run.text


def test_exception(boot, folder):
    """A machine check in the timed phase: registers, a backtrace with names, a RESULT line, no hang."""
    monitor = sluice.Monitor(folder)

    def inject():
        at_work(folder / "run/serial.log")
        monitor("mce 0 5 0xbe00000000000005 0x5 0x1000 0x8c")

    with sluice.beside(inject):
        run = boot("vfs=1", "seconds=60", qemu=monitor.qemu)
    assert run.status == 3
    assert re.search(r"rip ffffffff8\w{7}  cs 0008", run.text)
    assert re.search(r"  at stage_timed\+0x\w+", run.text), "the backtrace names functions"
    assert re.search(r"  at app_main\+0x\w+", run.text)
    assert run.result["ok"] == "0" and run.result["stage"] == "hardware"


def test_only_shared_namespace(boot, images):
    """No private namespaces: each VF gets its own range of blocks of the one that all see."""
    disk = images.make("shared", mib=64)[0]
    qemu = [*sluice.iommu(), *sluice.root_port("rp0", 1), *sluice.nvme_sriov("nvme0", "rp0", sluice.SERIAL, [])]
    qemu += ["-drive", f"if=none,id=d,format=raw,file={disk}", "-device", "nvme-ns,bus=nvme0,drive=d,nsid=1"]
    run = boot("--bare", f"scratch={sluice.SERIAL}", qemu=qemu)
    run.assert_ok()
    assert "namespace 1 (its part)" in run.text



@pytest.mark.parametrize(
    "qemu, end, why",
    [
        (["-machine", "acpi=off"], "end=qemu", "the firmware provides no usable ACPI tables"),
        (["-cpu", "max,-nx"], "end=reboot", "this processor has no NX (execute disable) bit, or it is off"),
    ],
    ids=["no-acpi", "no-nx"],
)
def test_loader_refuses(boot, qemu, end, why):
    """The loader's own end of a run: RESULT, and end= of sluice.cfg, also before that has been read for the run."""
    run = boot("--bare", "app=audit", end, qemu=qemu)
    assert f"sluice: {why}" in run.text
    want = {"app": "audit", "ok": "0", "stage": "loader", "err": "UNSUPPORTED", "verdict": "none"}
    assert {key: run.result[key] for key in want} == want and run.status == 1, run.summary()

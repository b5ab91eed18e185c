"""What the hardware reports by itself: NMIs, machine checks, PCI Express errors, made by QEMU's monitor while VFs work and
while the prompt waits. They are named as what they are, and the run goes on where it can."""
import re

import pytest
import sluice
from test_audit import findings, of, report
from test_cores import at_work

FATAL = "mce 1 5 0xbe00000000000005 0x5 0x1000 0x8c"  # VAL UC EN MISCV ADDRV PCC
OPTIONAL = "mce 0 5 0xbd000000000000c0 0x5 0x1000 0x8c"  # S and not AR: what was interrupted can go on
LOST_PLACE = "mce 1 5 0xbd80000000000134 0x4 0x1000 0x8c"  # AR, and RIPV is clear
CORRECTED = "mce 0 5 0x9c00000000000151 0 0x2000 0x8c"


@pytest.fixture
def monitor(folder):
    return sluice.Monitor(folder)


@pytest.fixture
def timed(boot, monitor, folder):
    """timed(line, ...): a demo with two VFs on two cores; these lines go to the monitor while the VFs work for seconds."""

    def timed(*lines, seconds=10):
        def inject():
            at_work(folder / "run/serial.log")
            monitor(*lines)

        with sluice.beside(inject):
            run = boot("vfs=2", f"seconds={seconds}", qemu=["-smp", 2, *monitor.qemu])
        assert run.results == 1 and "BUG" not in run.text, run.summary()
        return run

    return timed


def assert_went_on(run, err, words):
    """All of the demo was done, and the last line puts it down to the hardware."""
    assert run.number("verified") and run.number("ops") and run.result["cases"] == run.result["refused"] != "0"
    run.assert_not_ok(words, stage="hardware")
    assert run.result["err"] == err


NMI = r"non-maskable interrupts on core 0 that no core sent: \d+, port 61h reads 0x\w\w: neither SERR# nor IOCHK#: it was sent from outside"
LOST = r"core 0: uncorrected machine check, in data that nothing has used: bank 5: memory controller error, STATUS 0xbd000000000000c0"


@pytest.mark.parametrize("line, err, words", [
    ("nmi", "NMI", NMI),
    (OPTIONAL, "MCE", LOST),
    ("pcie_aer_inject_error nvme0 SDN", "AER", r"0000:01:00\.0: uncorrectable PCIe error: Device Status: fatal error$"),
    ("pcie_aer_inject_error rp0 COMP_TIME", "AER", r"0000:00:\w\w\.\w: uncorrectable PCIe error: Completion Timeout \(non-fatal\), header "),
], ids=["nmi", "mce", "endpoint", "port"])
def test_survived(timed, line, err, words):
    run = timed(line)
    assert_went_on(run, err, words)
    assert run.number(err.lower()) == 1


@pytest.mark.usefixtures("replay_tool")
def test_in_the_report(boot, monitor, folder):
    """app=audit json=1: each error is a line and a warning with what was read, and a replay of the log has the same."""
    def inject():
        sluice.wait_for(folder / "run/serial.log", "hardware: errors are checked after each stage")
        monitor("nmi", CORRECTED, "pcie_aer_inject_error rp0 COMP_TIME")

    with sluice.beside(inject):
        run = boot("app=audit", "json=1", "vfs=2", qemu=monitor.qemu)
    run.assert_not_ok(NMI, stage="hardware")
    objects = report(run)
    assert [(item["source"], item["grade"], item["count"]) for item in sorted(of(objects, "error"), key=lambda item: item["source"])
            if item["grade"] != "refused"] == [("AER", "uncorrected", 1), ("MCE", "corrected", 1), ("NMI", "uncorrected", 1)]
    found = findings(objects)["HARDWARE-ERROR"]
    assert sorted(item["read"].split(", count")[0] for item in found) == ["AER, uncorrected", "MCE, corrected", "NMI, uncorrected"]
    assert any("Completion Timeout (non-fatal)" in item["read"] for item in found)
    assert any("bank 5: cache hierarchy error, STATUS 0x9c00000000000151" in item["read"] for item in found)
    assert sluice.replay(run.folder / "serial.log")[0] == 0


@pytest.mark.parametrize("line, key, words", [
    (CORRECTED, "mce_corrected", r"WARN hardware: core 0: corrected machine check: bank 5: cache hierarchy error, STATUS 0x9c00000000000151 "
     r"\(VAL EN MISCV ADDRV, MCACOD 0x0151, MSCOD 0x0000\), ADDR 0x2000, MISC 0x8c"),
    ("pcie_aer_inject_error nvme0 BAD_TLP", "aer_corrected", r"WARN hardware: 0000:01:00\.0: corrected PCIe error: Device Status: correctable error\n"),
    ("pcie_aer_inject_error rp0 BAD_TLP", "aer_corrected", r"WARN hardware: 0000:00:\w\w\.\w: corrected PCIe error: Bad TLP; Device Status: correctable error\n"),
], ids=["mce", "endpoint", "port"])
def test_corrected(timed, line, key, words):
    """Counted and shown; the run is good."""
    run = timed(line)
    run.assert_ok(vfs=2)
    assert run.number(key) == 1 and len(re.findall(words, run.text)) == 1, run.text


@pytest.mark.parametrize("line, mcg, bank", [
    (FATAL, "0x5: RIPV 1, EIPV 0, MCIP 1", "internal parity error, STATUS 0xbe00000000000005 (VAL UC EN MISCV ADDRV PCC, MCACOD 0x0005, "
     "MSCOD 0x0000), ADDR 0x1000, MISC 0x8c"),
    (LOST_PLACE, "0x4: RIPV 0, EIPV 0, MCIP 1", "cache hierarchy error, STATUS 0xbd80000000000134 (VAL UC EN MISCV ADDRV S AR, MCACOD 0x0134, "
     "MSCOD 0x0000), ADDR 0x1000, MISC 0x8c"),
], ids=["context-corrupt", "no-way-back"])
def test_fatal_machine_check(timed, line, mcg, bank):
    """The run ends at once, with what the banks say, where the core was, and where every other core was."""
    run = timed(line, seconds=120)
    run.assert_not_ok(r"machine check on core 1 \(APIC id 1\): the processor cannot go on", stage="hardware")
    assert run.result["err"] == "MCE" and run.lines[-1].startswith("RESULT ")
    assert f"  MCG_STATUS {mcg}\n  core 1 bank 5: {bank}\n" in run.text
    assert re.search(r"^core 0 \(APIC id 0\), at work:\n(  at .*\n)*  at timed_worker\+0x\w+", run.text, re.M)


@pytest.mark.needs("nvme-device-status")
def test_at_the_prompt(console, monitor):
    """Each is shown within a second, the prompt comes again, and the end says what was worst."""
    c = console("vfs=2", "term=dumb", qemu=["-smp", "2", *monitor.qemu])
    for line, words in [("nmi", NMI), ("nmi", NMI), (CORRECTED, "corrected machine check: bank 5"), (OPTIONAL, LOST),
                        ("pcie_aer_inject_error nvme0 SDN", r"0000:01:00\.0: uncorrectable PCIe error: Device Status: fatal error"),
                        ("pcie_aer_inject_error nvme0 SDN", r"0000:01:00\.0: uncorrectable PCIe error: Device Status: fatal error"),
                        ("pcie_aer_inject_error rp0 COMP_TIME", r"uncorrectable PCIe error: Completion Timeout"),
                        ("pcie_aer_inject_error nvme0 UNSUP", r"0000:01:00\.0 reports a refused request \(it is not in use\): Device Status: non-fatal error, unsupported request")]:
        monitor(line)
        c.child.expect(words)
        c.expect(sluice.PROMPT)
    assert "since firmware handed over" in c("time")
    c.keys("poweroff\r")
    c.child.expect(r"RESULT v=1 app=shell ok=0 .* nmi=2 mce=1 mce_corrected=1 aer=3 .*stage=hardware err=MCE")


def test_fatal_at_the_prompt(console, monitor):
    c = console("term=dumb", qemu=["-smp", "2", *monitor.qemu])
    monitor(FATAL.replace("mce 1", "mce 0"))
    c.child.expect(r"FAIL hardware: machine check on core 0 \(APIC id 0\): the processor cannot go on")
    c.child.expect(r"RESULT v=1 app=shell ok=0 stage=hardware err=MCE")

"""tools/compare-dpdk, without network and without a boot: what is read, counted, compared, said."""
import importlib.machinery
import importlib.util
import re
import subprocess

import pytest
import sluice

loader = importlib.machinery.SourceFileLoader("compare_dpdk", str(sluice.ROOT / "tools/compare-dpdk"))
compare = importlib.util.module_from_spec(importlib.util.spec_from_loader("compare_dpdk", loader))
loader.exec_module(compare)

LINE = "qemu -nodefaults -accel tcg -m 1G -device igb,bus=rp1"
RING = "[    5.7] timed: a ring of 3 VFs forwarded 161856 frames of 60 bytes with new addresses, %d in a second, with 10116 doorbells; the"
SENT = "[    5.8] timed: sent alone: 401568 frames, %d in a second, with 12549 doorbells; VF 1, to which they go, takes none"
COUNTS = """section cpu=1 insn=30000 mmio=1 wait_insn=0 wait_mmio=0
section cpu=1 insn=50000 mmio=1 wait_insn=0 wait_mmio=0
exit cpu=1 insn=80000 mmio=2 wait_insn=0 wait_mmio=0
"""
BENCH_INSN = """op=send depth=32 batch=32 insn_per_op=12.5 mmio_per_op=0.0312 doorbells_per_op=0.0312 empty_poll=0.0
op=receive depth=32 batch=32 insn_per_op=14.6 mmio_per_op=0.0312 doorbells_per_op=0.0312 empty_poll=0.0
op=forward depth=32 batch=32 insn_per_op=25.0 mmio_per_op=0.0625 doorbells_per_op=0.0625 empty_poll=0.0
op=forward depth=1 batch=1 insn_per_op=192.0 mmio_per_op=2.0000 doorbells_per_op=2.0000 empty_poll=0.0
"""
ROWS = [compare.words(line) for line in BENCH_INSN.splitlines()]


def sluice_run(rate):
    return compare.Run([(0, LINE), (1, RING % (3 * rate)), (2, SENT % (6 * rate)), (3, "RESULT v=1 app=audit ok=1 vfs=3")])


def said_by_testpmd(forward=200, send=300):
    return [(0, LINE), (1, f"BENCH op=forward frames={2 * forward} us=2000000 sent=100"),
            (2, f"BENCH op=send frames={send} us=1000000 sent=250"), (3, "RESULT v=1 app=dpdk ok=1 kernel=6.1 iommu=DMA-FQ")]


def test_runs_are_read():
    assert sluice_run(100).rate == {"forward": 300, "send": 600} and sluice_run(100).line == LINE
    run = compare.Run(said_by_testpmd())
    assert run.rate == {"forward": 200, "send": 300} and run.frames == {"forward": 100, "send": 250}


@pytest.mark.parametrize("lines, why", [
    (said_by_testpmd()[:3], "did not get through .stage unknown"),
    (said_by_testpmd()[:2] + said_by_testpmd()[3:], "gave no rate for send"),
    (said_by_testpmd(forward=0), "gave no rate for forward"),
    ([(1, "RESULT v=1 ok=0 stage=timed")], "did not get through .stage timed"),
    ([(1, "RESULT v=1 ok=1")], "gave no rate for forward, send"),
    ([(1, RING % 5), (2, "RESULT v=1 ok=1")], "gave no rate for send"),
])
def test_incomplete_run(lines, why):
    with pytest.raises(compare.Failure, match=why):
        compare.Run(lines)


def test_instructions():
    run = compare.Run(said_by_testpmd())
    assert compare.sections(COUNTS, run) == {"forward": 300, "send": 200}
    assert compare.ours(ROWS) == {"send": 12.5, "forward": 25}
    with pytest.raises(compare.Failure, match="counted 1 sections in 2 rows"):
        compare.sections(COUNTS[COUNTS.index("\n") + 1 :], run)


@pytest.mark.parametrize("rate, said", [(100, ["forward: 1.50 times testpmd's rate, at least the 1.3", "send: 1.33 times testpmd's rate, at least the 1.3"]),
                                        (80, ["forward: 1.20 times testpmd's rate, less than the 1.3", "send: 1.07 times testpmd's rate, less"])])
def test_table(rate, said):
    runs = {"sluice": [sluice_run(n * rate) for n in (1, 2, 3)], "testpmd": [compare.Run(said_by_testpmd(n * 200, n * 450)) for n in (1, 2, 3)]}
    insn = {"sluice": compare.ours(ROWS), "testpmd": {"forward": 300, "send": 200}}
    text = "\n".join(compare.table(runs, insn))
    assert all(words in text for words in said) and "figures of an emulator" in text
    assert re.search(r"forwarded, both MAC addresses rewritten +25\.0 +300\.0 +12\.0", text) and re.search(r"sent +12\.5 +200\.0 +16\.0", text)
    assert re.search(rf"frames/s sent +{12 * rate} \({6 * rate} to {18 * rate}\) +900 \(450 to 1350\) +{6 * rate / 450:.2f} \(", text)
    assert "3 rounds" in "\n".join(compare.about(runs))


def test_marks(folder):
    """The programs that mark testpmd's rows are ELF, end by themselves, have the mark, and lie where the plugin looks."""
    low, high = (int(word, 16) for word in re.findall(r"0x[0-9a-f]+", compare.PROGRAMS))
    for number in (14, 15):
        program = folder / f"mark{number}"
        program.write_bytes(compare.mark(number))
        program.chmod(0o755)
        assert subprocess.run([program], timeout=sluice.PATIENCE, check=False).returncode == 0
        assert bytes([0x0f, 0x1f, 0x84, 0, number]) + b"ULS" in program.read_bytes()
        assert low <= int.from_bytes(program.read_bytes()[24:32], "little") < high


def test_the_init_is_what_the_tool_reads():
    subprocess.run(["sh", "-n", compare.GUEST.init], check=True)
    text = compare.GUEST.init.read_text()
    assert "BENCH op=%s frames=%d us=%d sent=%d" in text and all(f"row {op} " in text for op in compare.OPS)
    assert all(word in text for word in ("option vfs", "option seconds", "mark-begin", "mark-end"))


@pytest.mark.parametrize("version, taken", [("10.0.2", "build/qemu-10.0/qemu-system-x86_64"), ("10.0.13", "qemu-system-x86_64")])
def test_qemu(folder, monkeypatch, version, taken):
    """QEMU up to 10.0.2 decodes 32 bits of a VF's BAR, and Linux puts it above 4 GiB."""
    (folder / "qemu-system-x86_64").write_text(f"#!/bin/sh\necho 'QEMU emulator version {version} (Debian)'\n")
    (folder / "tools").mkdir()
    (folder / "tools/unpack-qemu").write_text("#!/bin/sh\ntest \"$*\" = '10.0 trixie'\n")
    for name in ("qemu-system-x86_64", "tools/unpack-qemu"):
        (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    monkeypatch.delenv("QEMU", raising=False)
    assert compare.emulator_for_vfs(folder) == taken
    monkeypatch.setenv("QEMU", "mine")
    assert compare.emulator_for_vfs(folder) == "mine"


def test_wrong_arguments():
    done = subprocess.run(["tools/compare-dpdk", "--fast"], cwd=sluice.ROOT, capture_output=True, text=True, timeout=sluice.PATIENCE)
    assert done.returncode == 2 and "--quick" in done.stderr

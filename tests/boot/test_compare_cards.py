"""tools/compare-cards, without network and without a boot: what is read, counted, said."""
import importlib.machinery
import importlib.util
import re
import subprocess

import pytest
import sluice

loader = importlib.machinery.SourceFileLoader("compare_cards", str(sluice.ROOT / "tools/compare-cards"))
compare = importlib.util.module_from_spec(importlib.util.spec_from_loader("compare_cards", loader))
loader.exec_module(compare)

LINE = "qemu -nodefaults -accel tcg -m 1G -device igb,bus=rp1"
BENCH_INSN = [compare.words(line) for line in (
    "op=send depth=32 batch=32 insn_per_op=11.5 mmio_per_op=0.0312 doorbells_per_op=0.0312 empty_poll=0.0",
    "op=forward depth=32 batch=32 insn_per_op=29.0 mmio_per_op=0.0625 doorbells_per_op=0.0625 empty_poll=0.0",
    "op=forward depth=1 batch=1 insn_per_op=190.0 mmio_per_op=2.0000 doorbells_per_op=2.0000 empty_poll=0.0")]


def said_by_linux(times=1):
    lines = [LINE]
    for number, kind in enumerate(compare.KINDS, times):
        lines += [f"CARD kind={kind} iommu=DMA-FQ", f"BENCH op=send bytes=60 frames={number * 1000} us=1000000",
                  f"BENCH op=send bytes=1514 frames={number * 500} us=500000",
                  f"BENCH op=round frames=100 us=30000 min_ns=1000 p50_ns={number * 2000} p99_ns={number * 3000}"]
    return [(0, line) for line in lines + ["RESULT v=1 app=cards ok=1 kernel=6.1"]]


def said_by_sluice(rate=5000):
    return [(0, LINE), (1, f"[    5.8] timed: sent alone: 401568 frames, {rate} in a second, with 12549 doorbells; VF 1, to which"),
            (2, "RESULT v=1 app=demo ok=1 vfs=2 p50_ns=9300 p99_ns=81900")]


def counts():
    return "".join(f"section cpu=0 insn={insn} mmio={insn // 1000} wait_insn=0 wait_mmio=0\n"
                   for _ in compare.KINDS for insn in (100000, 200000, 300000)) + "exit cpu=0 insn=1 mmio=0 wait_insn=0 wait_mmio=0\n"


def test_runs_are_read():
    run = compare.Run(said_by_linux())
    assert set(run.rows) == {(kind, *row) for kind in compare.KINDS for row in compare.ROWS}
    assert run.rows["PF", "send", "1514"]["frames"] == 1500 and run.iommu["VF"] == "DMA-FQ" and run.line == LINE
    ours = compare.Run(said_by_sluice()).rows
    assert ours == {("VF", "send", "60"): {"frames": 5000, "us": 1000000}, ("VF", "round", ""): {"p50_ns": 9300, "p99_ns": 81900}}


@pytest.mark.parametrize("lines, why", [
    (said_by_linux()[:-1], "did not get through .stage unknown"),
    ([(0, "RESULT v=1 ok=0 stage=PF_link")], "did not get through .stage PF_link"),
    ([line for line in said_by_linux() if "bytes=1514" not in line[1]], "gave no row of PF send 1514, VF send 1514, e1000e send 1514"),
    (said_by_sluice()[:1] + said_by_sluice()[2:], "gave no row of VF send 60"),
])
def test_incomplete_run(lines, why):
    with pytest.raises(compare.Failure, match=why):
        compare.Run(lines)


def test_costs():
    run = compare.Run(said_by_linux())
    costs = compare.sections(counts(), run)
    assert costs["e1000e", "send", "60"] == (100, 0.1) and costs["virtio-net", "send", "1514"] == (200, 0.2)
    assert costs["VF", "round", ""] == (3000, 3)
    assert compare.ours(BENCH_INSN) == {("VF", "send", "60"): (11.5, 0.0312), ("VF", "round", ""): (380, 4)}
    with pytest.raises(compare.Failure, match="counted 11 sections in 12 rows"):
        compare.sections(counts()[counts().index("\n") + 1 :], run)


def test_table():
    linux = [compare.Run(said_by_linux(times)) for times in (1, 2, 3)]
    text = "\n".join(compare.table({"Linux": linux, "Sluice": [compare.Run(said_by_sluice(n)) for n in (4000, 6000, 5000)]},
                                   {"Linux": compare.sections(counts(), linux[0]), "Sluice": compare.ours(BENCH_INSN)}))
    assert re.search(r"e1000e, Linux +virtio-net, Linux +PF, Linux +VF, Linux +VF, Sluice\n", text)
    assert re.search(r"60 bytes sent a second +2000 +3000 +4000 +5000 +5000\n", text)
    assert re.search(r"1514 bytes +3\.0 +4\.5 +6\.1 +7\.6 +-\n", text) and re.search(r"us, median +4\.0 +6\.0 +8\.0 +10\.0 +9\.3\n", text)
    assert re.search(r"instructions a frame sent +100\.0 +50\.0 +33\.3 +25\.0 +11\.5\n", text) and "figures of an emulator" in text
    assert "IOMMU of e1000e: DMA-FQ" in "\n".join(compare.about({"Linux": linux, "Sluice": []}))


def test_the_guest_is_what_the_tool_reads(folder):
    subprocess.run(["sh", "-n", sluice.ROOT / "tools/linux_guest_cards.sh"], check=True)
    text = (sluice.ROOT / "tools/linux_guest_cards.sh").read_text()
    assert re.findall(r"^card (\S+) ", text, re.M) == list(compare.KINDS) and "CARD kind=" in text
    assert re.search(r'for row in "send \S+ 60" "send \S+ 1514" "round \S+ \S+"; do', text)
    subprocess.run(["cc", "-Wall", "-Wextra", "-Werror", "-o", folder / "frames", sluice.ROOT / "tools/linux_guest_frames.c"], check=True,
                   timeout=sluice.PATIENCE)
    assert subprocess.run([folder / "frames"], capture_output=True, timeout=sluice.PATIENCE, check=False).returncode == 2


def test_wrong_arguments():
    done = subprocess.run(["tools/compare-cards", "--fast"], cwd=sluice.ROOT, capture_output=True, text=True, timeout=sluice.PATIENCE)
    assert done.returncode == 2 and "--quick" in done.stderr

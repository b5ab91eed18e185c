"""tools/insncount counts exactly, and make bench-insn does not count more than what was recorded."""
import re
import subprocess

import pytest
import sluice

PLUGIN = sluice.ROOT / "build/insncount.so"


@pytest.fixture
def plugin():
    sluice.make("build/insncount.so")
    return PLUGIN


def count(folder, plugin, qemu, more=""):
    """Runs insn.S as firmware; what the plugin wrote, as {first word: [numbers by name]}, in order."""
    obj, rom = folder / "insn.o", folder / "insn.bin"
    source = sluice.ROOT / "tests/boot/insn.S"
    subprocess.run(["clang", "--target=i386-unknown-none-elf", "-c", "-o", obj, source], check=True)
    subprocess.run(["llvm-objcopy", "-O", "binary", "-j", ".text", obj, rom], check=True)
    out = folder / "counts"
    done = subprocess.run(
        [qemu, "-nodefaults", "-no-user-config", "-display", "none", "-machine", "q35", "-cpu", "max", "-accel", "tcg",
         "-device", "isa-debug-exit,iobase=0xf4,iosize=4", "-bios", rom, "-plugin", f"{plugin},out={out},from=0{more}"],
        timeout=sluice.PATIENCE, capture_output=True, text=True)
    assert done.returncode == 65, done.stderr
    lines = [line.split() for line in out.read_text().splitlines()]
    return [(words[0], {k: int(v) for k, v in (w.split("=") for w in words[1:])}) for words in lines]


def assert_exact(lines):
    assert [name for name, _ in lines] == ["section", "section", "first", "exit"]
    assert lines[0][1] == {"cpu": 0, "insn": 3001, "mmio": 0, "wait_insn": 0, "wait_mmio": 0}
    assert lines[1][1] == {"cpu": 0, "insn": 6, "mmio": 2, "wait_insn": 22, "wait_mmio": 7}
    # From the reset vector: jmp, 6 to protected mode, 3 for segments, and the two sections.
    assert lines[2][1] == {"cpu": 0, "insn": 1 + 6 + 3 + 3007, "mmio": 2, "wait_insn": 22, "wait_mmio": 7}
    assert lines[3][1]["insn"] == 3007


@pytest.mark.each_qemu
def test_counts_are_exact(folder, plugin, emulator):
    assert_exact(count(folder, plugin, emulator.path))


def test_code_above_is_left_out(folder, plugin):
    """below=: the firmware's code ends at 4 GiB, so that nothing of it is counted, and no marker of it is one."""
    assert count(folder, plugin, "qemu-system-x86_64", ",below=0x1000") == []
    assert_exact(count(folder, plugin, "qemu-system-x86_64", ",below=0x100000000"))


def rows(text):
    """{"strict qd=1": (insn, mmio, empty_poll)}"""
    found = re.findall(r"^((?:[\w=]+ )?(?:depth|qd)=\d+) insn_per_op=([\d.]+) mmio_per_op=([\d.]+) empty_poll=([\d.]+)", text, re.M)
    return {name: tuple(map(float, rest)) for name, *rest in found}


def test_no_more_instructions_than_recorded(plugin):
    """One in a hundred more at most. It was recorded with nothing else running, so that each doorbell is followed by a wait;
    on a busy machine some results are there at once, which takes fewer."""
    done = subprocess.run(["tools/bench-insn"], cwd=sluice.ROOT, capture_output=True, text=True, timeout=3 * sluice.PATIENCE)
    print(done.stdout, done.stderr)
    assert done.returncode == 0
    recorded, now = rows((sluice.ROOT / "tests/insn.txt").read_text()), rows(done.stdout)
    assert list(now) == list(recorded)
    assert {f"depth={depth}" for depth in (1, 8, 32, 128)} < set(now)
    for name, (insn, mmio, empty) in recorded.items():
        assert now[name][0] <= insn * 1.01, name
        assert now[name][1] <= mmio * 1.01, name
        assert now[name][2] <= max(8, empty * 1.2), name
    assert "iommu_waits_per_op=1.00" in done.stdout
    if not sluice.installed().has("rep-once"):
        return  # memset() is one instruction, which QEMU counted once for each byte
    first = re.compile(r"^first_completion minsn=([\d.]+)$", re.M)
    recorded = (sluice.ROOT / "tests/insn.txt").read_text()
    assert float(first.search(done.stdout)[1]) <= 1.1 * float(first.search(recorded)[1])


def test_insn_on_a_medium_that_keeps(boot):
    """The same rows on images: what is read is what was written."""
    run = boot("app=insn", "vfs=1", "qd=128")
    assert run.status == 0, run.summary()
    assert run.result["app"] == "insn" and run.result["ok"] == "1"
    assert len(re.findall(r"^BENCH .* doorbells=[1-9]", run.text, re.M)) >= 6
    assert int(run.result["mem_kib"]) <= 16 * 1024

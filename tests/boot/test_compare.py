"""tools/compare-linux and the Linux guest it makes, without network and without a boot: what is parsed, chosen, packed, said."""
import importlib.machinery
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import time

import pytest
import sluice

sys.path.insert(0, str(sluice.ROOT / "tools"))
import linux_guest  # noqa: E402

loader = importlib.machinery.SourceFileLoader("compare_linux", str(sluice.ROOT / "tools/compare-linux"))
compare = importlib.util.module_from_spec(importlib.util.spec_from_loader("compare_linux", loader))
loader.exec_module(compare)

LINE = "qemu -nodefaults -accel tcg -m 1G -device nvme,id=nvme0"


def said(kind, scale=1, leave_out=None, result="ok=1 mem_kib=2048"):
    """What a boot says, as Run takes it."""
    first, last = {"sluice": ("sluice: leaving firmware", "[  0.3] vf: 0000:01:00.1: the first completion, 0.3 s"),
                   "linux": ("EFI stub: Loaded initrd from LINUX_EFI_INITRD_MEDIA_GUID device path", "FIRST uptime=2")}[kind]
    lines = [(0.5, LINE), (1.0, first), (1.25, last), (9.0, last)]
    for depth, batch in compare.ROWS:
        for ops in (1000, 3000):  # two passes
            lines.append((2, f"BENCH strict=0 bytes=4096 depth={depth} batch={batch} ops={ops * depth * scale} us=500000"))
    lines.append((3, "BENCH strict=0 bytes=131072 depth=8 batch=8 ops=1 us=1"))
    lines.append((3, f"RESULT v=1 app=insn {result}"))
    return [(when, text) for when, text in lines if not leave_out or leave_out not in text]


def test_run_is_read():
    run = compare.Run("sluice", said("sluice"))
    assert run.rate == {(depth, ""): 4000 * depth for depth, _ in compare.ROWS}
    assert run.start == 0.25 and run.memory == 2 and run.line == LINE
    assert compare.Run("linux-pt", said("linux")).start == 0.25


def test_strict_rows_are_apart():
    run = compare.Run("sluice", [(2, "BENCH strict=1 bytes=4096 depth=32 batch=32 ops=5 us=1000000")] + said("sluice"))
    assert run.rate[32, "each mapped"] == 5 and run.rate[32, ""] == 4000 * 32


@pytest.mark.parametrize("left_out, result, why", [
    ("depth=32 ", "ok=1 mem_kib=1", "gave no numbers for depth 32"),
    ("leaving firmware", "ok=1 mem_kib=1", "when it left firmware"),
    ("first completion", "ok=1 mem_kib=1", "first read"),
    ("RESULT", "", "did not get through .stage unknown"),
    (None, "ok=0 stage=sriov mem_kib=1", "did not get through .stage sriov"),
    (None, "ok=1", "how much memory"),
])
def test_incomplete_run(left_out, result, why):
    with pytest.raises(compare.Failure, match=why):
        compare.Run("sluice", said("sluice", leave_out=left_out, result=result))


def test_table():
    """Medians with extremes; the ratio is the median of the rounds' ratios, and less is better for time and memory."""
    runs = {"sluice": [compare.Run("sluice", said("sluice", scale)) for scale in (4, 6, 30)],
            "linux": [compare.Run("linux", said("linux", scale, result="ok=1 mem_kib=4096")) for scale in (1, 2, 3)],
            "linux-pt": [compare.Run("linux-pt", said("linux", 2)) for _ in range(3)]}
    lines = {line.split("  ")[1]: line.split() for line in compare.table(runs)[1:]}
    assert lines["reads/s, depth 8"][3:] == [
        "192000", "(128000", "to", "960000)", "64000", "(32000", "to", "96000)", "4.0", "64000", "(64000", "to", "64000)", "3.0"]
    assert lines["memory, MiB"][2:3] == ["2.0"] and lines["memory, MiB"][10] == "2.0" and lines["memory, MiB"][-1] == "1.0"
    text = "\n".join(compare.about(runs))
    assert "-accel tcg" in text and "3 rounds" in text
    assert "not worth" not in text
    for run in runs["sluice"] + runs["linux"]:
        run.others = 0.5
    assert "50 % of the host's CPU time: more than a tenth" in "\n".join(compare.about(runs))


def test_same_machine():
    """What may differ between the sides is the kernel, its words and its initramfs, nothing else."""
    ours = LINE + r" -kernel build/BOOTX64.EFI -append app=insn\ vfs=1"
    linux = LINE + r" -kernel build/vmlinuz -append console=ttyS0\ loglevel=3 -initrd build/initrd"
    assert compare.machine_of(ours) == compare.machine_of(linux) == LINE
    assert compare.machine_of(linux + " -smp 8") != LINE


def test_wrong_arguments():
    done = subprocess.run(["tools/compare-linux", "--fast"], cwd=sluice.ROOT, capture_output=True, text=True, timeout=sluice.PATIENCE)
    assert done.returncode == 2 and "--quick" in done.stderr


def test_qemu_without_sriov(folder):
    qemu = folder / "qemu"
    qemu.write_text("#!/bin/sh\necho '  serial=<str>'\n")
    qemu.chmod(0o755)
    with pytest.raises(compare.Failure, match="no SR-IOV"):
        compare.check_qemu(str(qemu))
    with pytest.raises(compare.Failure, match="install qemu-system-x86"):
        compare.check_qemu(str(folder / "nobody"))


def test_run_that_fails(folder, monkeypatch):
    """run.sh's own words and the log are in the sentence; the process is gone."""
    (folder / "run.sh").write_text("#!/bin/sh\necho 'run.sh: no UEFI firmware'\nexit 1\n")
    (folder / "run.sh").chmod(0o755)
    monkeypatch.setattr(compare, "ROOT", folder)
    with pytest.raises(compare.Failure, match=r"Sluice did not get through .*run\.sh: no UEFI firmware; see .*x\.log"):
        compare.boot("sluice", "k", "i", folder / "x.log")
    assert "no UEFI firmware" in (folder / "x.log").read_text()


URIS = """'http://mirror.invalid/a/libaio1_0.3.113-4_amd64.deb' libaio1_0.3.113-4_amd64.deb 13384 SHA256:0
'http://mirror.invalid/a/zlib1g_1%3a1.2.13.dfsg-1_amd64.deb' zlib1g_1%3a1.2.13.dfsg-1_amd64.deb 86684 SHA256:0
'http://mirror.invalid/a/python3_3.11.2-1+b1_amd64.deb' python3_3.11.2-1+b1_amd64.deb 26300 SHA256:0
'http://mirror.invalid/a/libfile-find-rule-perl_0.34-4_all.deb' libfile-find-rule-perl_0.34-4_all.deb 26736 SHA256:0
'http://mirror.invalid/a/linux-image-6.1.0-56-amd64_6.1.192-2_amd64.deb' linux-image-6.1.0-56-amd64_6.1.192-2_amd64.deb 7 SHA256:0
'http://mirror.invalid/a/linux-image-amd64_6.1.192-2_amd64.deb' linux-image-amd64_6.1.192-2_amd64.deb 1480 SHA256:0
'http://mirror.invalid/a/fio_3.33-3_amd64.deb' fio_3.33-3_amd64.deb 537684 SHA256:0
"""


def test_choice_of_packages():
    assert linux_guest.choose(URIS) == [
        "libaio1=0.3.113-4", "zlib1g=1:1.2.13.dfsg-1", "linux-image-6.1.0-56-amd64=6.1.192-2", "fio=3.33-3"]
    with pytest.raises(linux_guest.Failure, match="knows no kernel"):
        linux_guest.choose("")


def fake_apt(folder, monkeypatch, script):
    tool = folder / "apt-get"
    tool.write_text(f"#!/bin/sh\n{script}\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")


def test_no_package_and_no_network(folder, monkeypatch):
    fake_apt(folder, monkeypatch, "echo 'E: Unable to locate package fio' >&2; exit 100")
    with pytest.raises(linux_guest.Failure, match="Unable to locate package fio; is the network up"):
        linux_guest.make(folder / "guest")
    (folder / "uris").write_text(URIS)
    fake_apt(folder, monkeypatch, f"case \"$*\" in *--print-uris*) cat {folder}/uris; exit ;; esac\n"
                                  "echo 'E: Failed to fetch http://mirror.invalid/fio' >&2; exit 100")
    with pytest.raises(linux_guest.Failure, match="Failed to fetch"):
        linux_guest.make(folder / "guest")
    assert not (folder / "guest/deb/complete").exists(), "the next run downloads again"


def test_needed_libraries():
    """Against what the C library's own loader says."""
    program = os.path.realpath("/usr/bin/python3")
    names = linux_guest.needed(open(program, "rb").read())
    said_by_ldd = subprocess.run(["ldd", program], capture_output=True, text=True, check=True).stdout
    assert "libc.so.6" in names and all(name in said_by_ldd for name in names)


def unpack(archive):
    """[(name, mode, bytes)] of a newc archive."""
    at, found = 0, []
    while True:
        assert archive[at : at + 6] == b"070701" and at % 4 == 0
        field = [int(archive[at + 6 + 8 * i : at + 14 + 8 * i], 16) for i in range(13)]
        name = archive[at + 110 : at + 109 + field[11]].decode()
        at += (110 + field[11] + 3) // 4 * 4
        if name == "TRAILER!!!":
            return found
        found.append((name, field[1], archive[at : at + field[6]]))
        at += (field[6] + 3) // 4 * 4


def test_initramfs():
    assert unpack(linux_guest.cpio({"bin/": (b"", 0o755), "bin/xy": (b"hello", 0o755), "init": (b"", 0o644)})) == [
        ("bin", 0o40755, b""), ("bin/xy", 0o100755, b"hello"), ("init", 0o100644, b"")]


class Files:
    """Packages that hold kernel modules."""

    def __init__(self, **needs):
        self.needs = needs

    def read(self, pattern):
        for name, needs in self.needs.items():
            path = f"usr/lib/modules/6/kernel/drivers/{name.replace('_', '-')}.ko"
            if re.fullmatch(pattern, path):
                return path, b"\0depends=" + needs.encode() + b"\0"
        raise AssertionError(pattern)


def test_order_of_modules():
    files = Files(nvme="nvme-core", nvme_core="t10_pi,crc", t10_pi="crc", crc="")
    assert [name for name, _ in linux_guest.modules(files, "nvme")] == ["crc", "t10_pi", "nvme-core", "nvme"]
    assert [name for name, _ in linux_guest.modules(files, "t10_pi", "nvme")] == ["crc", "t10_pi", "nvme-core", "nvme"]


def test_init_is_a_shell_script():
    subprocess.run(["sh", "-n", linux_guest.READS.init], check=True)


def test_the_init_says_what_is_read():
    """Each word that the tool waits for stands in the init."""
    text = linux_guest.READS.init.read_text()
    assert compare.FIRST["linux"] in text and "BENCH %s ops=%d us=%d" in text and "mem_kib=" in text


def test_ended_from_outside(folder):
    """A signal ends the tool, and the machine that runs with it."""
    tree = folder / "tree"
    (tree / "tools").mkdir(parents=True)
    for name in ("compare-linux", "linux_guest.py", "side_by_side.py"):
        shutil.copy(sluice.ROOT / "tools" / name, tree / "tools")
    # A guest that is made already, and a machine that never ends and is made slowly: the signal comes while it is.
    (tree / "tools/linux_guest.py").write_text("""
import subprocess, time
class Failure(Exception): pass
def make(folder): return folder, folder
class Slow(subprocess.Popen):
    def __init__(self, *command, **more):
        super().__init__(*command, **more)
        time.sleep(1 if more.get("start_new_session") else 0)
subprocess.Popen = Slow
""")
    for name, text in (("tools/setup.sh", "exit 0"), ("run.sh", "echo $$ >pid; exec sleep 1000"), ("qemu", "echo sriov_max_vfs")):
        (tree / name).write_text(f"#!/bin/sh\n{text}\n")
        (tree / name).chmod(0o755)
    child = subprocess.Popen(["tools/compare-linux"], cwd=tree, env={**os.environ, "QEMU": str(tree / "qemu")})
    for _ in range(10 * sluice.PATIENCE):
        if (tree / "pid").exists() and (tree / "pid").read_text():
            break
        time.sleep(0.1)
    pid = int((tree / "pid").read_text())
    child.terminate()
    assert child.wait(sluice.PATIENCE) == 143
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)

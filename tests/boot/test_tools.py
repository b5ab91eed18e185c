"""run.sh, the image and the build themselves; no machine is booted unless it says so."""
import gzip
import os
import pathlib
import random
import re
import shutil
import stat
import subprocess

import pytest
import sluice

SECURE_CODE = pathlib.Path("/usr/share/OVMF/OVMF_CODE_4M.secboot.fd")
SECURE_VARS = pathlib.Path("/usr/share/OVMF/OVMF_VARS_4M.ms.fd")


def sh(*command, **env):
    variables = {**os.environ, **{key: str(value) for key, value in env.items()}}
    for name in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS"):
        variables.pop(name, None)
    done = subprocess.run(
        list(map(str, command)), cwd=sluice.ROOT, env=variables, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", timeout=sluice.PATIENCE,
    )
    print(done.stdout)
    return done.returncode, done.stdout


def test_help():
    status, text = sh("./run.sh", "--help")
    assert status == 0 and "key=value" in text


@pytest.mark.parametrize(
    "word, said", [("--frob", "unknown option --frob"), ("demo", "what is demo")]
)
def test_wrong_arguments(word, said):
    status, text = sh("./run.sh", word)
    assert status == 2 and said in text


def test_missing_firmware(folder):
    status, text = sh("./run.sh", OVMF="/nowhere/OVMF_CODE.fd", RUN=folder / "run")
    assert status == 1 and "OVMF=/nowhere/OVMF_CODE.fd cannot be read" in text
    code = folder / "code.fd"
    code.touch()
    status, text = sh("./run.sh", OVMF=code, RUN=folder / "run")
    assert status == 1 and "OVMF_VARS=" in text


def test_time_limit(folder):
    """A machine that does not get to its end in time; QEMU is gone afterwards."""
    status, text = sh("./run.sh", "--", "-accel", "tcg", TIMEOUT=1, RUN=folder / "run")
    assert status == 1 and "no end within 1 s" in text


def test_run_folder_of_somebody(folder):
    """A folder that no run has made is left as it is, the one of an earlier run is made again, an empty one is taken."""
    (folder / "thesis.txt").write_text("years")
    qemu = folder.parent / f"{folder.name}.qemu"
    qemu.write_text("#!/bin/sh\nexit 33\n")
    qemu.chmod(0o755)
    for path in (folder, folder / "thesis.txt"):
        status, text = sh("./run.sh", "--", "-accel", "tcg", QEMU=qemu, RUN=path)
        assert status == 1 and "is not of an earlier run" in text
    assert (folder / "thesis.txt").read_text() == "years" and [path.name for path in folder.iterdir()] == ["thesis.txt"]
    (folder / "empty").mkdir()
    for _ in range(2):
        _, text = sh("./run.sh", "--", "-accel", "tcg", QEMU=qemu, RUN=folder / "empty")
        assert "did not say RESULT" in text


def test_run_folder_that_qemu_cannot_take(folder):
    """The path of a socket has at most 107 bytes; a comma ends a file's name. Either is reported before anything is done."""
    qemu = folder / "qemu"
    qemu.write_text("#!/bin/sh\nexit 33\n")
    qemu.chmod(0o755)
    room = 100 - len(str(folder)) - 1
    for name, words, said in [("x" * (room + 1), [], "RUN=.* is too long"), ("a,b", [], "RUN=.* has a comma"), ("x" * room, [], "did not say RESULT"),
                              ("x" * (room + 1), ["--bare"], "did not say RESULT")]:
        status, text = sh("./run.sh", *words, "--", "-accel", "tcg", QEMU=qemu, RUN=folder / name)
        assert status == 1 and re.search(said, text), name
        assert (folder / name).exists() == ("RESULT" in said)


@pytest.mark.skipif(not SECURE_VARS.exists(), reason="this system's OVMF has no variables with Secure Boot's keys")
def test_secure_boot(folder):
    """The EFI file is not signed, so firmware with keys refuses it; the message says that, and not that the run had no end."""
    status, text = sh("./run.sh", "--", "-machine", "smm=on", "-accel", "tcg", OVMF=SECURE_CODE, OVMF_VARS=SECURE_VARS, TIMEOUT=380,
                      RUN=folder / "run")
    assert status == 1 and "Secure Boot refuses the EFI file" in text and "no end" not in text


def test_silent_guest(folder):
    """QEMU ends, the guest said nothing."""
    qemu = folder / "qemu"
    qemu.write_text("#!/bin/sh\nexit 33\n")
    qemu.chmod(0o755)
    status, text = sh("./run.sh", "--", "-accel", "tcg", QEMU=qemu, RUN=folder / "run")
    assert status == 1 and "did not say RESULT" in text


@pytest.mark.parametrize("qemu_status, result, want", [
    (33, "ok=1 stage=none err=OK verdict=pass", 0), (33, "ok=1 stage=none err=OK verdict=none", 0), (0, "ok=1 verdict=pass", 0),
    (35, "ok=0 stage=audit err=VERIFY verdict=fail", 3), (0, "ok=0 stage=audit err=VERIFY verdict=fail", 3),
    (35, "ok=0 stage=pf err=NOTFOUND verdict=none", 1), (35, "ok=0 stage=crash err=BUG verdict=none", 1),
    (35, "ok=1 verdict=pass", 1), (1, "ok=1 verdict=pass", 1), (35, "ok=0 stage=verdict=fail_no", 1)], ids=map(str, range(10)))
@pytest.mark.parametrize("shell", [[], ["--shell"]], ids=["run", "shell"])
def test_exit_status(folder, qemu_status, result, want, shell):
    """The machine is not sound (3) is told from: the run did not work (1). The console has no other statuses."""
    qemu = folder / "qemu"
    qemu.write_text(f'#!/bin/sh\necho "RESULT v=1 app=audit {result}" | tee "{folder}/run/serial.log"\nexit {qemu_status}\n')
    qemu.chmod(0o755)
    if shell and qemu_status in (0, 33):
        want = 0  # a person ended it
    status, text = sh("./run.sh", *shell, "--", "-accel", "tcg", QEMU=qemu, RUN=folder / "run")
    assert status == want, text


@pytest.mark.skipif(not os.access("/dev/kvm", os.R_OK | os.W_OK), reason="no /dev/kvm")
def test_kvm_that_does_not_work(folder):
    """A /dev/kvm that opens but runs no guest: emulation, and one line about it."""
    qemu = folder / "qemu"
    qemu.write_text('#!/bin/sh\ncase "$*" in *kvm-test.bin*) exit 1 ;; esac\n'
                    'case "$*" in *"-accel tcg"*) echo RESULT v=1 ok=1; exit 33 ;; esac\n')
    qemu.chmod(0o755)
    status, text = sh("./run.sh", QEMU=qemu, RUN=folder / "run")
    assert status == 0 and text.count("/dev/kvm is there but does not run a test guest") == 1


def test_image(folder):
    """Same bytes each time, a sound partition table, and the files where firmware looks for them."""
    for name in ("a.img", "b.img"):
        status, _ = sh("tools/mkimage.sh", folder / name, "build/BOOTX64.EFI")
        assert status == 0
    image = folder / "a.img"
    assert image.read_bytes() == (folder / "b.img").read_bytes()
    status, text = sh("sgdisk", "-v", image)
    assert status == 0 and "No problems found" in text
    efi = subprocess.run(["mtype", "-i", f"{image}@@1M", "::/EFI/BOOT/BOOTX64.EFI"], capture_output=True, check=True)
    assert efi.stdout == (sluice.ROOT / "build/BOOTX64.EFI").read_bytes()
    _, cfg = sh("mtype", "-i", f"{image}@@1M", "::/sluice.cfg")
    assert [line for line in cfg.splitlines() if line and line[0] != "#"] == ["app=audit", "json=1", "keep=1", "menu=5"], "safe by default"
    (folder / "stick.cfg").write_text(cfg)
    (folder / "demo.cfg").write_text(re.sub("^#(?=[a-z]+=)", "", cfg.replace("app=audit\n", ""), flags=re.M))
    for name in ("stick", "demo"):  # with every option that stands there as a comment
        assert sh("build/checkcfg", folder / f"{name}.cfg") == (0, "")
    # A card's firmware goes where the loader looks for it.
    (folder / "qat_c62x_mmp.bin").write_bytes(bytes(range(256)) * 20)
    assert sh("tools/mkimage.sh", image, "build/BOOTX64.EFI", "-", folder / "qat_c62x_mmp.bin")[0] == 0
    found = subprocess.run(["mtype", "-i", f"{image}@@1M", "::/EFI/sluice/qat_c62x_mmp.bin"], capture_output=True, check=True)
    assert found.stdout == bytes(range(256)) * 20
    assert sh("mtype", "-i", f"{image}@@1M", "::/sluice.cfg")[1] == cfg


def test_options_in_the_file(folder):
    """make CFG=FILE takes that file as it is, refuses one that Sluice would refuse, and forgets it the next time."""
    good, bad, b = folder / "good.cfg", folder / "bad.cfg", folder / "b"
    good.write_text("app=audit\n# a comment\nend=qemu\n")
    bad.write_text("app=audit\nvsf=1\n")
    made = b / "built-in.cfg"
    assert sh("make", "-s", f"B={b}", made, f"CFG={good}")[0] == 0 and made.read_bytes() == good.read_bytes()
    status, text = sh("make", "-s", f"B={b}", made, f"CFG={bad}")
    assert status == 2 and "bad.cfg:2:1: vsf is not a key" in text and made.read_bytes() == good.read_bytes()
    assert sh("make", "-s", f"B={b}", made) == (0, "") and made.read_bytes() == b""


def test_image_is_no_device(folder):
    """A name that is there and is no regular file stays what it is."""
    os.mkfifo(folder / "stick")
    status, text = sh("tools/mkimage.sh", folder / "stick", "build/BOOTX64.EFI")
    assert status == 1 and "is no regular file" in text and stat.S_ISFIFO((folder / "stick").stat().st_mode)
    (folder / "link").symlink_to(folder / "stick")
    status, text = sh("tools/mkimage.sh", folder / "link", "build/BOOTX64.EFI")
    assert status == 1 and (folder / "link").is_symlink()


def test_sizes(folder):
    status, text = sh("tools/sizes.sh", "build")
    assert status == 0 and re.search(r"BOOTX64\.EFI +\d+", text)
    shutil.copy(sluice.ROOT / "build/kernel.elf", folder)
    (folder / "BOOTX64.EFI").write_bytes(bytes(512 * 1024))
    status, text = sh("tools/sizes.sh", folder)
    assert status == 1 and "512 KiB" in text


def twice_as_long(path):
    """The system's pci.ids with a second device, of other words, after each one."""
    ids = next(p for p in map(pathlib.Path, ("/usr/share/misc/pci.ids", "/usr/share/hwdata/pci.ids")) if p.is_file())
    lines = ids.read_text(errors="replace").splitlines()
    devices = re.compile(r"\t([0-9a-f]{4})  (.*)")
    words = [word for line in lines if (found := devices.match(line)) for word in found[2].split()]
    random.Random(1).shuffle(words)
    out, end = [], lines.index("# List of known device classes, subclasses and programming interfaces")
    for line in lines[:end]:
        out.append(line)
        if found := devices.match(line):
            other = " ".join(words.pop() for _ in found[2].split())
            out.append(f"\t{int(found[1], 16) ^ 0x8a51:04x}  {other}")
    path.write_text("\n".join(out + lines[end:]) + "\n")


def test_pci_ids_twice_as_long(tmp_path):
    """It is reduced to the same room, so it leaves as much for code and fails no build. Same input, same bytes."""
    ids, b = tmp_path / "pci.ids", tmp_path / "build"
    twice_as_long(ids)
    for part in ("kernel", "loader"):
        shutil.copytree(sluice.ROOT / "build" / part, b / part)
    status, text = sh("make", f"B={b}", f"PCI_IDS={ids}", "all")
    assert status == 0 and re.search(r"PCI names +\d+ +\d+ of 67584 compressed: \d+ of \d+ devices, \d+ of \d+ vendors", text)
    assert "kernel/inflate.c" not in text, "only what holds the names is built again"
    assert (b / "BOOTX64.EFI").stat().st_size < 512 * 1024
    packed = (b / "pci.ids.packed").read_bytes()
    assert 65000 < len(gzip.compress(packed, 9)) < 70000
    kept = [int(n) for n in re.search(r"(\d+) of (\d+) devices", text).groups()]
    assert 4000 < kept[0] < kept[1] / 2
    for name in ("QEMU NVM Express Controller", "82576 Virtual Function", "C62x Chipset QuickAssist Technology"):
        assert name.encode() in packed, name
    assert sh("tools/pciids", ids, tmp_path / "again")[0] == 0
    assert (tmp_path / "again").read_bytes() == packed


def test_prove():
    """One harness of make prove, and an error that it must find; without CBMC a line says that nothing is proved."""
    status, text = sh("tools/prove", "caps")
    assert status == 0 and ("prove: 1 of 1 proved" in text or "prove: skipped" in text)
    status, text = sh("tools/prove", "--seeded", "caps")
    assert status == 0 and ("prove: 3 of 3 found" in text or "prove: skipped" in text)
    assert sh("tools/prove", "no-such")[0] == 1 or "skipped" in text


def test_every_failure_is_documented():
    status, text = sh("tools/check_docs.py")
    assert status == 0, text


def test_a_warning_that_is_not_printed_is_not_documented(tmp_path):
    """tools/check_docs.py names the piece of a warning of docs/troubleshooting.md that no string of the source has."""
    for part in ("apps", "boot", "docs", "drivers", "iommu", "kernel", "pci", "tools/check_docs.py", "tools/mkdocs", "tools/wrapdocs"):
        source = sluice.ROOT / part
        (tmp_path / part).parent.mkdir(parents=True, exist_ok=True)
        (shutil.copytree if source.is_dir() else shutil.copy)(source, tmp_path / part)
    tool, page = tmp_path / "tools/check_docs.py", tmp_path / "docs/troubleshooting.md"
    assert sh(tool)[0] == 0
    page.write_text(page.read_text().replace("Bus Master Enable does not clear", "Bus Master Enable never clears"))
    status, text = sh(tool)
    assert status == 1 and "the source has no 'Bus Master Enable never clears' of WARN" in text
    page.write_text(page.read_text() + "word " * 60 + "\n")
    assert "docs/troubleshooting.md: not wrapped at 110 columns: run tools/wrapdocs docs/troubleshooting.md" in sh(tool)[1]


def test_documents_are_wrapped(tmp_path):
    """tools/wrapdocs wraps paragraphs and items, nothing else; --check writes nothing, wherever it stands."""
    words = "word " * 60
    kept = f"# {words}\n\n| {words}|\n\n```\n{words}\n```\n\n<!-- made by tools/mkdocs: x -->\n- {words}\n<!-- end -->\n"
    page = tmp_path / "page.md"
    page.write_text(kept + f"\n{words}\n- {words}\n")
    before = page.read_text()
    status, text = sh("tools/wrapdocs", page, "--check")
    assert status == 1 and "page.md: not wrapped at 110 columns" in text and page.read_text() == before
    assert sh("tools/wrapdocs", page)[0] == 0 and sh("tools/wrapdocs", "--check", page)[0] == 0
    after = page.read_text()
    assert after.startswith(kept) and after.split() == before.split()
    assert max(map(len, after[len(kept):].split("\n"))) <= 110 and "\n  word" in after


def test_include_directions():
    status, text = sh("tools/check_deps.py")
    assert status == 0, text


def test_documents_follow_tables(tmp_path):
    """tools/mkdocs --check accepts the documents as they are, refuses a sentence that is not the table's, and
    tools/mkdocs puts it right."""
    for part in ("tools/mkdocs", "docs", "apps", "boot", "iommu", "kernel"):
        source = sluice.ROOT / part
        if source.is_dir():
            shutil.copytree(source, tmp_path / part)
        else:
            (tmp_path / part).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, tmp_path / part)
    tool, page = tmp_path / "tools/mkdocs", tmp_path / "docs/audit.md"
    assert sh(tool, "--check")[0] == 0
    right = page.read_text()
    page.write_text(right.replace("- Read: CAP.MGAW", "- Read: CAP.SAGAW"))
    status, text = sh(tool, "--check")
    assert status == 1 and "docs/audit.md: is not what its table says: run tools/mkdocs" in text
    assert sh(tool)[0] == 0 and page.read_text() == right
    page.write_text(re.sub(r"<!-- made by tools/mkdocs: audit-rmrr -->.*?<!-- end -->", "", right, flags=re.S))
    status, text = sh(tool, "--check")
    assert status == 1 and "no marker has the paragraph ### `RMRR-KEPT`" in text


def test_objects_that_are_gone_are_compiled(tmp_path):
    """A kernel.elf that is newer than every source does not hide that its objects are not there: tools/check_deps.py reads
    them."""
    (tmp_path / "kernel.elf").touch()
    status, text = sh("make", "-n", f"B={tmp_path}", f"{tmp_path}/kernel.elf")
    assert status == 0 and f"-o {tmp_path}/kernel/kernel/acpi.c.o kernel/acpi.c" in text and "ld.lld" in text


def test_files_built_for_speed_exist():
    status, text = sh("make", "-n", "FAST=kernel/str.c drivers/qat/desc.c", "kernel.elf")
    assert status != 0 and "FAST names drivers/qat/desc.c, and there is no such file" in text


def test_every_target_has_a_line():
    """make help names each target of .PHONY that a person calls."""
    makefile = "".join((sluice.ROOT / name).read_text() for name in ("Makefile", "tools/qat-model/build.mk", "tools/dsa-model/build.mk"))
    targets = {word for line in re.findall(r"^\.PHONY: ([^$\n]*)$", makefile, re.M) for word in line.split()}
    status, text = sh("make", "help")
    assert status == 0
    assert targets - {"all", "help", "setup", "sizes", "qat-packages", "FORCE"} == set(re.findall(r"^make (\S+)", text, re.M))

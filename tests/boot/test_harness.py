"""What the tests themselves lean on: waits that fail, threads that are heard, the choice of a QEMU, the list of what was not run."""
import os
import shutil
import subprocess
import types

import conftest
import pytest
import sluice


def test_a_wait_in_vain_fails(tmp_path):
    log = tmp_path / "log"
    with pytest.raises(AssertionError, match="'never' did not appear in .*log within 0 s"):
        sluice.wait_for(log, "never", seconds=0)
    log.write_text("now and then")
    sluice.wait_for(log, "then$", seconds=1)


def test_what_goes_wrong_beside_fails_the_case():
    def job(what):
        raise OSError(what)

    with pytest.raises(OSError, match="no socket"):
        with sluice.beside(job, "no socket"):
            pass


class Fake(sluice.Qemu):
    """A QEMU of some version with some devices and properties."""

    def __init__(self, version, devices="", properties=""):
        self.version, self.name = version, "{}.{}".format(*version)
        self.texts = {devices: f"{devices} options:\n"}
        self.properties = properties

    def help(self, device):
        return self.texts.get(device, "".join(f"  {name}=<bool>\n" for name in self.properties.split()))


def test_the_installed_qemu_comes_first(monkeypatch):
    old, mid, new = Fake((7, 2)), Fake((10, 0), "igb"), Fake((11, 1), "igb")
    others = {"7.2": old, "10.0": mid, "11.1": new}
    monkeypatch.setattr(sluice, "unpacked", others.get)
    monkeypatch.setattr(sluice, "installed", lambda: mid)
    assert sluice.others() == ["11.1", "7.2"]
    assert sluice.choose(["device:igb"]) is mid and sluice.choose([], "7.2") is old
    monkeypatch.setattr(sluice, "installed", lambda: old)
    assert sluice.choose([]) is old
    assert sluice.choose(["device:igb", "interrupt-faults"]) is new, "the newest that has it"
    with pytest.raises(pytest.skip.Exception, match="QEMU 7.2 has no device ufo; QEMU 11.1 has no device ufo; QEMU 10.0"):
        sluice.choose(["device:ufo"])
    monkeypatch.setattr(sluice, "unpacked", {}.get)
    with pytest.raises(pytest.skip.Exception, match="QEMU 11.1 is not below build/"):
        sluice.choose([], "11.1")


def test_arguments_fit_the_qemu():
    asked = ["-device", "root-port-no-acs,id=a", "-device", "intel-iommu,scalable-mode=on"]
    before = Fake((10, 0), properties="disable-acs x-scalable-mode")
    assert before.fit(asked) == ["-device", "pcie-root-port,disable-acs=on,id=a", "-device", "intel-iommu,x-scalable-mode=on"]
    since = Fake((11, 1), properties="scalable-mode")
    assert since.fit(asked) == ["-device", "ioh3420,id=a", "-device", "intel-iommu,scalable-mode=on"]


def test_too_few_cases_are_a_failure_in_ci(monkeypatch):
    stats = {"passed": [None] * 10, "failed": [None]}
    for ci, cmocka, sentences in (("true", "cmocka: 100000 passed, 0 failed", 1), ("true", "cmocka: 1 passed, 0 failed", 2), ("", "cmocka: 1", 0)):
        monkeypatch.setenv("CI", ci)
        monkeypatch.setenv("CMOCKA", cmocka)
        assert len(conftest.too_few(stats)) == sentences


def test_reasons_are_counted(monkeypatch):
    monkeypatch.delenv("CMOCKA", raising=False)
    skipped = [types.SimpleNamespace(longrepr=("a.py", 1, f"Skipped: {why}")) for why in ("no data", "no data", "no browser")]
    assert conftest.not_run({"skipped": skipped}) == {"no data": 2, "no browser": 1}


@pytest.fixture
def tree(tmp_path):
    """tools/unpack-qemu in a tree of its own, and what stands for apt there."""
    (tmp_path / "tools").mkdir()
    (tmp_path / "bin").mkdir()
    shutil.copy(sluice.ROOT / "tools/unpack-qemu", tmp_path / "tools")

    def unpack(apt, *words):
        for name in ("apt-get", "apt-cache"):
            (tmp_path / "bin" / name).write_text(f"#!/bin/sh\n{apt}\n")
            (tmp_path / "bin" / name).chmod(0o755)
        env = {**os.environ, "PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}"}
        done = subprocess.run([tmp_path / "tools/unpack-qemu", *words], env=env, capture_output=True, text=True, timeout=sluice.PATIENCE)
        return done.returncode, done.stdout + done.stderr

    unpack.path = tmp_path
    return unpack


MIRROR = 'case "$*" in indextargets*) echo http://mirror.invalid/debian; exit;; esac\n'


@pytest.mark.skipif(not shutil.which("dpkg"), reason="no dpkg: tools/unpack-qemu is for Debian")
@pytest.mark.parametrize("apt, said", [
    ("exit 0", "this system's package sources name no mirror of Debian"),
    (MIRROR + "echo no route >&2; exit 100", "its package lists cannot be had, so it is not unpacked"),
    (MIRROR + 'case "$*" in *policy*) echo "  Candidate: 1:12.0.0";; esac', "the suite has 1:12.0.0 now, so it is not unpacked"),
    (MIRROR + 'case "$*" in *policy*) echo "  Candidate: 1:11.1.3";; *install*) exit 100;; esac', "its packages cannot be had"),
    (MIRROR + 'case "$*" in *policy*) echo "  Candidate: 1:11.1.3";; esac', "cannot be unpacked"),
], ids=["no-mirror", "no-network", "other-version", "no-packages", "nothing-came"])
def test_what_is_not_to_be_had_is_a_sentence(tree, apt, said):
    status, text = tree(apt, "11.1", "trixie-backports")
    assert status == 1 and said in text
    assert not (tree.path / "build/qemu-11.1/ready").exists() and not (tree.path / "build/qemu-11.1.apt").exists()


@pytest.mark.skipif(not shutil.which("dpkg"), reason="no dpkg: tools/unpack-qemu is for Debian")
def test_a_broken_folder_is_made_again(tree):
    folder = tree.path / "build/qemu-11.1"
    folder.mkdir(parents=True)
    libc = os.confstr("CS_GNU_LIBC_VERSION").split()[1]
    start = folder / "qemu-system-x86_64"
    start.write_text("#!/bin/sh\n")
    start.chmod(0o755)
    (folder / "ready").write_text(f"trixie-backports {libc}\n")
    assert tree("exit 100", "11.1", "trixie-backports") == (0, ""), "it starts: nothing is done"
    for spoil in (lambda: start.write_text("#!/bin/sh\nexit 1\n"), lambda: (folder / "ready").write_text("trixie-backports 2.0\n"),
                  lambda: (folder / "ready").unlink()):
        spoil()
        status, text = tree("exit 0", "11.1", "trixie-backports")
        assert status == 1 and "name no mirror" in text


def test_wrong_words(tree):
    assert tree("exit 0", "11.1")[0] == 2 and tree("exit 0", "eleven", "trixie")[0] == 2

"""Runs run.sh as a user does and gives back what the guest said."""
import os
import pathlib
import re
import shlex
import signal
import subprocess

import pexpect

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
QEMU_72 = ROOT / "build/qemu-7.2/qemu-system-x86_64"
SERIAL = "sluice-scratch"  # of the NVMe controller that run.sh makes


class Run:
    """One run that has ended: exit status, text, lines, and the RESULT line as a dict (None without one)."""

    def __init__(self, status, text, folder):
        self.status = status
        self.text = text.replace("\r", "")
        self.lines = self.text.splitlines()
        self.folder = folder
        found = [line for line in self.lines if line.startswith("RESULT ")]
        self.results = len(found)
        self.result = dict(word.partition("=")[::2] for word in found[-1].split()[1:]) if found else None

    def summary(self):
        """For the message of a case that fails: what went wrong in the guest's own words."""
        said = [line for line in self.lines if "] FAIL " in line or line.startswith("RESULT ")]
        return "\n".join([f"exit status {self.status}", *said])

    def number(self, key):
        return int(self.result[key])

    def assert_ok(self, vfs=4):
        """The demo did all of its work: every result right, every forbidden DMA refused."""
        assert self.result, f"the guest did not say RESULT; {self.summary()}"
        assert self.status == 0, self.summary()
        assert self.results == 1
        want = {"v": "1", "app": "demo", "ok": "1", "vfs": str(vfs)}
        assert {key: self.result.get(key) for key in want} == want
        assert self.number("verified") > 1000 * vfs
        # Each VF against every other VF, kernel memory, a read-only page and an unmapped page.
        assert self.number("cases") >= vfs * (vfs - 1 + 3)
        assert self.number("refused") == self.number("cases")

    def assert_not_ok(self, words, stage=None):
        """The guest could not do it, ended by itself, and said why in a FAIL line that holds words (a pattern)."""
        assert self.result, f"the guest did not say RESULT; {self.summary()}"
        assert self.status == 1, self.summary()
        assert self.results == 1
        assert self.result["ok"] == "0"
        if stage:
            assert self.result["stage"] == stage
        assert self.result.get("stage") != "crash"
        said = [line for line in self.lines if "] FAIL " in line]
        assert any(re.search(words, line) for line in said), f"no FAIL line says {words}; {self.summary()}"


def run_sh(folder, *words, qemu_args=("-accel", "tcg"), deadline=100, env=None):
    """./run.sh WORDS -- QEMU_ARGS with its files in folder. It gives up by itself shortly before the deadline."""
    command = ["./run.sh", *words, "--", *map(str, qemu_args)]
    variables = {**os.environ, "RUN": os.path.relpath(folder, ROOT), "TIMEOUT": str(deadline - 15), "TERM": "dumb", **(env or {})}
    for name in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS"):
        variables.pop(name, None)
    print("$", shlex.join(command), flush=True)
    child = pexpect.spawn(
        command[0], command[1:], cwd=str(ROOT), env=variables, timeout=deadline, encoding="utf-8", codec_errors="replace"
    )
    late = False
    try:
        child.expect(pexpect.EOF)
    except pexpect.TIMEOUT:
        late = True
    text = child.before
    if late:
        os.killpg(child.pid, signal.SIGKILL)  # run.sh leads its own session: QEMU goes with it
    child.close()
    print(text.replace("\r", ""))  # pytest shows it when the case fails
    assert not late, f"no end within {deadline} s"
    return Run(child.exitstatus, text, pathlib.Path(folder))


def replay(*words):
    """build/replay WORDS: exit status, what it printed, what it complained about. docs/replay.md"""
    done = subprocess.run([ROOT / "build/replay", *map(str, words)], capture_output=True, text=True, errors="replace", timeout=300)
    print("$ build/replay", *words, f"-> {done.returncode}\n{done.stdout}{done.stderr}")
    assert "Sanitizer" not in done.stderr
    return done.returncode, done.stdout, done.stderr


def iommu(**options):
    """QEMU arguments of a VT-d unit: iommu(aw_bits=39)."""
    given = {"intremap": "on", **{key.replace("_", "-"): value for key, value in options.items()}}
    return ["-device", ",".join(["intel-iommu", *(f"{key}={value}" for key, value in given.items())])]


def root_port(name, chassis):
    return ["-device", f"pcie-root-port,id={name},chassis={chassis},slot={chassis}"]


def nvme_sriov(name, bus, serial, images, max_vfs=8):
    """An NVMe controller with SR-IOV; each image is a namespace that waits to be attached to one VF."""
    args = ["-device", f"nvme-subsys,id={name}-subsys"]
    args += ["-device", f"nvme,id={name},bus={bus},subsys={name}-subsys,serial={serial},max_ioqpairs={3 * max_vfs + 2},"
             f"msix_qsize={3 * max_vfs + 1},sriov_max_vfs={max_vfs},sriov_vq_flexible={3 * max_vfs},"
             f"sriov_vi_flexible={3 * max_vfs}"]
    for nsid, image in enumerate(images, 1):
        args += ["-drive", f"if=none,id={name}-ns{nsid},format=raw,file={image}"]
        args += ["-device", f"nvme-ns,bus={name},drive={name}-ns{nsid},nsid={nsid},shared=off,detached=on"]
    return args


def nvme_plain(name, serial, image):
    """An NVMe controller without SR-IOV, one namespace."""
    return ["-drive", f"if=none,id={name},format=raw,file={image}", "-device", f"nvme,serial={serial},drive={name}"]


def has_device(name, qemu="qemu-system-x86_64"):
    said = subprocess.run([qemu, "-device", "help"], capture_output=True, text=True, check=True)
    return f'name "{name}"' in said.stdout + said.stderr


PROMPT = "sluice> "
MORE = "q quit --"


class Console:
    """./run.sh --shell on a terminal of 80x24; seen is all that came, without carriage returns."""

    def __init__(self, folder, *words, qemu=(), deadline=100, term="vt100", until=PROMPT):
        command = ["./run.sh", "--shell", *words, "--", "-accel", "tcg", *qemu]
        variables = {**os.environ, "RUN": os.path.relpath(folder, ROOT), "TIMEOUT": str(deadline), "TERM": term}
        for name in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS"):
            variables.pop(name, None)
        self.child = pexpect.spawn(command[0], command[1:], cwd=str(ROOT), env=variables, timeout=100,
                                   encoding="utf-8", codec_errors="replace", dimensions=(24, 80))
        self.log = folder.parent / "console.log"
        self.child.logfile_read = self.log.open("w")
        self.expect(until)

    def expect(self, what, timeout=-1):
        return self.child.expect_exact(what, timeout=timeout)

    def keys(self, text):
        self.child.send(text)

    def __call__(self, line):
        """Types a line, takes all its pages, and gives back what it printed."""
        self.keys(line + "\r")
        self.expect(line)
        text = ""
        while self.expect([PROMPT, MORE]) == 1:
            text += self.child.before.rsplit("-- more", 1)[0]
            self.keys("a")
            self.child.expect(r"\r +\r")
        text += self.child.before
        return text.replace("\r", "").lstrip("\n")

    def poweroff(self):
        self.keys("poweroff\r")
        self.expect(pexpect.EOF)
        self.child.close()
        return self.child.exitstatus

    def end(self):
        if self.child.isalive():
            os.killpg(self.child.pid, signal.SIGKILL)  # run.sh leads its own session: QEMU goes with it
        self.child.close()
        self.child.logfile_read.close()


def kept_names():
    """The names that the kernel carries, as {key: name}: build/pci.ids.packed, read by its description in pci/names.c."""
    names = {}
    for record in (ROOT / "build/pci.ids.packed").read_bytes().decode("ascii").split("\n")[1:]:
        key, rest = record.split(" ", 1)
        number = int(key[1:], 16)
        for i, entry in enumerate(rest.split("\0")[:-1]):
            if i:
                number += ord(entry[0]) - ord(" ")
                entry = entry[1:]
            names[key[0] + f"{number:0{len(key) - 1}x}"] = entry
    return names


def pciutils(dump, *words):
    """What lspci prints of a dump when it knows the names that the kernel carries, and no others."""
    names, lines = kept_names(), []
    for key in sorted(names, key=lambda k: (k[0] == "c", k[1:5] if k[0] != "c" else k, k[0] != "v", k[1:], k[0])):
        if key[0] == "c":
            lines.append("C " * (len(key) == 3) + "\t" * (len(key) // 2 - 1) + f"{key[-2:]}  {names[key]}")
        elif key[0] == "s":
            lines.append(f"\t\t{key[9:13]} {key[13:]}  {names[key]}")
        else:
            lines.append("\t" * (key[0] == "d") + f"{key[-4:]}  {names[key]}")
    ids = dump.parent / "kept.ids"
    ids.write_text("\n".join(lines) + "\n")
    command = ["lspci", "-O", "hwdb.disable=1", "-i", ids, "-F", dump, *words]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout

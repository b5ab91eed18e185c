"""Runs run.sh as a user does and gives back what the guest said; and which QEMU a case runs on."""
import contextlib
import fcntl
import functools
import json
import os
import pathlib
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time

import pexpect
import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tools"))
import linux_guest  # noqa: E402  pylint: disable=wrong-import-position
SERIAL = "sluice-scratch"  # of the NVMe controller that run.sh makes
PATIENCE = 400  # seconds until what does not come is given up: many times what a slow and busy host needs, as no case is about time
VERSIONS = ("7.2", "10.0", "11.1")  # those that the tests exercise: tools/setup.sh test unpacks the ones that are not installed

# What cannot be asked of a QEMU is known by its version.
FEATURES = {
    "interrupt-faults": (lambda version: version >= (8, 2), "fault records of interrupt remapping"),
    "gdb": (lambda version: version >= (8, 0), "GDB stub that leaves a machine running when somebody comes"),
    "first-stage": (lambda version: version >= (10, 0), "first-stage tables in its VT-d unit"),
    "x2apic": (lambda version: version >= (9, 0), "x2APIC in its emulated processor"),
    "nvme-device-status": (lambda version: version >= (8, 0), "NVMe controller whose error bits in Device Status can be cleared"),
    "nvme-many-queues": (lambda version: version >= (10, 0), "NVMe controller whose VFs may have more than 255 queues"),
    "rep-once": (lambda version: version >= (10, 0), "way to count a string instruction as one, however often it repeats"),
    "qat-model": (lambda version: version in ((10, 0), (10, 2), (11, 1)), "inner layout that the QAT model knows"),
    "dsa-model": (lambda version: version in ((10, 0), (10, 2), (11, 1)), "inner layout that the DSA model knows"),
}


class Qemu:
    """A QEMU that cases run on: the installed one (or QEMU=), or one that tools/unpack-qemu has put below build/."""

    def __init__(self, path, env=None):
        self.path = str(path)
        self.env = {"QEMU": self.path, **(env or {})}
        said = subprocess.run([self.path, "--version"], capture_output=True, text=True, check=True, cwd=ROOT).stdout
        self.version = tuple(map(int, re.search(r"version (\d+)\.(\d+)", said).groups()))
        self.name = "{}.{}".format(*self.version)

    @functools.lru_cache(maxsize=None)
    def help(self, device):
        done = subprocess.run([self.path, "-device", f"{device},help"], capture_output=True, text=True, cwd=ROOT)
        return done.stdout + done.stderr

    def has_device(self, name):
        """Asked by name: for the list of all devices QEMU loads every module, those of another version of it as well, and
        ends if one does not fit."""
        return f"{name} options:" in self.help(name)

    def property(self, device, *names):
        """The first of those names that this QEMU's device has as a property, or None."""
        return next((name for name in names if re.search(rf"^ +{name}=", self.help(device), re.M)), None)

    def has(self, feature):
        return FEATURES[feature][0](self.version)

    def lacks(self, need):
        """Why a case cannot run here that needs device:NAME, property:DEVICE.NAME or a feature; None where it can."""
        kind, _, name = need.partition(":")
        if kind == "device":
            return None if self.has_device(name) else f"no device {name}"
        if kind == "property":
            device, _, name = name.partition(".")
            return None if self.property(device, name) else f"no property {name} of {device}"
        return None if self.has(need) else f"no {FEATURES[need][1]}"

    def fit(self, args):
        """QEMU arguments as a test states them, in this QEMU's words: root-port-no-acs is a root port that does not isolate,
        by disable-acs=on, or, where that is gone, the one that never had ACS; scalable-mode had an x- before QEMU 11, where
        fsts was x-flts."""
        words = {"root-port-no-acs": "pcie-root-port,disable-acs=on" if self.property("pcie-root-port", "disable-acs") else "ioh3420",
                 "scalable-mode": self.property("intel-iommu", "scalable-mode", "x-scalable-mode") or "scalable-mode",
                 "fsts": self.property("intel-iommu", "fsts", "x-flts") or "fsts"}
        return [re.sub("|".join(words), lambda match: words[match[0]], str(arg)) for arg in args]


@functools.lru_cache(maxsize=None)
def installed():
    return Qemu(os.environ.get("QEMU", "qemu-system-x86_64"))


@functools.lru_cache(maxsize=None)
def unpacked(name):
    """The QEMU of that version below build/ with the firmware of its suite, or None."""
    folder = ROOT / f"build/qemu-{name}"
    if not (folder / "ready").exists():
        return None
    firmware = folder / "usr/share/OVMF/OVMF_CODE_4M.fd"
    return Qemu(folder / "qemu-system-x86_64", {"OVMF": str(firmware), "OVMF_VARS": ""} if firmware.exists() else None)


@functools.lru_cache(maxsize=None)
def newer_firmware():
    """The installed QEMU with the firmware of Debian 13 where its own is older: that comes to the loader in half the time."""
    newer = unpacked("10.0")
    if installed().version >= (10, 0) or os.environ.get("OVMF") or not newer or "OVMF" not in newer.env:
        return installed()
    return Qemu(installed().path, {name: newer.env[name] for name in ("OVMF", "OVMF_VARS")})


def others():
    """The versions besides the installed one, newest first."""
    return [name for name in reversed(VERSIONS) if name != installed().name]


def choose(needs, name=None):
    """The QEMU for a case with these needs: the named version, else the installed one if it has them all, else the newest
    that is unpacked and has them. Without any the case is skipped, with the reason."""
    if name:
        return unpacked(name) or pytest.skip(f"QEMU {name} is not below build/: tools/setup.sh test says why")
    said = []
    for one in (installed(), *filter(None, map(unpacked, others()))):
        lacking = [why for need in needs if (why := one.lacks(need))]
        if not lacking:
            return one
        said.append(f"QEMU {one.name} has {lacking[0]}")
    pytest.skip("; ".join(said))


def missing(package):
    """Skips a case that wants a package, or fails it where tools/setup.sh test would have installed that."""
    if pathlib.Path("/etc/debian_version").exists():
        pytest.fail(f"{package} is not installed: tools/setup.sh test installs it", pytrace=False)
    pytest.skip(f"{package} is not installed", allow_module_level=True)


def make(*targets):
    """make TARGETS in this tree; workers of pytest wait for each other."""
    env = {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS")}
    with open(ROOT / "build/make.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = subprocess.run(["make", "-s", *targets], cwd=ROOT, env=env, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert done.returncode == 0, f"make {' '.join(targets)} failed:\n{done.stdout[-3000:]}"


def wait_for(log, words, seconds=PATIENCE):
    """Until the file log, or what log() returns, has a match of words; a case that waits in vain fails."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        text = log() if callable(log) else log.read_text(errors="replace") if log.exists() else ""
        if re.search(words, text):
            return
        time.sleep(0.05)
    raise AssertionError(f"{words!r} did not appear in {log} within {seconds} s")


@contextlib.contextmanager
def beside(job, *args):
    """Runs job(*args) in a thread beside the block; what goes wrong there fails the case, as does a job that does not end."""
    wrong = []

    def guarded():
        try:
            job(*args)
        except BaseException as e:  # pylint: disable=broad-except
            wrong.append(e)

    thread = threading.Thread(target=guarded, daemon=True)
    thread.start()
    yield
    thread.join(60)  # the run has ended, so a job has nothing to wait for
    assert not thread.is_alive(), f"{job.__name__}() has not ended"
    if wrong:
        raise wrong[0]


class Monitor:
    """QEMU's monitor, beside a run."""

    def __init__(self, folder):
        self.path = f"/tmp/sluice-qmp-{folder.name}-{time.monotonic_ns()}"
        self.qemu = ["-qmp", f"unix:{self.path},server=on,wait=off"]

    def __call__(self, *lines):
        with socket.socket(socket.AF_UNIX) as qmp:
            qmp.settimeout(PATIENCE)
            qmp.connect(self.path)
            answers = qmp.makefile()
            answers.readline()
            for command, arguments in [("qmp_capabilities", {})] + [("human-monitor-command", {"command-line": line}) for line in lines]:
                qmp.sendall(json.dumps({"execute": command, "arguments": arguments}).encode())
                while "return" not in (answer := json.loads(answers.readline())):
                    assert "event" in answer, f"{command} {arguments}: {answer}"
                assert not answer["return"] or "OK" in answer["return"], f"{arguments}: {answer}"

    def quit(self):
        """Ends QEMU, which may be gone before it has answered."""
        with contextlib.suppress(OSError, ValueError):
            self("quit")


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
        assert self.status == (3 if self.result["verdict"] == "fail" else 1), self.summary()
        assert self.results == 1
        assert self.result["ok"] == "0"
        assert "no end within" not in self.text, "it did not end by itself"
        if stage:
            assert self.result["stage"] == stage
        assert self.result.get("stage") != "crash"
        said = [line for line in self.lines if "] FAIL " in line]
        assert any(re.search(words, line) for line in said), f"no FAIL line says {words}; {self.summary()}"


def run_sh(folder, *words, qemu_args=("-accel", "tcg"), deadline=PATIENCE, env=None):
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
    done = subprocess.run([ROOT / "build/replay", *map(str, words)], capture_output=True, text=True, errors="replace", timeout=PATIENCE)
    print("$ build/replay", *words, f"-> {done.returncode}\n{done.stdout}{done.stderr}")
    assert "Sanitizer" not in done.stderr
    return done.returncode, done.stdout, done.stderr


def linux(name, guest):
    """(kernel, initrd) of the guest, a linux_guest.Guest, made once in build/NAME; where it cannot be had the case is skipped."""
    folder = ROOT / "build" / name
    folder.mkdir(parents=True, exist_ok=True)
    try:
        return linux_guest.make(folder, guest)
    except linux_guest.Failure as why:
        pytest.skip(f"no Linux guest: {why}")


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


PROMPT = "sluice> "
MORE = "q quit --"


class Console:
    """./run.sh --shell on a terminal of 80x24; seen is all that came, without carriage returns."""

    def __init__(self, folder, *words, qemu=(), deadline=2 * PATIENCE, term="vt100", until=PROMPT, env=None):
        command = ["./run.sh", "--shell", *words, "--", "-accel", "tcg", *qemu]
        variables = {**os.environ, "RUN": os.path.relpath(folder, ROOT), "TIMEOUT": str(deadline), "TERM": term, **(env or {})}
        for name in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS"):
            variables.pop(name, None)
        self.child = pexpect.spawn(command[0], command[1:], cwd=str(ROOT), env=variables, timeout=PATIENCE,
                                   encoding="utf-8", codec_errors="replace", dimensions=(24, 80))
        self.log = folder.parent / "console.log"
        self.child.logfile_read = self.log.open("w")
        try:
            self.expect(until)
        except Exception:
            self.end()
            raise

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


LSPCI = os.environ.get("LSPCI", "lspci")

# What pciutils says otherwise since 3.9: pairs for re.sub() that make a text of 3.13, whose words are the kernel's, one of 3.9.
OLDER = [
    (r" TEE-IO[+-]$", ""), (r"LnkDisable", "Disabled"), (r" CorrIntErr. HeaderOF.$", ""), (r"(PRISta: .*) PASID[+-]$", r"\1"),
    (r"( ARIFwd.)?(\n\t\t\t AtomicOpsCtl:.*)?\n\t\t\t IDOReq. IDOCompl.( LTR.) Emergency.*\n\t\t\t( 10BitTagReq. OBFF .*,) "
     r"EETLPPrefixBlk.$", r"\3\4\1\2"),
    (r"\n\t\t\t(ECRC. UnsupReq. ACSViol.) .*\n\t\t\tPoisonTLPBlocked. .*$", r" \1"),
    (r"(?<=, )IntMsgNum (\d+)$", lambda match: f"MSI {int(match[1]):02x}"), (r"(?<=FatalMsg.) IntMsgNum", " IntMsg"),
    (r"(?<=10BitTagReq.) IntMsgNum (\d+)$", lambda match: f" Interrupt Message Number: {int(match[1]):03x}"),
]


def like_pciutils(text):
    """The kernel's text of lspci in the words of the pciutils that is installed."""
    said = subprocess.run([LSPCI, "--version"], capture_output=True, text=True, check=True).stdout
    if tuple(map(int, re.search(r"(\d+)\.(\d+)", said).groups())) < (3, 13):
        for new, old in OLDER:
            text = re.sub(new, old, text, flags=re.M)
    return text


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
    if not shutil.which(LSPCI):
        missing("pciutils")
    names, lines = kept_names(), []
    for key in sorted(names, key=lambda k: (k[0] == "c", k[1:5] if k[0] != "c" else k, k[0] != "v", k[1:], k[0])):
        if key[0] == "c":
            lines.append("C " * (len(key) == 3) + "\t" * (len(key) // 2 - 1) + f"{key[-2:]}  {names[key]}")
        elif key[0] == "s" and "d" + key[1:9] not in names:
            continue  # pciutils looks for a subsystem below its device, which is not kept
        elif key[0] == "s":
            lines.append(f"\t\t{key[9:13]} {key[13:]}  {names[key]}")
        else:
            lines.append("\t" * (key[0] == "d") + f"{key[-4:]}  {names[key]}")
    ids = dump.parent / "kept.ids"
    ids.write_text("\n".join(lines) + "\n")
    command = [LSPCI, "-O", "hwdb.disable=1", "-i", ids, "-F", dump, *words]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout

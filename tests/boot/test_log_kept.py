"""What a run leaves for the next one: its log in memory over a reset, saved to the stick, and its RESULT in a UEFI variable."""
import contextlib
import os
import re
import shutil
import subprocess
import zlib

import pytest

import sluice
from test_coverage import IOAPIC, ISA, SATA, SMBUS, dmar, endpoint, rmrr, unit

pytestmark = [pytest.mark.own_firmware, pytest.mark.usefixtures("replay_tool")]
OVMF = "/usr/share/OVMF/OVMF_CODE_4M.fd"

STICK = endpoint((1, 0))  # the controller of the stick
HOLE = 0x30000000  # beyond its memory

MACHINE_CHECK = "mce 0 5 0xbe00000000000000 0x5 0x1000 0x8c"


class Machine:
    """A QEMU that a reset does not end, with a stick and firmware variables that stay."""

    def __init__(self, folder, emulator, config, secure=False, table=None):
        """table: the DMAR table that the firmware has."""
        self.folder, self.secure, self.qemu, self.running = folder, secure, emulator.path, None
        self.code = emulator.env.get("OVMF") or os.environ.get("OVMF", OVMF)
        self.stick, self.vars = folder / "stick.img", folder / "vars.fd"
        (folder / "sluice.cfg").write_text(config)
        subprocess.run([sluice.ROOT / "tools/mkimage.sh", self.stick, sluice.ROOT / "build/BOOTX64.EFI", folder / "sluice.cfg"], check=True)
        if table:  # a program before Sluice, tests/mangle/README.md
            sluice.make("build/mangle.efi")
            (folder / "dmar.bin").write_bytes(table)
            (folder / "mangle.txt").write_text("table dmar.bin\n")
            self.mtools("mren", "::/EFI/BOOT/BOOTX64.EFI", "::/EFI/BOOT/SLUICE.EFI")
            self.mtools("mcopy", sluice.ROOT / "build/mangle.efi", "::/EFI/BOOT/BOOTX64.EFI")
            self.mtools("mcopy", folder / "dmar.bin", folder / "mangle.txt", "::/")
        shutil.copy(self.code.replace("CODE", "VARS"), self.vars)
        if secure:
            self.code = self.code.replace(".fd", ".secboot.fd")
            if not os.path.exists(self.code):
                pytest.skip(f"there is no {self.code}")

    @contextlib.contextmanager
    def on(self, name, *args, readonly="off"):
        """Switched on; gives the serial log and the monitor."""
        log, monitor = self.folder / f"{name}.log", sluice.Monitor(self.folder)
        command = [self.qemu, "-nodefaults", "-no-user-config", "-display", "none", "-accel", "tcg", "-cpu", "max", "-m", "512M",
                   "-machine", "q35,kernel-irqchip=split" + (",smm=on" if self.secure else ""),
                   "-drive", f"if=pflash,unit=0,format=raw,readonly=on,file={self.code}",
                   "-drive", f"if=pflash,unit=1,format=raw,file={self.vars}", "-serial", f"file:{log}",
                   "-drive", f"if=none,id=usb,format=raw,file={self.stick},readonly={readonly}", "-device", "qemu-xhci",
                   "-device", "usb-storage,drive=usb,bootindex=0", *sluice.iommu(), *monitor.qemu, *args]
        if self.secure:
            command += ["-global", "driver=cfi.pflash01,property=secure,value=on"]
        with open(self.folder / f"{name}.qemu", "w") as said, subprocess.Popen(command, stdout=said, stderr=said) as running:
            self.running = running
            try:
                yield log, monitor
            finally:
                running.kill()

    def mtools(self, tool, *words):
        return subprocess.run([tool, "-i", f"{self.stick}@@{2048 * 512}", *map(str, words)], capture_output=True, check=True).stdout


def starts(log):
    """The serial log of each start, without the firmware's control sequences and carriage returns."""
    text = re.sub(r"\x1b[\[(][0-9;=?]*[A-Za-z]|\r", "", log.read_text(errors="replace"))
    return text.split("sluice: loading\n")[1:]


def lines(text):
    """Lines of the log itself."""
    return re.findall(r"^\[ *\d+\.\d+\] .*$", text, re.M)


def assert_saved(machine, said, number):
    """log-N.txt is what the console says: its length and its CRC. Its text."""
    size, crc = re.search(rf"the log of the run before is \\EFI\\sluice\\log-{number}\.txt .*: (\d+) bytes, crc32 (\w{{8}})", said).groups()
    saved = machine.mtools("mtype", f"::/EFI/sluice/log-{number}.txt")
    assert len(saved) == int(size) and zlib.crc32(saved) == int(crc, 16)
    return saved.decode()


def before(said):
    """The RESULT line of the run before, as this one shows it: in two lines where it is long."""
    return "".join(re.search(r"boot: the run before: (.*)\n(?:.*boot: \.\.\. (.*)\n)?", said).groups(""))


def test_reset_in_the_middle(folder, emulator):
    """The next start says how far the run came and saves its log, which is whole; the start after a crash saves that of the crash."""
    machine = Machine(folder, emulator, "app=shell\nkeep=1\nend=reboot\n")
    with machine.on("serial") as (log, monitor):
        for number, line in ((1, "system_reset"), (2, MACHINE_CHECK)):
            sluice.wait_for(log, rf"(?s)(sluice> .*){{{number}}}")
            monitor(line)
        sluice.wait_for(log, r"(?s)(sluice> .*){3}")
    first, second, third = starts(log)
    assert "prev=none: no run before" in first and "log-1.txt" not in first
    assert "WARN boot: prev=unfinished stage=shell: the run before did not end" in second
    assert "boot: prev=fail stage=hardware: the run before ended\n" in third
    saved = [assert_saved(machine, said, number) for number, said in ((1, second), (2, third))]
    assert lines(saved[0]) == lines(first) and len(lines(first)) > 20
    assert saved[0].startswith("\nSluice: PCIe, IOMMU and SR-IOV on the bare machine\n")
    # The console breaks long lines at the prompt, the log does not.
    shown = second[second.index("\nSluice: PCIe"):].split("BdsDxe")[0].replace("sluice> ", "")
    assert " ".join(saved[1].split()) == " ".join(shown.split())
    assert "the processor cannot go on\n" in saved[1] and "\nRESULT v=1 app=shell ok=0 stage=hardware err=MCE " in saved[1]


@pytest.mark.parametrize("secure", [False, True], ids=["plain", "smm"])
def test_result_is_remembered(folder, emulator, secure):
    """After a warm reset the whole report is on the stick, whose controller has attacked in the proof, also where an RMRR names it;
    RESULT is in the variable, also when memory is lost; a variable with anything in it does no harm."""
    table = None if secure else dmar(unit(ISA, SATA, SMBUS, IOAPIC, STICK), rmrr(HOLE, HOLE + 0xFFF, STICK))
    machine = Machine(folder, emulator, "app=audit\njson=1\nkeep=1\nend=reboot\n", secure, table)
    with machine.on("first", "-no-reboot") as (log, _):
        machine.running.wait(sluice.PATIENCE)
    result = re.search("^RESULT .*prev=none .*$", starts(log)[0], re.M)[0]
    with machine.on("cold") as (log, _):  # memory is another
        sluice.wait_for(log, r"(?sm)^RESULT [^\n]*prev=ok .*^RESULT [^\n]*prev=ok ")
    cold, warm = starts(log)[:2]
    assert "prev=ok: the run before ended\n" in cold and before(cold) == result and "log of the run before" not in cold
    assert "prev=ok: the run before ended\n" in warm and before(warm) == re.search("^RESULT .*$", cold, re.M)[0]
    (folder / "log-1.txt").write_text(assert_saved(machine, warm, 1))
    saved = (folder / "log-1.txt").read_text()
    assert "attacker xHCI is 0000:00:01.0" in saved and "NOT REFUSED" not in saved
    gone = f"RMRR 0x{HOLE:x}..0x{HOLE + 0xFFF:x}: not mapped for 0000:00:01.0 any more: the firmware has handed the function over"
    assert (gone in saved) == (table is not None)
    assert sluice.replay(folder / "log-1.txt")[0] == 0 and before(warm) in (folder / "log-1.txt").read_text()
    content = machine.vars.read_bytes()
    assert content.count(b"v=1 id=") >= 3
    machine.vars.write_bytes(re.sub(rb"v=1 id=\w+ log=\w+", lambda match: b"\xff" * len(match[0]), content))
    with machine.on("hostile") as (log, _):
        sluice.wait_for(log, r"(?m)^RESULT .*prev=\w+ ")
    assert "prev=none" in starts(log)[0]


@pytest.mark.parametrize("trouble", ["write-protected", "full"])
def test_stick_that_takes_no_log(folder, emulator, trouble):
    """The loss is said, and no part of a log is left there. remember=0: nothing is written to the variables."""
    machine = Machine(folder, emulator, "app=audit\nkeep=1\nend=reboot\nremember=0\n")
    if trouble == "full":
        machine.mtools("mmd", "::/EFI/sluice")
        free = int(re.search(rb"([\d ]+) bytes free", machine.mtools("mdir", "::/"))[1].replace(b" ", b""))
        (folder / "filler").write_bytes(bytes(free - 4096))
        machine.mtools("mcopy", folder / "filler", "::/filler")
    with machine.on("serial", readonly="on" if trouble == "write-protected" else "off") as (log, _):
        sluice.wait_for(log, r"(?sm)^RESULT [^\n]*prev=none .*^RESULT [^\n]*prev=ok ")
    second = starts(log)[1]
    assert f"keep=1: the log of the run before could not be written: the volume is {trouble} (EFI status 0x8" in second
    assert "WARN boot: keep=1: the log of the run before could not be saved; the reason is on the firmware's screen" in second
    assert "prev=ok: the run before ended\n" in second and "log-1.txt on" not in second
    assert b"log-1" not in machine.mtools("mdir", "::/EFI").lower()
    if trouble == "full":
        assert b"log-1" not in machine.mtools("mdir", "::/EFI/sluice").lower()
    assert b"v=1 id=" not in machine.vars.read_bytes()

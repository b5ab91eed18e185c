"""The serial console: readers that pause, ports other than COM1, rates that firmware names."""
import fcntl
import os
import re
import struct
import threading
import time

import pytest

import sluice

pytestmark = pytest.mark.own_firmware

F_SETPIPE_SZ = 1031
NOT_PROBED = "isa-serial.iobase=0x100"  # where run.sh's own serial line is when it must not be found


class Reader(threading.Thread):
    """Reads what a guest writes to a pipe of 4 KiB, and stops whenever it has seen one of the words: for so many seconds, or until
    the event that stands beside it."""

    def __init__(self, folder, pauses):
        super().__init__(daemon=True)
        self.path = folder / "line"
        for end in ("in", "out"):
            os.mkfifo(f"{self.path}.{end}")
        self.out = os.open(f"{self.path}.out", os.O_RDWR)  # both, so that opening does not wait for QEMU
        fcntl.fcntl(self.out, F_SETPIPE_SZ, 4096)
        self.pauses = pauses
        self.text = ""
        self.done = threading.Event()
        self.paused = 0

    def run(self):
        os.set_blocking(self.out, False)
        while not self.done.is_set():
            try:
                self.text += os.read(self.out, 4096).decode(errors="replace")
            except BlockingIOError:
                time.sleep(0.02)
            if self.pauses and self.pauses[0][0] in self.text:
                until = self.pauses.pop(0)[1]
                until.wait(sluice.PATIENCE) if isinstance(until, threading.Event) else time.sleep(until)
                self.paused += 1

    def end(self):
        self.done.set()
        self.join(timeout=60)
        assert not self.is_alive()
        self.run_rest()
        os.close(self.out)

    def run_rest(self):
        try:
            while more := os.read(self.out, 65536):
                self.text += more.decode(errors="replace")
        except BlockingIOError:
            pass
        self.text = self.text.replace("\r", "")


def spcr(baud_code, port=0x3F8):
    """The body of an SPCR table, revision 2, behind its header."""
    body = bytearray(80 - 36)
    body[4:16] = struct.pack("<BBBBQ", 1, 8, 0, 1, port)
    body[22] = baud_code
    return bytes(body)


def test_reader_pauses_twice(boot, folder):
    """The reader of COM2 pauses for 12 s, twice; the demo continues, and all of it arrives, RESULT too."""
    reader = Reader(folder, [("groups", 12), ("timed", 12)])
    reader.start()
    run = boot("vfs=2", qemu=["-chardev", f"pipe,id=line,path={reader.path}", "-serial", "chardev:line"])
    reader.end()
    run.assert_ok(vfs=2)
    assert reader.paused == 2
    assert run.result["serial_lost"] == "0"
    mine = [line for line in reader.text.splitlines() if line.startswith("[")]
    assert mine == [line for line in run.lines if line.startswith("[")]
    assert reader.text.splitlines()[-1].startswith("RESULT v=1 app=demo ok=1 ")


def test_nobody_reads(boot, folder):
    """COM2 whose reader never comes back costs a second, and at the end what a flush is given; nothing else."""
    reader = Reader(folder, [("groups", 3600)])
    reader.start()
    run = boot("app=audit", qemu=["-chardev", f"pipe,id=line,path={reader.path}", "-serial", "chardev:line"])
    assert run.status == 0, run.summary()
    assert "RESULT " not in reader.text


@pytest.mark.parametrize("port, name", [("0x2f8", "COM2"), ("0x3e8", "COM3"), ("0x2e8", "COM4")])
def test_com_alone(boot, port, name):
    """The loader cannot say so here: OVMF's console is COM1."""
    run = boot("app=audit", qemu=["-global", f"isa-serial.iobase={port}"])
    assert run.status == 0, run.summary()
    assert f"console: output goes to {name} (port {port}), 115200 8N1" in run.text


def test_pci_serial_alone(boot, folder):
    """Everything, from the first line on, is on the PCI function's UART; run.sh's own line stays empty."""
    log = folder / "pci-serial.log"
    run = boot("app=audit", qemu=["-global", NOT_PROBED, "-chardev", f"file,id=line,path={log}", "-device", "pci-serial,chardev=line"])
    assert run.result is None
    text = log.read_text(errors="replace").replace("\r", "")
    assert "Sluice: PCIe, IOMMU and SR-IOV" in text
    assert "console: output goes to the UART at port " in text
    assert sluice.Run(33, text, folder).result["ok"] == "1"


def test_named_port(boot):
    """console= reaches a UART that is not searched by default."""
    run = boot("app=audit", "console=0x100", qemu=["-global", NOT_PROBED])
    assert run.status == 0, run.summary()
    assert "console: output goes to the UART at port 0x100, 115200 8N1" in run.text


@pytest.mark.parametrize("code, baud", [(3, 9600), (6, 57600), (0, 115200)])
def test_rate_of_spcr(boot, folder, code, baud):
    """The rate of the SPCR, and for "as it is" the one that OVMF has set."""
    table = folder / "spcr.bin"
    table.write_bytes(spcr(code))
    run = boot("app=audit", qemu=["-acpitable", f"sig=SPCR,rev=2,data={table}"])
    assert run.status == 0, run.summary()
    assert "acpi: SPCR names the UART at port 0x3f8 as console: ok" in run.text
    assert f"console: output goes to COM1 (port 0x3f8), {baud} 8N1" in run.text


def test_loader_says_where(boot, folder):
    """The firmware's console shows which UARTs continue the output."""
    run = boot("app=audit", qemu=["-serial", f"file:{folder}/com2.log"])
    assert run.status == 0, run.summary()
    assert "sluice: from here on the console is COM1 (port 0x3f8), COM2 (port 0x2f8);" in run.text
    run = boot("app=audit", "console=com1", qemu=["-serial", f"file:{folder}/com2.log"])
    assert "sluice: from here on the console is COM1 (port 0x3f8);" in run.text
    assert "RESULT" not in (folder / "com2.log").read_text()


def test_what_is_lost_is_counted(console, folder):
    """A reader that pauses while more is printed than waits for it, and once more right before the end: the gap is named with its bytes,
    and so it is in RESULT, which arrives."""
    printed_all = threading.Event()
    reader = Reader(folder, [("lspci -xxxx", printed_all), ("are lost here", 12)])
    reader.start()
    c = console("vfs=1", "term=dumb", qemu=["-chardev", f"pipe,id=line,path={reader.path}", "-serial", "chardev:line"])
    printed = 0
    while printed < 3 * 65536:
        printed += len(c("lspci -xxxx"))
    printed_all.set()
    sluice.wait_for(lambda: reader.text, "are lost here")
    c.keys("poweroff\r")
    c.child.expect(r"RESULT v=1 app=shell ok=1 .*serial_lost=(\d+)")
    lost = int(c.child.match[1])
    reader.end()
    gaps = re.findall(r"^serial: (\d+) bytes of output are lost here, because this line was not read$", reader.text, re.M)
    assert reader.paused == 2 and lost > 65536 and sum(map(int, gaps)) == lost, (lost, gaps)
    assert f"serial_lost={lost}" in reader.text.splitlines()[-1]

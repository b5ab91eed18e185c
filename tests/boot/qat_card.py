"""The model of a QAT card driven without a guest: QEMU's qtest protocol, registers and rings by hand."""
import socket
import struct
import subprocess
import tempfile
import time

import sluice

ECAM, WINDOW, RAM = 0xB0000000, 0xC0000000, 1 << 20
BANK_TX_TO_RX = 8
LA, COMP, PKE = 4, 9, 3
SYM_RING, ASYM_RING, COMP_RING = 2, 0, 6
SYM_BANK, COMP_BANK = 0, 1  # of 4xxx, as its ring map is unless another is asked for


class Card:
    """A q35 machine with one card behind a root port, its VFs on and allowed to use memory."""

    def __init__(self, folder, properties="", vfs=16, qemu="qemu-system-x86_64", gen=2):
        self.gen = gen
        listener = socket.socket(socket.AF_UNIX)
        self.place_of_socket = tempfile.TemporaryDirectory()  # a socket's name must be short
        name = self.place_of_socket.name + "/qtest"
        listener.bind(name)
        listener.listen()
        listener.settimeout(30)
        # Firmware that only halts: the clock runs, the processor does not.
        (folder / "halt").write_bytes((b"\xfa\xf4\xeb\xfd".rjust(0xFFF4, b"\0")).ljust(0x10000, b"\0"))
        self.process = subprocess.Popen(
            [qemu, "-machine", "q35", "-accel", "tcg", "-m", "64", "-display", "none", "-nodefaults", "-bios",
             str(folder / "halt"), "-qtest", f"unix:{name}", "-qtest-log", "none", "-plugin", str(sluice.ROOT / "build/qat-model.so"),
             "-device", "pcie-root-port,id=rp0,bus=pcie.0,chassis=1,slot=1",
             "-device", f"qat-{'4xxx' if gen == 4 else 'c62x'}-pf,bus=rp0{properties}"], stderr=(folder / "stderr").open("w"))
        try:
            self.connection = listener.accept()[0]
        except TimeoutError:
            self.process.kill()
            raise AssertionError((folder / "stderr").read_text()) from None
        self.stream = self.connection.makefile("rw")
        self.free = RAM
        self.set_up(vfs)

    def close(self):
        self.connection.close()
        self.place_of_socket.cleanup()
        self.process.terminate()
        self.process.wait(10)

    def command(self, line):
        self.stream.write(line + "\n")
        self.stream.flush()
        while True:
            words = self.stream.readline().split()
            assert words, "QEMU has ended"
            if words[0] != "IRQ":
                assert words[0] == "OK", f"{line}: {words}"
                return words[1] if len(words) > 1 else ""

    def read32(self, at):
        return int(self.command(f"readl {at:#x}"), 16)

    def write32(self, at, value):
        self.command(f"writel {at:#x} {value:#x}")

    def read(self, at, size):
        return bytes.fromhex(self.command(f"read {at:#x} {size}")[2:]) if size else b""

    def write(self, at, data):
        if data:
            self.command(f"write {at:#x} {len(data)} 0x{data.hex()}")

    def place(self, data, align=64):
        """Data in guest memory; returns its address."""
        at = -(-self.free // align) * align
        self.write(at, data)
        self.free = at + len(data)
        return at

    def config(self, devfn, off, value=None, bus=1, size=4):
        at = ECAM + (bus << 20) + (devfn << 12) + off
        if value is None:
            return self.read32(at)
        return self.command(f"write{'wl'[size // 4]} {at:#x} {value:#x}")

    def set_up(self, vfs):
        for reg, value in ((0x80000060, ECAM | 1), (0x80000064, 0)):
            self.command(f"outl 0xcf8 {reg:#x}")
            self.command(f"outl 0xcfc {value:#x}")
        port = 1 << 3
        self.config(port, 0x18, 0x010100, bus=0)
        self.config(port, 0x20, (WINDOW + 0x07F00000) & 0xFFF00000 | WINDOW >> 16, bus=0)
        self.config(port, 0x04, 6, bus=0, size=2)
        assert self.config(0, 0) == (0x49408086 if self.gen == 4 else 0x37C88086)
        self.pmisc, self.etr, vf_etr, vf_pmisc = (WINDOW + i * 0x800000 for i in range(1, 5))
        for bar, at in ((0x10, WINDOW), (0x18, self.pmisc), (0x20, self.etr), (0x164, vf_etr), (0x16C, vf_pmisc)):
            self.config(0, bar, at)
            self.config(0, bar + 4, 0)
        self.config(0, 0x04, 6, size=2)
        self.config(0, 0x150, vfs, size=2)
        self.config(0, 0x148, 9, size=2)
        etr, pmisc = (0x8000, 0x2000) if self.gen == 4 else (0x1000, 0x1000)
        self.vfs = [Vf(self, n, vf_etr + n * etr, vf_pmisc + n * pmisc) for n in range(vfs)]


class Vf:
    def __init__(self, card, number, etr, pmisc):
        self.card, self.number, self.etr, self.pmisc = card, number, etr, pmisc
        self.devfn = 8 + number
        self.enable()

    def enable(self):
        self.card.config(self.devfn, 0x04, 6, size=2)

    def flr(self):
        self.card.config(self.devfn, 0x88, 0x8000, size=2)
        self.enable()

    def ring(self, tx, message=128):
        return Ring(self, tx, message)


class Ring:
    """A pair of rings of 4 KiB, polled by signature. Of 4xxx tx is the bank: each has one pair."""

    SIZE = 4096

    def __init__(self, vf, tx, message):
        card = vf.card
        self.vf, self.card, self.message, self.sent, self.got = vf, card, message, 0, 0
        self.bank, config, shift, self.tx, self.rx = (vf.etr, 0, 6, tx, tx + BANK_TX_TO_RX) if card.gen == 2 else (
            vf.etr + tx * 0x2000, 0x1000, 0, 0, 1)
        self.tx_at = card.place(bytes(self.SIZE), self.SIZE)
        self.rx_at = card.place(b"\x7f" * self.SIZE, self.SIZE)
        for ring, at in ((self.tx, self.tx_at), (self.rx, self.rx_at)):
            card.write32(self.bank + config + 4 * ring, 6)
            card.write32(self.bank + config + 0x40 + 4 * ring, at >> shift)
            card.write32(self.bank + config + 0x80 + 4 * ring, 0)
        card.write32(self.bank + 0x19C, 1 << self.tx)

    def send(self, *requests):
        for request in requests:
            self.card.write(self.tx_at + self.sent % self.SIZE, request.ljust(self.message, b"\0"))
            self.sent += self.message
        self.card.write32(self.bank + 0x100 + 4 * self.tx, self.sent % self.SIZE)

    def poll(self, seconds=5):
        """The next response, or None."""
        at, end = self.rx_at + self.got % self.SIZE, time.monotonic() + seconds
        while self.card.read(at, 4) == b"\x7f" * 4:
            if time.monotonic() > end:
                return None
        response = self.card.read(at, 32)
        self.card.write(at, b"\x7f" * 4)
        self.got += 32
        self.card.write32(self.bank + 0xC0 + 4 * self.rx, self.got % self.SIZE)
        return response

    def call(self, request):
        self.send(request)
        response = self.poll()
        assert response, "no response"
        return response


def pke(function, inputs, output, count, opaque=0):
    """inputs and output: the addresses of their tables."""
    return struct.pack("<BBBBHHQIIQQQBB", 0, 0, PKE, 0x80, 0, 0, 0, 0, function, opaque, inputs, output, 1, count)


def request(service, command, flags=0, cd=0, cd_bytes=0, opaque=0, src=0, dst=0, src_len=0, dst_len=0, common=0,
            parameters=b"", control=b""):
    head = struct.pack("<BBBBHHQHBBIQQQII", 0, command, service, 0x80, flags, common, cd, 0, cd_bytes // 8, 0, 0,
                       opaque, src, dst, src_len, dst_len)
    return head + parameters.ljust(52, b"\0") + control.ljust(20, b"\0")

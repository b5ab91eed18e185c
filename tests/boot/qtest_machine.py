"""A machine without a guest, driven by QEMU's qtest protocol, with a model of a device behind a root port."""
import socket
import subprocess
import tempfile

import sluice

ECAM, WINDOW, RAM = 0xB0000000, 0xC0000000, 1 << 20


class Machine:
    """A q35 machine with one device of the model; what is written to stderr goes to folder/stderr."""

    def __init__(self, folder, model, device, qemu="qemu-system-x86_64", more=()):
        listener = socket.socket(socket.AF_UNIX)
        self.place_of_socket = tempfile.TemporaryDirectory()  # a socket's name must be short
        name = self.place_of_socket.name + "/qtest"
        listener.bind(name)
        listener.listen()
        listener.settimeout(sluice.PATIENCE)
        # Firmware that only halts: the clock runs, the processor does not.
        (folder / "halt").write_bytes((b"\xfa\xf4\xeb\xfd".rjust(0xFFF4, b"\0")).ljust(0x10000, b"\0"))
        self.process = subprocess.Popen(
            [qemu, "-machine", "q35", "-accel", "tcg", "-m", "64", "-display", "none", "-nodefaults", "-bios",
             str(folder / "halt"), "-qtest", f"unix:{name}", "-qtest-log", "none", "-plugin", str(sluice.ROOT / f"build/{model}.so"),
             *more, "-device", "pcie-root-port,id=rp0,bus=pcie.0,chassis=1,slot=1",
             "-device", f"{device},bus=rp0"], stderr=(folder / "stderr").open("w"))
        try:
            self.connection = listener.accept()[0]
        except TimeoutError:
            self.process.kill()
            raise AssertionError((folder / "stderr").read_text()) from None
        self.stream = self.connection.makefile("rw")
        self.free = RAM

    def close(self):
        self.connection.close()
        self.place_of_socket.cleanup()
        self.process.terminate()
        self.process.wait(sluice.PATIENCE)

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

    def open_bus(self):
        """ECAM is there, and behind the root port bus 1 with a window of 128 MiB."""
        for reg, value in ((0x80000060, ECAM | 1), (0x80000064, 0)):
            self.command(f"outl 0xcf8 {reg:#x}")
            self.command(f"outl 0xcfc {value:#x}")
        port = 1 << 3
        self.config(port, 0x18, 0x010100, bus=0)
        self.config(port, 0x20, (WINDOW + 0x07F00000) & 0xFFF00000 | WINDOW >> 16, bus=0)
        self.config(port, 0x04, 6, bus=0, size=2)

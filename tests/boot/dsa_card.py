"""The model of a DSA driven without a guest: registers by hand, descriptors into a portal eight bytes at a time."""
import struct
import time

import sluice
from qtest_machine import WINDOW, Machine

PORTALS = WINDOW + 0x100000
GENSTS, INTCAUSE, CMD, CMDSTATUS, SWERR = 0x90, 0x98, 0xA0, 0xA8, 0xC0
GRPCFG, WQCFG, WQ_BYTES = 0x400, 0x500, 32
ENABLE_DEVICE, DISABLE_DEVICE, DRAIN_ALL, ABORT_ALL, RESET_DEVICE, ENABLE_WQ, DISABLE_WQ = range(1, 8)
NOOP, BATCH, DRAIN, MOVE, FILL, COMPARE, COMPARE_PATTERN, DELTA, APPLY, DUALCAST, CRC, COPY_CRC, FLUSH = 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0x10, 0x11, 0x20
FENCE, RECORD, ALWAYS, CHECK, SEED = 1, 4, 8, 0x80, 0x10000
SUCCESS = 1


class Dsa(Machine):
    """A device with two dedicated queues of 16, enabled; no IOMMU."""

    def __init__(self, folder, properties="", qemu="qemu-system-x86_64", start=True):
        super().__init__(folder, "dsa-model", "dsa" + properties, qemu)
        self.open_bus()
        for bar, at in ((0x10, WINDOW), (0x18, PORTALS)):
            self.config(0, bar, at)
            self.config(0, bar + 4, 0)
        self.config(0, 0x04, 6, size=2)
        if start:
            self.start()

    def reg(self, off, value=None):
        return self.read32(WINDOW + off) if value is None else self.write32(WINDOW + off, value)

    def do(self, command, operand=0):
        """The error of a command."""
        self.reg(CMD, command << 20 | operand)
        return self.reg(CMDSTATUS)

    def queue(self, wq, size=16, mode=0x11, limits=21 | 5 << 5):
        for word, value in ((0, size), (2, mode), (3, limits)):
            self.reg(WQCFG + wq * WQ_BYTES + 4 * word, value)

    def start(self):
        assert self.do(RESET_DEVICE) == 0
        for group in (0, 1):
            self.queue(group)
            self.reg(GRPCFG + 64 * group, 1 << group)
            self.reg(GRPCFG + 64 * group + 32, 1 << group)
        assert [self.do(ENABLE_DEVICE), self.do(ENABLE_WQ, 0), self.do(ENABLE_WQ, 1)] == [0, 0, 0]

    def descriptor(self, op, src=0, dst=0, size=0, flags=RECORD | ALWAYS, rest=b"", record=None):
        """(bytes, address of the record)"""
        record = self.place(bytes(32), 32) if record is None else record
        return struct.pack("<QQQQQ", op << 56 | flags << 32, record, src, dst, size) + rest.ljust(24, b"\0"), record

    def submit(self, data, wq=0):
        for at in range(0, 64, 8):
            self.command(f"writeq {PORTALS + wq * 0x4000 + at:#x} {int.from_bytes(data[at : at + 8], 'little'):#x}")

    def record(self, at):
        """(status, result, bytes, fault address, CRC or flags)"""
        return struct.unpack("<BBxxIQI", self.read(at, 20))

    def run(self, *words, wq=0, **more):
        data, record = self.descriptor(*words, **more)
        self.submit(data, wq)
        return self.record(record)

    def wait(self, record, seconds=sluice.PATIENCE):
        end = time.monotonic() + seconds
        while not (status := self.record(record)[0]) and time.monotonic() < end:
            time.sleep(0.05)
        return status

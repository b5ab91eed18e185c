"""The walkers' program (tests/walk), and a QEMU whose processor halts at once: by qtest, tables are put into its memory and
registers are written, and an edu device makes requests without PASID."""
import contextlib
import socket
import subprocess
import threading

import sluice

VTD, BARS = 0xFED90000, 0xFD000000
RTADDR, GCMD, GSTS, FSTS, RECORD = 0x20, 0x18, 0x1C, 0x34, 0x220
TE, SRTP, MODE_SCALABLE = 1 << 31, 1 << 30, 1 << 10
HALT = b"\xfa\xf4\xeb\xfd"  # cli, hlt, back to hlt
EDU_BUFFER, EDU_SRC, EDU_DST, EDU_COUNT, EDU_COMMAND, TO_MEMORY, RUN = 0x40000, 0x80, 0x88, 0x90, 0x98, 2, 1


class Lines:
    """A program that answers a line with a line."""

    def __init__(self, command, deadline=3 * sluice.PATIENCE):
        self.child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                                      text=True, bufsize=1, cwd=sluice.ROOT)
        self.timer = threading.Timer(deadline, self.child.kill)
        self.timer.start()

    def put(self, *lines):
        self.child.stdin.write("".join(f"{line}\n" for line in lines))
        self.child.stdin.flush()

    def get(self):
        line = self.child.stdout.readline()
        assert line, f"{self.child.args[0]} ended, or did not answer in time"
        return line.strip()

    def end(self):
        self.timer.cancel()
        self.child.kill()
        self.child.communicate()


class Walker(Lines):
    def __init__(self):
        super().__init__(["build/walk"])

    def ask(self, rid, at, pasid="-"):
        """(reason of a read, reason of a write, address, text)"""
        self.put(f"ask {rid:x} {pasid} {at:x}")
        read, write, phys, text = self.get().split(" ", 3)
        return int(read, 16), int(write, 16), int(phys, 16), text

    def space(self, rid, bits, pasid="-"):
        """[(address, bytes, phys, 1 read | 2 write)]; None when the function has no tables."""
        self.put(f"space {rid:x} {pasid} {bits:x}")
        runs = []
        while (line := self.get()) != "end":
            if line.startswith("refused"):
                return None
            runs.append(tuple(int(word, 16) for word in line.split()))
        return runs


class Machine(Lines):
    """A q35 with a unit and an edu device at each of the slots, and with an image of memory from 1 MiB on."""

    def __init__(self, emulator, options, slots, folder, mib=64, image=None, more=()):
        firmware = folder / "halt.bin"
        firmware.write_bytes(HALT.rjust(0x10000 - 16 + len(HALT), b"\xf4").ljust(0x10000, b"\xf4"))
        edus = [word for n, slot in enumerate(slots) for word in ("-device", f"edu,addr={slot:#x},dma_mask=0xffffffffffffffff")]
        if image:
            edus += ["-device", f"loader,file={image},addr={1 << 20:#x},force-raw=on"]
        super().__init__([emulator.path, "-machine", "q35", "-accel", "tcg", "-icount", "shift=0,sleep=off", "-m", str(mib),
                          "-display", "none", "-nodefaults", "-no-reboot", "-bios", str(firmware), "-device", f"intel-iommu,{options}", *edus, "-qtest", "stdio", "-qtest-log", "/dev/null", *more])
        self.bar = {}
        for n, slot in enumerate(slots):
            self.bar[slot << 3] = BARS + 0x100000 * n
            for offset, value in ((0x10, self.bar[slot << 3]), (4, 6)):
                self.say(f"outl 0xcf8 {0x80000000 | slot << 11 | offset:#x}", f"outl 0xcfc {value:#x}")

    def say(self, *lines):
        """Sends commands; the last one's answer."""
        self.put(*lines)
        answer = ""
        for line in lines:
            answer = self.get()
            assert answer.startswith("OK"), f"{line}: {answer}"
        return int(answer.split()[1], 0) if " " in answer else None

    def read(self, at, bits=64):
        return self.say(f"read{'q' if bits == 64 else 'l'} {at:#x}")

    def enable(self, rtaddr):
        """This root table from now on; every cache of the unit is empty."""
        self.say(f"writeq {VTD + RTADDR:#x} {rtaddr:#x}", f"writel {VTD + GCMD:#x} {TE | SRTP:#x}")

    def disable(self):
        self.say(f"writel {VTD + GCMD:#x} 0")

    def copy(self, rid, at, to_memory):
        """Eight bytes between the device's buffer and device address at. The fault reason; 0: none was recorded."""
        bar = self.bar[rid]
        source, target = (EDU_BUFFER, at) if to_memory else (at, EDU_BUFFER)
        self.clear()
        self.say(f"writeq {bar + EDU_SRC:#x} {source:#x}", f"writeq {bar + EDU_DST:#x} {target:#x}",
                 f"writeq {bar + EDU_COUNT:#x} 8", f"writeq {bar + EDU_COMMAND:#x} {RUN | (TO_MEMORY if to_memory else 0)}")
        while self.read(bar + EDU_COMMAND) & RUN: # 100 ms of the machine's time, which passes at once as its processor is halted
            pass
        return self.reason()

    def clear(self):
        self.say(f"writel {VTD + RECORD + 12:#x} {1 << 31:#x}", f"writel {VTD + FSTS:#x} 0x7f")

    def reason(self):
        """Of the fault record; 0: none."""
        high = self.read(VTD + RECORD + 8)
        return high >> 32 & 0xFF if high >> 63 else 0

    def pasid(self, rid, pasid, at, value=None):
        """A request by tests/walk/pasid.c, a write when there is a value: the fault reason; of a read, what was read."""
        self.clear()
        self.put(f"pasid {rid:x} {pasid:x} {at:x} " + ("read" if value is None else f"write {value:x}"))
        words = self.get().split()
        assert words[0] == "OK", words
        reason = self.reason()
        assert int(words[1], 16) or not reason, "a refusal is recorded, and the request was answered"
        return reason, int(words[2], 16) if value is None else value


@contextlib.contextmanager
def connected(path):
    """A Unix socket as a file."""
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(sluice.PATIENCE)
        s.connect(path)
        yield s.makefile("rw")


@contextlib.contextmanager
def ending(*programs):
    try:
        yield programs
    finally:
        for one in programs:
            one.end()

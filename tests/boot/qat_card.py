"""The model of a QAT card driven without a guest: QEMU's qtest protocol, registers and rings by hand."""
import struct
import subprocess
import time

import sluice
from qtest_machine import WINDOW, Machine

BANK_TX_TO_RX = 8
LA, COMP, PKE = 4, 9, 3
SYM_RING, ASYM_RING, COMP_RING = 2, 0, 6
SYM_BANK, COMP_BANK = 0, 1  # of 4xxx, as its ring map is unless another is asked for


class Card(Machine):
    """A q35 machine with one card behind a root port, its VFs on and allowed to use memory."""

    def __init__(self, folder, properties="", vfs=16, qemu="qemu-system-x86_64", gen=2):
        self.gen = gen
        super().__init__(folder, "qat-model", f"qat-{'4xxx' if gen == 4 else 'c62x'}-pf" + properties, qemu)
        self.set_up(vfs)

    def set_up(self, vfs):
        self.open_bus()
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

    def poll(self, seconds=sluice.PATIENCE):
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


class Boot:
    """Brings the PF of a card with booted=off up as its driver does, step by step. pmisc and etr are those of the card."""

    KEY, FILE, UNITS, ARBITER, THREADS = 256, "qat_c62x", 0x1F003FF, 0x30000, 0x30180
    VERIFIED, LOADED, VERIFY_FAILED, LOAD_FAILED, BUSY = 1, 2, 3, 4, 5
    CONSTANTS, INIT = 3, 0

    def __init__(self, card, folder):
        subprocess.run([sluice.ROOT / "tools/qat-model/mkfw", folder], check=True)
        self.card = card
        self.mmp = (folder / f"{self.FILE}_mmp.bin").read_bytes()
        self.images = self.images_of((folder / f"{self.FILE}.bin").read_bytes())
        self.admin = card.place(bytes(4096), 4096)

    @staticmethod
    def images_of(suof):
        images = []
        for n in range(1, struct.unpack_from("<H", suof, 14)[0]):
            at = struct.unpack_from("<Q", suof, 16 + 24 * n + 8)[0]
            images.append(suof[at + 8:at + 8 + struct.unpack_from("<I", suof, at)[0]])
        return images

    def reg(self, off):
        """Offsets are those of C62x."""
        return self.card.pmisc + off

    def rd(self, off):
        return self.card.read32(self.reg(off))

    def wr(self, off, value):
        self.card.write32(self.reg(off), value)

    def wait(self, off, done, seconds=sluice.PATIENCE):
        end = time.monotonic() + seconds
        while not done(value := self.rd(off)):
            assert time.monotonic() < end, f"{off:#x} stays at {value:#x}"
        return value

    def awake(self):
        self.wr(0x30A0C, 0)
        self.wr(0x30A50, self.UNITS)

    def descriptor(self, image, engines=None):
        """The parts of an image in guest memory, and the descriptor in front of them."""
        k = self.KEY
        header, modulus, exponent, signature, body = (image[a:b] for a, b in (
            (0, 128), (128, 128 + k), (128 + k, 132 + k), (132 + k, 132 + 2 * k), (132 + 2 * k, None)))
        head = self.card.place(bytes(80), 4096)
        at = self.card.place(header + modulus + bytes(k - 4) + exponent + signature + body, 1)
        self.card.free = -(-self.card.free // 4096) * 4096
        key, where = at + 128, at + 128 + 3 * k
        kind = image[40]
        mask = engines if engines is not None else struct.unpack_from("<I", body, 16)[0]
        addresses = [at, where, key + 2 * k, key, *([where, where + 552, where + 952] if not kind else [0, 0, where])]
        return head, [len(body), mask if not kind else 0, *(w for a in addresses for w in (a >> 32, a & 0xFFFFFFFF))]

    def authenticate(self, image=None, engines=None, change=None, head=None):
        """Returns the status that comes of it. change(words) may spoil the descriptor."""
        if image:
            head, words = self.descriptor(image, engines)
            if change:
                change(words)
            self.card.write(head, struct.pack("<16I", *words))
        self.wr(0x308D0, head >> 32)
        self.wr(0x308CC, head & 0xFFFFFFFF)
        self.wr(0x308C0, 1)
        return self.wait(0x308C4, lambda v: v & 7 != self.BUSY)

    def load(self, engine):
        self.wr(0x308C0, 2 | 1 << 4 | engine << 8)
        return self.wait(0x308C4, lambda v: v & 7 != self.BUSY)

    def start(self):
        self.wr(0x308C0, 3)
        self.wait(0x308C4, lambda v: v >> 9 & 1)

    def ask(self, engine, command, size=0, pointer=0):
        """The status of an engine's reply to a message."""
        self.card.write(self.admin + 64 * engine, struct.pack("<HBBIQQQ", size, 0, command, 0, 7, pointer, 0))
        self.wr(0x3A574, 0)
        self.wr(0x3A578, self.admin)
        self.wr(0x20970 + 0x1000 * engine, 1)
        self.wait(0x20970 + 0x1000 * engine, lambda v: v == 0)
        reply = self.card.read(self.admin + 64 * engine + 32, 32)
        assert reply[3] == command and reply[8] == 7
        return reply[2]

    def firmware(self):
        assert self.authenticate(self.mmp) & 0x107 == 0x101
        for image in self.images:
            assert self.authenticate(image) & 0x107 == 0x101
            for engine in range(10):
                if struct.unpack_from("<I", image, 644 + 16)[0] >> engine & 1:
                    assert self.load(engine) >> 22 + engine & 1

    def arbiter(self, config=0x80000041, words=(0x12222AAA, 0x11222AAA)):
        for n in range(4):
            self.card.write32(self.card.etr + self.ARBITER + 4 * n, config)
        for n in range(10):
            self.card.write32(self.card.etr + self.THREADS + 4 * n, words[n % len(words)])

    def maps(self, value=0x80):
        for n in range(80):
            self.wr(0x3A590 + 4 * n, value)
        for n in range(10):
            self.wr(0x3A710 + 4 * n, value)


class Boot4(Boot):
    """The same of a 4xxx. Registers that mean the same are asked for by C62x's offsets."""

    KEY, FILE, UNITS, ARBITER, THREADS = 384, "qat_4xxx", 0x100015, 0, 0x400
    WORDS = (0x55,) * 4 + (0xAAAAAAA,) * 4 + (0,)
    MASK, LOADED_ENGINES, PM_STATUS, PM_INTERRUPT = 0x641008, 0x641010, 0x50A00C, 0x50A028
    ADDRESSES = {0x30A0C: 0x640938, 0x30A50: 0x640964, 0x308C0: 0x641000, 0x308C4: 0x641004, 0x308CC: 0x641014,
                 0x308D0: 0x641018, 0x3A574: 0x500574, 0x3A578: 0x500578}

    @staticmethod
    def images_of(mof):
        """By name."""
        strings, table = (struct.unpack_from("<Q", mof, 16 + 24 * n + 8)[0] for n in range(2))
        images = {}
        for n in range(struct.unpack_from("<H", mof, table + 2)[0]):
            at, size, name = struct.unpack_from("<QQI", mof, table + 8 + 32 * n + 8)
            name = mof[strings + 4 + name:].split(b"\0")[0].decode()
            images[name.split("_")[2].split(".")[0]], = Boot.images_of(mof[table + at:table + at + size])
        return images

    def reg(self, off):
        engine = 0x600000 + off - 0x20000 if 0x20000 <= off < 0x29000 else off
        return self.card.pmisc + self.ADDRESSES.get(off, engine)

    def load_group(self, mask):
        self.wr(self.MASK, mask)
        self.wr(0x308C0, 2)
        return self.wait(0x308C4, lambda v: v & 7 != self.BUSY)


def pke(function, inputs, output, count, opaque=0):
    """inputs and output: the addresses of their tables."""
    return struct.pack("<BBBBHHQIIQQQBB", 0, 0, PKE, 0x80, 0, 0, 0, 0, function, opaque, inputs, output, 1, count)


def request(service, command, flags=0, cd=0, cd_bytes=0, opaque=0, src=0, dst=0, src_len=0, dst_len=0, common=0,
            parameters=b"", control=b""):
    head = struct.pack("<BBBBHHQHBBIQQQII", 0, command, service, 0x80, flags, common, cd, 0, cd_bytes // 8, 0, 0,
                       opaque, src, dst, src_len, dst_len)
    return head + parameters.ljust(52, b"\0") + control.ljust(20, b"\0")

"""The walkers of iommu/vtd against QEMU's unit, which others wrote. In each shape one bit of sound tables is changed, or
something larger is wrong with them; real requests of a stock device show what the unit makes of that. Where QEMU is known to
differ from the specification, DIFFERENCES has what it does instead, so that a change of either is seen."""
import dataclasses
import itertools

import pytest
import sluice
import walker

ROOT, CONTEXT, DIRECTORY, TABLE, LEVELS, TARGET, BEYOND = \
    0x100000, 0x101000, 0x102000, 0x103000, 0x104000, 0x200000, 0x10000000
TABLES_END = LEVELS + 0x4000
INDEX = {4: 1, 3: 2, 2: 3, 1: 4}
IOVA = sum(index << 12 + 9 * (level - 1) for level, index in INDEX.items()) + 0x568
LOW, HIGH = 0x18, 0x98  # functions of the two halves of a root entry
WIDTH = 48
DOMAIN = 7
MEMORY, MARK = 64 << 20, 0x123456789ABCDEF0
FIRST, SECOND, PASS, LEGACY = 1, 2, 4, 0
SCALABLE = ROOT | 1 << 10
OPTIONS = {(10, FIRST): "x-scalable-mode=on,x-flts=on", (10, SECOND): "x-scalable-mode=on", (10, LEGACY): "aw-bits=48",
           (11, FIRST): "scalable-mode=on,fsts=on", (11, SECOND): "scalable-mode=on", (11, LEGACY): "aw-bits=48"}
RESERVED_HIGH = range(WIDTH, 64)

# Reasons of root, context and second stage in scalable mode have the numbers of legacy mode in QEMU's records.
NUMBERS = {0x38: 8, 0x39: 1, 0x3A: 0xA, 0x40: 9, 0x41: 2, 0x42: 0xB, 0x78: 7, 0x7A: 0xC, 0x7B: 3, 0x84: 4}
SECOND_DIRECTIONS = {0x79: (6, 5), 0x85: (6, 5), 0x86: (6, 5)}

# (mode, QEMU, word, bits): what QEMU does with a read and a write when one of these bits is changed, as fault reasons (0: the
# copy is made), where the specification wants something else. None: any.
DIFFERENCES = [
    (None, None, "context word 0", (2, 3, 4), (0, 0)),  # DTE, PASIDE, PRE of a unit that has none of them
    (None, None, "context word 0", (12, 13), (0x5B, 0x5B)),  # an entry that is all zero is wrong before it is absent
    (None, 10, "context word 1", (*range(6), 15), (0x5B, 0x5B)),  # RID_PASID is used although ECAP.RPS is 0
    (None, 10, "context word 1", (*range(6, 15), *range(16, 20)), (0x51, 0x51)),
    (None, None, "directory entry", range(2, 12), (0, 0)),  # reserved
    (None, None, "directory entry", range(13, 26), (0x5B, 0x5B)),
    (None, None, "directory entry", RESERVED_HIGH, (0x58, 0x58)),
    (FIRST, None, "entry word 0", (3,), (0x80, 0x80)),  # AW limits the first stage as well
    (None, None, "entry word 0", (5, 9, 10, 11), (0, 0)),  # SLEE, SSADE, reserved
    (SECOND, None, "entry word 0", RESERVED_HIGH, (3, 3)),
    (None, None, "entry word 1", range(16, 64), (0, 0)),
    (FIRST, None, "entry word 2", (0, 1, 7, 8, 9, 10, 11), (0, 0)),  # SRE, ERE, EAFE, reserved
    (SECOND, None, "entry word 2", (1, 7, 8, 9, 10, 11), (0, 0)),
    (FIRST, None, "entry word 2", RESERVED_HIGH, (0x73, 0x73)),
    *((None, None, f"entry word {n}", range(64), (0, 0)) for n in range(3, 8)),
    (FIRST, None, "context word 1", (20,), (0, 0)),  # RID_PRIV of a unit without supervisor requests
    *((FIRST, None, f"level {level}", (5,), (0, 0)) for level in INDEX),  # A and D are set without a coherent walk
    (FIRST, None, "level 1", (6,), (0, 0)),
    (SECOND, None, "level 1", (11,), (0, 0)),  # SNP of a unit without snoop control
    *((mode, None, f"level {level}", (62,), (0xC, 0xC)) for level in INDEX for mode in (SECOND, LEGACY)),  # ignored
]
# With a PASID, QEMU does not look at PASIDE, nor at P of the entry; without one it does not look at RID_PRIV, if SRE is clear.
RID_DIFFERENCES = [(SECOND, None, "context word 1", (20,), (0, 0))]
PASID_DIFFERENCES = [
    (None, None, "context word 0", (3,), (0, 0)),
    (None, None, "entry word 0", (0,), (0, 0)),
    (None, None, "directory entry", (12,), (0x5B, 0x5B)),
]


def table(level):
    return LEVELS + 0x1000 * (4 - level)


@dataclasses.dataclass
class Shape:
    """Tables, {address: word}, and a request. differs: what QEMU does instead of what the specification wants."""
    name: str
    words: dict
    differs: tuple = None
    rid: int = LOW
    iova: int = IOVA
    rtaddr: int = SCALABLE


def pages(stage):
    """The four levels to a page at IOVA."""
    words = {}
    for level, index in INDEX.items():
        words[table(level) + 8 * index] = (table(level - 1) if level > 1 else TARGET) | (0x67 if stage == FIRST else 3)
    return words


def sound(stage, rid=LOW, words=()):
    """Tables for one function, with these words instead of theirs."""
    if stage == LEGACY:
        return {ROOT: CONTEXT | 1, CONTEXT + 16 * rid: table(4) | 1, CONTEXT + 16 * rid + 8: DOMAIN << 8 | 2, **pages(stage), **dict(words)}
    return {ROOT + (8 if rid & 0x80 else 0): CONTEXT | 1, CONTEXT + 32 * (rid & 0x7F): DIRECTORY | 1, DIRECTORY: TABLE | 1,
            TABLE: 1 | 2 << 2 | stage << 6 | (table(4) if stage == SECOND else 0), TABLE + 8: DOMAIN,
            TABLE + 16: table(4) if stage == FIRST else 0, **pages(stage), **dict(words)}


def named(mode):
    """The words of the sound tables, {name: address}."""
    if mode == LEGACY:
        words = {"root, low half": ROOT, "root, high half": ROOT + 8, "context, low half": CONTEXT + 16 * LOW,
                 "context, high half": CONTEXT + 16 * LOW + 8}
    else:
        words = {"root half": ROOT, **{f"context word {n}": CONTEXT + 32 * LOW + 8 * n for n in range(4)},
                 "directory entry": DIRECTORY, **{f"entry word {n}": TABLE + 8 * n for n in range(8)}}
    return {**words, **{f"level {level}": table(level) + 8 * index for level, index in INDEX.items()}}


def flipped(mode, major):
    """Each bit of each word."""
    base, rtaddr = sound(mode), ROOT if mode == LEGACY else SCALABLE
    known = {(name, bit): answer for of, version, name, bits, answer in DIFFERENCES + RID_DIFFERENCES for bit in bits
             if of in (None, mode) and version in (None, major) and (of is not None or mode != LEGACY)}
    for (name, at), bit in itertools.product(named(mode).items(), range(64)):
        yield Shape(f"{name}, bit {bit} changed", {**base, at: base.get(at, 0) ^ 1 << bit}, known.get((name, bit)), rtaddr=rtaddr)


def at_level(level, word):
    return {table(level) + 8 * INDEX[level]: word}


def leaves(stage):
    """Pages of each size with each permission, at good and bad places."""
    allowed = {"read": 0x65, "write": 0x67} if stage == FIRST else {"read": 1, "write": 2, "both": 3}
    for (name, word), level in itertools.product(allowed.items(), INDEX):
        target = table(level - 1) if level > 1 else TARGET
        yield Shape(f"level {level}, allowed: {name}", sound(stage, words=at_level(level, target | word)))
    word = 0xE7 if stage == FIRST else 0x83
    for level, base in ((2, 0), (2, 0x200000), (3, 0), (4, 0)):
        yield Shape(f"a page at level {level} to {base:x}", sound(stage, words=at_level(level, base | word)))
    for level, bit in [(2, bit) for bit in range(12, 21)] + [(3, bit) for bit in range(12, 30)]:
        yield Shape(f"a page at level {level}, bit {bit}", sound(stage, words=at_level(level, 1 << bit | word)))
    for level, base in ((1, 0xFEE00000), (1, 0xFEEFF000), (2, 0xFEE00000), (3, 0xC0000000)):
        yield Shape(f"level {level} leads to {base:x}", sound(stage, words=at_level(level, base | word & ~(0x80 if level == 1 else 0))))
    for level in INDEX:
        yield Shape(f"level {level} absent", sound(stage, words=at_level(level, 0)))
        if level > 1:
            yield Shape(f"level {level} leads out of memory", sound(stage, words=at_level(level, BEYOND | word & ~0x80)))


def wholes(stage):
    """What is no single bit."""
    top = 0 if stage == SECOND else 16
    yield Shape("sound", sound(stage))
    yield Shape("sound, device 19", sound(stage, HIGH), rid=HIGH)
    yield Shape("no tables", {})
    yield Shape("no tables, device 19", sound(stage), rid=HIGH)
    yield Shape("root half of the other devices is wrong", sound(stage, words={ROOT + 8: 2}), (0xA, 0xA))
    yield Shape("mode 2", sound(stage), (2, 2), rtaddr=ROOT | 2 << 10)  # taken for legacy mode
    yield Shape("mode 3", sound(stage), (0, 0), rtaddr=ROOT | 3 << 10)  # taken for scalable mode
    yield Shape("root table out of memory", {}, rtaddr=BEYOND | 1 << 10)
    yield Shape("context table out of memory", sound(stage, words={ROOT: BEYOND | 1}))
    yield Shape("directory out of memory", sound(stage, words={CONTEXT + 32 * LOW: BEYOND | 1}))
    yield Shape("PASID table out of memory", sound(stage, words={DIRECTORY: BEYOND | 1}))
    yield Shape("pages out of memory", sound(stage, words={TABLE + top: sound(stage)[TABLE + top] & 0xFFF | BEYOND}))
    for kind in range(8):
        yield Shape(f"PGTT {kind}", sound(stage, words={TABLE: sound(stage)[TABLE] & ~0x1C0 | kind << 6}))
    for width in range(8):
        limited = (0x80, 0x80) if stage == FIRST and width < 2 else None  # AW limits the first stage as well
        yield Shape(f"AW {width}", sound(stage, words={TABLE: sound(stage)[TABLE] & ~0x1C | width << 2}), limited)
    for levels in range(4):
        yield Shape(f"FSPM {levels}", sound(stage, words={TABLE + 16: sound(stage)[TABLE + 16] | levels << 2}))
    yield Shape("pass-through", sound(stage, words={TABLE: 1 | 2 << 2 | PASS << 6}), iova=TARGET)
    for iova in (0, 0x1000, 1 << 46, 1 << 47, 1 << 48, 1 << 52, 1 << 63, 0xFFFF800000000000, 0xFFFFFFFFFFFFF000):
        yield Shape(f"address {iova:x}", sound(stage), iova=iova)


def shapes(mode, major):
    yield from flipped(mode, major)
    if mode != LEGACY:
        yield from leaves(mode)
        yield from wholes(mode)


def as_qemu(mode, reasons):
    """The specification's reasons of a read and a write, by the numbers in QEMU's records."""
    if mode == LEGACY:
        return reasons
    turned = SECOND_DIRECTIONS if mode == SECOND else {}
    return tuple(turned[reason][n] if reason in turned else NUMBERS.get(reason, reason) for n, reason in enumerate(reasons))


def load(machine, oracle, shape, registers):
    length = TABLES_END - ROOT
    machine.say(f"memset {ROOT:#x} {length:#x} 0", *(f"writeq {at:#x} {word:#x}" for at, word in shape.words.items()))
    oracle.put(f"zero {ROOT:x} {length:x}", *(f"word {at:x} {word:x}" for at, word in shape.words.items()),
               f"unit {shape.rtaddr:x} {registers[0]:x} {registers[1]:x} {WIDTH:x}")


def seen(machine, shape, phys):
    """What QEMU's unit does with a read and a write, its caches empty before each: their fault reasons. If it allows both,
    they must go to phys."""
    reasons, memory = [], TARGET <= phys < MEMORY
    for to_memory in (False, True):
        if memory:
            machine.say(f"writeq {phys:#x} {0 if to_memory else MARK:#x}")
        machine.enable(shape.rtaddr)
        reasons.append(machine.copy(shape.rid, shape.iova, to_memory))
    if memory and reasons == [0, 0]:
        assert machine.read(phys) == MARK, f"{shape.name}: the copy did not come from {phys:#x} and go there"
    return tuple(reasons)


def tell(machine, oracle, mode, registers, pairs):
    """Compares, and fails with all that is not as it should be."""
    wrong, differ, count = [], 0, 0
    for pasid, shape in pairs:
        load(machine, oracle, shape, registers)
        read, write, phys, text = oracle.ask(shape.rid, shape.iova, "-" if pasid is None else f"{pasid:x}")
        said = as_qemu(mode, (read, write))
        got = seen(machine, shape, phys) if pasid is None else seen_with_pasid(machine, shape, pasid, phys)
        count, differ = count + 1, differ + (said != got)
        if got != (shape.differs or said):
            wrong.append(f"{shape.name}: walker {said} ({text}), QEMU {got}" + (f", known as {shape.differs}" if shape.differs else ""))
        elif shape.differs == said:
            wrong.append(f"{shape.name}: listed as a difference, and there is none")
    print(f"{count} shapes, QEMU differs as listed in {differ}")
    assert not wrong, "\n".join(wrong)
    assert count >= (500 if mode == LEGACY else 1000)


@pytest.mark.parametrize("emulator", ("10.0", "11.1"), indirect=True)
@pytest.mark.parametrize("mode", (FIRST, SECOND, LEGACY), ids=("first-stage", "second-stage", "legacy"))
def test_walker_against_qemu(emulator, mode, folder):
    sluice.make("build/walk")
    major = emulator.version[0]
    machine, oracle = walker.Machine(emulator, OPTIONS[major, mode], (LOW >> 3, HIGH >> 3), folder), walker.Walker()
    with walker.ending(machine, oracle):
        registers = machine.read(walker.VTD + 8), machine.read(walker.VTD + 0x10)
        oracle.put(f"ram {MEMORY:x}")
        tell(machine, oracle, mode, registers, ((None, shape) for shape in shapes(mode, major)))


TENANT, RID_ENTRY = 5, 0  # the PASID that asks; the one of requests without a PASID
PASID_OPTIONS = {(10, FIRST): "x-scalable-mode=on,x-flts=on,x-pasid-mode=on", (10, SECOND): "x-scalable-mode=on,x-pasid-mode=on",
                 (11, FIRST): "scalable-mode=on,fsts=on,pasid-bits=20", (11, SECOND): "scalable-mode=on,pasid-bits=20"}
PASIDE = 8
def tenant(stage, words=()):
    """Tables for PASID 5 of LOW; those of PASID 0 are the same and stay sound."""
    base = sound(stage)
    base[CONTEXT + 32 * LOW] |= PASIDE
    return {**base, **{TABLE + 64 * TENANT + 8 * n: base.get(TABLE + 8 * n, 0) for n in range(3)}, **dict(words)}


def tenant_shapes(stage, major):
    base, entry = tenant(stage), TABLE + 64 * TENANT
    known = {(name, bit): answer for of, version, name, bits, answer in DIFFERENCES + PASID_DIFFERENCES for bit in bits
             if of in (None, stage) and version in (None, major)}
    words = {name: at + 64 * TENANT if name.startswith("entry") else at for name, at in named(stage).items()}
    for (name, at), bit in itertools.product(words.items(), range(64)):
        yield TENANT, Shape(f"{name}, bit {bit} changed", {**base, at: base.get(at, 0) ^ 1 << bit}, known.get((name, bit)))
    yield TENANT, Shape("sound", base)
    yield 6, Shape("another PASID of the table", base, (0x5B, 0x5B))  # all zero: wrong before it is absent
    yield 0x45, Shape("a PASID of another table", base)
    yield 1, Shape("PASID 1", base, (0x5B, 0x5B))
    yield 0x1FFF, Shape("the last PASID of a directory of 128 entries", base)
    yield 0x2000 + TENANT, Shape("a PASID beyond the directory", {**base, DIRECTORY + 0x400: TABLE | 1}, (0, 0))
    yield RID_ENTRY, Shape("PASID 0", base, (0, 0))
    for kind in range(8):
        yield TENANT, Shape(f"PGTT {kind}", tenant(stage, {entry: base[entry] & ~0x1C0 | kind << 6}))
    yield TENANT, Shape("pass-through", tenant(stage, {entry: 1 | 2 << 2 | PASS << 6}), iova=TARGET)
    for shape in leaves(stage):
        yield TENANT, dataclasses.replace(shape, words=tenant(stage, shape.words.items() - sound(stage).items()))
    absent = tenant(stage, {entry: base[entry] & ~1})
    yield TENANT, Shape("an entry that is not present", absent, (0, 0))


def seen_with_pasid(machine, shape, pasid, phys):
    """As seen(), for requests with a PASID."""
    memory = TARGET <= phys < MEMORY
    if memory:
        machine.say(f"writeq {phys:#x} {MARK:#x}")
    machine.enable(shape.rtaddr)
    reading, value = machine.pasid(shape.rid, pasid, shape.iova)
    machine.enable(shape.rtaddr)
    writing, _ = machine.pasid(shape.rid, pasid, shape.iova, MARK ^ 1)
    if memory and not reading and not writing:
        assert (value, machine.read(phys)) == (MARK, MARK ^ 1), f"{shape.name}: the access did not go to {phys:#x}"
    return reading, writing


@pytest.mark.parametrize("emulator", ("10.0", "11.1"), indirect=True)
@pytest.mark.parametrize("mode", (FIRST, SECOND), ids=("first-stage", "second-stage"))
def test_walker_against_qemu_with_pasids(emulator, mode, folder):
    sluice.make("build/walk", "build/walk-pasid.so")
    major = emulator.version[0]
    machine = walker.Machine(emulator, PASID_OPTIONS[major, mode], (LOW >> 3,), folder, more=("-plugin", "build/walk-pasid.so"))
    oracle = walker.Walker()
    with walker.ending(machine, oracle):
        # QEMU 10.0 says PASIDs of one bit (ECAP.PSS), and takes any.
        registers = machine.read(walker.VTD + 8), machine.read(walker.VTD + 0x10) | 19 << 35
        oracle.put(f"ram {MEMORY:x}")
        tell(machine, oracle, mode, registers, tenant_shapes(mode, major))

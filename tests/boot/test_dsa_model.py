"""The model of a DSA (tools/dsa-model) without a guest: each operation against Python, each refusal by its status."""
import importlib.machinery
import importlib.util
import random
import struct
import subprocess
import sys

import pytest
import sluice
from dsa_card import (ALWAYS, APPLY, BATCH, CHECK, CMDSTATUS, COMPARE, COMPARE_PATTERN, COPY_CRC, CRC, DELTA, DISABLE_DEVICE, DISABLE_WQ, DRAIN, DRAIN_ALL,
                      DUALCAST, ENABLE_DEVICE, ENABLE_WQ, FENCE, FILL, FLUSH, GENSTS, GRPCFG, INTCAUSE, MOVE, NOOP, RECORD, RESET_DEVICE,
                      SEED, SUCCESS, SWERR, WQCFG, Dsa)

SCRIPT = sluice.ROOT / "tools/dsa-model/model-test"
loader = importlib.machinery.SourceFileLoader("dsa_model_test", str(SCRIPT))
sys.dont_write_bytecode, before = True, sys.dont_write_bytecode
judge = importlib.util.module_from_spec(importlib.util.spec_from_loader("dsa_model_test", loader))
sys.modules["dsa_model_test"] = judge
loader.exec_module(judge)
sys.dont_write_bytecode = before

NOWHERE = 0x7000_0000_0000  # no memory is there
DATA = random.Random(17).randbytes(3 * 4096 + 77)


@pytest.fixture(scope="module", autouse=True)
def built():
    sluice.make("dsa-model")


@pytest.fixture
def dsa(folder, emulator):
    made = []

    def dsa(properties="", **more):
        made.append(Dsa(folder, properties, qemu=emulator.path, **more))
        return made[-1]

    yield dsa
    for one in made:
        one.close()


def crc32c(data, crc=0):
    """RFC 3720, bit by bit."""
    crc ^= 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


@pytest.mark.needs("dsa-model")
@pytest.mark.each_qemu
def test_operations(dsa):
    d = dsa()
    src, dst, other = d.place(DATA, 4096), d.place(bytes(len(DATA)), 4096), d.place(bytes(len(DATA)), 4096)
    n = len(DATA)
    assert d.run(NOOP)[0] == d.run(DRAIN)[0] == d.run(FLUSH, 0, dst, n)[0] == SUCCESS
    assert d.run(MOVE, src, dst + 5, 4096)[0] == SUCCESS and d.read(dst, 4104) == bytes(5) + DATA[:4096] + bytes(3)
    assert d.run(MOVE, src + 1, dst, n - 1, wq=1)[0] == SUCCESS and d.read(dst, n) == DATA[1:] + bytes(1)
    for shift in (3, -3):  # overlapping, both ways
        d.write(dst, DATA)
        assert d.run(MOVE, dst + 3, dst + 3 + shift, n - 6)[0] == SUCCESS
        assert d.read(dst + 3 + shift, n - 6) == DATA[3 : n - 3]
    pattern = struct.unpack("<Q", b"12345678")[0]
    assert d.run(FILL, pattern, dst + 1, n - 2)[0] == SUCCESS
    assert d.read(dst + 1, n - 2) == (b"12345678" * n)[: n - 2] and d.read(dst + n - 1, 1) == DATA[-1:]
    assert d.run(COMPARE_PATTERN, dst + 1, pattern, n - 2)[:3] == (SUCCESS, 0, 0)
    assert d.run(COMPARE_PATTERN, dst + 1, pattern ^ 1 << 40, n - 2)[:3] == (SUCCESS, 1, 5)
    assert d.run(DUALCAST, src, dst, n, rest=struct.pack("<Q", other))[0] == SUCCESS
    assert d.read(dst, n) == d.read(other, n) == DATA
    assert d.run(COMPARE, src, dst, n)[:3] == (SUCCESS, 0, 0)
    d.write(other + 9000, bytes([DATA[9000] ^ 1]))
    assert d.run(COMPARE, src, other, n)[:3] == (SUCCESS, 1, 9000)
    checked = RECORD | ALWAYS | CHECK
    assert [d.run(COMPARE, src, other, n, flags=checked, rest=bytes([e]))[0] for e in (0, 1)] == [2, SUCCESS]
    assert d.run(CRC, d.place(b"123456789"), 0, 9)[4] == crc32c(b"123456789") == 0xE3069283
    assert d.run(CRC, src + 4097, 0, n - 4097, rest=struct.pack("<I", crc32c(DATA[:4097])))[4] == crc32c(DATA)
    seed = d.place(struct.pack("<I", 0xE3069283))
    assert d.run(COPY_CRC, src, other, n, flags=RECORD | ALWAYS | SEED, rest=struct.pack("<QQ", 0, seed))[4] == crc32c(DATA, 0xE3069283)
    assert d.read(other, n) == DATA


@pytest.mark.needs("dsa-model")
def test_delta_records(dsa):
    """Made, applied, with no room, and the expected results; over the ends of pages, also of the record."""
    d, n = dsa(), 3 * 4096
    changed = bytearray(DATA[:n])
    places = [0, 8, 4088, 4096, 8191, 12287]
    for at in places:
        changed[at] ^= 0x55
    offsets = sorted({at // 8 for at in places})
    expected = b"".join(struct.pack("<H", at) + changed[8 * at : 8 * at + 8] for at in offsets)
    one, two = d.place(DATA[:n], 4096), d.place(bytes(changed), 4096)
    record = d.place(bytes(8192), 4096) + 4096 - 25

    def make(a, b, most, flags=RECORD | ALWAYS, mask=0):
        return d.run(DELTA, a, b, n, flags=flags, rest=struct.pack("<QQQ", record, most, mask))

    assert make(one, two, 85) == (SUCCESS, 1, 0, 0, 60) and d.read(record, 60) == expected
    assert d.run(APPLY, record, one, n, rest=struct.pack("<Q", 60))[0] == SUCCESS and d.read(one, n) == bytes(changed)
    assert make(one, two, 80) == (SUCCESS, 0, 0, 0, 0), "they are equal now"
    checked = RECORD | ALWAYS | CHECK
    assert [make(one, two, 80, checked, mask)[0] for mask in (1, 2)] == [SUCCESS, 2]
    d.write(two, bytes(n))
    status, result, done, _, size = make(one, two, 89)
    assert (status, result, done, size) == (SUCCESS, 2, 64, 80), "eight entries have room"
    d.write(record, struct.pack("<H", n // 8))
    assert d.run(APPLY, record, one, n, rest=struct.pack("<Q", 10))[0] == 0x15, "beyond the destination"
    assert d.run(APPLY, NOWHERE, one, n, rest=struct.pack("<Q", 10))[::3] == (3, NOWHERE)


@pytest.mark.needs("dsa-model")
def test_refusals(dsa):
    d = dsa()
    src, dst = d.place(DATA, 4096), d.place(bytes(8192), 4096)
    delta = struct.pack("<QQ", src, 80)
    for status, words, more in (
        (0x10, (0x33,), {}), (0x10, (0xA, src, dst, 64), {}),
        (0x11, (MOVE, src, dst, 64), {"flags": RECORD | ALWAYS | 0x40}),
        (0x11, (MOVE, src, dst, 64), {"flags": RECORD | ALWAYS | 2}),  # block on fault, which the queue does not have
        (0x12, (MOVE, src, dst, 64), {"rest": bytes(23) + b"\1"}),
        (0x13, (MOVE, src, dst, 0), {}), (0x13, (MOVE, src, dst, (2 << 20) + 1), {}),
        (0x14, (BATCH, src, 0, 1), {}), (0x14, (BATCH, src, 0, 33), {}), (0x18, (BATCH, src + 8, 0, 2), {}),
        (0x16, (COPY_CRC, src, src + 8, 64), {}), (0x17, (DUALCAST, src, dst, 64), {"rest": struct.pack("<Q", dst + 8)}),
        (0x13, (DELTA, src, dst, 60), {"rest": delta}), (0x13, (DELTA, src, dst, (512 << 10) + 8), {"rest": delta}),
        (0x1C, (DELTA, src + 1, dst, 64), {"rest": delta}), (0x1C, (APPLY, src, dst + 4, 64), {}),
        (0x15, (DELTA, src, dst, 64), {"rest": struct.pack("<QQ", src, 79)}),
        (0x15, (APPLY, src, dst, 64), {"rest": struct.pack("<Q", 11)}),
        (0x19, (NOOP,), {"flags": RECORD | ALWAYS | 0x10}),
    ):
        assert d.run(*words, **more)[0] == status, (words, more)
    assert d.read(dst, 8192) == bytes(8192)
    assert d.run(MOVE, NOWHERE, dst, 64)[::3] == (3, NOWHERE)
    assert d.run(MOVE, src, NOWHERE, 64)[::3] == (0x83, NOWHERE)
    assert d.reg(SWERR) == 0
    record = d.place(bytes(32), 32)
    d.submit(d.descriptor(NOOP, record=record, flags=RECORD)[0])
    assert d.record(record)[0] == 0, "without a request for it there is a record of a failure only"
    d.submit(d.descriptor(0x33, record=record, flags=RECORD)[0])
    assert d.record(record)[0] == 0x10
    for error, data in ((0x1B, d.descriptor(NOOP, record=record + 8)[0]), (0x1A, d.descriptor(NOOP, record=NOWHERE)[0]),
                        (0x10, d.descriptor(0x33, flags=0)[0])):
        d.submit(data, wq=1)
        assert d.reg(SWERR) & 0xFFFF0D == error << 8 | 0x1000D, hex(error)
        d.reg(SWERR, 3)
    d.do(DISABLE_WQ, 1 << 1)
    d.submit(d.descriptor(NOOP)[0], wq=1)
    d.submit(d.descriptor(NOOP)[0], wq=1)
    assert d.reg(SWERR) & 0xFF03 == 0x8003, "a queue that is off; and once more"


@pytest.mark.needs("dsa-model")
def test_batches(dsa):
    d = dsa()
    src, dst = d.place(DATA, 4096), d.place(bytes(8192), 4096)

    def batch(*items):
        made = [d.descriptor(*words, **more) for words, more in items]
        whole = d.run(BATCH, d.place(b"".join(data for data, _ in made)), 0, len(made))
        return whole[:3], [d.record(record)[0] for _, record in made]

    moves = [((MOVE, src + 100 * i, dst + 100 * i, 100), {}) for i in range(32)]
    assert batch(*moves) == ((SUCCESS, 0, 32), [SUCCESS] * 32) and d.read(dst, 3200) == DATA[:3200]
    bad, fenced = ((0x33,), {}), ((MOVE, src, dst + 4096, 8), {"flags": RECORD | ALWAYS | FENCE})
    assert batch(moves[0], bad, moves[1]) == ((5, 0, 3), [SUCCESS, 0x10, SUCCESS])
    assert batch(moves[0], bad, fenced, moves[1]) == ((5, 0, 2), [SUCCESS, 0x10, 0, 0]) and d.read(dst + 4096, 8) == bytes(8)
    assert batch(moves[0], ((BATCH, src, 0, 2), {}))[1] == [SUCCESS, 0x10], "no batch in a batch"
    assert d.run(BATCH, NOWHERE, 0, 2)[::3] == (6, NOWHERE)


@pytest.mark.needs("dsa-model")
def test_configuration(dsa):
    d = dsa(start=False)
    assert d.do(ENABLE_WQ) == 0x20 and d.do(31) == 1
    d.queue(0)
    d.reg(GRPCFG, 1)
    assert d.do(ENABLE_DEVICE) == 0x16, "a group without an engine"
    d.reg(GRPCFG + 32, 1)
    d.reg(GRPCFG + 64, 1)
    assert d.do(ENABLE_DEVICE) == 0x15, "a queue in two groups"
    d.reg(GRPCFG + 64, 0)
    d.queue(1, size=113)
    assert d.do(ENABLE_DEVICE) == 0x14, "129 entries"
    d.queue(1, size=112, mode=0x10)
    d.queue(2, size=0)
    d.config(0, 4, 2, size=2)
    assert d.do(ENABLE_DEVICE) == 0x12, "no bus mastering"
    d.config(0, 4, 6, size=2)
    assert d.do(ENABLE_DEVICE) == 0 and d.reg(GENSTS) == 1 and d.do(ENABLE_DEVICE) == 0x10
    assert [d.do(ENABLE_WQ, n) for n in (0, 0, 1, 2, 8)] == [0, 0x21, 0x24, 0x22, 2]
    mode = WQCFG + 8
    d.reg(mode, 0x1FFFFF11)
    assert d.reg(mode) == 0x11, "the configuration of an enabled queue stands, its PASID included"
    assert d.do(DISABLE_WQ, 1) == 0
    for value, error in ((0x10000511, 0x26), (0x01, 0x23)):
        d.reg(mode, value)
        assert d.do(ENABLE_WQ) == error
    d.reg(WQCFG, 99)
    assert d.reg(WQCFG) == 16, "sizes stand while the device is enabled"
    assert d.do(1 << 11 | DRAIN_ALL) == 0 and d.reg(INTCAUSE) == 2, "with bit 31, an interrupt"
    d.reg(INTCAUSE, 2)
    assert d.do(DISABLE_DEVICE) == 0 and d.reg(GENSTS) == 0 and d.reg(INTCAUSE) == 0
    assert d.do(RESET_DEVICE) == 0 and d.reg(mode) == 0 and d.reg(GRPCFG) == 0


@pytest.mark.needs("dsa-model")
def test_ordered_faults(dsa):
    d = dsa(",fault=flip,fault-after=1,fault-wq=1")
    src, dst = d.place(DATA, 4096), d.place(bytes(8192), 4096)
    differing = []
    for wq in (0, 0, 1, 1, 1):
        assert d.run(MOVE, src, dst, 4096, wq=wq)[0] == SUCCESS
        differing.append(sum((a ^ b).bit_count() for a, b in zip(d.read(dst, 4096), DATA)))
    assert differing == [0, 0, 0, 1, 0]
    d.close()
    d = dsa(",fault=lost")
    dst = d.place(bytes(64), 64)
    assert d.run(FILL, 0x0101010101010101, dst, 64)[0] == 0 and d.read(dst, 64) == b"\1" * 64
    assert d.run(NOOP)[0] == SUCCESS, "only one was ordered"
    d.close()
    d = dsa(",fault=late,fault-ms=300")
    data, record = d.descriptor(NOOP)
    d.submit(data)
    assert d.record(record)[0] == 0 and d.do(DRAIN_ALL) >> 31, "a drain waits for it"
    assert d.wait(record) == SUCCESS and d.reg(CMDSTATUS) == 0


@pytest.mark.needs("dsa-model")
def test_no_such_fault(folder, emulator):
    run = subprocess.run([emulator.path, "-machine", "q35", "-accel", "tcg", "-nodefaults", "-display", "none", "-plugin",
                          str(sluice.ROOT / "build/dsa-model.so"), "-device", "dsa,fault=x"], capture_output=True, text=True, timeout=sluice.PATIENCE)
    assert run.returncode and "no fault x: pasid, flip, stale, lost, late, lie" in run.stderr


PLAIN = [f"CASE 0 op {n}" for n in range(judge.CASES)] + \
        [f"SVA {c} copies its own {n}: status 1 fault 0 ok" for c in "AB" for n in range(5)] + ["PASID 1", "VECTORS 7"]


def test_what_judges_accept():
    assert judge.judge("plain", PLAIN) == ({"dsa_test": (130, 130), "two processes": (10, 10)}, [])
    for spoilt in (PLAIN[1:], PLAIN[:-3] + PLAIN[-2:], PLAIN[:-1] + ["VECTORS 0"], ["CASE 1 op 0", *PLAIN[1:]],
                   [line.replace("ok", "bad") for line in PLAIN], [line.replace("PASID 1", "PASID 0") for line in PLAIN]):
        assert judge.judge("plain", spoilt)[1]


def test_a_fault_has_to_be_noticed():
    good = ["CASE 0 op 0x0 length 1", "CASE 0 op 0x3 length 1", "SVA A copies its own: status 1 fault 0 ok",
            "SVA A reads the other's: status 3 fault 1 ok", "SVA A reads what it unmapped: status 3 fault 1 ok"]
    spoilt = [good[0], "CASE 1 op 0x3 length 1", good[2].replace("ok", "bad"), *good[3:]]
    assert len(judge.judge("flip", good)[1]) == 2 and judge.judge("flip", spoilt)[1] == []
    assert judge.judge("lost", spoilt)[1] and judge.judge("lost", [])[1] == ["nothing was judged"]
    assert judge.judge("stale", good)[1] and not judge.judge("stale", good[:-1] + [good[-1].replace("ok", "bad")])[1]


def test_what_dpdk_says():
    passed = [f"DPDK ### Test dmadev instance {n} [0000:01:00.0-q{n}]" for n in (0, 1)] + ["DMADEV 0"]
    failed = ["DPDK ### Test dmadev infrastructure using 0 [0000:01:00.0-q0]", "DMADEV 255"]
    for name, good, bad in (("dpdk", passed, failed), ("dpdk-flip", failed, passed)):
        assert not judge.judge(name, good)[1] and judge.judge(name, bad)[1] and judge.judge(name, good[-1:])[1]


def test_init_is_a_shell_script():
    subprocess.run(["sh", "-n", judge.HERE / "guest_init.sh"], check=True)

"""The model of a QAT card (tools/qat-model) against known-good libraries, without a guest."""
import hashlib
import hmac
import struct
import subprocess
import time
import zlib

import pytest
import sluice
from qat_card import ASYM_RING, COMP, COMP_BANK, COMP_RING, LA, SYM_BANK, SYM_RING, Boot, Boot4, Card, pke, request

try:
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
except ImportError:
    sluice.missing("python3-cryptography")

pytestmark = pytest.mark.needs("qat-model")

KEY = bytes(range(32))
IV = bytes(range(100, 116))
DATA = bytes(i * 7 & 255 for i in range(1024))
CBC, CTR, XTS = 1, 2, 6
IV_INLINE, RETURN, COMPARE, GCM, IN_BUFFER, IV_12 = 1 << 2, 1 << 5, 1 << 6, 2 << 7, 1 << 10, 1 << 11
DECRYPT = 3 << 8
CRYPTO_ERROR, COMP_ERROR = 0x80, 0x20


@pytest.fixture(scope="module", autouse=True)
def built():
    sluice.make("qat-model")


@pytest.fixture
def card(folder, emulator):
    made = []

    def card(properties="", **more):
        made.append(Card(folder, properties, qemu=emulator.path, **more))
        return made[-1]

    yield card
    for one in made:
        one.close()


def aes(mode, key_len=16, decrypt=False):
    return 3 + (key_len - 16) // 8 | mode << 4 | (DECRYPT if decrypt else 0)


def cipher_cd(card, config, key):
    block = struct.pack("<II", config, 0) + key
    return card.place(block), len(block)


def cipher(card, config, key, data, iv=IV, flags=0, command=0, opaque=1, place=True):
    cd, size = cipher_cd(card, config, key)
    src = card.place(data)
    return src, request(LA, command, IV_INLINE | flags, cd, size, opaque, src, src, len(data), len(data),
                        parameters=struct.pack("<II16s", 0, len(data), iv), control=bytes([2, len(key) // 8, 0, 1]))


def status(response):
    return response[6]


def by_library(mode, key, data, decrypt=False):
    run = Cipher(algorithms.AES(key), mode)
    run = run.decryptor() if decrypt else run.encryptor()
    return run.update(data) + run.finalize()


@pytest.mark.parametrize("decrypt", [False, True])
@pytest.mark.parametrize("mode, key_len", [(m, k) for m in (CBC, CTR, XTS) for k in (16, 24, 32) if (m, k) != (XTS, 24)])
def test_ciphers(card, mode, key_len, decrypt):
    ring = (c := card()).vfs[3].ring(SYM_RING)
    key = (KEY + KEY[::-1])[: key_len * (2 if mode == XTS else 1)]
    src, req = cipher(c, aes(mode, key_len, decrypt and mode != CTR), key, DATA, opaque=0x1122334455667788)
    response = ring.call(req)
    assert status(response) == 0 and response[8:16] == (0x1122334455667788).to_bytes(8, "little")
    library = {CBC: modes.CBC, CTR: modes.CTR, XTS: modes.XTS}[mode](IV)
    assert c.read(src, len(DATA)) == by_library(library, key, DATA, decrypt)


def rol(x, n, bits=32):
    return (x << n | x >> bits - n) & (1 << bits) - 1


def sha1_block(block):
    """The state after one block: the libraries do not give theirs away."""
    h = [0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476, 0xC3D2E1F0]
    w = list(struct.unpack(">16I", block))
    for i in range(16, 80):
        w.append(rol(w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16], 1))
    a, b, c, d, e = h
    for i in range(80):
        f, k = [((b & c) | (~b & d), 0x5A827999), (b ^ c ^ d, 0x6ED9EBA1), ((b & c) | (b & d) | (c & d), 0x8F1BBCDC),
                (b ^ c ^ d, 0xCA62C1D6)][i // 20]
        a, b, c, d, e = (rol(a, 5) + (f & 0xFFFFFFFF) + e + k + w[i]) & 0xFFFFFFFF, a, rol(b, 30), c, d
    return struct.pack(">5I", *((x + y) & 0xFFFFFFFF for x, y in zip(h, (a, b, c, d, e))))


def sha1_cd(key):
    inner, outer = (sha1_block(bytes(k ^ pad for k in key.ljust(64, b"\0"))) for pad in (0x36, 0x5C))
    return (struct.pack("<II", 1 | 1 << 4, 0) + struct.pack(">II", 64, 0) + inner.ljust(24, b"\0") +
            outer.ljust(24, b"\0"))


def hash_control(cfg, state1, state2_at, final, cipher_at=0, cipher_next=0):
    return bytes([2, 2, cipher_at // 8, cipher_next, 0, 1, cfg // 8, 0, 0, 0, final, final, 0, state1, state2_at // 8, state1])


def test_hmac_sha1(card):
    ring = (c := card()).vfs[0].ring(SYM_RING)
    cd = sha1_cd(b"key")
    src, digest = c.place(DATA), c.place(bytes(20))
    assert status(ring.call(request(LA, 1, RETURN, c.place(cd), len(cd), 5, src, src, len(DATA), len(DATA),
                  parameters=bytes(24) + struct.pack("<IIQQ", 0, len(DATA), 0, digest),
                  control=hash_control(0, 20, 40, 20)))) == 0
    assert c.read(digest, 20) == hmac.digest(b"key", DATA, "sha1")


@pytest.mark.parametrize("alg, name", [(1, "sha1"), (3, "sha224"), (4, "sha256"), (5, "sha384"), (6, "sha512")])
def test_plain_hash(card, alg, name):
    start = {"sha1": "67452301efcdab8998badcfe10325476c3d2e1f0",
             "sha224": "c1059ed8367cd5073070dd17f70e5939ffc00b316858151164f98fa7befa4fa4",
             "sha256": "6a09e667bb67ae853c6ef372a54ff53a510e527f9b05688c1f83d9ab5be0cd19",
             "sha384": "cbbb9d5dc1059ed8629a292a367cd5079159015a3070dd17152fecd8f70e5939"
                       "67332667ffc00b318eb44a8768581511db0c2e0d64f98fa747b5481dbefa4fa4",
             "sha512": "6a09e667f3bcc908bb67ae8584caa73b3c6ef372fe94f82ba54ff53a5f1d36f1"
                       "510e527fade682d19b05688c2b3e6c1f1f83d9abfb41bd6b5be0cd19137e2179"}[name]
    ring = (c := card()).vfs[0].ring(SYM_RING)
    n = hashlib.new(name).digest_size
    cd = struct.pack("<II", alg, 0) + bytes(8) + bytes.fromhex(start).ljust(64, b"\0")
    src, digest = c.place(DATA), c.place(bytes(n))
    for wanted in (n + 1, n):
        assert status(ring.call(request(LA, 1, RETURN, c.place(cd), len(cd), 5, src, src, len(DATA), len(DATA),
                      parameters=bytes(24) + struct.pack("<IIQQ", 0, len(DATA), 0, digest),
                      control=hash_control(0, len(start) // 2, 0, wanted)))) == (0 if wanted == n else CRYPTO_ERROR)
    assert c.read(digest, n) == hashlib.new(name, DATA).digest()


@pytest.mark.parametrize("wrong", [0, 1])
def test_chain_both_ways(card, wrong):
    """CBC then HMAC with the digest behind the data; then the way back, which must notice one wrong bit."""
    ring = (c := card()).vfs[15].ring(SYM_RING)
    block = struct.pack("<II", aes(CBC), 0) + KEY[:16]
    cd = block + sha1_cd(b"key")
    src = c.place(DATA + bytes(20))
    size = len(DATA) + 20

    def chain(command, flags, cd, digest_len):
        return status(ring.call(request(
            LA, command, IV_INLINE | IN_BUFFER | flags, c.place(cd), len(cd), 5, src, src, size, size,
            parameters=struct.pack("<II16s", 16, len(DATA) - 16, IV) + struct.pack("<IIQQBBBB", 0, len(DATA), 0, 0, 0, 0, 0,
                                                                               digest_len),
            control=hash_control(24, 20, 64, 20))))

    assert chain(2, RETURN, cd, 0) == 0
    crypted = DATA[:16] + by_library(modes.CBC(IV), KEY[:16], DATA[16:])
    assert c.read(src, size) == crypted + hmac.digest(b"key", crypted, "sha1")
    c.write(src + size - 1, bytes([c.read(src + size - 1, 1)[0] ^ wrong]))
    back = struct.pack("<II", aes(CBC, decrypt=True), 0) + cd[8:]
    assert chain(3, COMPARE, back, 20) == (CRYPTO_ERROR if wrong else 0)
    assert c.read(src, len(DATA)) == DATA


@pytest.mark.parametrize("covered", [32, 16])
def test_a_digest_that_is_ciphered_too(card, covered):
    """Hash, then cipher over the data and the digest behind it, all of it or a part; then the way back."""
    ring = (c := card()).vfs[6].ring(SYM_RING)
    cd = sha1_cd(b"key") + struct.pack("<II", aes(CBC), 0) + KEY[:16]
    plain = DATA + hmac.digest(b"key", DATA, "sha1") + bytes(12)
    src = c.place(DATA + b"?" * 20 + bytes(12))

    def chain(command, flags, cd, size):
        return status(ring.call(request(
            LA, command, IV_INLINE | IN_BUFFER | flags, c.place(cd), len(cd), 5, src, src, len(plain), len(plain),
            parameters=struct.pack("<II16s", 0, size, IV) + struct.pack("<IIQQBBBB", 0, len(DATA), 0, 0, 0, 0, 0, 20),
            control=hash_control(0, 20, 40, 20, 64))))

    size = len(DATA) + covered
    assert chain(3, RETURN, cd, size) == 0
    assert c.read(src, len(plain)) == by_library(modes.CBC(IV), KEY[:16], plain[:size]) + plain[size:]
    assert chain(2, COMPARE, cd[:64] + struct.pack("<II", aes(CBC, decrypt=True), 0) + KEY[:16], size) == 0
    assert c.read(src, len(plain)) == plain
    assert chain(3, RETURN, cd, size) == 0
    c.write(src + size - 1, bytes([c.read(src + size - 1, 1)[0] ^ 1]))
    assert chain(2, COMPARE, cd[:64] + struct.pack("<II", aes(CBC, decrypt=True), 0) + KEY[:16], size) == CRYPTO_ERROR


@pytest.mark.parametrize("aad", [b"", b"associated", bytes(33)])
def test_gcm(card, aad):
    ring = (c := card()).vfs[1].ring(SYM_RING)
    hash_key = by_library(modes.ECB(), KEY[:16], bytes(16))
    cd = (struct.pack("<II", aes(CTR), 0) + KEY[:16] + struct.pack("<II", 10, 0) + bytes(8) + bytes(16) + hash_key +
          struct.pack(">I", len(aad)) + bytes(4 + 16))
    src, digest = c.place(DATA), c.place(bytes(16))

    def run(command, flags, cipher=len(DATA)):
        return status(ring.call(request(
            LA, command, IV_INLINE | GCM | IV_12 | flags, c.place(cd), len(cd), 5, src, src, len(DATA), len(DATA),
            parameters=struct.pack("<II16s", 0, cipher, IV[:12]) +
            struct.pack("<IIQQBBBB", 0, len(DATA), c.place(aad.ljust(48, b"\0")), digest, 0, 0, 0, 16),
            control=hash_control(24, 16, 56, 16))))

    assert run(2, RETURN) == 0
    library = Cipher(algorithms.AES(KEY[:16]), modes.GCM(IV[:12])).encryptor()
    library.authenticate_additional_data(aad)
    assert c.read(src, len(DATA)) == library.update(DATA) + library.finalize()
    assert c.read(digest, 16) == library.tag
    assert run(3, COMPARE) == 0
    assert c.read(src, len(DATA)) == DATA
    assert run(2, RETURN, cipher=0) == CRYPTO_ERROR, "that is GMAC"


def deflate(card, command, data, room, flags=0x43):
    src, dst = card.place(data), card.place(bytes(room + 16))
    return dst, request(COMP, command, 0, common=2, opaque=9, src=src, dst=dst, src_len=len(data), dst_len=room, cd=(
        1 << 4 if command == 2 else 0), parameters=struct.pack("<IIIII", len(data), room, 0, 1, flags))


@pytest.mark.parametrize("command", [0, 1])
def test_deflate(card, command):
    ring = (c := card()).vfs[2].ring(COMP_RING)
    text = DATA * 20
    dst, req = deflate(c, command, text, 40000)
    response = ring.call(req)
    consumed, produced, crc, adler = struct.unpack("<4I", response[16:])
    assert (status(response), consumed, crc, adler) == (0, len(text), zlib.crc32(text), zlib.adler32(text))
    packed = c.read(dst, produced)
    assert zlib.decompress(packed, -15) == text
    assert packed[0] >> 1 & 3 == command + 1, "the type of the first block"
    dst, req = deflate(c, 2, packed, len(text))
    response = ring.call(req)
    assert struct.unpack("<4I", response[16:]) == (produced, len(text), crc, adler)
    assert c.read(dst, len(text)) == text
    dst, req = deflate(c, 2, packed, len(text) - 1)
    response = ring.call(req)
    assert (status(response), response[5]) == (COMP_ERROR, 256 - 11), "one byte of room too few"
    assert status(ring.call(deflate(c, 2, b"\xff" * 64, 4096)[1])) == COMP_ERROR
    assert status(ring.call(deflate(c, 0, text, 40000, flags=0x41)[1])) == COMP_ERROR, "stateful"


def test_rsa_and_dh(card):
    ring = (c := card()).vfs[4].ring(ASYM_RING, 64)

    def run(function, width, *numbers):
        inputs = [c.place(n.to_bytes(w, "big")) for n, w in numbers]
        out = c.place(bytes(width))
        response = ring.call(pke(function, c.place(struct.pack(f"<{len(inputs)}Q", *inputs)), c.place(struct.pack("<Q", out)),
                                 len(inputs), opaque=3))
        assert response[8] == 3
        return response[5], int.from_bytes(c.read(out, width), "big")

    p, q = 2**521 - 1, 2**607 - 1  # primes, below 1024 bits each
    n, e = p * q, 65537
    d = pow(e, -1, (p - 1) * (q - 1))
    message, whole, half = 0x1234567890 ** 20, 256, 128
    crypted = pow(message, e, n)
    assert run(0x6E111DBA, whole, (message, whole), (e, whole), (n, whole)) == (0, crypted)
    assert run(0x6E111DDA, whole, (crypted, whole), (d, whole), (n, whole)) == (0, message)
    assert run(0x59121DFA, whole, (crypted, whole), (p, half), (q, half), (d % (p - 1), half), (d % (q - 1), half),
               (pow(q, -1, p), half)) == (0, message)
    assert run(0x4D0C1A60, whole, (5, whole), (d, whole), (n, whole)) == (0, pow(5, d, n))
    assert run(0x3E0B1A55, whole, (d, whole), (n, whole)) == (0, pow(2, d, n))
    assert run(0x12345678, whole, (d, whole), (n, whole)) == (0x40, 0), "a function that is not there"
    assert run(0x6E111DBA, whole, (d, whole), (n, whole)) == (0x40, 0), "an input too few"
    assert run(0x6E111DBA, whole, (5, whole), (d, whole), (0, whole)) == (0x40, 0)


def test_unknown_is_refused(card):
    """Whatever is not in the model is answered with an error status, and the data is left as it was."""
    ring = (c := card()).vfs[0].ring(SYM_RING)
    good = aes(CBC)
    odd = [dict(config=good & ~15 | alg) for alg in (0, 1, 2, 6, 7, 8, 15)]
    odd += [dict(config=good & ~0xF0 | mode << 4) for mode in (0, 3, 4, 5, 7, 15)]
    odd += [dict(config=good | 1 << 8), dict(config=good | 1 << 20)]
    odd += [dict(flags=proto << 7) for proto in (1, 2, 3, 4, 5, 6, 7)]
    odd += [dict(flags=f) for f in (1, 2, 3, 1 << 4, 1 << 13, 2 << 14, 3 << 14)]
    odd += [dict(command=n) for n in (4, 5, 6, 19, 255)]
    odd += [dict(data=DATA[:-1])]
    for case in odd:
        words = dict(config=good, key=KEY[:16], data=DATA) | case
        src, req = cipher(c, words["config"], words["key"], words["data"], flags=words.get("flags", 0),
                          command=words.get("command", 0))
        assert status(ring.call(req)) == CRYPTO_ERROR, case
        assert c.read(src, len(words["data"])) == words["data"], case
    for service in (1, 3, 5, 9, 12):
        src, req = cipher(c, good, KEY[:16], DATA)
        assert status(ring.call(req[:2] + bytes([service]) + req[3:])) == CRYPTO_ERROR
    src, req = cipher(c, good, KEY[:16], DATA)
    assert status(ring.call(req)) == 0


def test_mailbox(card):
    """As a VF's driver does it: version, then capabilities byte by byte with their CRC."""
    vf = (c := card()).vfs[7]

    def ask(kind, data):
        c.write32(vf.pmisc + 0x200, (data << 6 | kind << 2 | 3) << 16 | 0x6AC2)
        assert not c.read32(vf.pmisc + 0x200) >> 16 & 1, "taken"
        end = time.monotonic() + sluice.PATIENCE
        while not c.read32(vf.pmisc + 0x204) & 2:
            assert time.monotonic() < end, "no answer"
        reply = c.read32(vf.pmisc + 0x200)
        c.write32(vf.pmisc + 0x200, reply & ~1)  # the pattern stays, as from a driver that knows no version yet
        assert c.read32(vf.pmisc + 0x200) >> 16 == 0, "the sender has given up its pattern"
        return reply >> 2 & 15, reply >> 6 & 1023

    assert ask(6, 5) == (2, 5 | 1 << 8)
    payload = bytes(ask(9, 2 | n << 4)[1] >> 2 for n in range(14))
    assert payload[:2] == b"\x03\x0c" and struct.unpack_from("<I", payload, 6)[0] & 0x2B == 0x2B
    crc = 0xFF
    for byte in payload:
        crc ^= byte
        for _ in range(8):
            crc = (crc << 1 ^ (0x97 if crc & 0x80 else 0)) & 255
    assert ask(9, 2 | 13 << 4 | 1 << 9) == (3, crc << 2 | 1)
    assert ask(9, 9)[1] & 3 == 2, "a block that is not there"
    # A PF driver that has taken the VF's messages over is not answered for, not even while it masks them.
    c.write32(c.pmisc + 0x3A01C, 0xFFFFFFFF & ~(1 << 16))
    c.write32(c.pmisc + 0x3A01C, 0xFFFFFFFF)
    c.write32(vf.pmisc + 0x200, (5 << 6 | 6 << 2 | 3) << 16 | 0x6AC2)
    time.sleep(0.05)
    assert c.read32(vf.pmisc + 0x200) >> 16 & 1 and c.read32(c.pmisc + 0x3A00C) == 1 << 16
    assert c.read32(c.pmisc + 0x3A280 + 4 * 7) == c.read32(vf.pmisc + 0x200)


@pytest.mark.parametrize("fault, gen", [("dma", 2), ("status", 2), ("stuck", 2), ("late", 2), ("extra", 2), ("opaque", 2),
                                        ("pointer", 2), ("dma", 4), ("extra", 4)])
def test_faults(card, fault, gen):
    """The fault hits the VF that was named, once; the others work on; an FLR brings the VF back."""
    c = card(f",fault={fault},fault-vf=2,fault-after=1,fault-ms=2000", gen=gen)
    sym = SYM_RING if gen == 2 else SYM_BANK
    other, ring = c.vfs[1].ring(sym), c.vfs[2].ring(sym)
    assert status(ring.call(cipher(c, aes(CBC), KEY[:16], DATA)[1])) == 0
    src, req = cipher(c, aes(CBC), KEY[:16], DATA, opaque=77)
    ring.send(req)
    if fault in ("dma", "stuck", "late"):
        assert ring.poll(0.3) is None
    if fault in ("late", "extra", "status", "opaque", "pointer"):
        first = ring.poll()
        assert status(first) == (CRYPTO_ERROR if fault == "status" else 0)
        assert (first[8] == 77) == (fault != "opaque")
    if fault == "extra":
        assert ring.poll() == first
    if fault == "status":
        assert c.read(src, len(DATA)) == DATA
    if fault == "pointer":
        assert c.read32(c.vfs[2].etr + 0x100 + 4 * 10) > 4096
    assert status(other.call(cipher(c, aes(CBC), KEY[:16], DATA)[1])) == 0
    c.vfs[2].flr()
    assert c.read32(c.vfs[2].etr + 0x19C) == 0
    assert status(c.vfs[2].ring(sym).call(cipher(c, aes(CBC), KEY[:16], DATA)[1])) == 0


def test_one_wrong_bit(card, folder):
    """fault=flip: status ok, and the last bit of the first block of the cipher's result is wrong. log=on tells of each answer."""
    ring = (c := card(",fault=flip,log=on")).vfs[3].ring(SYM_RING)
    right = by_library(modes.CBC(IV), KEY[:16], DATA)
    for wrong in (1, 0):
        src, req = cipher(c, aes(CBC), KEY[:16], DATA)
        assert status(ring.call(req)) == 0
        assert c.read(src, len(DATA)) == right[:15] + bytes([right[15] ^ wrong]) + right[16:]
    assert status(ring.call(cipher(c, aes(CBC), KEY[:16], DATA[:-1])[1])) == CRYPTO_ERROR
    said = [line for line in (folder / "stderr").read_text().splitlines() if "VF 3 " in line]
    answered = "qat: VF 3 bank 0 ring 2 service 4 command 0 flags 0004 status "
    assert said[-4:] == ["qat: VF 3 bank 0 ring 2 set up", answered + "00", answered + "00", answered + "80"]


def test_a_full_response_ring_is_never_overrun(card):
    ring = (c := card()).vfs[0].ring(SYM_RING)
    rx = ring.vf.etr + 0x100 + 4 * 10
    _, req = cipher(c, aes(CBC), KEY[:16], DATA)
    for _ in range(10):
        ring.send(*[req] * 15)
        while c.read32(ring.vf.etr + 0xC0 + 4 * ring.tx) != ring.sent % 4096 and c.read32(rx) != 127 * 32:
            pass
    assert c.read32(rx) == 127 * 32, "127 of 128 places"
    for _ in range(150):
        assert status(ring.poll()) == 0


def test_a_refused_access_stops_the_ring_without_a_response(card):
    ring = (c := card()).vfs[0].ring(SYM_RING)
    src, req = cipher(c, aes(CBC), KEY[:16], DATA)
    beyond = (1 << 40).to_bytes(8, "little")
    ring.send(req[:0x20] + beyond * 2 + req[0x30:])
    assert ring.poll(0.3) is None
    assert status(c.vfs[1].ring(SYM_RING).call(req)) == 0
    c.vfs[0].flr()
    assert status(c.vfs[0].ring(SYM_RING).call(req)) == 0


def test_vfs_come_and_go(card):
    """Fewer VFs than there could be; a VF that went and came back has lost its rings."""
    c = card(vfs=4)
    _, req = cipher(c, aes(CBC), KEY[:16], DATA)
    assert status(c.vfs[3].ring(SYM_RING).call(req)) == 0
    for control in (0, 9):
        c.config(0, 0x148, control, size=2)
    c.vfs[3].enable()
    assert c.read32(c.vfs[3].etr + 0x19C) == 0
    assert status(c.vfs[3].ring(SYM_RING).call(req)) == 0


# --- 4xxx

UCS, SINGLE_PASS = 1 << 14, 1 << 13


def last_round_keys(key):
    """The end of a key's schedule, the last round key first: what a UCS slice decrypts with. The libraries keep theirs."""
    times = lambda a, b: 0 if not b else times((a << 1 ^ (0x1B if a & 0x80 else 0)) & 255, b >> 1) ^ (a if b & 1 else 0)
    inverse = [0] + [next(y for y in range(256) if times(x, y) == 1) for x in range(1, 256)]
    sbox = [x ^ rol(x, 1, 8) ^ rol(x, 2, 8) ^ rol(x, 3, 8) ^ rol(x, 4, 8) ^ 0x63 for x in inverse]
    n, round_constant = len(key) // 4, 1
    w = [key[i:i + 4] for i in range(0, len(key), 4)]
    for i in range(n, 4 * (n + 7)):
        t = w[-1]
        if i % n == 0:
            t = bytes(sbox[b] for b in t[1:] + t[:1])
            t = bytes([t[0] ^ round_constant]) + t[1:]
            round_constant = times(round_constant, 2)
        elif n == 8 and i % n == 4:
            t = bytes(sbox[b] for b in t)
        w.append(bytes(x ^ y for x, y in zip(t, w[i - n])))
    return (b"".join(w[-4:]) + b"".join(w[-8:-4]))[:len(key)]


def ucs(card, config, key, data, iv=IV, flags=0, more=0, parameters=b"", **words):
    """A request for the UCS slice and where its data lies; more: the second configuration word."""
    cd = struct.pack("<IIII", config, more, 0, 0) + key.ljust(-(-len(key) // 16) * 16, b"\0")
    src = card.place(data)
    return src, request(LA, 0, (IV_INLINE | UCS) ^ flags, card.place(cd), len(cd), 1, src, src, len(data), len(data),
                        parameters=struct.pack("<II16s", 0, len(data), iv) + parameters,
                        control=bytes([2, -(-len(key) // 16) * 2, 0, 0x41]), **words)


def test_gen4_ciphers(card):
    ring = (c := card(gen=4)).vfs[3].ring(SYM_BANK)
    assert len(last_round_keys(KEY[:16])) == 16
    for mode, n, back in [(m, n, b) for m in (CBC, CTR, XTS) for n in (16, 24, 32) for b in (0, 1)]:
        key, more = KEY[:n], KEY[::-1][:n]
        library = {CBC: modes.CBC, CTR: modes.CTR, XTS: modes.XTS}[mode](IV)
        given = last_round_keys(key) if back and mode != CTR and n != 24 else key
        # XTS has its tweak from the second key, which the slice never sees.
        src, req = ucs(c, aes(mode, n) | (1 << 8 if back and mode != CTR else 0), given, DATA,
                       by_library(modes.ECB(), more, IV) if mode == XTS else IV)
        answer = status(ring.call(req))
        if n == 24 and (mode == XTS or (mode == CBC and back)):
            assert answer == CRYPTO_ERROR and c.read(src, len(DATA)) == DATA
            continue
        assert answer == 0, (mode, n, back)
        whole = key + more if mode == XTS else key
        assert c.read(src, len(DATA)) == by_library(library, whole, DATA, back), (mode, n, back)
    # The slice of C62x is there too, and so are hashes and chains.
    src, req = cipher(c, aes(CBC, 16, True), KEY[:16], DATA)
    assert status(ring.call(req)) == 0 and c.read(src, len(DATA)) == by_library(modes.CBC(IV), KEY[:16], DATA, True)
    cd = struct.pack("<IIII", aes(CTR), 0, 0, 0) + KEY[:16] + sha1_cd(b"key")
    src, digest = c.place(DATA), c.place(bytes(20))
    assert status(ring.call(request(
        LA, 2, IV_INLINE | UCS | RETURN, c.place(cd), len(cd), 5, src, src, len(DATA), len(DATA),
        parameters=struct.pack("<II16sIIQQ", 0, len(DATA), IV, 0, len(DATA), 0, digest),
        control=hash_control(32, 20, 72, 20)))) == 0
    crypted = by_library(modes.CTR(IV), KEY[:16], DATA)
    assert c.read(src, len(DATA)) == crypted and c.read(digest, 20) == hmac.digest(b"key", crypted, "sha1")


def single_pass(card, key, data, aad, digest, decrypt=0, tag=16, flags=0, aad_said=None, tag_said=None, more=0):
    aad_len = len(aad) if aad_said is None else aad_said
    return ucs(card, aes(4, len(key)) | decrypt << 8 | tag << 10, key, data, IV[:12],
               (SINGLE_PASS | IV_12 | (COMPARE if decrypt else RETURN)) ^ flags,
               more=(len(aad) & 255) << 24 | len(aad) >> 8 << 16 | more,
               parameters=struct.pack("<IIQQBBBB", 0, aad_len, card.place(aad.ljust(16, b"\0")), digest, 0, 0, 0,
                                      tag if tag_said is None else tag_said))


def test_gen4_single_pass_gcm(card):
    ring = (c := card(gen=4)).vfs[1].ring(SYM_BANK)
    for n, aad, tag, flags in [(16, b"", 16, GCM), (24, b"a" * 20, 16, 0), (32, bytes(300), 12, GCM)]:
        library = Cipher(algorithms.AES(KEY[:n]), modes.GCM(IV[:12])).encryptor()
        library.authenticate_additional_data(aad)
        crypted = library.update(DATA) + library.finalize()
        digest = c.place(bytes(16))
        src, req = single_pass(c, KEY[:n], DATA, aad, digest, tag=tag, flags=flags)
        assert status(ring.call(req)) == 0
        assert c.read(src, len(DATA)) == crypted and c.read(digest, 16) == library.tag[:tag].ljust(16, b"\0")
        src, req = single_pass(c, KEY[:n], crypted, aad, digest, 1, tag, flags)
        assert status(ring.call(req)) == 0 and c.read(src, len(DATA)) == DATA
        c.write(digest + tag - 1, bytes([library.tag[tag - 1] ^ 1]))
        assert status(ring.call(single_pass(c, KEY[:n], crypted, aad, digest, 1, tag, flags)[1])) == CRYPTO_ERROR
    digest = c.place(bytes(16))
    odd = [dict(aad_said=19), dict(tag_said=12), dict(flags=IV_12), dict(flags=UCS), dict(flags=RETURN), dict(more=1),
           dict(flags=COMPARE), dict(flags=1 << 7), dict(flags=1 << 12), dict(flags=1 << 3), dict(tag=0), dict(tag=17)]
    for case in odd:
        src, req = single_pass(c, KEY[:16], DATA, b"a" * 20, digest, **case)
        assert status(ring.call(req)) == CRYPTO_ERROR, case
        assert c.read(src, len(DATA)) == DATA and c.read(digest, 16) == bytes(16), case


def test_gen4_unknown_is_refused(card):
    ring = (c := card(gen=4)).vfs[0].ring(SYM_BANK)
    good = aes(CBC)
    odd = [dict(config=good | 3 << 8), dict(config=good | 1 << 9), dict(more=1), dict(more=20 << 24), dict(flags=2 << 14),
           dict(config=good & ~0xF0 | 4 << 4)]
    odd += [dict(config=good & ~15 | alg) for alg in (0, 1, 2, 6, 7, 12, 15)]
    odd += [dict(config=good & ~0xF0 | mode << 4) for mode in (0, 3, 5, 7)]
    odd += [dict(flags=proto << 7) for proto in (1, 2, 3, 4, 7)]
    for case in odd:
        words = dict(config=good) | case
        src, req = ucs(c, words["config"], KEY[:16], DATA, flags=words.get("flags", 0), more=words.get("more", 0))
        assert status(ring.call(req)) == CRYPTO_ERROR, case
        assert c.read(src, len(DATA)) == DATA, case
    c2 = card()
    src, req = ucs(c2, good, KEY[:16], DATA)
    assert status(c2.vfs[0].ring(SYM_RING).call(req)) == CRYPTO_ERROR, "C62x has no such slice"
    assert c2.read(src, len(DATA)) == DATA


def gen4_words(low, high=0):
    return int.from_bytes(struct.pack(">II", low, high), "little")


PLAIN = 259 | 258 << 9
STATIC, DYNAMIC = gen4_words(0x107, PLAIN), gen4_words(0x407 | 1 << 13, PLAIN)
STATIC_DEFLATE, INFLATE = gen4_words(0x307 | 1 << 5 | 1 << 12, PLAIN | 1 << 31), gen4_words(1 << 5)


def comp(card, command, words, data, room, flags=0):
    src, dst = card.place(data), card.place(bytes(room + 16))
    return dst, request(COMP, command, flags, common=2, opaque=9, src=src, dst=dst, src_len=len(data), dst_len=room,
                        cd=words, parameters=struct.pack("<IIIII", len(data), room, 0, 1, 0x43))


def test_gen4_deflate(card):
    ring = (c := card(gen=4)).vfs[15].ring(COMP_BANK)
    text = DATA * 20
    for command, words in ((0, STATIC), (0, STATIC_DEFLATE), (1, DYNAMIC)):
        dst, req = comp(c, command, words, text, 40000, 1 << 3)
        response = ring.call(req)
        consumed, produced, crc, adler = struct.unpack("<4I", response[16:])
        assert (status(response), consumed, crc, adler) == (0, len(text), zlib.crc32(text), zlib.adler32(text))
        packed = c.read(dst, produced)
        assert zlib.decompress(packed, -15) == text and packed[0] >> 1 & 3 == command + 1
        dst, req = comp(c, 2, INFLATE, packed, len(text))
        response = ring.call(req)
        assert struct.unpack("<4I", response[16:]) == (produced, len(text), crc, adler)
        assert c.read(dst, len(text)) == text
    odd = [(0, 0, 0), (0, 0x107 | PLAIN << 32, 0), (2, 1 << 4, 0), (2, 0, 0),
           (2, STATIC, 0), (0, INFLATE, 0), (1, STATIC_DEFLATE, 0), (1, DYNAMIC, 1 << 2)]
    odd += [(command, gen4_words(0x107 | f << 5, PLAIN), 0) for command in (0, 1, 3, 4) for f in (2, 3, 4)]
    odd += [(0, gen4_words(0x107, PLAIN | 1 << bit), 0) for bit in (18, 19, 28, 29)]
    odd += [(0, gen4_words(0x107 | 1 << bit, PLAIN), 0) for bit in (4, 14, 17, 31)]
    odd += [(2, gen4_words(1 << 5 | 1 << bit), 0) for bit in (3, 4, 8, 14)]
    odd += [(command, STATIC, 0) for command in (3, 4, 5, 6, 255)]
    for command, words, flags in odd:
        dst, req = comp(c, command, words, text, 40000, flags)
        assert status(ring.call(req)) == COMP_ERROR, (command, hex(words), flags)
        assert c.read(dst, 64) == bytes(64)


def test_gen4_banks_and_messages(card):
    """The mailbox as a VF's driver uses it; the banks as VF and PF see them; interrupts."""
    c = card(",ring-map=0x51c", gen=4)  # asym, sym, asym, comp
    vf, pf = c.vfs[7], c.pmisc + 0x40B000 + 7 * 0x20
    to_pf, to_vf = vf.pmisc + 0x100C, vf.pmisc + 0x1008

    def ask(kind, data):
        c.write32(to_pf, data << 8 | kind << 2 | 3)
        end = time.monotonic() + sluice.PATIENCE
        while c.read32(to_pf) & 1:
            assert time.monotonic() < end, "not taken"
        reply = c.read32(to_vf)  # there is a driver that does not wait any longer
        assert reply & 3 == 3 and c.read32(vf.pmisc + 0x1000) == 1
        c.write32(to_vf, reply & ~1)
        assert c.read32(vf.pmisc + 0x1000) == 0
        return reply >> 2 & 63, reply >> 8

    assert ask(6, 5) == (2, 5 | 1 << 8)
    assert [ask(9, 3 | n << 4)[1] >> 2 for n in range(4)] == [1, 2, 0x1C, 0x05]
    capabilities = bytes(ask(9, 2 | n << 4)[1] >> 2 for n in range(6, 10))
    assert struct.unpack("<I", capabilities)[0] == 0x2F | 1 << 16 | 1 << 26
    assert ask(9, 3 | 4 << 4)[1] & 3 == 2, "beyond the block"

    _, req = cipher(c, aes(CBC), KEY[:16], DATA)
    ring = vf.ring(1)
    assert status(ring.call(req)) == 0
    assert vf.ring(2, 64).call(pke(1, 0, 0, 0))[5] == 0x40, "asym, no such function"
    bank = c.etr + 0x100000 + (4 * 7 + 1) * 0x2000
    assert c.read32(bank + 0x1000) == 6 and c.read32(bank + 0x1044) == ring.rx_at and c.read32(bank + 0x100) == 128
    for reset in (lambda: ask(0x10, 1), lambda: c.write32(c.etr + 0x6000 + 8 * (4 * 7 + 1), 1)):
        ring = vf.ring(1)
        assert status(ring.call(req)) == 0
        done = reset()
        assert done in ((0x10, 0), None)
        assert c.read32(bank + 0x1000) == 0 == c.read32(vf.etr + 0x2000 + 0x19C), "the bank is reset,"
        assert c.read32(vf.etr + 2 * 0x2000 + 0x19C) == 1, "no other is"
    assert c.read32(c.etr + 0x6004 + 8 * 29) == 1
    c.write32(c.etr + 0x6004 + 8 * 29, 1)
    assert c.read32(c.etr + 0x6004 + 8 * 29) == 0
    assert ask(0x10, 4) == (0x10, 2), "no such bank"

    # One MSI for both sources; here it is a write to memory like any other.
    at = c.place(bytes(4))
    for off, value in ((0x54, at), (0x58, 0), (0x5C, 0x4D)):
        c.config(vf.devfn, off, value)
    c.config(vf.devfn, 0x52, 1, size=2)

    def interrupted(seconds=sluice.PATIENCE):
        end = time.monotonic() + seconds
        while c.read32(at) != 0x4D and time.monotonic() < end:
            pass
        came = c.read32(at) == 0x4D
        c.write32(at, 0)
        return came

    ring = vf.ring(1)
    c.write32(vf.etr + 0x2000 + 0x17C, 2)
    c.write32(vf.etr + 0x2000 + 0x180, 0x800001FF)
    ring.send(req)
    assert not interrupted(0.3), "masked"
    assert c.read32(vf.pmisc) == 2, "bank 1"
    c.write32(vf.pmisc + 4, 0xD)
    assert interrupted()
    other = vf.ring(2, 64)
    c.write32(vf.etr + 0x4000 + 0x17C, 2)
    c.write32(vf.etr + 0x4000 + 0x180, 0x800001FF)
    c.write32(vf.pmisc + 4, 0x9)
    other.send(pke(1, 0, 0, 0))
    assert interrupted(), "a second bank, while the first still waits"
    assert status(ring.poll()) == 0 and c.read32(vf.pmisc) == 4
    assert other.poll()[5] == 0x40 and c.read32(vf.pmisc) == 0
    c.write32(vf.pmisc + 0x1004, 0)
    ask(6, 5)
    assert interrupted()

    # A PF driver that takes the messages itself.
    c.write32(c.pmisc + 0x41A1C0, 0xFFFF & ~(1 << 7))
    c.write32(to_pf, 5 << 8 | 6 << 2 | 3)
    time.sleep(0.05)
    assert c.read32(to_pf) & 1 and c.read32(pf + 0x14) == 5 << 8 | 6 << 2 | 3 and c.read32(c.pmisc + 0x41A180) == 1 << 7
    c.write32(pf + 0x10, 0x1234 << 8 | 2 << 2 | 3)
    c.write32(pf + 0x14, 5 << 8 | 6 << 2 | 2)
    assert interrupted() and not c.read32(to_pf) & 1 and c.read32(to_vf) == 0x1234 << 8 | 2 << 2 | 3
    vf.flr()
    assert c.read32(to_vf) == 0 == c.read32(vf.etr + 0x2000 + 0x19C) == c.read32(vf.etr + 0x4000 + 0x1000)
    assert status(vf.ring(1).call(req)) == 0


def test_gen4_refused_access_and_full_ring(card):
    c = card(gen=4)
    ring = c.vfs[0].ring(SYM_BANK)
    _, req = cipher(c, aes(CBC), KEY[:16], DATA)
    for _ in range(10):
        ring.send(*[req] * 15)
        while c.read32(ring.bank + 0xC0) != ring.sent % 4096 and c.read32(ring.bank + 0x104) != 127 * 32:
            pass
    assert c.read32(ring.bank + 0x104) == 127 * 32, "127 of 128 places"
    for _ in range(150):
        assert status(ring.poll()) == 0
    ring.send(req[:0x20] + (1 << 40).to_bytes(8, "little") * 2 + req[0x30:])
    assert ring.poll(0.3) is None
    assert status(c.vfs[0].ring(2).call(req)) == 0, "another bank of the VF works on"
    c.vfs[0].flr()
    assert status(c.vfs[0].ring(SYM_BANK).call(req)) == 0


def test_access_to_registers_of_its_own(card):
    """A transfer that would reach the VF's own registers in the middle of a request is refused like one without memory."""
    c = card()
    ring = c.vfs[2].ring(SYM_RING)
    _, req = cipher(c, aes(CBC), KEY[:16], DATA[:64])
    own = c.vfs[2].etr.to_bytes(8, "little")
    config = c.read32(c.vfs[2].etr + 4 * SYM_RING)
    ring.send(req[:0x20] + req[0x20:0x28] + own + req[0x30:])
    assert ring.poll(0.3) is None, "the ring stops"
    assert c.read32(c.vfs[2].etr + 4 * SYM_RING) == config
    c.vfs[2].flr()
    assert status(c.vfs[2].ring(SYM_RING).call(req)) == 0
    neighbour = c.vfs[3].etr.to_bytes(8, "little")
    ring = c.vfs[2].ring(SYM_RING)
    assert status(ring.call(req[:0x28] + neighbour + req[0x30:])) == 0, "what is in front of the IOMMU is not the model's to refuse"


def test_ring_map_is_checked(emulator):
    for device in ("qat-4xxx-pf,ring-map=1", "qat-4xxx-pf,ring-map=0x8000", "qat-c62x-pf,ring-map=0x4d3"):
        run = subprocess.run([emulator.path, "-machine", "q35", "-accel", "tcg", "-nodefaults", "-display", "none",
                              "-plugin", str(sluice.ROOT / "build/qat-model.so"), "-device", "pcie-root-port,id=rp0",
                              "-device", device + ",bus=rp0"], capture_output=True, text=True, timeout=sluice.PATIENCE)
        assert run.returncode and "ring-map" in run.stderr


def constants():
    """Firmware's table of set-ups, from what it means: configuration words, and where hashes start from."""
    table = bytearray(1024)

    def words(at, *values):
        struct.pack_into(f"<{len(values)}Q", table, at, *values)

    words(0x48, 0x1, 0x101, 0x11, 0x111, 0x21, 0x3, 0x203, 0x103, 0x303, 0x13, 0x213, 0x113, 0x313, 0x23, 0x33, 0x6, 0x206)
    words(0x128, 2)
    words(0x2C0, 0x14, 0x114, 0x15, 0x115, 0x214, 0x314, 0x215, 0x315, 0x24, 0x25, 0x224, 0x225, 0x12, 0x112, 0x43, 0x143, 0x45,
          0x145, 0x44, 0x144, 0x2B, 0x12B, 0x20, 0x15)
    words(0x398, 0x10)
    for at, word, block, start in (
            (0x148, 1, 0, "67452301efcdab8998badcfe10325476c3d2e1f0"), (0x170, 0x11, 64, ""),
            (0x180, 3, 0, "c1059ed8367cd5073070dd17f70e5939ffc00b316858151164f98fa7befa4fa4"),
            (0x1B0, 4, 0, "6a09e667bb67ae853c6ef372a54ff53a510e527f9b05688c1f83d9ab5be0cd19"),
            (0x1E0, 5, 0, "cbbb9d5dc1059ed8629a292a367cd5079159015a3070dd17152fecd8f70e5939"
                          "67332667ffc00b318eb44a8768581511db0c2e0d64f98fa747b5481dbefa4fa4"),
            (0x230, 6, 0, "6a09e667f3bcc908bb67ae8584caa73b3c6ef372fe94f82ba54ff53a5f1d36f1"
                          "510e527fade682d19b05688c2b3e6c1f1f83d9abfb41bd6b5be0cd19137e2179"),
            (0x280, 0x14, 64, ""), (0x290, 0x16, 128, ""), (0x2A0, 0x12, 64, ""), (0x2B0, 0x18, 0, ""), (0x378, 0x15, 128, ""),
            (0x388, 0x17, 0, "")):
        struct.pack_into("<Q", table, at, word)
        if block:
            struct.pack_into(">I", table, at + 8, block)
        if start:
            table[at + 16:at + 16 + len(start) // 2] = bytes.fromhex(start)
    table[0x138:0x148] = bytes.fromhex("0123456789abcdeffedcba9876543210")
    return bytes(table)


def test_bring_up(card, folder):
    """Nothing is served until the last step, whichever that is; then all of it is; and not after the engines' reset."""
    c = card(",booted=off")
    boot = Boot(c, folder)
    table = c.place(constants(), 4096)
    sym = c.vfs[5].ring(SYM_RING)
    _, req = cipher(c, aes(CBC), KEY[:16], DATA)
    sym.send(req)
    assert boot.rd(0x30A0C) == 0x1F003FF and boot.rd(0x20944) == 0, "in reset"
    boot.awake()
    assert boot.wait(0x20944, lambda v: v) < 0x10000
    boot.firmware()
    boot.arbiter()
    boot.maps()
    boot.wr(0x20970, 1)
    assert sym.poll(0.1) is None and boot.rd(0x20970) == 1, "firmware does not run"
    boot.start()
    assert boot.rd(0x20844) >> 31 and boot.rd(0x20818) & 0xFF00
    boot.wr(0x20970, 0)
    assert boot.ask(0, Boot.INIT) == 1, "without its constants"
    assert boot.ask(0, Boot.CONSTANTS, 1024, table + 8) == 1, "another table"
    assert boot.ask(0, 77) == 1
    for engine in range(10):
        assert boot.ask(engine, Boot.CONSTANTS, 1024, table) == 0
    assert sym.poll(0.1) is None, "no engine has begun"
    assert boot.ask(0, Boot.INIT) == 0
    assert status(sym.poll()) == 0

    def dead():
        sym.send(req)
        return sym.poll(0.1) is None

    for spoil, mend in (
            (lambda: boot.arbiter(config=0), boot.arbiter), (lambda: boot.arbiter(config=0x41), boot.arbiter),
            (lambda: boot.arbiter(words=(0x88888888, 0)), boot.arbiter), (lambda: boot.maps(0), boot.maps),
            (lambda: boot.wr(0x3A710, 0), boot.maps), (lambda: boot.wr(0x30A50, 0x3FF), boot.awake)):
        spoil()
        assert dead()
        mend()
        assert status(sym.poll()) == 0, "goes on"
    asym = c.vfs[15].ring(ASYM_RING, 64)
    asym.send(pke(0x6E111DBA, c.place(bytes(24)), c.place(bytes(8)), 3))
    assert asym.poll(), "the public key unit has its firmware too"
    boot.wr(0x30A0C, 0x1F003FF)
    assert dead() and boot.rd(0x308C4) == 0
    boot.awake()
    assert sym.poll(0.1) is None, "it has to be loaded again"
    for engine in range(10):
        assert boot.load(engine) & 7 == Boot.LOAD_FAILED


def test_bring_up_wants_all_vfs(card, folder):
    c = card(",booted=off", vfs=15)
    boot = Boot(c, folder)
    table = c.place(constants(), 4096)
    boot.awake()
    boot.firmware()
    boot.start()
    assert boot.ask(1, Boot.CONSTANTS, 1024, table) == boot.ask(1, Boot.INIT) == 0
    boot.arbiter()
    boot.maps()
    ring = c.vfs[0].ring(SYM_RING)
    _, req = cipher(c, aes(CBC), KEY[:16], DATA)
    ring.send(req)
    assert ring.poll(0.1) is None
    for control, vfs in ((0, 16), (9, 16)):
        c.config(0, 0x150, vfs, size=2)
        c.config(0, 0x148, control, size=2)
    c.vfs[0].enable()
    assert status(c.vfs[0].ring(SYM_RING).call(req)) == 0


def test_firmware_has_to_be_genuine(card, folder):
    c = card(",booted=off")
    boot = Boot(c, folder)
    boot.awake()
    good, bad = boot.images[0], Boot.VERIFY_FAILED

    def flip(at, bit=1):
        return good[:at] + bytes([good[at] ^ bit]) + good[at + 1:]

    def word(at, add):
        return lambda words: words.__setitem__(at, words[at] + add)

    for image in (flip(388), flip(643), flip(128), flip(384), flip(0), flip(644 + 600), flip(len(good) - 1), good[:-4],
                  good + bytes(4), flip(40), flip(24, 4)):
        assert boot.authenticate(image) & 0x107 == bad
    for at, add in ((0, -4), (0, 0x40000), (1, 2), (3, 4), (5, 4), (7, 4), (9, 4), (10, 1), (11, 4), (13, 4), (15, 4)):
        assert boot.authenticate(good, change=word(at, add)) & 0x107 == bad, (at, add)
    assert boot.authenticate(good, engines=0) & 0x107 == bad
    assert boot.authenticate(head=0xFFFFFFFF00000000) & 0x107 == bad, "no memory there"
    assert boot.load(0) & 7 == Boot.LOAD_FAILED
    assert boot.authenticate(boot.mmp) & 0x107 == 0x101
    assert boot.load(0) & 7 == Boot.LOAD_FAILED, "that was not for engines"
    assert boot.authenticate(good) & 0x107 == 0x101
    assert boot.load(1) & 7 == Boot.LOAD_FAILED, "that was for engine 0"
    assert boot.load(0) >> 22 == 1
    boot.start()
    assert boot.load(0) & 7 == Boot.LOAD_FAILED, "it runs"


def test_firmware_refused_to_order(card, folder):
    c = card(",booted=off,fault=verify,fuses=0x40200")
    boot = Boot(c, folder)
    boot.awake()
    assert boot.authenticate(boot.mmp) & 0x107 == Boot.VERIFY_FAILED
    assert c.config(0, 0x40) == 0x40200, "engine 9 and accelerator 2 are off"
    assert [engine for engine in range(10) if boot.rd(0x20944 + 0x1000 * engine) == 0] == [4, 5, 9]


def test_gen4_bring_up(card, folder):
    """Power first; services where their firmware is; one engine for messages; no maps."""
    c = card(",booted=off", gen=4)
    boot = Boot4(c, folder)
    table = c.place(constants(), 4096)
    _, req = ucs(c, aes(CTR), KEY[:16], DATA)
    boot.awake()
    assert boot.rd(0x30A0C) == 0x100015 and boot.rd(boot.PM_STATUS) == 0 and boot.rd(0x20944) == 0, "no power"
    boot.wr(boot.PM_INTERRUPT, 1 << 20)
    boot.wait(boot.PM_STATUS, lambda v: v >> 21 & 1)
    boot.awake()
    assert boot.wait(0x20944, lambda v: v) < 0x10000
    flipped = bytearray(boot.images["sym"])
    flipped[600] ^= 1
    assert boot.authenticate(bytes(flipped)) & 0x107 == Boot.VERIFY_FAILED
    assert boot.authenticate(boot.mmp) & 0x107 == 0x101
    assert boot.authenticate(boot.images["sym"], engines=0x1F0) & 0x107 == Boot.VERIFY_FAILED, "not for engine 8"
    for name, mask in (("sym", 0xF0), ("dc", 0x0F)):
        assert boot.authenticate(boot.images[name], engines=mask) & 0x107 == 0x101
        assert boot.load_group(0x100) & 7 == Boot.LOAD_FAILED
        assert boot.load_group(mask) & 7 == Boot.LOADED
    assert boot.authenticate(boot.images["admin"]) & 0x107 == 0x101
    assert boot.load(8) & 7 == Boot.LOADED and boot.rd(boot.LOADED_ENGINES) == 0x1FF
    boot.start()
    assert boot.ask(0, Boot.INIT) == 1 and boot.ask(0, Boot.CONSTANTS, 1024, table) == 1, "engine 8 is to be told"
    assert boot.ask(8, Boot.CONSTANTS, 1024, table) == 0
    for engine in range(9):
        assert boot.ask(engine, Boot.INIT) == 0
    boot.arbiter(words=boot.WORDS)
    for control, vfs in ((0, 16), (9, 16)):  # services are settled when VFs come
        c.config(0, 0x150, vfs, size=2)
        c.config(0, 0x148, control, size=2)
    for vf in (c.vfs[0], c.vfs[15]):
        vf.enable()
        assert status(vf.ring(1).call(req)) == 0
        assert status(vf.ring(2).call(comp(c, 0, STATIC, DATA, 4096)[1])) == 0, "pairs 0 and 2 compress"
    boot.arbiter(words=(0x55,) * 9)
    ring = c.vfs[3]
    ring.enable()
    ring = ring.ring(1)
    ring.send(req)
    assert ring.poll(0.1) is None, "no thread for it"
    boot.arbiter(words=(0xAA,) * 9)
    assert status(ring.poll()) == 0
    boot.wr(0x30A0C, 0x4)
    ring.send(req)
    assert ring.poll(0.1) is None, "the crypto engines are in reset; those for compression are not asked"


def load_into_fake(folder, version, shift=0, region=0x110, without=()):
    """Loads the plugin into fake_qemu.c: (what it printed, what the plugin said on stderr)."""
    model = sluice.ROOT / "build/qat-model.so"
    listed = subprocess.run(["nm", "-D", "--undefined-only", model], capture_output=True, text=True, check=True).stdout
    weak = {words[1] for line in listed.splitlines() if (words := line.split())[0] == "w"}
    own = {"qmp_query_version", "object_class_by_name", "object_initialize", "type_register_static"}
    stubs = {name for name in weak - own - set(without) if not name.startswith(("_", "pcie_sriov_vf_register_bar"))}
    assert len(stubs) > 40
    program = folder / "fake_qemu"
    subprocess.run(["gcc", "-Wall", "-Wextra", "-Werror", "-fno-builtin", "-rdynamic", "-o", program,
                    "-DSTUBS=" + " ".join(f"STUB({name})" for name in sorted(stubs)),
                    *["-DNO_VERSION"] * ("qmp_query_version" in without), sluice.ROOT / "tests/boot/fake_qemu.c", "-ldl"], check=True)
    done = subprocess.run([program, model, version, str(shift), str(region)], capture_output=True, text=True, timeout=sluice.PATIENCE)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip(), done.stderr


@pytest.mark.parametrize("version, api", [("10.0.2", 4), ("10.0.13", 4), ("10.2.2", 4), ("11.1.3", 7)])
def test_known_versions(folder, version, api):
    assert load_into_fake(folder, version) == (f"api={api} install=0 types=4", "")


@pytest.mark.parametrize("version, api, order, said", [
    ("9.2.0", 4, {}, "this is QEMU 9.2.0, whose inner layout the model does not know: it works in QEMU 10.0, 10.2 and 11.1"),
    ("12.0.1", 4, {}, "this is QEMU 12.0.1, whose inner layout the model does not know"),
    ("10.0.2", 4, {"without": ["qmp_query_version"]}, "does not say a QEMU version"),
    ("11.1.3", 7, {"without": ["msi_notify"]}, "this QEMU 11.1 was built without msi_notify(), which the model calls"),
    ("11.1.3", 7, {"shift": 8}, "the vendor id of pcie-root-port is not where QEMU 11.1 has it"),
    ("10.0.2", 4, {"region": 0x120}, "a memory region has 288 bytes and not the 272 of QEMU 10.0"),
])
def test_unknown_layout_is_said(folder, version, api, order, said):
    """One sentence, and nothing is registered."""
    printed, error = load_into_fake(folder, version, **order)
    assert printed == f"api={api} install=-1 types=0"
    assert error.startswith("qat-model: ") and error.count("\n") == 1 and said in error


def test_another_qemu_is_refused():
    """A real one: QEMU 7.2, which has no such layout. The model speaks first, then QEMU."""
    old = sluice.installed() if sluice.installed().name == "7.2" else sluice.unpacked("7.2")
    if not old:
        pytest.skip("QEMU 7.2 is not below build/: tools/setup.sh test says why")
    run = subprocess.run([old.path, "-machine", "q35", "-accel", "tcg", "-nodefaults", "-display", "none", "-plugin",
                          str(sluice.ROOT / "build/qat-model.so")], capture_output=True, text=True, timeout=sluice.PATIENCE)
    assert run.returncode and run.stderr.startswith("qat-model: this is QEMU 7.2."), run.stderr

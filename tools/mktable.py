#!/usr/bin/env python3
"""Makes DMAR tables (VT-d §8) and IVRS tables (AMD) from a description in text, for the tests: right ones and wrong ones.

    tools/mktable.py FILE.txt...         writes FILE.bin beside each
    tools/mktable.py --check FILE.txt... only compares
    tools/mktable.py --into FOLDER FILE.txt...

A line is a keyword and values; numbers as in C. Structures take the scopes that follow them.

    table haw=39 flags=5 oem=SLUICE model=TESTS revision=1
    drhd base=0xfed90000 segment=0 flags=1 size=0      rmrr base= limit= segment=
    atsr flags= segment=   rhsa base= domain=   andd number= name=   satc flags= segment=   sidp segment=
    raw type=0x4343 data=1234
    scope endpoint 00 1c.0 02.1 id=0 flags=0 reserved=0    endpoint, bridge, ioapic, hpet, namespace, a number
    patch 0x32 00 ff     bytes over what is there, before the checksum is made
    cut 100              leaves so many bytes; the length in the header stays
    length 100           another length in the header
    sum 1                added to the right checksum
    with, expect         for the test that reads the file too

An IVRS table begins with ivrs in place of table; units take the entries that follow them.

    ivrs info=0x203041 revision=2 reserved=0
    ivhd type=0x11 unit=00:00.2 base=0xfd300000 segment= flags= cap=0x40 info= features= efr= efr2=
    ivmd type=0x21 flags=7 device=00:0c.0 last= start= length= segment=
    raw type=0x50 flags=0 data=1234
    all, select 01:00.0, range 00:01.0, end ff:1f.6, ext 01:00.0 0x80000000, ext-range, pad4, pad8
    alias 02:00.0 00:14.4, alias-range; ioapic 33 00:14.0, hpet 0 00:14.0, special 3 0 00:14.0; data=0xd7 with each
    hid 00:14.5 AMDI0020 format=2 uid=\\_SB.FUR0       bytes 85 00     any entry
"""
import pathlib
import re
import sys

SCOPES = {"endpoint": 1, "bridge": 2, "ioapic": 3, "hpet": 4, "namespace": 5}


def le(value, size):
    return (value % (1 << 8 * size)).to_bytes(size, "little")


def split(words):
    """The words without '=' and a dict of the others."""
    return [w for w in words if "=" not in w], dict(w.split("=", 1) for w in words if "=" in w)


class Values(dict):
    def num(self, key):
        return int(self.get(key, "0"), 0)


def header(v):
    name = lambda key, default, size: v.get(key, default).encode()[:size].ljust(size)
    head = b"DMAR" + bytes(4) + b"\1\0" + name("oem", "SLUICE", 6) + name("model", "TESTS", 8)
    head += le(int(v.get("revision", "1"), 0), 4) + b"MKTB" + le(1, 4)
    return head + le(int(v.get("haw", "39"), 0) - 1, 1) + le(v.num("flags"), 1) + bytes(10)


def structure(kind, v):
    seg, flags = le(v.num("segment"), 2), le(v.num("flags"), 1)
    return {
        "drhd": lambda: (0, flags + le(v.num("size"), 1) + seg + le(v.num("base"), 8)),
        "rmrr": lambda: (1, bytes(2) + seg + le(v.num("base"), 8) + le(v.num("limit"), 8)),
        "atsr": lambda: (2, flags + bytes(1) + seg),
        "rhsa": lambda: (3, bytes(4) + le(v.num("base"), 8) + le(v.num("domain"), 4)),
        "andd": lambda: (4, bytes(3) + le(v.num("number"), 1) + v.get("name", "").encode() + b"\0"),
        "satc": lambda: (5, flags + bytes(1) + seg),
        "sidp": lambda: (6, bytes(2) + seg),
        "raw": lambda: (v.num("type"), bytes.fromhex(v.get("data", ""))),
    }[kind]()


def scope(words, v):
    kind, bus, *path = words
    hops = b"".join(bytes(int(n, 16) for n in hop.split(".")) for hop in path)
    number = SCOPES[kind] if kind in SCOPES else int(kind, 0)
    return bytes([number, 6 + len(hops), v.num("flags"), v.num("reserved"), v.num("id"), int(bus, 16)]) + hops


def rid(text):
    bus, dev, fn = re.fullmatch(r"([0-9a-f]+):([0-9a-f]+)\.([0-7])", text).groups()
    return le(int(bus, 16) << 8 | int(dev, 16) << 3 | int(fn), 2)


def ivrs_header(v):
    head = b"IVRS" + bytes(4) + bytes([int(v.get("revision", "2"), 0), 0]) + b"SLUICETESTS   " + le(1, 4) + b"MKTB" + le(1, 4)
    return head + le(int(v.get("info", "0x203041"), 0), 4) + le(v.num("reserved"), 8)


def ivrs_block(kind, v):
    """Type with flags, and what follows the length."""
    seg = le(v.num("segment"), 2)
    number = lambda default: le(int(v.get("type", default), 0), 1) + le(v.num("flags"), 1)
    if kind == "ivhd":
        body = rid(v.get("unit", "00:00.2")) + le(int(v.get("cap", "0x40"), 0), 2)
        body += le(int(v.get("base", "0xfd300000"), 0), 8) + seg + le(v.num("info"), 2) + le(v.num("features"), 4)
        efr = b"" if number("0x11")[0] == 0x10 else le(v.num("efr"), 8) + le(v.num("efr2"), 8)
        return number("0x11"), body + efr
    if kind == "ivmd":
        ids = rid(v.get("device", "00:00.0")) + rid(v.get("last", "00:00.0"))
        return number("0x21"), ids + seg + bytes(6) + le(v.num("start"), 8) + le(v.num("length"), 8)
    return number("0"), bytes.fromhex(v.get("data", ""))


ENTRIES = {"pad4": 0, "all": 1, "select": 2, "range": 3, "end": 4, "pad8": 0x40, "alias": 0x42, "alias-range": 0x43,
           "ext": 0x46, "ext-range": 0x47, "ioapic": 0x48, "hpet": 0x48, "special": 0x48, "hid": 0xF0}


def ivrs_entry(words, v):
    kind, *rest = words
    if kind == "bytes":
        return bytes.fromhex("".join(rest))
    first, data = bytes([ENTRIES[kind]]), le(v.num("data"), 1)
    if kind in ("ioapic", "hpet", "special"):
        variety = {"ioapic": 1, "hpet": 2}.get(kind) or int(rest.pop(0), 0)
        return first + bytes(2) + data + le(int(rest[0], 0), 1) + rid(rest[1]) + le(variety, 1)
    head = first + (rid(rest[0]) if rest else bytes(2)) + data
    if kind.startswith("alias"):
        return head + bytes(1) + rid(rest[1]) + bytes(1)
    if kind.startswith("ext"):
        return head + le(int(rest[1], 0), 4)
    if kind == "hid":
        uid = v.get("uid", "").encode()
        return head + v.get("hid", rest[1]).encode().ljust(8, b"\0") + bytes(8) + le(v.num("format"), 1) + le(len(uid), 1) + uid
    return head + bytes(4 if kind == "pad8" else 0)


def make(text):
    head, body, patches = header(Values()), [], []
    amd = False
    cut = length = None
    extra = 0
    for line in text.splitlines():
        words, values = split(line.split("#")[0].split())
        if not words or words[0] in ("with", "expect"):
            continue
        key, values = words[0], Values(values)
        if key == "table":
            head = header(values)
        elif key == "ivrs":
            head, amd = ivrs_header(values), True
        elif amd and (key in ENTRIES or key == "bytes"):
            body[-1][1] += ivrs_entry(words, values)
        elif key == "scope":
            body[-1][1] += scope(words[1:], values)
        elif key == "patch":
            patches.append((int(words[1], 0), bytes.fromhex("".join(words[2:]))))
        elif key == "cut":
            cut = int(words[1], 0)
        elif key == "length":
            length = int(words[1], 0)
        elif key == "sum":
            extra = int(words[1], 0)
        else:
            body.append(list((ivrs_block if amd else structure)(key, values)))
    kind = lambda t: t if amd else le(t, 2)
    table = bytearray(head + b"".join(kind(t) + le(len(b) + 4, 2) + b for t, b in body))
    table[4:8] = le(len(table) if length is None else length, 4)
    for offset, data in patches:
        table[offset : offset + len(data)] = data
    table = table[:cut]
    if len(table) > 9:
        table[9] = (extra - sum(table[: int.from_bytes(table[4:8], "little")])) % 256
    return bytes(table)


def main(args):
    check = args[:1] == ["--check"]
    into = pathlib.Path(args[1]) if args[:1] == ["--into"] else None
    wrong = 0
    for name in args[1 if check else 2 if into else 0 :]:
        source = pathlib.Path(name)
        target = (into or source.parent) / (source.stem + ".bin")
        table = make(source.read_text())
        if not check:
            target.write_bytes(table)
        elif not target.is_file() or target.read_bytes() != table:
            print(f"{target}: is not what {source} makes")
            wrong += 1
    return 1 if wrong else 0


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    sys.exit(main(sys.argv[1:]))

#!/usr/bin/env python3
"""Makes DMAR tables (VT-d §8) from a description in text, for the tests: right ones and wrong ones.

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
"""
import pathlib
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


def make(text):
    head, body, patches = header(Values()), [], []
    cut = length = None
    extra = 0
    for line in text.splitlines():
        words, values = split(line.split("#")[0].split())
        if not words or words[0] in ("with", "expect"):
            continue
        key, values = words[0], Values(values)
        if key == "table":
            head = header(values)
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
            body.append(list(structure(key, values)))
    table = bytearray(head + b"".join(le(t, 2) + le(len(b) + 4, 2) + b for t, b in body))
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

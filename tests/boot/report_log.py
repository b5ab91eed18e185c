"""Makes serial logs with a report in them, for tests of tools/report: a q35 with an NVMe controller and four VFs, a switch whose
ports are not isolated, and the chipset. What app=audit prints on such a machine; test_report.py boots one as well."""
import copy
import json
import zlib

NOISE_BEFORE = (
    '\x1b[2J\x1b[01;01HBdsDxe: loading Boot0001\r\nsluice: loading\r\n[    0.057582] boot: UEFI firmware "EDK II"\r\n'
)
NOISE_AFTER = "[    6.978040] verdict: every result was correct\r\nRESULT v=1 app=audit ok=1\r\n"


def le(value, size):
    return value.to_bytes(size, "little")


class Space:
    """A configuration space, 4096 bytes."""

    def __init__(self, vendor, device, code, header=0):
        self.bytes = bytearray(4096)
        self.put(0, le(vendor, 2) + le(device, 2) + le(0x0007, 2) + le(0x0010, 2) + b"\0" + le(code << 8, 3))
        self.put(0x0e, bytes([header]))
        self.last = 0x34

    def put(self, at, what):
        self.bytes[at:at + len(what)] = what
        return self

    def bridge(self, primary, secondary, subordinate):
        return self.put(0x18, bytes([primary, secondary, subordinate]))

    def express(self, port, at=0x40):
        self.put(self.last, bytes([at]))
        self.last = at + 1
        return self.put(at, bytes([0x10, 0]) + le(2 | port << 4, 2))

    def sriov(self, total, on, offset, stride, device, at=0x100):
        self.put(at, le(0x0010 | 1 << 16, 4))
        self.put(at + 8, le(0x19 if on else 0, 2))
        self.put(at + 0xc, le(total, 2) + le(total, 2) + le(on, 2))
        return self.put(at + 0x14, le(offset, 2) + le(stride, 2) + le(0, 2) + le(device, 2))


def machine(vfs=4):
    """{bdf: Space}"""
    port = {"vendor": 0x1b36, "device": 0x000c, "code": 0x0604, "header": 1}
    spaces = {
        "0000:00:00.0": Space(0x8086, 0x29c0, 0x0600),
        "0000:00:01.0": Space(**port).bridge(0, 1, 1).express(4),
        "0000:00:02.0": Space(**port).bridge(0, 2, 5).express(4),
        "0000:00:1f.0": Space(0x8086, 0x2918, 0x0601, 0x80),
        "0000:00:1f.2": Space(0x8086, 0x2922, 0x0106, 0x80),
        "0000:00:1f.3": Space(0x8086, 0x2930, 0x0c05, 0x80),
        "0000:01:00.0": Space(0x1b36, 0x0010, 0x0108).express(0).sriov(8, vfs, 1, 1, 0x0010),
        "0000:02:00.0": Space(0x104c, 0x8232, 0x0604, 1).bridge(2, 3, 5).express(5),
        "0000:03:00.0": Space(0x104c, 0x8233, 0x0604, 1).bridge(3, 4, 4).express(6),
        "0000:03:01.0": Space(0x104c, 0x8233, 0x0604, 1).bridge(3, 5, 5).express(6),
        "0000:04:00.0": Space(0x8086, 0x10c9, 0x0200).express(0),
        "0000:05:00.0": Space(0x8086, 0x10c9, 0x0200).express(0),
    }
    for i in range(vfs):
        rid = 1 + i
        spaces[f"0000:01:{rid >> 3:02x}.{rid & 7}"] = Space(0xffff, 0xffff, 0x0108).express(0)
    return dict(sorted(spaces.items()))


def hexa(value):
    return f"{value:#x}"


def unit(phase, gsts, rtaddr=0, irta=0):
    return {"t": "unit", "i": 0, "base": "0xfed90000", "seg": 0, "phase": phase, "ver": "0x10", "cap": "0xd2008c222f0686",
            "ecap": "0xf00f4a", "gsts": hexa(gsts), "rtaddr": hexa(rtaddr), "irta": hexa(irta), "pmen": "0x0",
            "fsts": "0x2" if phase == "now" else "0x0", "plmbase": "0x0", "plmlimit": "0x0", "phmbase": "0x0", "phmlimit": "0x0",
            "frcd": ["0x8000000500000101:0x2000600000"] if phase == "now" else []}


def dmar():
    body = bytearray(
        b"DMAR" + le(0x50, 4) + b"\x01\0" + b"BOCHS BXPC    " + le(1, 4) + b"BXPC" + le(1, 4) + b"\x2f\x01" + bytes(10)
    )
    body += le(0, 2) + le(0x20, 2) + b"\x01\0\0\0" + le(0xfed90000, 8) + bytes(16)
    body[9] = -sum(body) % 256
    return bytes(body)


def group(n, members, why="", port="", missing=(), remedy=""):
    return {"t": "group", "id": n, "members": members, "why": why, "port": port, "missing": list(missing), "remedy": remedy}


def groups(vfs=4):
    switch = ["0000:03:00.0", "0000:03:01.0", "0000:04:00.0", "0000:05:00.0"]
    chipset = ["0000:00:1f.0", "0000:00:1f.2", "0000:00:1f.3"]
    alone = ["0000:00:00.0", "0000:00:01.0", "0000:00:02.0"]
    found = [group(i, [bdf]) for i, bdf in enumerate(alone, 1)]
    found.append(
        group(
            4,
            chipset,
            "3 functions of the device of 0000:00:1f.0 are not isolated from each other: it has no ACS (SV, RR, CR, UF)",
            "0000:00:1f.0",
            ["SV", "RR", "CR", "UF"],
            "a limit of the chipset: assign these functions together",
        )
    )
    found.append(group(5, ["0000:01:00.0"]))
    found.append(group(6, ["0000:02:00.0"]))
    found.append(group(7, switch, "switch downstream port 0000:03:00.0 has no ACS (SV, RR, CR, UF): its ports are not isolated",
                       "0000:03:00.0", ["SV", "RR", "CR", "UF"], "put functions that must be isolated below different root ports"))
    return found + [group(8 + i, [f"0000:01:{1 + i >> 3:02x}.{1 + i & 7}"]) for i in range(vfs)]


def finding(name, severity, kind, who, read, means, system, remedy):
    return {
        "t": "finding",
        "id": name,
        "severity": severity,
        "kind": kind,
        "who": who,
        "read": read,
        "means": means,
        "os": system,
        "remedy": remedy,
    }


FINDINGS = [
    finding(
        "BME-AT-HANDOVER",
        "info",
        "note",
        "machine",
        "Command.BME=1 on 12 of 12 functions",
        "every function could do DMA while firmware ran",
        "Linux leaves bus mastering as it finds it until a driver binds",
        "",
    ),
    finding(
        "TRANSLATION-OFF",
        "error",
        "setup choice",
        "iommu0",
        "GSTS=0x00000000 at 0xfed9001c",
        "translation was off when firmware handed over: until the operating system switches it on, a device reaches all memory",
        "Linux switches it on late in its start; Windows only with Kernel DMA Protection",
        'switch on "pre-boot DMA protection" in setup',
    ),
    finding(
        "GROUP-SHARED",
        "warning",
        "hardware limit",
        "0000:03:00.0",
        "no ACS capability in 0000:03:00.0 (extended list 0x100: 0x00000000)",
        "both network controllers behind the switch are in one group",
        "VFIO gives them to one virtual machine only",
        "another slot, below a root port of its own",
    ),
]


def lines(vfs=4):
    """The report's lines as objects, in the order of the format"""
    spaces = machine(vfs)
    out = [{"t": "run", "v": 1, "app": "audit", "cpu": "QEMU TCG CPU version 2.5+", "vendor": "GenuineIntel", "apicids": 2,
            "secure_boot": "off", "firmware": "EDK II", "tsc_hz": 2596118000}]
    out.append({"t": "machine", "build": "v1-2-g0123", "built": "2026-01-02T03:04:05Z", "time": "2026-02-03T04:05:06", "maker": "Maker",
                "product": "Product", "serial": "S-77", "bios_vendor": "Bios", "bios_version": "1.23", "bios_date": "01/02/2026"})
    table = dmar()
    out.append({"t": "table", "sig": "DMAR", "addr": "0x3f774000", "len": len(table), "off": 0, "hex": table[:64].hex()})
    out.append({"t": "table", "sig": "DMAR", "addr": "0x3f774000", "len": len(table), "off": 64, "hex": table[64:].hex()})
    out.append({"t": "mem", "start": "0x0", "pages": 160, "type": 7, "attr": "0xf"})
    out.append({"t": "mem", "start": "0x100000", "pages": 261888, "type": 7, "attr": "0xf"})
    out += [unit("entry", 0), unit("left", 0), unit("now", 0xc6000000 | 1 << 24, 0x3e001000, 0x3e002009)]
    vf_names = [bdf for bdf in spaces if bdf.startswith("0000:01:") and bdf != "0000:01:00.0"]
    for bdf, space in spaces.items():
        if bdf not in vf_names:
            drive = {"serial": "<D-1>", "model": "Drive"} if bdf == "0000:01:00.0" else {}
            out.append({"t": "fn", "bdf": bdf, "bme_entry": 1, "bme_left": 1, **drive})
        else:
            out.append({"t": "fn", "bdf": bdf, "bme_entry": 0, "bme_left": 0})
        for off in range(0, 4096, 256):
            chunk = bytes(space.bytes[off:off + 256]).rstrip(b"\0")
            if chunk:
                out.append({"t": "cfg", "bdf": bdf, "off": off, "hex": chunk.hex()})
    out.append(
        {
            "t": "bar",
            "bdf": "0000:01:00.0",
            "n": 0,
            "vf": 0,
            "base": "0xc1000000",
            "size": "0x4000",
            "io": 0,
            "pref": 0,
            "w64": 1,
        }
    )
    out.append(
        {
            "t": "bar",
            "bdf": "0000:01:00.0",
            "n": 0,
            "vf": 1,
            "base": "0xc1004000",
            "size": "0x4000",
            "io": 0,
            "pref": 0,
            "w64": 1,
        }
    )
    out.append({"t": "window", "bdf": "host", "base": "0xc0000000", "limit": "0xfebfffff", "pref": 0})
    out.append({"t": "window", "bdf": "0000:00:01.0", "base": "0xc1000000", "limit": "0xc11fffff", "pref": 0})
    out += groups(vfs)
    for bdf in spaces:
        if bdf in vf_names:
            out.append({"t": "attach", "bdf": bdf, "unit": 0, "domain": 2 + vf_names.index(bdf), "mode": "domain"})
        elif bdf == "0000:01:00.0":
            out.append({"t": "attach", "bdf": bdf, "unit": 0, "domain": 1, "mode": "domain"})
        else:
            out.append({"t": "attach", "bdf": bdf, "unit": 0, "domain": 0, "mode": "none"})
    out.append({"t": "domain", "id": 1, "name": "PF", "iova": ["0x100000:0x41000:rw", "0x3f770000:0x4000:r"]})
    for i in range(vfs):
        out.append({"t": "domain", "id": 2 + i, "name": f"VF{i}",
                    "iova": ["0x2000000000:0x200000:rw", "0x2000400000:0x1000:r", f"0x2000800000:{0x80000 * (1 + i):#x}:rw"]})
    out.append(
        {
            "t": "sriov",
            "bdf": "0000:01:00.0",
            "total": 8,
            "initial": 8,
            "fit": 6,
            "limit": "BAR window",
            "missing_bytes": "0x8000",
            "missing_buses": 0,
            "enabled": vfs,
        }
    )
    for i in range(vfs):
        targets = [(f"memory of VF{j}", "write") for j in range(vfs) if j != i]
        for what, direction in [*targets, ("kernel data", "write"), ("unmapped page", "write"), ("unmapped page", "read")]:
            out.append({"t": "case", "who": f"VF{i}", "dir": direction, "what": what, "verdict": "refused", "bdf": vf_names[i],
                        "iova": "0x2000600000", "reason": 6 if direction == "read" else 5})
    if vfs:
        out.append({"t": "case", "who": "VF0", "dir": "write", "what": "compatibility interrupt", "verdict": "not enforced"})
    for i in range(vfs):
        hist = [
            [1000 * (8 + i) * 2 ** (k // 2) // (1 + k % 2) + 500 * k, count]
            for k, count in enumerate([3, 40, 200, 90, 30, 8, 2, 1])
        ]
        out.append({"t": "lat", "who": f"VF{i}", "mode": "poll", "iommu": "on", "qd": 32, "unit": "ns",
                    "count": sum(n for _, n in hist), "hist": sorted(hist)})
    out += copy.deepcopy(FINDINGS)
    out.append({"t": "verdict", "ok": 1, "errors": 1, "warnings": 1, "proof": "pass",
                "text": "this machine holds its functions apart once translation is on, but firmware leaves it off"})
    return out


def between(objects):
    """The lines between and with the markers, as they are sent"""
    texts = [each if isinstance(each, str) else json.dumps(each, separators=(",", ":")) for each in objects]
    body = "".join(text + "\n" for text in texts)
    crc = zlib.crc32(body.encode("utf-8", "surrogatepass"))
    return f"BEGIN SLUICE REPORT v=1\n{body}END SLUICE REPORT lines={len(texts)} crc32={crc:08x}\n".replace("\n", "\r\n")


def log(objects):
    """A whole serial log as bytes"""
    return (NOISE_BEFORE + between(objects) + NOISE_AFTER).encode("utf-8", "surrogatepass")


# --- a fleet, for tools/report --summary

MODELS = [("Maker One", "Server 1", "1.2.3"), ("Maker One", "Server 1", "1.3.0"), ("Other & Sons", "Blade", "9")]


def identity(n, model):
    maker, product, version = MODELS[model]
    return {"t": "machine", "build": "0123456789ab", "built": "2026-11-28", "time": f"2026-11-28T00:{n // 60 % 60:02}:{n % 60:02}",
            "maker": maker, "product": product, "serial": f"SN{n:05}", "bios_vendor": "BiosMaker", "bios_version": version,
            "bios_date": "01/02/2026", "uuid": f"00112233-4455-6677-8899-{n:012x}"}


def of_machine(n, model, base=None):
    """lines(), or those of base, of that machine"""
    return [identity(n, model) if row["t"] == "machine" else row for row in base or lines()]


def kept(objects):
    """What the loader would have kept of that machine (keep=1)."""
    out = []
    for row in objects:
        vf = row.get("bdf", "").startswith("0000:01:") and row["bdf"] != "0000:01:00.0"
        if row["t"] in ("run", "machine", "table", "mem", "unit", "fn", "cfg") and row.get("phase", "entry") == "entry" and not vf:
            out.append({key: value for key, value in row.items() if key not in ("apicids", "apic", "tsc_hz", "bme_left")})
    out[0]["app"] = "keep"
    return out


def vary(row, what):
    """One line of a machine that is not as the others are."""
    if what == "finding" and row.get("id") == "GROUP-SHARED":
        return dict(row, id="RMRR-OVERLAP", severity="error")
    if what == "unit" and row["t"] == "unit" and row["phase"] == "entry":
        return dict(row, gsts="0xc0000000")
    if what == "master" and row.get("bdf") == "0000:04:00.0" and row["t"] == "fn":
        return dict(row, bme_left=0)
    if what == "latency" and row["t"] == "lat":
        return dict(row, hist=[[2 * lower, n] for lower, n in row["hist"]])
    return row


DIFFERENT = {7: "finding", 19: "unit", 31: "master"}  # these of each hundred differ
BAD = {3: "cut", 43: "no report", 67: "changed"}      # and these cannot be used
ODD = {11: "prefixed", 53: "kept", 71: "latency", 83: "two"}


def fleet(folder, count, base=None):
    """Logs of count machines of three models below the folder, the same each time. base: lines as of lines() instead of those."""
    base = base or lines()
    for n in range(count):
        what = DIFFERENT.get(n % 100) or BAD.get(n % 100) or ODD.get(n % 100)
        objects = [vary(row, what) for row in of_machine(n, n % 3, base)]
        text = log(kept(objects) if what == "kept" else objects).decode()
        if what == "cut":
            text = text[:len(text) // 2]
        if what == "no report":
            text = NOISE_BEFORE + NOISE_AFTER
        if what == "changed":
            text = text.replace("0xfed90000", "0xfed91000", 1)
        if what == "two":
            text += between(objects)[:3000]
        if what == "prefixed":
            text = "".join(f"Nov 28 00:00:01 node{n}: {line}\n" for line in text.replace("\r", "").splitlines())
        path = folder / f"rack{n // 40:02}" / f"node{n:03}.log"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(text.encode())

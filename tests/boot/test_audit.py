"""app=audit: machines with a flaw each; it is found, with its remedy, and nothing is reported that was not read."""
import json
import re
import struct
import subprocess
import zlib

import pytest
import sluice
from test_cores import during, socket_path, stopped_at, symbol

pytestmark = pytest.mark.usefixtures("replay_tool")

PORT = ["-device", "pcie-root-port,id=rp0,chassis=1,slot=1,hotplug=off"]
ESRTPS = 1 << 63  # CAP: the root table is switched without a flush; QEMU 11.1 has it, those before it have not
NIC = ["-device", "e1000e,bus=rp0,romfile="]


def report(run):
    """The JSON lines between the markers, after their number and checksum were checked."""
    begin, end = run.text.index("BEGIN SLUICE REPORT v=1\n"), run.text.index("END SLUICE REPORT ")
    body = run.text[begin:end].split("\n", 1)[1]
    lines, crc = re.match(r"END SLUICE REPORT lines=(\d+) crc32=([0-9a-f]{8})\n", run.text[end:]).groups()
    assert all(line.startswith("{") and len(line) <= 1100 for line in body.splitlines())
    assert body.count("\n") == int(lines)
    assert zlib.crc32(body.encode()) == int(crc, 16)
    assert f"{lines} lines, crc32 {crc}" in run.text, "the page has the same"
    return [json.loads(line) for line in body.splitlines()]


def findings(objects):
    """Findings by id; each says everything."""
    found = {}
    for item in objects:
        if item["t"] == "finding":
            assert all(item[key] for key in ("id", "severity", "kind", "who", "read", "means", "os", "remedy")), item
            found.setdefault(item["id"], []).append(item)
    return found


def audit(boot, *words, ok=True, judged=True, **more):
    run = boot("app=audit", "json=1", *words, **more)
    assert run.result and run.status == (0 if ok else 3 if judged else 1) and run.result["ok"] == ("1" if ok else "0"), run.summary()
    objects = report(run)
    found = findings(objects)
    for severity, key in (("error", "errors"), ("warning", "warnings")):
        kinds = {item["id"] for items in found.values() for item in items if item["severity"] == severity}
        assert len(kinds) == run.number(key)
        assert re.search(rf"^ findings .* {len(kinds)} {severity}", run.text, re.M), "the page has the same"
    page = run.text[run.text.index("--- audit: verdict ---"):].splitlines()
    page = page[: page.index("-" * 79)]
    proof = of(objects, "verdict")[0]["proof"]
    assert [line for line in page if line.startswith(" NOT JUDGED " if not judged else " FAIL " if not ok else " PASS " if proof == "pass" else " NOT TRIED ")]
    assert run.result["proof"] == {"not run": "none"}.get(proof, proof)
    assert len(page) < 24 and all(len(line) < 80 for line in page)
    assert sluice.replay(run.folder / "serial.log")[0] == 0, "from the record alone the same is found"
    return run, objects, found


def of(objects, kind, **want):
    return [item for item in objects if item["t"] == kind and all(item.get(key) == value for key, value in want.items())]


def test_no_iommu(boot):
    """Units are not judged, groups are still printed, and the boot disk is found with bus mastering left on."""
    _, objects, found = audit(boot, "--bare", ok=False, qemu=[*PORT, *NIC])
    assert found["IOMMU-NONE"][0]["severity"] == "error" and "VT for Directed I/O" in found["IOMMU-NONE"][0]["remedy"]
    assert {item["who"] for item in found["STATE-BME"]} >= {"0000:00:1f.2"}
    assert found["PROOF-NOT-RUN"][0]["read"] == "proof: no unit"
    assert not [name for name in found if name.startswith(("DMAR", "UNIT", "IR-", "STATE-O", "BYPASS"))]
    assert not of(objects, "unit") and not of(objects, "table", sig="DMAR") and of(objects, "table", sig="MCFG")
    assert of(objects, "verdict", ok=0, proof="not run")


def test_amd(boot):
    """AMD's IOMMU cannot be judged: nothing was found to speak against the machine, and nothing for it."""
    run, objects, found = audit(boot, "--bare", ok=False, judged=False, qemu=["-device", "amd-iommu", *PORT, *NIC])
    assert found["IOMMU-AMD"] and of(objects, "verdict", ok=0, proof="not run", text="AMD's units are not judged, only their table; no DMA was tried")
    assert not [name for name in found if name.startswith("IVRS")], "nothing is wrong with QEMU's table"
    assert "the audit is complete, and cannot judge this machine or a part of it: see the FAIL line above" in run.text
    assert run.result["err"] == "UNSUPPORTED" and run.result["verdict"] == "none" and run.result["errors"] == "1"


def assert_kept(run, objects):
    """The stick has what was known before the hand-over: the same tables, memory map aside, and what firmware left."""
    start = 2048 * 512  # of the image's one partition
    image = f"{run.folder / 'usb.img'}@@{start}"
    kept = subprocess.run(["mtype", "-i", image, "::/EFI/sluice/report.txt"], capture_output=True, text=True, check=True).stdout
    begin, *lines, end = kept.splitlines()
    body = "".join(line + "\n" for line in lines)
    assert begin == "BEGIN SLUICE REPORT v=1"
    assert end == f"END SLUICE REPORT lines={len(lines)} crc32={zlib.crc32(body.encode()):08x}"
    assert f"report.txt on the volume of sluice.cfg: {len(lines)} lines, crc32 {end[-8:]}" in run.text
    kept = [json.loads(line) for line in lines]
    assert of(kept, "table") == of(objects, "table")
    assert of(kept, "unit") == of(objects, "unit", phase="entry")
    assert [item["bme_entry"] for item in of(kept, "fn")] == [item["bme_entry"] for item in of(objects, "fn")]
    assert {item["bdf"] for item in of(kept, "cfg")} == {item["bdf"] for item in of(objects, "cfg")}


def test_no_remapping_no_acs(boot):
    qemu = [*sluice.iommu(intremap="off"), "-device", "root-port-no-acs,id=rp0,addr=4,chassis=1,slot=1", *NIC,
            "-device", "ioh3420,id=rp1,addr=5,chassis=2,slot=2"]
    run, objects, found = audit(boot, "--bare", "--usb", "keep=1", "prove=none", qemu=qemu)
    assert_kept(run, objects)
    assert found["DMAR-INTR-REMAP-OFF"][0]["kind"] == "setup choice"
    assert "ECAP.IR is 0 at 0xfed90010" in found["IR-UNIT"][0]["read"] and "intremap=on" in found["IR-UNIT"][0]["remedy"]
    port = found["GROUP-PORT"][0]
    assert port["who"] == "0000:00:04.0" and "no ACS capability" in port["read"] and "0000:01:00.0" in port["read"]
    assert "another slot" in port["remedy"]
    assert [item["who"] for item in found["ACS-NONE"]] == ["0000:00:05.0"]
    assert found["PORT-HOTPLUG"]
    group = of(objects, "group", members=["0000:00:04.0", "0000:01:00.0"])[0]
    assert group["port"] == "0000:00:04.0" and group["missing"] == ["SV", "RR", "CR", "UF"]
    assert found["PROOF-NOT-RUN"][0]["read"] == "proof: no device"


def test_bypass(boot):
    qemu = [*sluice.iommu(), "-device", "pxb-pcie,id=pxb0,bus=pcie.0,bus_nr=32,bypass_iommu=on",
            "-device", "pcie-root-port,id=rp0,bus=pxb0,chassis=1,slot=1", *NIC]
    _, objects, found = audit(boot, "--bare", ok=False, qemu=qemu)
    bypass = found["BYPASS"]
    assert len(bypass) == 1 and bypass[0]["severity"] == "error" and "root bus 20: 0000:21:00.0" in bypass[0]["read"]
    assert "bypass_iommu" in bypass[0]["remedy"]
    assert of(objects, "attach", bdf="0000:21:00.0", unit=-1, mode="off")
    assert of(objects, "attach", bdf="0000:00:1f.2", unit=0, mode="none")


def scope(bus, devfn):
    return struct.pack("<BBHBBBB", 1, 8, 0, 0, bus, devfn >> 3, devfn & 7)


def test_broken_table(boot, folder):
    """A unit at address 0, and an RMRR in the system's memory that ends in the middle of a page."""
    units = struct.pack("<HHBBHQ", 0, 16, 1, 0, 0, 0)
    rmrr = struct.pack("<HHHHQQ", 1, 32, 0, 0, 0x10000000, 0x10000FFE) + scope(0, 0xFA)
    body = struct.pack("<BB10x", 38, 5) + units + rmrr
    table = b"DMAR" + struct.pack("<IBB6s8sI4sI", 36 + len(body), 1, 0, b"BROKEN", b"FIRMWARE", 7, b"TEST", 1) + body
    (folder / "dmar.bin").write_bytes(table)
    _, objects, found = audit(boot, "--bare", ok=False, qemu=["-acpitable", f"file={folder / 'dmar.bin'}", *PORT])
    base = found["DMAR-DRHD-BASE-INVALID"][0]
    assert base["who"] == "DMAR+0x30" and base["kind"] == "firmware bug" and base["severity"] == "error"
    assert "OEM 'BROKEN', table 'FIRMWARE'" in base["remedy"] and "offset 0x30, bytes 00 00 10 00 01" in base["remedy"]
    assert "drhd-base-invalid@0x30:0x0" in base["read"]
    assert found["DMAR-RMRR-LIMIT-UNALIGNED"] and found["DMAR-RMRR-IN-RAM"] and found["RMRR-RAM"][0]["who"] == "0000:00:1f.2"
    assert not of(objects, "unit"), "no register was read, so none is told"
    assert bytes.fromhex("".join(item["hex"] for item in of(objects, "table", sig="DMAR")))[10:] == table[10:]


def test_stick_that_is_write_protected(boot):
    """keep=1: the reason for a missing report is printed, and no report is announced."""
    run = boot("app=audit", "--bare", "keep=1", qemu=[*sluice.iommu(), *PORT, "-set", "drive.usb.readonly=on"])
    assert run.result["app"] == "audit" and run.result["ok"] == "1", run.summary()
    assert "report.txt could not be written: the volume is write-protected (EFI status 0x8000000000000008)" in run.text
    assert "WARN boot: keep=1: no report was written" in run.text and "report.txt on the volume" not in run.text


@pytest.mark.parametrize("earlier", [True, False], ids=["earlier-report", "none"])
def test_stick_that_is_full(boot, folder, earlier):
    """keep=1: a part of a report is not left there, and the loss of an earlier run's report is printed."""
    (folder / "sluice.cfg").write_text("end=qemu\napp=audit\nkeep=1\n")
    (folder / "old.txt").write_text("BEGIN SLUICE REPORT v=1\n")
    stick, partition = folder / "stick.img", f"{folder / 'stick.img'}@@{2048 * 512}"

    def mtools(tool, *words):
        return subprocess.run([tool, "-i", partition, *map(str, words)], capture_output=True, text=True, check=True).stdout

    subprocess.run([sluice.ROOT / "tools/mkimage.sh", stick, sluice.ROOT / "build/BOOTX64.EFI", folder / "sluice.cfg"], check=True)
    mtools("mmd", "::/EFI/sluice")
    if earlier:
        mtools("mcopy", folder / "old.txt", "::/EFI/sluice/report.txt")
    free = int(re.search(r"([\d ]+) bytes free", mtools("mdir", "::/"))[1].replace(" ", ""))
    (folder / "filler").write_bytes(bytes(free - 4096))
    mtools("mcopy", folder / "filler", "::/filler")
    run = boot("--bare", "--usb", qemu=[*sluice.iommu(), *PORT, "-set", f"drive.usb.file={stick}"])
    assert run.result["app"] == "audit" and run.result["ok"] == "1", run.summary()
    assert "report.txt could not be written: the volume is full (EFI status 0x800000000000000b)" in run.text
    assert ("; the one of an earlier run is deleted" in run.text) == earlier
    assert "WARN boot: keep=1: no report was written" in run.text and "report.txt on the volume" not in run.text
    assert "report" not in mtools("mdir", "::/EFI/sluice").lower()
    stick.unlink()


def test_second_table(boot, folder):
    """Of two DMAR tables the first counts, and the second is in the report and a finding; so it is from the record."""
    body = struct.pack("<BB10x", 38, 1) + struct.pack("<HHBBHQ", 0, 16, 1, 0, 0, 0xFED80000)
    table = b"DMAR" + struct.pack("<IBB6s8sI4sI", 36 + len(body), 1, 0, b"SECOND", b"FIRMWARE", 7, b"TEST", 1) + body
    (folder / "dmar.bin").write_bytes(table)
    run, objects, found = audit(boot, "--bare", qemu=[*sluice.iommu(), "-acpitable", f"file={folder / 'dmar.bin'}", *PORT])
    tables = {item["addr"] for item in of(objects, "table", sig="DMAR")}
    assert len(tables) == 2
    second = found["DMAR-SECOND"][0]
    assert second["read"].startswith("2 DMAR tables, at 0x") and second["severity"] == "warning"
    assert {item["base"] for item in of(objects, "unit")} == {"0xfed90000"}
    (folder / "serial.log").write_text(run.text)
    status, text, error = sluice.replay(folder / "serial.log")
    assert status == 0 and text.endswith(": the same\n"), text[-300:] + error


@pytest.mark.needs("nvme-many-queues")
def test_no_room_for_vfs(boot, images):
    """The machine's 32-bit window is full before the VFs of the greatest device have theirs."""
    nvme = ["-device", "nvme-subsys,id=ss0", "-device",
            "nvme,id=nv0,bus=rp0,subsys=ss0,serial=big,max_ioqpairs=60002,msix_qsize=128,sriov_max_vfs=127,"
            "sriov_vq_flexible=60000,sriov_vi_flexible=127,sriov_max_vq_per_vf=60000"]
    for displays in (14, 22, 23):  # 64 MiB each, until the window is full: it has 1 GiB in one firmware, 1.5 GiB in another
        filler = ["-device", "bochs-display,vgamem=64M"] * displays
        _, objects, found = audit(boot, "--bare", "prove=none", qemu=[*sluice.iommu(), *PORT, *nvme, *filler])
        if "SRIOV-WINDOW" in found:
            break
    short = found["SRIOV-WINDOW"][0]
    assert short["who"] == "0000:01:00.0" and "of 127 VFs (TotalVFs at 0x12e)" in short["read"]
    assert "Above 4G" in short["remedy"]
    line = of(objects, "sriov", bdf="0000:01:00.0")[0]
    assert line["fit"] < 127 and line["limit"] == "BAR window" and int(line["missing_bytes"], 16) > 0
    assert found["PROOF-NOT-RUN"][0]["read"] == "proof: not named"


def test_whole(boot):
    """The default machine: everything that a report has, and the proof."""
    run, objects, found = audit(boot, "vfs=2", qemu=sluice.iommu(aw_bits=48))
    assert {item["t"] for item in objects} == {"run", "machine", "table", "mem", "unit", "fn", "cfg", "bar", "window", "group", "attach",
                                               "domain", "scalable", "sva", "sriov", "case", "finding", "verdict"}
    assert of(objects, "scalable", i=0, smts=0, pasid_bits=0, dt=0) and "no, because iommu0 lacks SMTS (43)" in of(objects, "sva", possible=0)[0]["text"]
    assert of(objects, "verdict", ok=1, errors=0, proof="pass")
    assert [item["phase"] for item in of(objects, "unit")] == ["entry", "left", "now"]
    unit = of(objects, "unit", phase="entry")[0]
    assert unit["base"] == "0xfed90000" and unit["gsts"] == "0x0" and int(unit["cap"], 16) & ~ESRTPS == 0xD2008C222F0606
    assert int(of(objects, "unit", phase="now")[0]["gsts"], 16) >> 31 == 1
    assert "GSTS=0x0 at 0xfed9001c" in found["STATE-OPEN"][0]["read"]
    pf = of(objects, "sriov", bdf="0000:01:00.0")[0]
    assert (pf["total"], pf["fit"], pf["limit"], pf["enabled"]) == (8, 8, "none", 2)
    assert {item["name"] for item in of(objects, "domain")} == {"PF", "VF 0", "VF 1"}
    assert "0x2000000000:0x200000:rw" in of(objects, "domain", name="VF 0")[0]["iova"]
    assert of(objects, "attach", bdf="0000:01:00.1", unit=0, mode="domain")
    assert of(objects, "cfg", bdf="0000:01:00.2", off=0), "the VFs' configuration spaces too"
    tried = of(objects, "case")
    assert len(tried) == run.number("cases") + run.number("not_enforced")
    assert of(objects, "case", who="VF0", dir="write", what="unmapped page", verdict="refused", bdf="0000:01:00.1", reason=5)
    assert len(of(objects, "case", verdict="not enforced")) == run.number("not_enforced") > 0
    assert found["PROOF-NOT-ENFORCED"] and "PROOF-NOT-RUN" not in found
    assert not any("] WARN" in line and "put back" in line for line in run.lines)


@pytest.mark.needs("device:igb")
def test_network_card(boot):
    """The proof by VFs of a network card, which are RDMA peers of each other, too."""
    _, objects, _ = audit(boot, "device=igb")
    assert of(objects, "verdict", ok=1, errors=0, proof="pass")
    assert of(objects, "sriov", bdf="0000:01:00.0", enabled=2, backed=-1)
    for who, other in ("VF0", "0000:01:10.2"), ("VF1", "0000:01:10.0"):
        peer = [item for item in of(objects, "case", who=who) if item["what"].startswith("RDMA, ")]
        assert len(peer) == 8 and all(item["verdict"] == "refused" for item in peer)
        assert [item["bdf"] for item in peer if "bdf" in item] == [other]


@pytest.mark.each_qemu
def test_on_each_qemu(boot, emulator):
    """Other firmware, another unit, on 7.2 without records of interrupts; the proof passes all the same."""
    _, objects, found = audit(boot, "vfs=1", qemu=sluice.iommu(aw_bits=39))
    assert of(objects, "verdict", ok=1, proof="pass")
    assert int(of(objects, "unit", phase="now")[0]["cap"], 16) & ~ESRTPS == 0xD2008C22260206
    assert bool(of(objects, "sriov", bdf="0000:02:00.0")) == emulator.has_device("igb")
    assert found["STATE-OPEN"] and found["STATE-BME"]


@pytest.mark.needs("gdb")
def test_cases_beyond_the_table(boot, folder):
    """More cases than the report has lines for, and only the last of them succeed: from the eighth pass on the comparison of
    memory finds a change (GDB's stub puts that into the running kernel). Each of them is in the report, and it is a FAIL."""
    path = socket_path(folder, "gdb")

    def change():
        gdb = stopped_at(path, "attackers_open", times=8)  # once a pass
        true = bytes.fromhex("b801000000c3")  # mov eax, 1; ret
        assert gdb.ask(f"M{symbol('guard_changed'):x},{len(true):x}:{true.hex()}") == "OK"
        assert gdb.ask("D") == "OK"

    class Late:
        @staticmethod
        def boot(*words, **more):
            return during(boot, change, *words, **more)

    run, objects, found = audit(Late.boot, "vfs=2", "passes=9", ok=False, qemu=["-S", "-gdb", f"unix:{path},server=on,wait=off"])
    succeeded = run.text.count(" NOT REFUSED ")
    assert run.number("cases") - run.number("refused") == succeeded > 50
    assert run.result["proof"] == "fail" and run.result["stage"] == "audit"
    tried = of(objects, "case")
    assert len(tried) == 1024 < run.number("cases")
    assert len(of(objects, "case", verdict="SUCCEEDED")) == succeeded, "refused ones gave way"
    left = of(objects, "run")[0]["left_out"]
    assert 1024 + sum(left) == sum(run.number(key) for key in ("cases", "not_enforced", "not_tried"))
    first = found["PROOF-FAILED"][0]["read"]
    assert re.fullmatch(rf"{succeeded} of {1024 + sum(left)}: the first was [\w+]+, (read|write) .+: SUCCEEDED", first)
    assert f"{succeeded} of {run.number('cases')} NOT refused" in run.text


TRACE = ["-trace", "pci_cfg_write", "-trace", "vtd_reg_write", "-trace", "memory_region_ops_write", "-trace", "serial_write"]


def written(trace):
    """What was written to configuration space and to the unit once the loader had said that it leaves firmware: QEMU's own events,
    those of the serial line among them, which tell when that was."""
    text, events, leaving = "", [], "sluice: leaving firmware"
    for line in trace.read_text(errors="replace").splitlines():
        if serial := re.match(r"serial_write .*0x00\]? (?:val|<-) 0x(\w+)", line):
            text = (text + chr(int(serial[1], 16)))[-200:] if not text.endswith(leaving) else text
        elif text.endswith(leaving) and (line.startswith(("pci_cfg_write ", "vtd_reg_write ")) or
                                         re.search(r"name '(pci-conf-\w+|pcie-mmcfg-mmio|intel_iommu)'", line)):
            events.append(line)
    assert text.endswith(leaving)
    return events


def test_looks_only(boot, folder):
    """access=read: not one write to configuration space or to the unit, the same groups as with ACS on, and what is not known said."""
    run = boot("app=audit", "access=read", "json=1", qemu=[*TRACE, "-D", folder / "read"])
    assert written(folder / "read") == []
    assert run.status == 0 and run.result["ok"] == "1" and run.result["proof"] == "none", run.summary()
    assert run.result["access"] == "read" and run.number("uncovered") == run.text.count("WARN verdict: not covered: ") >= 4
    objects = report(run)
    finding = findings(objects)["LOOK-ONLY"][0]
    assert sum(map(int, re.findall(r": (\d+)", finding["read"]))) + 1 == run.number("unjudged") > 1
    assert not of(objects, "bar") and of(objects, "cfg")
    assert {item["limit"] for item in of(objects, "sriov")} == {"not known: VF BARs are not sized"}
    assert sluice.replay(run.folder / "serial.log")[0] == 0, "from the record alone the same is found"
    run = boot("app=audit", "scratch=", "json=1", qemu=[*TRACE, "-D", folder / "write"])
    events = "\n".join(written(folder / "write"))
    assert "pci_cfg_write " in events and "pcie-mmcfg-mmio" in events and "intel_iommu" in events, "the events that are looked for come"
    assert [item["members"] for item in of(objects, "group")] == [item["members"] for item in of(report(run), "group")]


def test_looking_is_for_the_audit(boot):
    """Every other app writes, so it does not begin."""
    run = boot("access=read")
    run.assert_not_ok("access=read is for app=audit", stage="boot")
    assert "exception" not in run.text

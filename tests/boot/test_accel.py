"""QAT VFs against the model in tools/qat-model: every service verified, forbidden DMA refused, VFs whose device fails
brought back by a reset while the others work."""
import hashlib
import json
import os
import re
import subprocess
import zlib

import pytest
import sluice

SERVICES = ["cipher", "hash", "HMAC", "chain", "AEAD", "deflate", "inflate"]


pytestmark = pytest.mark.needs("qat-model")


@pytest.fixture(scope="module", autouse=True)
def model():
    sluice.make("qat-model")


@pytest.fixture
def accel(folder, emulator):
    """accel(*words, ...): run.sh on the case's QEMU."""

    def accel(*words, env=None, **more):
        return sluice.run_sh(folder / "run", *words, env={**emulator.env, **(env or {})}, **more)

    return accel


def lines(run, kind):
    """The JSON lines of a kind."""
    found = [json.loads(line) for line in run.lines if line.startswith("{")]
    return [line for line in found if line["t"] == kind]


@pytest.mark.each_qemu
@pytest.mark.parametrize("gen", [2, 4])
def test_verified_and_refused(accel, gen):
    run = accel("device=qat", f"gen={gen}", "vfs=2", "seconds=1", "json=1")
    assert run.status == 0, run.text
    assert run.result["ok"] == "1" and run.result["vfs"] == "2"
    assert run.result["vf_faults"] == run.result["recovered"] == "0"
    for service in SERVICES:
        least = re.search(rf"accel: {service}: \d+ operations on 2 VFs, at least (\d+) on each", run.text)
        assert least and int(least[1]) >= 10000, service
    assert "42 known answers" in run.text
    # Each VF: 9 cases; the fault names the VF.
    assert run.result["cases"] == run.result["refused"] == "18"
    for vf in (0, 1):
        assert len(re.findall(rf"refuse: VF {vf}, .*: refused; fault: 0000:\w\w:01\.{vf} ", run.text)) == 9
    assert "never run on silicon" in run.text and f"(gen{gen})" in run.text
    # Firmware first, then VFs, all of them; at the end the other way round.
    loaded = {2: "4 images of 34256 bytes", 4: "4 images of 45800 bytes"}[gen]
    firmware = run.text.index(f"qat: 0000:01:00.0 firmware: {loaded} authenticated by the card and started")
    engines = {2: "engines 3ff, accelerators 1f, compression features 0", 4: "engines 1ff, accelerators 1, compression features 0"}[gen]
    assert f"{engines}; this way of loading has never run on silicon" in run.text
    assert firmware < run.text.index("sriov: 0000:01:00.0 has 16 of 16 VFs enabled, 2 in use") < run.text.index(": VFs off")
    doorbells, ops = map(int, re.search(r"(\d+) doorbells for (\d+) operations", run.text).groups())
    assert doorbells * 3 < ops  # one for each ring of a batch of 8, and a few for the heads
    check_streams(run, ["deflate, fixed tables", "deflate, own tables"][:gen // 2])
    check_speeds(run)


def check_streams(run, kinds):
    """What the VFs deflated is inflated by zlib, too."""
    streams = lines(run, "stream")
    assert {line["vf"] for line in streams} == {0, 1} and len(streams) >= 8
    assert {line["kind"] for line in streams} == set(kinds)
    for line in streams:
        text = zlib.decompress(bytes.fromhex(line["deflate"]), wbits=-15)
        assert len(text) == line["bytes"] >= 16
        assert hashlib.sha256(text).hexdigest() == line["sha256"]


def check_speeds(run):
    """Every service of every VF was timed; the sums are those of the RESULT line."""
    rows = lines(run, "accel")
    assert [(row["vf"], row["service"]) for row in rows] == [(vf, service) for vf in (0, 1) for service in SERVICES]
    for row in rows:
        ns = row["ns"]
        assert 0 < ns["min"] <= ns["p50"] <= ns["p99"] <= ns["p999"] <= ns["max"]
        assert row["bytes"] >= 16 * row["ops"] > 0
    assert sum(row["ops"] for row in rows) == run.number("ops")
    for name in [r"0000:\w\w:01\.0", r"0000:\w\w:01\.1", *SERVICES, "all"]:
        assert re.search(rf"^  {name} +\d* +\d+ +\d+\.\d( +\d+\.\d){{5}}", run.text, re.M), name


# Faults ordered for a VF, and the messages about them.
FAULTS = {
    "dma": r"\w+ ring: \d+ in flight, fetched up to \w+ of \w+, answered up to \w+",
    "status": r"\S.*, \d+ bytes: (crypto error, or a digest that differs|compression error) \(status \d+, code 0\)",
    "stuck": r"\w+ ring: \d+ in flight, fetched up to \w+ of \w+, answered up to \w+",
    "late": r"\w+ ring: \d+ in flight, fetched up to \w+ of \w+, answered up to \w+",
    "extra": r"\w+ ring: responses that belong to no request: \d+, the last with opaque value \w{16}",
    "opaque": r"\w+ ring: responses that belong to no request: \d+, the last with opaque value 5a\w{14}",
    "pointer": r"\w+ ring: registers out of range: fetched 7fffffc0",
}


def ordered(card="qat-c62x-pf", **properties):
    return [word for key, value in properties.items() for word in ("-global", f"{card}.{key.replace('_', '-')}={value}")]


def test_every_fault_is_recovered_from(accel):
    """One VF each has one; the eighth has none. What was ordered is told, and every VF ends with all of its work done."""
    run = accel("app=accel", "vfs=8", "ops=400", "seconds=1", qemu_args=(
        "-accel", "tcg", *ordered(fault="+".join(FAULTS), fault_vf=0, fault_after=500, fault_count=2, fault_ms=60000)))
    assert run.status == 0, run.summary()
    for vf, (fault, words) in enumerate(FAULTS.items()):
        bdf = rf"0000:\w\w:01\.{vf}"
        assert re.search(rf"WARN accel: VF {vf} {bdf}: {words}", run.text), fault
        back = re.search(rf"accel: VF {vf} {bdf} is back after \d+ ms: function level reset, same domain, new rings, 42 known answers", run.text)
        assert back, fault
    assert run.number("vf_faults") == run.number("recovered") >= 7
    assert "VF 7 " not in "".join(line for line in run.lines if " WARN " in line)
    for service in SERVICES:
        least = re.search(rf"accel: {service}: \d+ operations on 8 VFs, at least (\d+) on each", run.text)
        assert least and int(least[1]) >= 400, service


def test_faults_under_load(accel):
    """The same while the time runs, where nobody compares at once."""
    run = accel("app=accel", "gen=4", "vfs=4", "ops=50", "seconds=1", qemu_args=(
        "-accel", "tcg", *ordered("qat-4xxx-pf", fault="stuck+extra+pointer", fault_vf=0, fault_after=700)))
    assert run.status == 0, run.summary()
    timed = run.text[run.text.index("timed: mixed operations"):]
    for vf, fault in enumerate(["stuck", "extra", "pointer"]):
        assert re.search(rf"WARN accel: VF {vf} \S+: {FAULTS[fault]}", timed), fault
        assert re.search(rf"accel: VF {vf} \S+ is back after", timed), fault
    assert run.number("vf_faults") == run.number("recovered") == 3


def test_a_vf_that_fails_for_good(accel):
    """It is given up, with bus mastering off; the other is verified to the end; and the run says that it is not all right."""
    run = accel("app=accel", "vfs=2", "ops=300", "seconds=1", qemu_args=(
        "-accel", "tcg", *ordered(fault="status", fault_vf=1, fault_after=300, fault_count=1000000)))
    run.assert_not_ok("VF 1 .* is abandoned after 9 faults", stage="accel")
    assert run.number("vf_faults") == 9 and run.number("recovered") < 9
    for service in SERVICES:
        least = re.search(rf"accel: {service}: (\d+) operations on 1 VFs \(1 abandoned and not counted\), at least (\d+) on each", run.text)
        assert least and least[1] == least[2] and int(least[1]) >= 300, service


@pytest.mark.parametrize("words, card", [(["app=accel"], "qat-c62x-pf"), (["device=qat", "gen=4"], "qat-4xxx-pf")],
                         ids=["accel", "demo-gen4"])
def test_vf_0_is_given_up(accel, words, card):
    """A wrong result on the first VF: it is given up, and no sum says that its results were right."""
    run = accel(*words, "vfs=3", "ops=50", "seconds=1", qemu_args=(
        "-accel", "tcg", *ordered(card, fault="flip", fault_vf=0, fault_count=1000000)))
    run.assert_not_ok("VF 0 .* is abandoned after 1 faults: .*data is not what was expected", stage="accel")
    assert run.result["err"] == "VERIFY"
    for service in SERVICES:
        assert re.search(rf"accel: {service}: \d+ operations on 2 VFs \(1 abandoned and not counted\)", run.text), service
    assert "on 3 VFs, at least" not in run.text


def test_every_vf_is_given_up(accel):
    run = accel("device=qat", "vfs=2", "ops=50", "seconds=1", "json=1", qemu_args=(
        "-accel", "tcg", *ordered(fault="status", fault_count=1000000)))
    run.assert_not_ok("VF 0 .* is abandoned after 9 faults", stage="accel")
    assert "accel: every VF was abandoned, so no result counts" in run.text
    assert "as the CPU computed it" not in run.text and run.result["verified"] == "0"


def test_instructions_of_an_operation(emulator):
    """AES-GCM of 4 KiB at depth 32: at most 200 from request to result, a doorbell for 8, no register read."""
    sluice.make("build/insncount.so")
    done = subprocess.run(["tools/bench-insn", "--qat"], cwd=sluice.ROOT, env={**os.environ, **emulator.env}, capture_output=True,
                          text=True, timeout=3 * sluice.PATIENCE)
    print(done.stdout, done.stderr)
    assert done.returncode == 0
    row = r"^(op=\S+ depth=\d+ batch=\d+) insn_per_op=([\d.]+) mmio_per_op=([\d.]+) doorbells_per_op=([\d.]+) "
    now = re.findall(row, done.stdout, re.M)
    recorded = re.findall(row, (sluice.ROOT / "tests/insn-qat.txt").read_text(), re.M)
    log = (sluice.ROOT / "build/bench-insn-qat/log").read_text()
    waits = [int(w) / int(n) for n, w in re.findall(r"^BENCH .* ops=(\d+) .* waits=(\d+)", log, re.M)]
    assert [name for name, *_ in now] == [name for name, *_ in recorded] and len(now) == len(waits)
    for (name, insn, mmio, bells), (_, before, *_), wait in zip(now, recorded, waits):
        assert mmio == bells, name
        if "table" not in name:  # there it depends on how many results a poll finds
            assert float(insn) <= 1.01 * float(before) + 40 * wait, name
        if "batch=8" in name:
            assert float(bells) <= 1 / 8 + 0.002, name
        if name == "op=aes-128-gcm depth=32 batch=8":
            assert float(insn) <= 200


def firmware_refused(accel, firmware, words):
    """It ends at once, says so in one sentence, and no VF was switched on."""
    run = accel("device=qat", "vfs=2", env={"FIRMWARE": str(firmware)})
    run.assert_not_ok(words, stage="firmware")
    assert len([line for line in run.lines if "] FAIL " in line]) == 1
    assert "VFs enabled" not in run.text and run.result["faults"] == "0"


def test_no_firmware(accel, folder):
    firmware_refused(accel, folder, "the firmware file EFI/sluice/qat_c62x.bin cannot be used: it is missing or cannot be read")


def test_firmware_of_someone_else(accel, folder):
    """A file with one bit wrong in a signature, whole as far as a program can tell: the card has to notice."""
    subprocess.run([sluice.ROOT / "tools/qat-model/mkfw", folder], check=True)
    path = folder / "qat_c62x_mmp.bin"
    data = bytearray(path.read_bytes())
    data[500] ^= 1
    path.write_bytes(data)
    firmware_refused(accel, folder, "0000:01:00.0 does not come up: the card does not accept the firmware for the public key unit "
                     "as genuine: its signature is wrong")


@pytest.mark.parametrize("card, stage, why", [
    ("qat-c62x-pf", "pf", "QAT C62x cannot be used: gen= asks for another generation"),
    ("qat-4xxx-pf,ring-map=0x492", "domains", "none of its banks has symmetric crypto"),
])
def test_no_card_that_fits(accel, folder, card, stage, why):
    run = accel("app=accel", "gen=4", "--bare", qemu_args=(
        "-accel", "tcg", "-device", "intel-iommu,intremap=on", "-plugin", str(sluice.ROOT / "build/qat-model.so"),
        "-device", "pcie-root-port,id=rp0", "-device", f"{card},bus=rp0"), env={"FIRMWARE": str(folder / "none")})
    assert run.result["ok"] == "0" and run.result["stage"] == stage
    assert why in run.text
    # The model's firmware runs unless booted=off says otherwise: then no file is wanted.
    assert (stage == "pf") != ("the card's firmware is running already" in run.text)
    assert (stage == "pf") == ("no QAT function that can be used" in run.text)


def test_qemu_that_is_too_old(folder):
    """Debian 12's QEMU 7.2 is passed over for the model, with a sentence; it stays what it is."""
    old = folder / "qemu-system-x86_64"
    old.write_text("#!/bin/sh\necho 'QEMU emulator version 7.2.22 (Debian)'\n")
    old.chmod(0o755)
    run = sluice.run_sh(folder / "run", "device=qat", "ops=20", "seconds=1",
                        env={"QEMU": "", "PATH": f"{folder}:{os.environ['PATH']}"})
    assert "the QAT model wants QEMU 10.0, and qemu-system-x86_64 is 7" in run.text
    assert run.status == 0, run.summary()
    assert "build/qemu-10.0/qemu-system-x86_64" in run.text

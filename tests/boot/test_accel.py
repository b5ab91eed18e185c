"""QAT VFs against the model in tools/qat-model: every service verified, forbidden DMA refused. The model is a plugin for
QEMU 10.0; elsewhere these are skipped."""
import re
import subprocess

import pytest
import sluice

SERVICES = ["cipher", "hash", "HMAC", "chain", "AEAD", "deflate", "inflate"]


@pytest.fixture(scope="module", autouse=True)
def model():
    version = subprocess.run(["qemu-system-x86_64", "--version"], capture_output=True, text=True).stdout
    if "version 10.0." not in version:
        pytest.skip("the QAT model is for QEMU 10.0")
    built = subprocess.run(["make", "qat-model"], cwd=sluice.ROOT, capture_output=True, text=True)
    if built.returncode:
        pytest.skip(f"the QAT model can not be built here: {built.stderr[-200:]}")


@pytest.mark.parametrize("gen", [2, 4])
def test_verified_and_refused(folder, gen):
    run = sluice.run_sh(folder, "device=qat", "vfs=2", *(["gen=4"] if gen == 4 else []), deadline=300)
    assert run.status == 0, run.text
    assert run.result["ok"] == "1" and run.result["vfs"] == "2"
    for service in SERVICES:
        least = re.search(rf"accel: {service}: \d+ operations on 2 VFs, at least (\d+) on each", run.text)
        assert least and int(least[1]) >= 10000, service
    assert "27 known answers" in run.text
    # Each VF: 9 cases; the fault names the VF.
    assert run.result["cases"] == run.result["refused"] == "18"
    for vf in (0, 1):
        assert len(re.findall(rf"refuse: VF {vf}, .*: refused; fault: 0000:\w\w:01\.{vf} ", run.text)) == 9
    assert "never run on silicon" in run.text and f"(gen{gen})" in run.text
    doorbells, ops = map(int, re.search(r"(\d+) doorbells for (\d+) operations", run.text).groups())
    assert doorbells * 3 < ops  # one for each ring of a batch of 8, and a few for the heads


@pytest.mark.parametrize("card, stage, why", [
    ("qat-c62x-pf", "pf", "QAT C62x can not be used: gen= asks for another generation"),
    ("qat-4xxx-pf,ring-map=0x492", "domains", "none of its banks has symmetric crypto"),
])
def test_no_card_that_fits(folder, card, stage, why):
    run = sluice.run_sh(folder, "app=accel", "gen=4", "--bare", qemu_args=(
        "-accel", "tcg", "-device", "intel-iommu,intremap=on", "-plugin", str(sluice.ROOT / "build/qat-model.so"),
        "-device", "pcie-root-port,id=rp0", "-device", f"{card},bus=rp0"))
    assert run.result["ok"] == "0" and run.result["stage"] == stage
    assert why in run.text
    assert (stage == "pf") == ("no QAT function that can be used" in run.text)

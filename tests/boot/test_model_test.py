"""tools/qat-model/model-test without a boot: how it reads what the judges say, and what it does not let pass."""
import importlib.machinery
import importlib.util
import subprocess
import sys

import pytest
import sluice

SCRIPT = sluice.ROOT / "tools/qat-model/model-test"
loader = importlib.machinery.SourceFileLoader("model_test", str(SCRIPT))
sys.dont_write_bytecode, before = True, sys.dont_write_bytecode
model = importlib.util.module_from_spec(importlib.util.spec_from_loader("model_test", loader))
loader.exec_module(model)
sys.dont_write_bytecode = before

SUITES = ("AES Chain", "AES Cipher Only", "Auth Only", model.GCM)
SET_UP = ["qat: VF 0 bank 0 ring 2 set up", "qat: VF 0 bank 0 ring 2 service 0 command 1 flags 0000 status 00",
          "qat: VF 0 bank 0 ring 3 set up", "qat: VF 0 bank 0 ring 3 service 0 command 1 flags 0000 status 00"]


ASYM_REFUSED = "qat: VF 0 bank 0 ring 0 service 3 command 0 flags 0000 status 40"


def answer(status):
    return f"qat: VF 0 bank 0 ring 2 service 4 command 0 flags 0004 status {status:02x}"


def dpdk(verdicts, crash=False):
    """What the guest says when the cases of AES Cipher Only and similar suites end as given: {case: verdict}."""
    lines = ["RUN sym"]
    for suite in SUITES:
        lines.append(f" + Test Suite : {suite}")
        for n, (case, verdict) in enumerate(verdicts.items()):
            lines.append(f" + TestCase [{n:2}] : {case} {verdict}")
    lines += ["Segmentation fault", "RAN sym 139"] if crash else ["RAN sym 0"]
    lines += ["RUN asym", "  10) TestCase RSA Encryption PASS", "  11) TestCase RSA Sign PASS", "  12) TestCase Modular Inverse FAILED: Verification failed ", "RAN asym 255"]
    for coding in ("fixed", "dynamic"):
        lines += [f"RUN compress-{coding}", *(f"           1     {n}      311111            59.34" for n in range(9)),
                  f"RAN compress-{coding} 0"]
    return lines


def log(*per_case):
    """The model's log: rings set up once before the first case and once for each."""
    lines = ["qat: VF 0 bank 0 reset", *SET_UP]
    for statuses in per_case * len(SUITES):
        lines += SET_UP + [answer(status) for status in statuses]
    return lines + ["qat: VF 0 bank 0 reset", *SET_UP, ASYM_REFUSED]


CASES = {"AES-128-CBC Encryption": "succeeded", "CMAC Digest 12B": "failed", "AES-128-ECB Encryption": "skipped"}


def test_what_passes():
    counts, complaints = model.judge_dpdk("dpdk", dpdk(CASES), log([0], [0x80], []))
    assert complaints == []
    assert counts["AES Chain"] == (1, 2) and counts["RSA"] == (2, 2) and counts["compress-perf verify, dynamic"] == (9, 9)


@pytest.mark.parametrize("console, answers, why", [
    (dpdk(CASES | {"AES-128-CBC Encryption": "failed"}), log([0x80], [0x80], []), "AES Chain: AES-128-CBC Encryption failed"),
    (dpdk(CASES), log([0], [0], []), "CMAC Digest 12B failed, but its requests were answered with success"),
    (dpdk(CASES, crash=True), log([0], [0x80], [])[:-6] + SET_UP + [answer(0), ASYM_REFUSED], "crashed failed, but its requests"),
    (dpdk(CASES), log([0], [0x80], [])[:-1], "1 asymmetric cases failed, but only 0 requests were refused"),
    ([line for line in dpdk(CASES) if "AES Chain" not in line], log([0], [0x80], []), "AES Chain was not run"),
    ([line.replace("Sign PASS", "Sign FAILED") for line in dpdk(CASES)], log([0], [0x80], []), "RSA: 1 of 2 passed"),
    ([line.replace("compress-fixed 0", "compress-fixed 1") for line in dpdk(CASES)], log([0], [0x80], []), "fixed: 0 of 9"),
])
def test_what_does_not(console, answers, why):
    assert why in "\n".join(model.judge_dpdk("dpdk", console, answers)[1])


def test_a_log_that_is_too_short_is_an_error():
    with pytest.raises(model.Failure, match="cannot be read"):
        model.judge_dpdk("dpdk", dpdk(CASES), log([0], [0x80])[:-6])


def test_a_wrong_bit_has_to_be_noticed():
    noticed = dpdk(CASES | {"AES-128-CBC Encryption": "failed"})
    assert model.judge_dpdk("dpdk-flip", noticed, log([0], [0x80], [])) == ({"AES Chain": (0, 2), "AES Cipher Only": (0, 2)}, [])
    assert "not because of the wrong bit" in model.judge_dpdk("dpdk-flip", noticed, log([0x80], [0x80], []))[1][0]
    assert "passed, with a bit wrong" in model.judge_dpdk("dpdk-flip", dpdk(CASES), log([0], [0x80], []))[1][0]
    assert model.answers_before(model.GCM, noticed, log([0], [0x80], [])) == 2 + 3 * (3 * 2 + 2), "rings' own included"
    every = [f"SELFTEST {algorithm} qat_x passed" for algorithm in model.SELFTESTS]
    assert model.judge_linux("linux", every, []) == ({algorithm: (1, 1) for algorithm in model.SELFTESTS}, [])
    assert len(model.judge_linux("linux-flip", every, [])[1]) == 6
    assert model.judge_linux("linux-flip", every[-3:], [])[1] == []
    assert model.judge_linux("linux", every[:-1], [])[1] == ["deflate: not there"]
    assert model.judge_linux("linux", [*every, "LOG alg: akcipher: test 1 failed"], [])[1]


def test_floor(folder, monkeypatch):
    monkeypatch.setattr(model, "FLOOR", folder / "floor")
    assert model.read_floor() == {}
    model.record({("dpdk", "AES Chain"): (7, 9), ("linux", "rsa"): (1, 1)})
    model.record({("dpdk", "AES Chain"): (8, 9)})
    assert model.read_floor() == {("linux", "rsa"): 1, ("dpdk", "AES Chain"): 8}
    assert model.FLOOR.read_text().splitlines()[1:] == ["linux         1/1       rsa", "dpdk          8/9       AES Chain"]


def test_less_than_the_floor_fails(folder, monkeypatch, capsys):
    monkeypatch.setattr(model, "FLOOR", folder / "floor")
    monkeypatch.setattr(model, "make", lambda: (None, None))
    monkeypatch.setattr(model, "boot", lambda *_: (dpdk(CASES), log([0], [0x80], [])))
    model.record({("dpdk", "AES Chain"): (1, 2)})
    assert model.main(["dpdk"]) == 0
    model.record({("dpdk", "AES Chain"): (2, 2), ("dpdk", "ESN Test Suite"): (1, 1)})
    assert model.main(["dpdk"]) == 1
    said = capsys.readouterr().out
    assert "AES Chain: 1 passed, fewer than the 2 recorded" in said and "ESN Test Suite is recorded but was not run" in said
    assert model.main(["no-such"]) == 2


def test_the_recorded_floor_is_of_guests_that_exist():
    recorded = {guest for guest, _ in model.read_floor()}
    assert {name for name, guest in model.GUESTS.items() if not guest.flipped} <= recorded <= set(model.GUESTS)


def test_init_is_a_shell_script():
    subprocess.run(["sh", "-n", model.INIT], check=True)

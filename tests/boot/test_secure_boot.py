"""Secure Boot, with the snakeoil keys that Debian's firmware has enrolled in variables of its own."""
import fcntl
import pathlib
import re
import shutil
import subprocess

import pytest
import sluice

pytestmark = pytest.mark.own_firmware


def firmware(emulator, code="OVMF_CODE_4M.snakeoil.fd"):
    """Folder of that firmware, its code and its variables with keys; those beside the firmware of the QEMU in use."""
    plain = pathlib.Path(emulator.env.get("OVMF") or "/usr/share/OVMF/OVMF_CODE_4M.fd")
    found = plain.with_name(code), plain.with_name("OVMF_VARS_4M.snakeoil.fd")
    keys = plain.parent.parent / "ovmf"
    if not all(path.exists() for path in (*found, keys / "PkKek-1-snakeoil.key")):
        pytest.skip(f"{plain.parent} has no {code} with snakeoil keys")
    return keys, *found


def signed(folder, keys):
    """The EFI file by make sign, copied: cases with other keys run beside."""
    for tool in ("sbsign", "sbverify"):
        if not shutil.which(tool):
            sluice.missing("sbsigntool")
    key, efi = folder / "k.key", folder / "signed.efi"
    subprocess.run(["openssl", "pkey", "-in", keys / "PkKek-1-snakeoil.key", "-passin", "pass:snakeoil", "-out", key], check=True)
    with open(sluice.ROOT / "build/sign.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        sluice.make("sign", f"KEY={key}", f"CERT={keys / 'PkKek-1-snakeoil.pem'}")
        shutil.copy(sluice.ROOT / "build/BOOTX64.signed.EFI", efi)
    return efi


def boot_file(boot, emulator, folder, efi, code, **more):
    _, code, variables = firmware(emulator, code)
    stick = folder / "stick.img"
    (folder / "sluice.cfg").write_text("app=audit\njson=1\nend=qemu\n")
    subprocess.run([sluice.ROOT / "tools/mkimage.sh", stick, efi, folder / "sluice.cfg"], check=True)
    run = boot("--bare", "--usb", env={**emulator.env, "OVMF": str(code), "OVMF_VARS": str(variables)},
               # One processor: with two, this firmware's SMM hangs where interrupts are remapped.
               qemu=[*sluice.iommu(), "-smp", "1", "-machine", "smm=on", "-global", "driver=cfi.pflash01,property=secure,value=on",
                     "-set", f"drive.usb.file={stick}"], **more)
    stick.unlink()
    return run


# The second is of Debian 13 on: it enforces what NX_COMPAT promises.
@pytest.mark.parametrize("code", ["OVMF_CODE_4M.snakeoil.fd", "OVMF_CODE_4M.secboot.strictnx.fd"], ids=["signed", "strictnx"])
def test_signed(boot, emulator, folder, code):
    if "strictnx" in code:
        newer = [one for one in map(sluice.unpacked, sluice.others()) if one and (pathlib.Path(one.env.get("OVMF", "")).parent / code).exists()]
        emulator = newer[0] if newer else pytest.skip(f"no firmware below build/ has {code}")
    keys, *_ = firmware(emulator, code)
    run = boot_file(boot, emulator, folder, signed(folder, keys), code)
    assert run.result and run.result["app"] == "audit" and run.result["ok"] == "1", run.summary()
    assert "Secure Boot on" in run.text and not re.search(r"Access Denied|Security Violation", run.text)


def test_unsigned(boot, emulator, folder):
    """The firmware refuses the file, and run.sh says at once why and what to do."""
    run = boot_file(boot, emulator, folder, sluice.ROOT / "build/BOOTX64.EFI", "OVMF_CODE_4M.snakeoil.fd")
    assert run.status == 1 and run.result is None and "no end within" not in run.text
    assert "Access Denied" in run.text
    assert "run.sh: the firmware's Secure Boot refuses the EFI file: sign it with a key that is enrolled (make sign)" in run.text

"""Which machine, when, and which Sluice: in log, report and RESULT; privacy=1 leaves out what names this one machine."""
import os
import re
import shutil
import subprocess

import pytest

import sluice
from test_audit import audit, of

UUID = "00112233-4455-6677-8899-aabbccddeeff"
SMBIOS = ["-smbios", "type=0,vendor=BiosMaker,version=1.23,date=01/02/2026,release=4.5,uefi=on",
          "-smbios", f"type=1,manufacturer=  Maker Inc. ,product=Product \"9\",version=V1,serial=SERIAL-1,uuid={UUID},sku=K,family=F",
          "-smbios", "type=2,manufacturer=BoardMaker,product=B550,version=r2,serial=SERIAL-2,asset=ASSET-2,location=here",
          "-smbios", "type=3,manufacturer=CaseMaker,version=c,serial=SERIAL-3,asset=ASSET-3",
          "-smbios", "type=4,manufacturer=Intel,serial=SERIAL-4,asset=ASSET-4", "-smbios", "type=11,value=SECRET-11",
          "-rtc", "base=2020-01-01T00:00:00"]
NIC = ["-device", "pcie-root-port,id=rp9,chassis=9,slot=9", "-device", "e1000e,bus=rp9,mac=52:54:00:5e:ca:12"]
DRIVEN = ["-set", "device.nvme0.bootindex=1"]  # the firmware then drives the controller, and knows its serial number
SERIALS = r"(?i)SERIAL-\d|ASSET-\d|SECRET-11|00112233|33221100|sluice-scratch|54-?00-?ff-?ff-?5e-?ca|12ca5e"


pytestmark = pytest.mark.usefixtures("replay_tool")


def build_id(tree=sluice.ROOT, **env):
    said = subprocess.run(["tools/build-id"], cwd=tree, env={"PATH": "/usr/bin:/bin", **env}, capture_output=True, text=True, check=True).stdout
    return re.fullmatch(r'#define BUILD_ID +"(.+)"\n#define BUILD_TIME "(.+)"\n', said).groups()


def test_identity(boot):
    run, objects, _ = audit(boot, qemu=[*SMBIOS, *NIC, *DRIVEN])
    build, built = build_id()
    machine = of(objects, "machine")[0]
    assert machine.pop("time").startswith("2020-01-01T00:")
    assert machine == {
        "t": "machine", "build": build, "built": built, "maker": "Maker Inc.", "product": "Product '9'", "version": "V1",
        "serial": "SERIAL-1", "board_maker": "BoardMaker", "board": "B550", "board_version": "r2", "board_serial": "SERIAL-2",
        "chassis_serial": "SERIAL-3", "bios_vendor": "BiosMaker", "bios_version": "1.23", "bios_date": "01/02/2026", "uuid": UUID}
    assert f"boot: Sluice {build} of {built}" in run.text and run.result["build"] == build
    assert f'maker Maker Inc., product Product "9", version V1, serial number SERIAL-1, UUID {UUID}' in run.text
    assert "BIOS: vendor BiosMaker, version 1.23, date 01/02/2026" in run.text
    nvme = [item for item in of(objects, "fn") if "serial" in item]
    assert [(item["bdf"], item["serial"], item["model"]) for item in nvme] == [("0000:01:00.0", "sluice-scratch", "QEMU NVMe Ctrl")]
    log = (run.folder / "serial.log").read_text(errors="replace")
    assert {"SERIAL-1", "SERIAL-2", "SERIAL-3", "sluice-scratch", "12ca5e"} <= set(re.findall(SERIALS, log)), "what privacy=1 has to hide"
    assert re.search(r"firmware's clock when Sluice was started: 2020-01-01T00:\d\d:\d\d, time zone not told", run.text)


def test_privacy(boot):
    """Serial numbers of the machine, its parts and its devices are nowhere in the log; that they are left out is."""
    run, objects, _ = audit(boot, "privacy=1", qemu=[*SMBIOS, *NIC, *DRIVEN])
    log = (run.folder / "serial.log").read_text(errors="replace")
    found = re.findall(SERIALS, log)
    assert not found
    machine = of(objects, "machine")[0]
    assert machine["product"] == "Product '9'" and machine["privacy"] == 1
    assert "serial number left out, UUID left out" in log and "serial (left out) is the scratch controller" in log


def test_build_id(folder):
    """The sources' version: git's, an archive's from export-subst, the environment's; else it is unknown."""
    git = ["git", "-c", "safe.directory=*", "-C", sluice.ROOT]
    head = subprocess.run([*git, "rev-parse", "HEAD"], capture_output=True, text=True)
    archive = subprocess.run([*git, "archive", "HEAD", "tools"], capture_output=True)
    if head.returncode == 0:
        assert build_id()[0].split("-dirty")[0].endswith(head.stdout[:12])
    (folder / "a").mkdir()
    subprocess.run(["tar", "x", "-C", folder / "a"], input=archive.stdout, check=True)
    assert build_id(folder / "a") == (head.stdout[:12], build_id()[1])
    (folder / "a/tools/build-id.txt").write_text("$Format:%H %ct$\n")
    assert build_id(folder / "a") == ("unknown", "unknown")
    assert build_id(folder / "a", BUILD_ID='v"1 2026-01-02T03:04:05Z') == ("v1", "2026-01-02T03:04:05Z")


def test_same_bytes(folder):
    """The same sources in another folder give the same file, byte by byte; their version is the only thing that is not in them."""
    sluice.make("all")
    other = folder / "another/place"
    shutil.copytree(sluice.ROOT, other, ignore=shutil.ignore_patterns("build", ".git", "__pycache__"))
    id_and_time = " ".join(re.findall('"(.*)"', (sluice.ROOT / "build/build_id.h").read_text()))
    env = {key: value for key, value in os.environ.items() if key not in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS")}
    subprocess.run(["make", "-s", "-j2", "all"], cwd=other, env={**env, "BUILD_ID": id_and_time}, check=True, capture_output=True)
    assert (other / "build/BOOTX64.EFI").read_bytes() == (sluice.ROOT / "build/BOOTX64.EFI").read_bytes()
    shutil.rmtree(folder / "another")

"""app=isolate: every forbidden access by every function that can do DMA."""
import re

import pytest
import sluice

EDU = ["-device", "edu,dma_mask=0xffffffffffffffff"]


ROW = re.compile(r"^  (\S+) +(write|read) +(.{19}) (refused|NOT REFUSED|not enforced here|not tried) +(.*)$", re.M)


def cases(run):
    """attacker, direction, case, verdict of each line of the table"""
    return [(who, direction, case.strip(), verdict) for who, direction, case, verdict, _ in ROW.findall(run.text)]


MSIX_ONLY = {"e1000e", "igb", "xHCI", "vrng", "vblk"}


def vf_of(run, name):
    """The function that a VF is."""
    return re.search(rf"attacker {name} is 0000:(\S+): ", run.text)[1]


def assert_forged(run, attackers, recorded=True):
    """What QEMU does with each forbidden interrupt. Returns verdict and outcome of those that it lets through:
    it does not block compatibility format, and does not know who writes an interrupt by DMA."""
    passed = []
    for name in attackers - {"AHCI", "HDA", "EHCI"}:  # what these write is no message, and they have no MSI-X
        msi = {case.strip(): (verdict, rest) for who, _, case, verdict, rest in ROW.findall(run.text)
               if who == name and case.startswith("MSI")}
        let_through = {"MSI to no processor": "0" if "device=igb" in run.text else "success", "MSI, other's entry": "arrived"}
        refused = {"MSI beyond table": ("FFFF", "1024", "21")}
        if name == "edu":
            let_through = {"MSI to no processor": "nothing", "MSI, other's entry": "arrived", "MSI to processor 0": "arrived"}
        if name in MSIX_ONLY:  # what they write is no message
            let_through, refused = {}, {}
        if name.startswith(("VF", "NVMe")) or name in MSIX_ONLY:
            let_through["MSI-X compatibility"] = "arrived"
            sender = vf_of(run, name) if name.startswith("VF") else r"\w\w:\w\w\.\d"
            refused["MSI-X other's entry"] = (sender, r"\d+", "26")
        untried = set()
        if "interrupts are not remapped" in run.text:
            let_through.pop("MSI, other's entry", None)
            let_through.pop("MSI-X compatibility", None)  # VFs have MSI-X on only where it is remapped
            refused = {}
            if name not in {"edu", *MSIX_ONLY}:  # no data of an NVMe controller's would make an interrupt that arrives: there is no control
                untried = {"MSI to no processor"}
                del let_through["MSI to no processor"]
        assert set(msi) == set(let_through) | set(refused) | untried
        assert all(msi[case] == ("not tried", "no effect where allowed") for case in untried)
        for case, device in let_through.items():
            verdict, rest = msi[case]
            assert verdict == "not enforced here" and rest.split()[-1] == device, (name, case)
        for case, (sender, entry, reason) in refused.items():
            verdict, rest = msi[case]
            record = rf"{sender} +intr +entry {entry} +{reason} " if recorded else "no fault recorded "
            assert verdict == "refused" and re.match(record, rest), (name, case)
        for who, _, case, verdict, rest in ROW.findall(run.text):  # of all passes
            if who == name and case.strip() in let_through:
                passed.append((verdict, rest.split()[-1]))
    return passed


@pytest.fixture
def recorded(emulator):
    return emulator.has("interrupt-faults")


def assert_all_refused(run, attackers, recorded, vfs=0):
    assert run.status == 0 and run.result["ok"] == "1" and run.result["app"] == "isolate", run.summary()
    assert run.number("cases") == run.number("refused") > 0
    seen = cases(run)
    attackers = attackers | {"AHCI"}  # the one of the chipset, with the volume that was booted
    assert {name.removesuffix("+msi") for name, *_ in seen} == attackers
    assert sum(verdict == "refused" for *_, verdict in seen) == run.number("refused")
    assert not [case for case in seen if case[3] == "NOT REFUSED"]
    assert all(len(row[0]) <= 80 + max(0, len(row[1]) - 4) for row in re.finditer(ROW, run.text)), "the table has 80 columns"
    forged = assert_forged(run, attackers, recorded)
    assert int(run.result.get("not_enforced", 0)) == len(forged)
    arrived = len([verdict for verdict, device in forged if device == "arrived"])
    if forged:
        assert f"not shown: {len(forged)} forged interrupts: not enforced here; {arrived} of them were seen to" in run.text
    messages = sum(case.startswith("MSI") and verdict == "refused" for _, _, case, verdict in seen)
    keys = sum(verdict == "refused" and rest.split()[-2:-1] == ["NAK"] for _, _, _, verdict, rest in ROW.findall(run.text))
    assert f"worked where it is allowed: {run.number('refused') - messages - keys} DMAs, {messages} interrupts" in run.text
    assert (f"and {keys} accesses of RDMA peers, refused by the answer of the end point" in run.text) == bool(keys)
    assert int(run.result.get("not_tried", 0)) == sum(verdict == "not tried" for *_, verdict in seen)
    # 8 operations of each other VF during each case, but for the few that are tried with VFs off.
    assert run.number("verified") >= 8 * (vfs - 1) * (len(seen) - 4 - 2 * vfs)
    return seen


# By each RDMA peer: the access and the end point's answer. The READ of what the domain does not map has none: the IOMMU refuses it.
RDMA = {("write", "wrong key", "NAK 62"), ("read", "wrong key", "NAK 62"), ("write", "out of bounds", "NAK 62"), ("write", "revoked key", "NAK 62"),
        ("write", "read-only", "NAK 62"), ("write", "other's key", "NAK 62"), ("write", "unmapped", "NAK 63"), ("read", "unmapped", "no data")}


@pytest.mark.quick
@pytest.mark.each_qemu
def test_vfs_pf_edu(boot, recorded):
    run = boot("app=isolate", "vfs=3", qemu=EDU)
    seen = assert_all_refused(run, {"VF0", "VF1", "VF2", "PF", "edu"}, recorded, vfs=3)
    assert run.result["not_tried"] == "0", "each access works where it is allowed"
    assert "8 forged interrupts did not arrive; the same message by the function's own" in run.text
    assert ("(of 8 of them the unit keeps no record)" in run.text) == (not recorded)
    writes = {"unmapped page", "read-only page", "page before mapping", "page after mapping", "last byte before it",
              "first byte after it", "kernel data", "kernel text", "kernel page table", "its own VT-d table", "VT-d context table",
              "beyond the width", "runs out of mapping", "buffer after unmap"}
    attackers = ("VF0", "VF1", "VF2", "PF", "edu")
    for name in attackers:
        mine = {(direction, case) for who, direction, case, _ in seen if who == name}
        others = {f"memory of {other}" for other in attackers if other != name}
        assert {("write", case) for case in writes | others} <= mine
        assert (f"{name}+msi" in {who for who, *_ in seen}) == (name != "PF")
        if name != "PF":  # Identify only writes
            assert {("read", case) for case in {"unmapped page", "write-only page", "kernel data"} | others} <= mine
        how = "write" if name == "edu" else "read"  # an NVMe controller fetches a command
        assert {(how, "after detach"), (how, "its domain is gone")} <= mine
        assert {case for _, case in mine} & {f"registers of {other}" for other in attackers}
        assert ((how, "VF off and on again") in mine) == name.startswith("VF")


@pytest.mark.needs("device:igb")
@pytest.mark.each_qemu
def test_network_vfs(boot, recorded):
    """VFs of a network card attack like those of an NVMe controller, by their buffers, their heads and MSI-X; the others exchange
    frames. Each is the next one's RDMA peer, too. The card itself keeps serving them, though prove=all names it."""
    run = boot("app=isolate", "device=igb", "vfs=4", "passes=2", "prove=all")
    seen = assert_all_refused(run, {"VF0", "VF1", "VF2", "VF3"}, recorded)
    assert run.result["not_tried"] == "0" and "as much memory was free as after the first" in run.text
    assert "igb does not attack: its VFs attack" in run.text and "flood: only VFs of NVMe controllers are made to flood" in run.text
    # Of four VFs two stand by, 8 frames each, or all while another function attacks.
    assert f"shown: {run.number('verified')} frames of other VFs in the meantime were all right" in run.text
    assert run.number("verified") >= 16 * (run.number("cases") - 2 * 4 * (1 + len(RDMA)))
    for n in range(4):
        mine = {(does, case) for who, does, case, _ in seen if who == f"VF{n}"}
        peer = [(does, case.strip(), verdict, rest) for who, does, case, verdict, rest in ROW.findall(run.text) if who == f"VF{n}" and "RDMA, " in case]
        assert len(peer) == 2 * len(RDMA)
        assert {(does, case[6:], " ".join(rest.split()[-2:])) for does, case, _, rest in peer} == RDMA
        asked = vf_of(run, f"VF{(n + 1) % 4}")
        assert all(re.match(rf"{asked} read +\w+ +6 " if rest.endswith("data") else "no fault recorded ", rest) for _, _, _, rest in peer)
        others = {f"memory of VF{other}" for other in range(4) if other != n}
        assert {("write", case) for case in others | {"unmapped page", "kernel text", "last byte before it", "runs out of mapping", "buffer after unmap"}} <= mine
        assert {("read", case) for case in others | {"kernel data", "write-only page", "after detach", "its domain is gone", "VF off and on again"}} <= mine
        assert ("write", "kernel data") in {row[1:3] for row in seen if row[0] == f"VF{n}+msi"}


@pytest.mark.needs("device:igb")
def test_network_vfs_can_fail(boot):
    """Where nothing is refused they reach memory in each way that they have. One VF alone has nobody to send and take its frames."""
    run = boot("app=isolate", "device=igb", "vfs=2", "iommu=off")
    assert run.status == 3 and run.result["ok"] == "0" and run.result["refused"] == "0"
    said = {(row[1], row[2], row[3].strip()): run.text[row.end():].lstrip("\n").split("\n")[0].strip() for row in ROW.finditer(run.text)}
    for name, other in ("VF0", "VF1"), ("VF1", "VF0"):
        for access in ("write", "kernel data"), ("read", "kernel data"), ("write", f"memory of {other}"), ("read", f"memory of {other}"):
            assert said[name, *access] == "^ SUCCEEDED: memory was reached"
    run = boot("app=isolate", "device=igb", "vfs=1")
    assert run.result["ok"] == "1" and "VF does not attack: no other VF is there that would send and take its frames" in run.text


def test_passes(boot, recorded):
    """Each pass has the same cases, and gives back what it took. A network card with SR-IOV has to be named."""
    run = boot("app=isolate", "vfs=2", "passes=3")
    assert run.text.count("igb does not attack: it has SR-IOV: scratch= or prove= has to name it, or prove=all") == ("-device igb" in run.text)
    seen = assert_all_refused(run, {"VF0", "VF1", "PF"}, recorded, vfs=2)
    assert seen[: len(seen) // 3] * 3 == seen
    assert "after each pass as much memory was free as after the first" in run.text


def test_proof_can_fail(boot):
    """Without translation every attack on existing memory succeeds, and each is reported."""
    run = boot("app=isolate", "vfs=2", "iommu=off", qemu=EDU)
    assert run.status == 3 and run.result["ok"] == "0" and run.result["refused"] == "0"
    assert run.result["stage"] == "isolate"
    seen = cases(run)
    said = {(row[1], row[2], row[3].strip()): run.text[row.end():].lstrip("\n").split("\n")[0].strip() for row in ROW.finditer(run.text)}
    memory = {("write", case) for case in ("read-only page", "kernel data", "kernel text", "kernel page table")}
    memory |= {("read", case) for case in ("write-only page", "kernel data")}
    for name in ("VF0", "VF1", "PF", "edu"):
        mine = {(does, case): words for (who, does, case), words in said.items() if who == name}
        others = {(does, f"memory of {other}") for other in ("VF0", "VF1", "PF", "edu") if other != name for does in ("read", "write")}
        for does, case in memory | others:
            if name == "PF" and does == "read":  # Identify only writes
                continue
            assert mine[does, case] == "^ SUCCEEDED: memory was reached", (name, does, case)
        assert mine["write", "unmapped page"] == "^ no effect, but nothing was recorded"
    assert {verdict for _, _, case, verdict in seen if not case.startswith("MSI")} == {"NOT REFUSED"}
    assert run.number("cases") == sum(verdict == "NOT REFUSED" for *_, verdict in seen)


@pytest.mark.parametrize("words", [["scratch=plain"], []], ids=["scratch", "no-scratch"])
def test_without_sriov(boot, images, words, recorded):
    """An NVMe controller with Identify alone, which writes nothing to the medium, so it need not be the scratch one."""
    disk = images.make("keep")
    qemu = [*sluice.iommu(), *sluice.nvme_plain("nvme0", "plain", disk[0])]
    run = boot("--bare", "app=isolate", *words, "passes=2", qemu=qemu)
    assert_all_refused(run, {"PF" if words else "NVMe"}, recorded, vfs=1)
    assert "pass 2 of 2" in run.text
    images.assert_untouched(disk)


USB = ["-device", "qemu-xhci,id=xhci", "-device", "usb-kbd,bus=xhci.0", "-device", "ich9-usb-ehci1,id=ehci", "-device", "usb-tablet,bus=ehci.0"]
CODEC = ["-device", "ich9-intel-hda", "-device", "hda-duplex,audiodev=a0", "-audiodev", "none,id=a0"]


def network(emulator):
    return ["-device", "e1000e", *(["-device", "igb"] if emulator.has_device("igb") else [])]


def virtio(disk):
    """An entropy device and a block device below the IOMMU, and an entropy device that bypasses it."""
    below = "iommu_platform=on,disable-legacy=on"
    return ["-device", f"virtio-rng-pci,{below}", "-device", "virtio-rng-pci,disable-legacy=on",
            "-drive", f"if=none,id=virtio0,format=raw,file={disk}", "-device", f"virtio-blk-pci,drive=virtio0,{below}"]


def everywhere(images, emulator, **options):
    """What every machine has: a SATA controller with a drive besides the volume that is booted, audio, USB, network, NVMe, and
    one with SR-IOV; and virtio."""
    disks = images.make("sata", "keep", "other", "virtio")
    return disks, [*sluice.iommu(**options), *CODEC, *USB, *network(emulator), *virtio(disks[3]),
                   *sluice.nvme_plain("nvme0", "plain", disks[1]),
                   *sluice.root_port("rp0", 1), *sluice.nvme_sriov("nvme1", "rp0", "other", disks[2:3]),
                   "-drive", f"if=none,id=sata0,format=raw,file={disks[0]}", "-device", "ide-hd,drive=sata0,bus=ide.3"]


@pytest.mark.quick
def test_bare(boot, recorded):
    """A machine with nothing but its chipset proves something, and says who did not attack."""
    run = boot("--bare", "app=isolate", qemu=sluice.iommu())
    seen = assert_all_refused(run, set(), recorded, vfs=1)
    mine = {(does, case) for who, does, case, _ in seen if who == "AHCI"}
    assert {("write", "unmapped page"), ("read", "kernel data"), ("read", "write-only page"), ("write", "last byte before it"),
            ("write", "runs out of mapping"), ("write", "buffer after unmap"), ("read", "after detach"),
            ("read", "its domain is gone")} <= mine
    assert "no class of attackers drives 0000:00:00.0 0000:00:1f.0 0000:00:1f.3" in run.text
    assert "1 of 4 functions attack" in run.text and "classes that attacked: AHCI" in run.text


@pytest.mark.each_qemu
def test_every_class(boot, images, emulator, recorded):
    """Without scratch=: by commands that touch no medium. QEMU 7.2 has tables of 39 bits, and a BAR lies beyond them."""
    disks, qemu = everywhere(images, emulator)
    run = boot("--bare", "app=isolate", "prove=all", "passes=2", qemu=qemu)
    attackers = {"HDA", "xHCI", "EHCI", "NVMe", "NVMe1", "e1000e", "vrng", "vblk"} | ({"igb"} if "igb" in qemu else set())
    seen = assert_all_refused(run, attackers, recorded, vfs=1)
    assert run.result["not_tried"] == "0" and "as much memory was free as after the first" in run.text
    assert "classes that attacked: NVMe, AHCI, HDA, xHCI, EHCI, e1000e" in run.text
    assert "vrng does not attack: it accesses memory past the IOMMU (no VIRTIO_F_ACCESS_PLATFORM): nothing restricts" in run.text
    assert "accesses memory past the IOMMU: nothing restricts its DMA" in run.text and run.result["uncovered"] == "1"
    for name in attackers | {"AHCI"}:
        mine = {(does, case) for who, does, case, _ in seen if who == name}
        assert ("read", "after detach") in mine and (("read", "kernel data") in mine) == (name != "vrng")
        if name == "EHCI":  # it only reads, and has no MSI
            continue
        assert {("write", "kernel data"), ("write", "buffer after unmap")} <= mine
        assert {("write", "kernel data"), ("write", "read-only page")} <= {row[1:3] for row in seen if row[0] == f"{name}+msi"}
    images.assert_untouched(disks)


@pytest.mark.each_qemu
def test_every_class_in_scalable_mode(boot, images, emulator, recorded):
    disks, qemu = everywhere(images, emulator, scalable_mode="on")
    run = boot("--bare", "app=isolate", "prove=all", "tables=scalable", qemu=qemu)
    attackers = {"HDA", "xHCI", "EHCI", "NVMe", "NVMe1", "e1000e", "vrng", "vblk"} | ({"igb"} if "igb" in qemu else set())
    seen = assert_all_refused(run, attackers, recorded, vfs=1)
    assert "scalable mode, second stage" in run.text and run.result["not_tried"] == "0" and len(seen) > 300
    images.assert_untouched(disks)


def test_every_class_can_fail(boot, images, emulator):
    """Where nothing is refused each class reaches memory, in each way that it has; no medium changes all the same."""
    disks, qemu = everywhere(images, emulator)
    run = boot("--bare", "app=isolate", "iommu=off", "prove=all", qemu=qemu)
    assert run.status == 3 and run.result["ok"] == "0" and run.result["stage"] == "isolate"
    assert run.result["refused"] == "0", run.summary()
    said = {row.group(1, 2): set() for row in ROW.finditer(run.text)}
    for row in ROW.finditer(run.text):
        said[row[1], row[2]].add(run.text[row.end():].lstrip("\n").split("\n")[0].strip())
    names = ["AHCI", "HDA", "xHCI", "NVMe", "e1000e", "vrng", "vblk", *(["igb"] if "igb" in qemu else [])]
    assert "^ SUCCEEDED: memory was reached" in said["EHCI", "read"]
    for name in names:
        for does in ("read", "write") if name != "vrng" else ("write",):
            assert "^ SUCCEEDED: memory was reached" in said[name, does], (name, does)
        assert name == "NVMe" or "^ SUCCEEDED: memory was reached" in said[f"{name}+msi", "write"], name
    images.assert_untouched(disks)


def test_edu_alone(boot, recorded):
    run = boot("--bare", "app=isolate", qemu=[*sluice.iommu(), *EDU])
    assert_all_refused(run, {"edu"}, recorded, vfs=1)


@pytest.mark.parametrize("bridge, says", [(["pcie-pci-bridge,id=conv0,bus=rp0"], "02:00.0"),
                                         (["i82801b11-bridge,id=up0,addr=7", "pci-bridge,id=conv0,bus=up0,chassis_nr=9,addr=1"],
                                          "00:07.0")], ids=["pcie-to-pci", "pci-below-pci"])
def test_behind_bridge(boot, bridge, says, recorded):
    """DMA of a function on a conventional bus arrives in the bridge's name: it reaches its own memory, and no other."""
    devices = [word for device in bridge for word in ("-device", device)]
    run = boot("--bare", "app=isolate", qemu=[*sluice.iommu(), *sluice.root_port("rp0", 1), *devices,
                                              "-device", "edu,bus=conv0,addr=3,dma_mask=0xffffffffffffffff"])
    assert_all_refused(run, {"edu"}, recorded, vfs=1)
    assert re.search(rf"attacker edu is 0000:0[0-9]:03\.0, behind a bridge that says 0000:{says}: ", run.text)
    assert f"  edu  write after detach        refused {says} write" in run.text


def test_no_scratch(boot, images):
    """A controller with SR-IOV is not started unless it is named, and nothing is with prove=none."""
    disks = images.make("a")
    qemu = [*sluice.iommu(), *sluice.root_port("rp0", 1), *sluice.nvme_sriov("nvme0", "rp0", "other", disks)]
    boot("--bare", "app=isolate", "prove=none", qemu=qemu).assert_not_ok("scratch= is not set", stage="pf")
    images.assert_untouched(disks)


@pytest.mark.parametrize("options", [{"aw_bits": 39}, {"caching_mode": "on"}, {"device_iotlb": "on"},
                                     {"snoop_control": "on"}],
                         ids=lambda options: "-".join(f"{k}-{v}" for k, v in options.items()))
def test_units(boot, options, recorded):
    run = boot("app=isolate", "vfs=2", qemu=[*sluice.iommu(**options), "-m", "8G"])
    assert_all_refused(run, {"VF0", "VF1", "PF"}, recorded, vfs=2)


@pytest.mark.each_qemu
def test_scalable_unit(boot, recorded):
    """A unit that is capable of scalable mode does the same in legacy mode."""
    run = boot("app=isolate", "vfs=2", qemu=[*sluice.iommu(scalable_mode="on"), "-m", "8G"])
    assert_all_refused(run, {"VF0", "VF1", "PF"}, recorded, vfs=2)


def test_not_remapped(boot, recorded):
    """Without interrupt remapping compatibility format is all there is, and every function can send it."""
    run = boot("app=isolate", "vfs=1", qemu=[*sluice.iommu(intremap="off"), *EDU])
    assert_all_refused(run, {"VF0", "PF", "edu"}, recorded, vfs=1)
    assert "a DMA write, pass on this machine; interrupt remapping is off" in run.text

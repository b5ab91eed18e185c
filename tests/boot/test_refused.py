"""Machines and options on which the demo cannot work: it has to say why and end, and to write to no disk."""
import subprocess

import pytest
import sluice


@pytest.fixture
def four(images):
    return images.make("a", "b", "c", "d")


@pytest.mark.each_qemu
def test_no_iommu(boot, images, four):
    qemu = [*sluice.root_port("rp0", 1), *sluice.nvme_sriov("nvme0", "rp0", sluice.SERIAL, four)]
    run = boot("--bare", f"scratch={sluice.SERIAL}", qemu=qemu)
    run.assert_not_ok(r"DMAR|IOMMU|VT-d", stage="iommu")
    images.assert_untouched(four)


def test_virtio_iommu(boot):
    """There is an IOMMU, of a kind that is not supported: VT-d in firmware setup would not help."""
    run = boot("--bare", qemu=["-device", "virtio-iommu-pci"])
    run.assert_not_ok(r"virtio-iommu \(VIOT table found, no DMAR\)", stage="iommu")
    assert "firmware setup" not in run.text and "try: use -device intel-iommu in place of virtio-iommu" in run.text


def test_no_sriov(boot, images):
    disks = images.make("a")
    qemu = [*sluice.iommu(), *sluice.nvme_plain("nvme0", sluice.SERIAL, disks[0])]
    run = boot("--bare", f"scratch={sluice.SERIAL}", qemu=qemu)
    run.assert_not_ok(r"SR-IOV")
    assert "app=isolate proves isolation with any NVMe controller, and does not touch its medium" in run.text
    images.assert_untouched(disks)


def test_no_nvme(boot):
    boot("--bare", f"scratch={sluice.SERIAL}", qemu=sluice.iommu()).assert_not_ok(r"NVMe")


def test_too_few_vfs(boot):
    """run.sh makes room for eight; a device that offers fewer than asked for is a sentence, not a hang."""
    qemu = [*sluice.iommu(), *sluice.root_port("rp0", 1), *sluice.nvme_sriov("nvme0", "rp0", sluice.SERIAL, [], max_vfs=2)]
    boot("--bare", "vfs=4", f"scratch={sluice.SERIAL}", qemu=qemu).assert_not_ok(r"VFs?\b")


@pytest.mark.parametrize("words", [["scratch=another"], []], ids=["wrong-serial", "no-scratch"])
def test_not_scratch(boot, images, four, words):
    """Nothing is written to a controller that scratch= does not name."""
    qemu = [*sluice.iommu(), *sluice.root_port("rp0", 1), *sluice.nvme_sriov("nvme0", "rp0", sluice.SERIAL, four)]
    boot("--bare", *words, qemu=qemu).assert_not_ok(r"scratch=")
    images.assert_untouched(four)


# run.sh writes end= and scratch= on lines 1 and 2 of sluice.cfg; what the user gives starts on line 3.
@pytest.mark.parametrize(
    "words, said",
    [
        (["vfs=abc"], "sluice.cfg:3:5: vfs=abc is not a number (want 1 to 64)"),
        (["qd=8", "vfs=0"], "sluice.cfg:4:5: vfs=0 is out of range"),
        (["vsf=8"], "sluice.cfg:3:1: vsf is not a key"),
        (["queues=2", "mode=irq"], "sluice.cfg:4:6: mode=irq and mode=adaptive work with queues=1 only"),
        (["scratch=a", "scratch=b"], "sluice.cfg:3:1: a second scratch="),
    ],
    ids=["not-a-number", "out-of-range", "unknown-key", "excluded", "two-disks"],
)
def test_bad_config(boot, words, said):
    """run.sh asks the reader of options itself, and does not start a machine."""
    run = boot(*words)
    assert run.status == 2 and said in run.text and "the QEMU line" not in run.text


def test_bad_config_of_a_machine(boot, folder):
    """The guest names the mistake, and keys that stand twice, and obeys an end= that stands elsewhere."""
    (folder / "sluice.cfg").write_bytes("vfs=2\nvfs=3\nseconds=1 end=qemu\n".encode())
    stick = folder / "stick.img"
    subprocess.run([sluice.ROOT / "tools/mkimage.sh", stick, sluice.ROOT / "build/BOOTX64.EFI", folder / "sluice.cfg"], check=True)
    run = boot("--bare", "--usb", qemu=[*sluice.iommu(), "-set", f"drive.usb.file={stick}"])
    run.assert_not_ok(r"FAIL boot: sluice\.cfg:3:9: seconds=1\?end=qemu is not a number", stage="boot")
    assert run.result["app"] == "audit", "by default nothing is written"

"""Machines and options on which the demo cannot work: it has to say why and end, and to write to no disk."""
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
        (["vfs=abc"], r"sluice\.cfg:3:5: .*vfs=abc"),
        (["qd=8", "vfs=0"], r"sluice\.cfg:4:5: .*vfs=0"),
        (["colour=blue"], r"sluice\.cfg:3:1: .*colour"),
        (["queues=2", "mode=irq"], r"sluice\.cfg:4:6: mode=irq and mode=adaptive work with queues=1 only"),
    ],
    ids=["not-a-number", "out-of-range", "unknown-key", "excluded"],
)
def test_bad_config(boot, words, said):
    run = boot(*words, "seconds=1")
    run.assert_not_ok(said)

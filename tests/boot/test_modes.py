"""mode=poll, irq and adaptive: load that stops and starts, and the timed phase, on one core and on two."""
import re

import pytest
import sluice

BURSTS = 10000


def counts(run, stage):
    """{VF: {"interrupts": n, ...}} of the lines that tell how each ring was waited for."""
    lines = re.findall(
        rf"\] {stage}: VF (\d+) on core (\d+), mode=(\w+): interrupts (\d+), armed (\d+), results there when armed (\d+), "
        r"halted (\d+), wake-ups lost (\d+)", run.text)
    names = ("core", "mode", "interrupts", "armed", "caught", "halted", "lost")
    return {int(vf): dict(zip(names, [int(core), mode, *map(int, rest)])) for vf, core, mode, *rest in lines}


def assert_bursts(run, mode, vfs, cores):
    assert run.status == 0, run.summary()
    assert run.result["app"] == "bursts" and run.result["ok"] == "1" and run.number("cores") == cores
    done = re.findall(r"\] bursts: VF (\d+): (\d+) bursts, (\d+) operations", run.text)
    assert [(int(vf), int(bursts)) for vf, bursts, _ in done] == [(vf, BURSTS) for vf in range(vfs)]
    assert sum(int(ops) for _, _, ops in done) == run.number("ops") > 3 * BURSTS * vfs
    seen = counts(run, "bursts")
    assert sorted(seen) == list(range(vfs))
    for vf in seen.values():
        assert vf["mode"] == mode and vf["lost"] == 0
        assert vf["interrupts"] > 0 and vf["halted"] > 0 and vf["armed"] > 0
    # With two cores core 1 works the first VF and core 0 the second: interrupts go where the ring is.
    assert {vf["core"] for vf in seen.values()} == ({0} if cores == 1 else {0, 1})
    return seen


@pytest.mark.parametrize("cores", [1, 2])
@pytest.mark.parametrize("mode", ["irq", "adaptive"])
def test_no_wake_up_is_lost(boot, mode, cores):
    assert_bursts(boot("app=bursts", "vfs=2", f"mode={mode}", qemu=["-smp", str(cores)]), mode, 2, cores)


def test_polled(boot):
    """The same load without interrupts."""
    run = boot("app=bursts", "vfs=1")
    assert run.status == 0, run.summary()
    assert f"bursts: VF 0: {BURSTS} bursts" in run.text and not counts(run, "bursts")


@pytest.mark.parametrize("mode", ["irq", "adaptive"])
def test_demo(boot, mode):
    """The timed phase in that mode, three VFs on two cores; then each VF's own interrupt is tried as ever."""
    run = boot(f"mode={mode}", "vfs=3", "qd=4")
    run.assert_ok(vfs=3)
    assert run.number("irqs") == 3 and run.number("ops") > 0
    seen = counts(run, "timed")
    assert sorted(seen) == [0, 1, 2]
    for vf in seen.values():
        assert vf["mode"] == mode and vf["lost"] == 0 and vf["halted"] > 0
    assert f"3 VFs, worked by 2 cores, {mode}, 1 s" in run.text


def test_one_vf_more_cores(boot):
    """Core 0 has no ring then, and goes on looking after faults."""
    run = boot("mode=adaptive", "vfs=1", "qd=1", qemu=["-smp", "2"])
    run.assert_ok(vfs=1)
    assert counts(run, "timed")[0]["core"] == 1


@pytest.mark.parametrize("words, qemu, why", [
    (["mode=irq"], sluice.iommu(intremap="off"), "mode=irq needs interrupts, and there are none: no unit remaps them"),
    (["mode=adaptive", "iommu=off"], [], "mode=adaptive needs interrupts, and there are none: with iommu=off"),
], ids=["no-remapping", "iommu-off"])
def test_no_interrupts_to_be_had(boot, words, qemu, why):
    boot("app=bursts", "vfs=1", *words, qemu=qemu).assert_not_ok(why)


@pytest.mark.parametrize("app", ["bursts", "insn"])
def test_medium_that_cannot_be_read(boot, images, folder, app):
    """An error status is told as one, with VF, block and status, and not as wrong data or a lost interrupt."""
    disk, rules = images.make("a")[0], folder / "rules"
    rules.write_text('[inject-error]\nevent = "read_aio"\niotype = "read"\nerrno = "5"\nonce = "off"\n')
    qemu = [*sluice.iommu(), *sluice.root_port("rp0", 1),
            *sluice.nvme_sriov("nvme0", "rp0", sluice.SERIAL, [f"blkdebug:{rules}:{disk}"], max_vfs=1)]
    run = boot("--bare", f"app={app}", "vfs=1", "overwrite=1", f"scratch={sluice.SERIAL}", qemu=qemu)
    run.assert_not_ok("failed: device reported an error", stage=app)
    assert run.result["err"] == "DEVICE" and "an interrupt is lost" not in run.text
    said = {"bursts": r"WARN bursts: VF 0 0000:\S+, LBA 0x[0-9a-f]+: device reported an error \(status: .*Unrecovered Read Error",
            "insn": r"FAIL medium: 0000:\S+ read, LBA 0x[0-9a-f]+: .*Unrecovered Read Error"}
    assert re.search(said[app], run.text)


def test_scratch_that_is_in_use(boot, images):
    """A namespace with a partition table is not written, and a medium that is slow is told as such."""
    disk = images.make("a")[0]
    with disk.open("r+b") as file:
        file.write(bytes(8192))
        file.seek(512)
        file.write(b"EFI PART" + bytes(64) + (2).to_bytes(8, "little") + (128).to_bytes(4, "little") * 2)
        file.seek(1024)
        file.write(b"a type of partition")
    images.sums[disk] = images.sum(disk)
    qemu = [*sluice.iommu(), *sluice.root_port("rp0", 1),
            *sluice.nvme_sriov("nvme0", "rp0", sluice.SERIAL, [f"{disk},throttling.iops-total=80"], max_vfs=1)]
    words = ["--bare", "vfs=1", f"scratch={sluice.SERIAL}"]
    boot(*words, "app=isolate", qemu=qemu).assert_not_ok("it has a GPT with 1 partitions or more, so nothing was written", stage="isolate")
    images.assert_untouched([disk])
    run = boot(*words, "app=audit", "overwrite=1", qemu=qemu)
    assert run.status == 0, run.summary()
    assert "it has a GPT with 1 partitions or more, which is overwritten (overwrite=1)" in run.text
    assert re.search(r"WARN medium: 0000:01:00\.1 answers slowly: the last 32 requests took \d+\.\d s; ", run.text)
    assert re.search(r"medium: \d+ of 1024 chunks of 4 KiB written on each VF after \d+ s, about \d+ s left", run.text)
    assert "has made no progress" not in run.text


@pytest.mark.each_qemu
@pytest.mark.parametrize("mode", ["irq", "adaptive"])
def test_on_each_qemu(boot, mode):
    assert_bursts(boot("app=bursts", "vfs=1", f"mode={mode}", qemu=["-smp", "1"]), mode, 1, 1)

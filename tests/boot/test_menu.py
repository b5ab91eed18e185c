"""The menu before the firmware is left, by a serial terminal and by a keyboard; the image of a stick as it is made."""
import re
import subprocess
import time

import pytest
import screen
import sluice

pytestmark = pytest.mark.own_firmware

DOWN, RIGHT, LEFT = "\x1b[B", "\x1b[C", "\x1b[D"


def test_serial_terminal(console):
    """Arrows, the editor with a mistake that is told, and the options written there are those of the run."""
    c = console("menu=60", until="any key stops that")
    c.keys(DOWN)
    c.expect("> 2  audit")
    c.keys(DOWN * 3)
    c.expect("> 5  isolate")
    c.keys("7")
    c.expect("options, as in sluice.cfg")
    c.keys("vsf=3")
    c.expect("> vsf=3_")
    c.keys("\r")
    c.expect("menu:1:1: vsf is not a key (keys: app access")
    c.keys(LEFT * 3 + "\b")
    c.expect("> v_f=3")
    c.keys(RIGHT + "s")
    c.expect("> vfs_=3")
    c.keys("\r")
    c.expect("boot: options from sluice.cfg, menu: app=shell vfs=3")
    c.expect(sluice.PROMPT)
    assert c.poweroff() == 0


def test_keyboard(boot, folder):
    """Keys of a USB keyboard, at a screen: the second entry is chosen, and the picture has what the serial line has."""
    monitor, log, pictures = sluice.Monitor(folder), folder / "run/serial.log", []

    def picture(rows):  # the firmware draws one console after the other
        end = time.monotonic() + sluice.PATIENCE / 4
        while not screen.shows(screen.shoot_afresh(monitor, folder / "menu.ppm"), rows) and time.monotonic() < end:
            time.sleep(0.3)
        return folder / "menu.ppm"

    def press():  # run.sh writes whole lines to its log, so not "starts in"
        sluice.wait_for(log, "7  edit options")
        monitor("sendkey down")
        sluice.wait_for(log, "> 2  audit[^>]*7  edit options")
        rows = re.findall(r"^[> ] \d  .*$", log.read_text(), re.M)[-7:]
        pictures.append((rows, screen.shows(picture(rows), rows)))
        pictures.append((rows, screen.shows(folder / "menu.ppm", [rows[0].replace("  1", "  2"), *rows[1:]])))
        monitor("sendkey ret")

    with sluice.beside(press):
        run = boot("menu=60", "app=bench", "--bare", "--usb", qemu=[*sluice.iommu(), *monitor.qemu, "-device", "usb-kbd", "-device", "VGA,id=screen"])
    assert [seen for _, seen in pictures] == [True, False], pictures
    assert "boot: options from sluice.cfg, menu: app=audit" in run.text
    assert run.result["app"] == "audit" and run.result["ok"] == "1", run.summary()


def test_stick_as_made(boot, folder, images):
    """Nobody is there: the menu goes on, the audit names the serial number of a controller that the firmware drives, keeps its
    report, and is content with a sound machine. No medium but the stick is written."""
    disks = images.make("a", "b")
    stick = folder / "stick.img"
    subprocess.run([sluice.ROOT / "tools/mkimage.sh", stick, sluice.ROOT / "build/BOOTX64.EFI"], check=True)
    # end=halt: the run is over when it says so
    with sluice.beside(lambda: (sluice.wait_for(folder / "run/serial.log", "System halted"), monitor.quit())):
        monitor = sluice.Monitor(folder)
        run = boot("--bare", "--usb", qemu=[*sluice.iommu(), *sluice.root_port("rp0", 1), *sluice.nvme_plain("n0", "SER-0,id=disk0", disks[0]),
                                            *sluice.nvme_plain("n1", "SER-1", disks[1]), *monitor.qemu, "-set", f"drive.usb.file={stick}",
                                            "-set", "device.disk0.bootindex=1"])
    assert "starts in 5 s; any key stops that" in run.text and "starts in 1 s" in run.text
    assert run.result["app"] == "audit" and run.result["ok"] == "1", run.summary()
    assert re.search(r"NVMe 0000:00:\w\w\.0 serial number SER-0\n", run.text), "in the menu"
    assert re.search(r"pci: 0000:00:\w\w\.0: serial number \"SER-0\", QEMU NVMe Ctrl", run.text)
    assert len(re.findall("serial number unknown: the firmware does not drive this controller", run.text)) == 1
    assert "END SLUICE REPORT" in run.text and re.search(r"report.txt on the volume of sluice.cfg: \d+ lines", run.text)
    assert "] FAIL " not in run.text
    images.assert_untouched(disks)
    stick.unlink()

"""The screen as the only console: what is drawn on it, read from QEMU's pictures of it, and a keyboard to type on."""
import re
import threading
import time

import pytest
import screen
import sluice

pytestmark = pytest.mark.own_firmware

NO_SERIAL = ["-global", "isa-serial.iobase=0x100"]  # run.sh's own serial line is where nothing looks for it

VGA = ["-device", "VGA,id=screen"]

FEW = 4  # keys: a PS/2 keyboard keeps 16 bytes, three for a key
KEYS = {"\b": "backspace", " ": "spc", "\r": "ret", ".": "dot", "-": "minus"}


class Viewer:
    """Looks at the screen beside a run, until it shows what is waited for."""

    def __init__(self, folder, scale=1):
        self.monitor = sluice.Monitor(folder)
        self.picture, self.scale = folder / "screen.ppm", scale
        self.qemu = [*NO_SERIAL, *self.monitor.qemu]

    def look(self, afresh=False):
        lines = [] if afresh else screen.text(screen.shoot(self.monitor, self.picture), self.scale)
        if afresh or any("\ufffd" in line for line in lines):
            lines = screen.text(screen.shoot_afresh(self.monitor, self.picture), self.scale)
        return lines

    def until(self, words, seconds=sluice.PATIENCE):
        """The lines of a picture that QEMU has drawn afresh, when one of them has a match of words."""
        def shown():
            return any(re.search(words, line) for line in lines)

        end, lines, before = time.monotonic() + seconds, [], None
        while time.monotonic() < end:
            try:
                lines = self.look()
                if shown() or lines == before:  # where nothing moves, a line may be there and not drawn
                    lines = self.look(afresh=True)
                    if shown():
                        return lines
                before = lines
            except (FileNotFoundError, ConnectionRefusedError):  # QEMU has not started yet
                pass
            time.sleep(0.3)
        raise AssertionError(f"{words!r} did not appear on the screen within {seconds} s; it showed:\n" + "\n".join(lines))

    def type(self, text):
        """A few keys at a time, as a keyboard does not keep many for a guest that is slow; each few are waited for at the prompt."""
        for at in range(0, len(text), FEW):
            self.monitor(*(f"sendkey {KEYS.get(key, key)}" for key in text[at:at + FEW]))
            if at + FEW < len(text):
                self.until(re.escape(text[:at + FEW]) + "$")

    def quit(self):
        """The end of the run, whatever it was doing."""
        self.monitor.quit()


def seen(boot, viewer, job, *words, qemu=(), **more):
    """What job(viewer) returns, beside a run that it ends."""
    found = []

    def run():
        try:
            found.append(job(viewer))
        finally:
            viewer.quit()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    run = boot(*words, qemu=[*viewer.qemu, *qemu], **more)
    thread.join(60)
    assert found, "see above"
    assert not run.result, "the serial line is not where it should be for this case"
    return found[0]


def test_audit_page(boot, folder):
    """Without a serial line the audit's page and RESULT are on the screen, at the place where they end."""
    lines = seen(boot, Viewer(folder), lambda v: v.until("^System halted"), "app=audit", "end=halt", qemu=VGA)
    text = "\n".join(lines)
    assert "\ufffd" not in text and len(lines) == 50
    assert re.search(r"^-+ audit: verdict -+$", text, re.M)
    assert re.search(r"^ PASS +usable", text, re.M)
    assert re.search(r"^RESULT v=1 app=audit ok=1 .*\n?.*\n?.*verdict=pass$", text, re.M)
    page = text.index("audit: verdict")
    assert page < text.index("PASS", page) < text.index("RESULT") < text.index("System halted")


def test_crash(boot, folder):
    """Registers and backtrace of what ends the run at once."""
    def job(viewer):
        viewer.until("timed: random")
        viewer.monitor("mce 0 5 0xbe00000000000000 0x5 0x1000 0x8c")
        return viewer.until("^RESULT .*stage=hardware|^.*stage=hardware")

    text = "\n".join(seen(boot, Viewer(folder), job, "vfs=1", "seconds=60", "end=halt", qemu=VGA))
    assert "machine check" in text.lower(), text
    assert re.search(r"^  at \w+\+0x[0-9a-f]+", text, re.M)


# Configuration bytes of the i8042: as firmware leaves it, and without translation to scan code set 1.
@pytest.mark.parametrize("devices, scale, columns, rows, i8042", [
    (["-device", "ramfb"], 1, 100, 37, 0x67), (["-device", "bochs-display,id=screen,xres=1920,yres=1080"], 2, 120, 33, 0x27),
], ids=["ramfb", "bochs-display"])
def test_shell(boot, folder, devices, scale, columns, rows, i8042):
    """The console on the screen alone, with a PS/2 keyboard: on a framebuffer in RAM, and on one whose characters are doubled."""
    def job(viewer):
        viewer.until("^sluice>$")
        viewer.type("versiom\b")
        viewer.type("n\r")
        viewer.until("^sluice> version")
        viewer.until("^sluice>$")
        viewer.type("size\r")
        viewer.until(f"^{columns} columns, {rows} rows$")
        first = viewer.until("^sluice>$")
        viewer.type("poweroff\r")
        return first

    (folder / "mangle.txt").write_text(f"i8042 {i8042:#x}\n")
    lines = seen(boot, Viewer(folder, scale), job, "--bare", "app=shell", qemu=[*devices, *sluice.iommu()],
                 env={"MANGLE": str(folder / "mangle.txt")})
    assert "sluice> version" in lines and len(lines) == rows and "\ufffd" not in "".join(lines)


def test_no_framebuffer(boot):
    """A screen that only firmware can draw on stays as it is, and that is said."""
    run = boot("app=audit", "access=read", qemu=["-device", "virtio-gpu-pci"])
    assert run.status == 0, run.summary()
    why = "its mode has no framebuffer (PixelBltOnly), so only firmware can draw on it"
    assert f"nothing is drawn on a screen: {why}" in run.text
    assert f"console: nothing is shown on the screen: {why}" in run.text

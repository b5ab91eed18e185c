"""The console with a USB keyboard to type on: at a root port, behind hubs, plugged out and in again. Its controller is in
a domain of its own."""
import re

import pytest
import pexpect
import sluice
from test_coverage import IOAPIC, ISA, SATA, SHARED, SMBUS, dmar, endpoint, rmrr, unit
from test_screen import FEW, Viewer, seen

pytestmark = pytest.mark.own_firmware

KEYS = {" ": "spc", "\r": "ret", ".": "dot", ":": "shift-semicolon", "-": "minus"}


class Typist:
    """Keys that QEMU sends to its USB keyboard."""

    def __init__(self, folder):
        self.monitor = sluice.Monitor(folder)

    def __call__(self, c, text):
        """Types a line at the prompt of the console c, a few keys at a time, as a keyboard does not keep many for a guest that is
        slow; what is typed is waited for."""
        for at in range(0, len(text), FEW):
            few = text[at:at + FEW]
            self.monitor(*(f"sendkey {KEYS.get(key, key)}" for key in few))
            if few.strip():
                c.expect(few.strip())

    def plug(self, *lines):
        self.monitor(*lines)


@pytest.fixture
def typist(folder):
    return Typist(folder)


def test_in_its_domain(console, folder, typist, monkeypatch):
    """A full-speed keyboard at a root port. An RMRR names the controller, which so has a domain before: there it gets its
    memory, beside the RMRR's, and reaches nothing else. It attacks like any other controller: the RMRR ends, the keyboard is
    silent meanwhile, and works again afterwards, in a domain that maps no RMRR."""
    (folder / "dmar.bin").write_bytes(dmar(unit(ISA, SATA, SMBUS, IOAPIC, endpoint((4, 0))),
                                           rmrr(SHARED, SHARED + 0xFFFF, endpoint((4, 0)))))
    (folder / "mangle.txt").write_text("table dmar.bin\n")
    monkeypatch.setenv("MANGLE", str(folder / "mangle.txt"))
    qemu = ["-device", "qemu-xhci,id=xhci,addr=4", "-device", "usb-kbd,usb_version=1,bus=xhci.0", *sluice.iommu()]
    c = console("--bare", "usb=on", qemu=qemu + typist.monitor.qemu)
    assert "0000:00:04.0 xHCI 1.0 with 8 ports is used for keyboards, in domain 1; the firmware does not use it any more" in c.child.before
    assert "USB keyboards: 1;" in c.child.before
    typist(c, "iommu\r")
    c.expect(sluice.PROMPT)
    assert re.search(r"domain 1 \"rmrr 0000:00:04\.0\"", c.child.before), c.child.before
    for address, where in ((f"{SHARED:x}", True), ("2000000000", True), ("2000030000", False), ("100000", False)):
        typist(c, f"walk 00:04.0 {address}\r")
        c.expect(sluice.PROMPT)
        assert ("[0] empty" not in c.child.before and "empty" not in c.child.before) == where, (address, c.child.before)
    typist(c, "nonsense")
    typist.monitor("sendkey ctrl-c", "sendkey up", "sendkey shift-a")  # a line that is dropped, and one that was run
    c.expect("walk 00:04.0 100000A")
    typist.monitor("sendkey ctrl-u")
    typist(c, "isolate\r")
    c.expect("USB keyboards work again: 1")
    text = " ".join(c.child.before.split())  # it is for 80 columns
    assert "0000:00:04.0 port 5: this keyboard is silent while its controller attacks, for Ctrl-C too" in text
    assert f"RMRR 0x{SHARED:x}..0x{SHARED + 0xFFFF:x}: not mapped for 0000:00:04.0 any more" in text
    assert "attacker xHCI is 0000:00:04.0" in text and "xHCI read its domain is gone refused 00:04.0 read" in text
    assert "xHCI 1.0 with 8 ports is used for keyboards" in text
    c.expect("forbidden accesses were refused; ")
    assert re.search(r"isolate: (\d+) of \1 $", c.child.before)
    c.expect(sluice.PROMPT)
    typist(c, f"walk 00:04.0 {SHARED:x}\r")
    c.expect(sluice.PROMPT)
    assert "empty" in c.child.before
    typist(c, "dmar\r")
    c.expect("has taken it over, and")
    c.expect("q quit")
    typist.monitor("sendkey q")
    c.expect(sluice.PROMPT)
    typist(c, "poweroff\r")
    c.expect("ok=1")
    c.expect(pexpect.EOF)


def test_hubs_and_plugs(console, typist):
    """Two hubs, beside a mouse and a tablet, and a second controller; the keyboard goes and comes in all places."""
    qemu = ["-device", "qemu-xhci,id=xhci", "-device", "usb-hub,id=hub,bus=xhci.0,port=2", "-device", "usb-hub,bus=xhci.0,port=2.3",
            "-device", "usb-mouse,bus=xhci.0,port=2.1", "-device", "usb-tablet,bus=xhci.0,port=2.3.1",
            "-device", "usb-kbd,id=kbd,bus=xhci.0,port=2.3.2", "-device", "nec-usb-xhci,id=nec"]
    c = console("usb=on", qemu=qemu + typist.monitor.qemu)
    at = int(re.search(r"usb: 0000:00:0(\d)\.0 port 6\.3\.2: a keyboard, 0627:0001", c.child.before)[1])
    assert "USB keyboards: 1;" in c.child.before
    for number, (out, where, path) in enumerate([("kbd", "bus=xhci.0,port=2.4", (at, "port 6.4")), ("kbd0", "bus=nec.0", (at + 1, "port 5")),
                                                 ("kbd1", "bus=xhci.0,port=1", (at, "port 5"))]):
        typist(c, "version\r")
        c.expect("Sluice ")
        c.expect(sluice.PROMPT)
        typist.plug(f"device_del {out}")
        c.expect("the keyboard is gone")
        typist.plug(f"device_add usb-kbd,id=kbd{number},{where}")
        c.expect("usb: 0000:00:0{}.0 {}: a keyboard".format(*path))
    typist.plug("device_add usb-kbd,id=more,bus=xhci.0,port=2.3.2")
    c.expect("port 6.3.2: a keyboard")
    typist.plug("device_del hub")
    c.expect("port 6.3.2: the keyboard is gone")
    typist(c, "iommu\r")
    c.expect(sluice.PROMPT)
    for domain, bdf in ((1, f"00:0{at}.0"), (2, f"00:0{at + 1}.0")):
        assert re.search(rf"domain {domain} \"usb\".*{bdf}", c.child.before, re.S), c.child.before
    typist(c, "faults\r")
    c.expect("no unexpected faults")
    assert c.poweroff() == 0


def test_at_a_screen(boot, folder):
    """A machine with a screen and a USB keyboard, without a serial line and without a PS/2 controller: nothing is to be set."""
    def job(viewer):
        found = viewer.until("^sluice>$")
        viewer.type("version\r")
        viewer.until("^sluice> version")
        viewer.until("^Sluice ")
        viewer.until("^sluice>$")
        viewer.type("iommu\r")
        found += viewer.until("^domain 1 ")
        viewer.until("^sluice>$")
        viewer.type("poweroff\r")
        return found

    qemu = ["-device", "VGA,id=screen", "-machine", "i8042=off", "-device", "qemu-xhci,addr=4", "-device", "usb-kbd", *sluice.iommu()]
    text = "\n".join(seen(boot, Viewer(folder), job, "--bare", "app=shell", qemu=qemu))
    assert re.search(r"usb: 0000:00:04\.0 xHCI 1\.0 with 8 ports is used for keyboards, in domain 1;", text), text
    assert "USB keyboards: 1;" in text and "a PS/2 keyboard" not in text
    assert re.search(r"^domain 1 \"usb\", .*00:04\.0", text, re.M), text

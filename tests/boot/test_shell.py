"""The console as a person uses it: 80 columns, 24 rows, keys and what is seen. What lspci says is held against
pciutils, which decodes the bytes of configuration space by itself."""
import re

import pexpect
import pytest
import sluice

EDU = ["-device", "edu,dma_mask=0xffffffffffffffff"]


def test_person(console):
    """All that one does on a first evening, on a terminal of 80x24: help, editing, history, completion, paging, a look
    around, VFs, the proof, a benchmark that is stopped, load, and the end."""
    c = console("vfs=4")
    help_text = c("help")
    for name in ("lspci", "groups", "sriov", "vf", "iommu", "dmar", "walk", "faults", "isolate", "audit", "bench", "load", "log",
                 "acpi", "cpus", "mem", "options", "time", "reboot", "poweroff", "nvme", "clear", "size"):
        assert re.search(rf"^  {name} ", help_text, re.M), name
        one = c(f"help {name}")
        assert one.startswith(name) and "eg: " + name in one
    assert "no such command" in c("help frob") and "no such command; help lists all" in c("frob")
    assert "did you mean lspci?" in c("lpsci") and c("?") == help_text and "poweroff or reboot" in c("exit")
    assert 'serial sluice-scratch, firmware' in c("nvme") and "0000:01:00.0 Non-Volatile" in c("dmesg pci")
    assert all(len(line) <= 80 for line in c("log").splitlines()), "long lines are folded"
    c.keys("size\r")  # the terminal is asked where its last cell is, and answers
    c.expect("\x1b[6n")
    c.keys("\x1b[43;132R")
    c.expect("132 columns, 43 rows")
    c.expect(sluice.PROMPT)
    assert "80 columns, 24 rows" in c("size 80x24") and "usage: size" in c("size 80")
    assert "usage: walk BDF ADDRESS" in c("walk")
    assert "usage" in c("a b c d e f g h i") or "no such command" in c("a b c d e f g h i")
    assert all(len(line) <= 80 for line in help_text.splitlines())

    c.keys("tim\t")  # one thing that it could be: it, and a blank
    c.expect("time ")
    c.keys("\r")
    c.expect("since firmware handed over")
    c.expect(sluice.PROMPT)
    c.keys("i\t")
    c.expect("iommu  ivrs  isolate")
    c.expect(sluice.PROMPT + "i")
    c.keys("o\t\x03")
    c.expect("ommu ^C")
    c.expect(sluice.PROMPT)
    c.keys("lspci -s 01:\t")
    c.expect("01:00.0 ")
    c.keys("\r")
    c.expect("Non-Volatile memory controller")
    c.expect(sluice.PROMPT)
    c.keys("sriov 01:00.0 n\t")
    c.expect("numvfs=")
    c.keys("\x15log iom\tde\t\x15acpi MC\t\r")
    c.expect("log iommu debug ")
    c.expect("MCFG at 0x")
    c.expect(sluice.PROMPT)

    c.keys("\x1b[A\x1b[A")  # two back
    c.expect("lspci -s 01:00.0 ")
    c.keys("\x15tXime\x1b[D\x1b[D\x1b[D\x1b[D\x1b[3~\x1b[C\x1b[C\x1b[C")
    c.keys("\x7f\x05\x01\x05\r")  # t i m: not a command
    c.expect("no such command")
    c.expect(sluice.PROMPT)

    c.keys("mem\r")  # more than a screen
    c.expect(sluice.MORE)
    shown = c.child.before.replace("\r", "").split("mem\n", 1)[1].splitlines()
    assert len(shown) == 24 and shown[-1].startswith("-- more")
    c.keys("z\r")  # z means nothing; Enter is one line
    c.expect(sluice.MORE)
    assert c.child.before.count("\n") == 1
    c.keys("q")
    c.expect(sluice.PROMPT)
    assert "KiB" not in c.child.before
    c.keys("lspci -xxxx\r")
    c.expect(sluice.MORE)
    c.keys("\x03")
    c.expect(sluice.PROMPT)
    c.keys("x" * 200 + "\x03")
    c.expect("^C")
    c.expect(sluice.PROMPT)
    c.keys("\x00\x80\xff\x1b[999;999Z\x1bO\x1b\x1b[\x15")

    assert re.search(r"^-\[0000:00\]-\+-00\.0$.*^ +\+-01\.0-\[01\]----00\.0$", c("lspci -t"), re.M | re.S)
    assert "Single Root I/O Virtualization (SR-IOV)" in c("lspci -vv -s 01:00.0")
    assert "IOMMU groups for" in c("groups")
    assert "no VFs are enabled" in c("vf")
    assert "up to debug from now on" in c("log iommu debug") and "up to debug from now on" in c("log sriov debug")
    assert "VF 1: 01:00.2" in c("sriov 01:00.0 numvfs=2")
    assert "0000:01:00.0 NumVFs 2 written: reads 2" in c.log.read_text()
    assert "usage" in c("log iommu loud")
    assert "up to warn from now on" in c("log sriov warn")
    vf = c("vf")
    assert vf.count("in no domain: it reaches nothing") == 2 and "01:00.2  VF 1 of 01:00.0, group" in vf
    assert "context" in c("walk 01:00.1 0") or "root" in c("walk 01:00.1 0")
    assert "sriov 01:00.0 off" in c("isolate") and "VFs are enabled" in c("bench")
    assert "VFs off" in c("sriov 01:00.0 off")

    for _ in range(20):  # it may be through before the key comes
        c.keys("isolate\r")
        c.expect("refused ")
        c.keys("\x03")
        stopped = c.expect(["forbidden accesses were refused; ", "isolate: stopped by Ctrl-C"])
        c.expect(sluice.PROMPT)
        if stopped:
            break
    assert stopped and "forbidden accesses were refused; " not in c.child.before
    assert "0 of 8 VFs on" in c("sriov") and "domain" not in c("iommu").replace("in no domain", "")
    free = free_pages(c)
    whole = c("isolate")
    assert re.search(r"isolate: (\d+) of \1 forbidden accesses were refused; ", whole) and "NOT REFUSED" not in whole
    assert "attached to domain" in whole  # log iommu debug
    assert free_pages(c) == free
    assert "no unexpected faults" in c("faults")
    assert "up to info from now on" in c("log iommu info")
    audit = c("audit")
    assert re.search(r"^ proof +PASS: (\d+) of \1 refused", audit, re.M) and "STATE-BME" in audit
    assert all(len(line) <= 80 for line in audit.splitlines()[-24:]), "the verdict page"

    c.keys("bench 86400\r")
    c.expect("operations/s; Ctrl-C stops")
    c.expect("\rbench: ")  # the line is written again
    c.keys("\x03")
    c.expect(sluice.PROMPT)
    bench = c.child.before.replace("\r", "")
    assert re.search(r"^  01:00\.4 .*\n  all  ", bench, re.M), "what was measured so far"
    assert all(len(line) <= 80 for line in bench.split("  VF  ")[1].splitlines() if line[:1] != "[")
    assert "VFs off, NumVFs and VF BARs put back" not in bench.splitlines()[-1]
    assert "bench: stopped by Ctrl-C" in bench
    assert "0 of 8 VFs on" in c("sriov") and "domain" not in c("iommu").replace("in no domain", "")
    assert "all data read back is what was written" in c("bench 1")
    assert free_pages(c) == free

    under_load(c, vfs=4)
    log = c("log nvme")
    assert log and all("nvme" in line for line in log.splitlines() if line.startswith("["))
    assert "shown of sriov: up to warn" in log
    assert c.poweroff() == 0
    seen = c.log.read_text()
    assert "RESULT v=1 app=shell ok=1" in seen
    sent = seen[seen.index("Sluice: PCIe"):].replace("\x1b7\x1b[999;999H\x1b[6n\x1b8", "", 1)  # size
    assert "\x1b" not in sent, "an escape sequence was sent"


def free_pages(c):
    return int(re.search(r"(\d+) free", c("mem"))[1])


def operations(c):
    """How many each VF has done, as vf says."""
    return [int(n) for n in re.findall(r"operations (\d+),", c("vf"))]


def under_load(c, vfs):
    """Keys echo and commands answer while VFs work."""
    assert f"load: {vfs} VFs for" in c("load start")
    before = operations(c)
    assert len(before) == vfs
    for key in "lspci -s 01:00.1":  # each of them is echoed
        c.keys(key)
        c.expect(key)
    c.keys("\r")
    c.expect(sluice.PROMPT)
    assert "load runs" in c("isolate") and "load runs" in c("sriov 01:00.0 off") and "load runs" in c("bench")
    assert "L1[" in c("walk 01:00.1 2000000000") or "L2[" in c("walk 01:00.1 2000000000")
    after = operations(c)
    assert all(b > a for a, b in zip(before, after)), (before, after)
    stopped = c("load stop")
    assert "went wrong" not in stopped and re.search(r"^  all  ", stopped, re.M)
    assert "no load runs" in c("load") and "no VFs are enabled" in c("vf")


def test_look(console):
    """What the commands say about the machine that run.sh makes, with one processor and a dumb terminal: nothing is
    asked, and no line written over."""
    c = console("vfs=4", qemu=[*EDU, "-smp", "1"], term="dumb")
    assert "7 IOMMU groups" in c("groups") or "IOMMU groups for" in c("groups")
    assert re.search(r"why: 3 functions of the device of 0000:00:1f\.0", c("groups 00:1f.2"))
    assert "there is no such function" in c("groups 05:00.0")
    iommu = c("iommu")
    assert re.search(r"unit 0 at 0xfed90000.*translates", iommu) and "interrupts are remapped" in iommu
    assert "in no domain and reach nothing" in iommu
    dmar = c("dmar")
    assert "unit at 0xfed90000" in dmar and "no-include-all" in dmar and "could do DMA" in dmar
    assert "0000: 44 4d 41 52 " in c("dmar raw")
    assert "MCFG" in c("acpi") and "no table" in c("acpi NOPE")
    assert "runs this console" in c("cpus") and "free memory" in c("mem")
    assert "root empty" in c("walk 01:00.0 2000000000")
    assert "usage" in c("walk 01:00.0 xyz") and "usage" in c("walk 1 2")
    assert "no unexpected faults" in c("faults")

    assert "0 of 8 VFs on" in c("sriov")
    for bad, said in (("99", "99 requested"), ("0", "say off"), ("-1", "is not a number"), ("65536", "is not a number")):
        assert said in c(f"sriov 01:00.0 numvfs={bad}")
    assert "has no SR-IOV" in c("sriov 00:1f.2 off") and "has no VFs on" in c("sriov 01:00.0 off")
    on = c("sriov 01:00.0 numvfs=2")
    assert "2 of 8 VFs on" in on and "VF 1: 01:00.2" in on
    assert re.search(r"-\[01\]--\+-00\.0\n.*\+-00\.1\n.*\\-00\.2\n", c("lspci -t"))
    assert "in use" in c("sriov 01:00.0 numvfs=1") and "VFs are enabled" in c("isolate")
    assert "Number of VFs: 2" in c("lspci -vv 01:00.0")
    assert "context" in c("walk 01:00.1 0") or "root" in c("walk 01:00.1 0")
    assert "VFs off" in c("sriov 01:00.0 off")
    assert "00.1" not in c("lspci -t").split("[01]")[1].split("\n")[0]
    under_load(c, vfs=4)
    assert re.search(r"^bench: \d.*stops$", c("bench 1"), re.M)
    assert c("sriov 01:00.0 numvfs=3")
    assert c.poweroff() == 0
    seen = c.log.read_text().replace("\r\n", "\n")
    assert "0000:01:00.0: VFs off" in seen, "what was switched on by hand is put back at the end"
    assert "-- more" not in seen and "\r" not in seen[seen.index(sluice.PROMPT):]


@pytest.mark.needs("device:igb")
def test_no_iommu(console):
    """A machine without one that is driven: the console comes up and says so. Its IVRS table is shown and judged."""
    table = ["-acpitable", f"file={sluice.ROOT / 'tests/data/ivrs/good.bin'}"]
    c = console("--bare", qemu=[*table, "-device", "pcie-root-port,id=rp0,chassis=1,slot=1", "-device", "igb,bus=rp0,romfile="])
    ivrs = c("ivrs")
    assert "030 IVHD type 10h: unit 0000:00:00.2 at 0xfd300000" in ivrs and "I/O APIC 33 as 00:14.0, data 0xd7" in ivrs
    assert "firmware bug unit-absent@0x78" in ivrs and "(docs/amd.md explains each)" in ivrs
    assert "IVMD 0 0x7d900000..0x7d9fffff" in ivrs and "for no function" in ivrs
    assert "0000: 49 56 52 53 " in c("ivrs raw")
    assert "there is no DMAR table" in c("dmar") and "translation is not on" in c("iommu")
    assert "translation is not on" in c("faults") and "translation is not on" in c("isolate")
    assert "no unit covers it" in c("walk 00:1f.2 0")  # the table has one, which is not there
    assert "translation is not on" in c("sriov 01:00.0 numvfs=1")
    assert c.poweroff() == 0


def test_tour(console):
    """The story with its paragraphs: one goes on by a key, the next by itself, the rest without pauses."""
    c = console("app=tour", "vfs=1", "seconds=2", until="== 1 of 12: From the firmware to the machine")
    c.keys(" ")
    c.expect("== 2 of 12: The processors")
    c.expect("== 3 of 12: PCI Express")
    c.keys("q")
    c.expect(pexpect.EOF)
    c.child.close()
    assert c.child.exitstatus == 0
    seen = c.log.read_text().replace("\r", "")
    assert re.findall(r"^== (\d+) of 12: ", seen, re.M) == [str(n) for n in range(1, 13)]
    told = [line for line in seen.split("-- the tour", 1)[1].splitlines() if line.startswith("  ") or line.startswith("==")]
    assert "RESULT v=1 app=tour ok=1 vfs=1" in seen and "\x1b" not in seen[seen.index("Sluice: PCIe"):]
    assert all(len(line) < 80 for line in told if not re.match(r"  (DMA|0000|all|VF)|  +core", line)), told


def port(name, chassis, *more, kind="pcie-root-port"):
    return ["-device", ",".join([kind, f"id={name}", f"chassis={chassis}", f"slot={chassis}", *more])]


# Parts of every kind that test_groups.py has, on three machines.
SWITCH = [*port("a", 11), "-device", "x3130-upstream,id=b,bus=a", *port("c", 12, "bus=b", kind="xio3130-downstream"),
          *port("d", 13, "bus=b", kind="xio3130-downstream"), "-device", "x3130-upstream,id=s,bus=c",
          *port("t", 17, "bus=s", kind="xio3130-downstream"), "-device", "nvme,serial=x,bus=t",
          "-device", "e1000e,bus=d,romfile=,addr=0.0,multifunction=on", "-device", "e1000e,bus=d,romfile=,addr=0.1",
          "-device", "pcie-pci-bridge,id=e", "-device", "edu,bus=e,addr=3", "-device", "edu,bus=e,addr=5",
          "-device", "pci-bridge,id=f,bus=e,addr=6,chassis_nr=9", "-device", "edu,bus=f,addr=1"]
PXB = ["-device", "pxb-pcie,id=p,bus_nr=128", *port("q", 9, "bus=p"), "-device", "nvme,serial=y,bus=q",
       *port("i", 14, "bus=pcie.0", kind="ioh3420"), "-device", "nvme,serial=z,bus=i",
       *port("j", 15, "bus=pcie.0,addr=9.0", "multifunction=on", kind="root-port-no-acs"), *port("k", 16, "bus=pcie.0,addr=9.1"),
       "-device", "i82801b11-bridge,id=m,bus=pcie.0", "-device", "edu,bus=m,addr=1",
       "-device", "pci-bridge,id=n,chassis_nr=8,bus=pcie.0", "-device", "virtio-net-pci,romfile=,bus=pcie.0",
       "-device", "qemu-xhci,bus=pcie.0"]


def functions(text):
    """lspci -v.. as {function: lines}, without what only a machine has: sizes, groups."""
    found = {}
    for block in text.strip().split("\n\n"):
        lines = [re.sub(r" \[size=\w+\]| \[virtual\]|, IOMMU group \d+|, L0s", "", line) for line in block.splitlines()]
        found[lines[0].split()[0]] = [line for line in lines if not line.startswith("\tIOMMU group")]
    return found


def same_text(ours, theirs):
    """Every line of every function. A VF has addresses by its PF, which a dump of the VF does not say. Of a 64-bit BAR
    above 4 GiB pciutils takes the upper half for a BAR of its own when it reads a dump."""
    theirs = re.sub(r"(\(64-bit, .*\n)\t(?:Region \d: )?Memory at <unassigned> .*\n", r"\1", theirs)
    ours = sluice.like_pciutils(ours)
    have, want = functions(ours), functions(theirs)
    assert have.keys() == want.keys()
    for name, lines in have.items():
        vf = any("[virtual]" in line for line in ours.split(f"\n{name} ", 1)[-1].split("\n\n")[0].splitlines())
        of_address = re.compile(r"\t(Region \d|Memory at|\t\t AtomicOpsCap)")
        left = [[line for line in side if not (vf and of_address.match(line))] for side in (lines, want[name])]
        assert left[0] == left[1], name


@pytest.mark.parametrize("extra", [EDU, SWITCH, PXB], ids=["default", "switch", "pxb"])
def test_lspci(console, folder, extra):
    """The same functions, names, tree, registers and capabilities as pciutils reads from the same bytes."""
    c = console(qemu=extra, term="dumb")
    assert "2 of 8 VFs on" in c("sriov 01:00.0 numvfs=2")
    dump = folder / "config.txt"
    # A VF's ids read ffff (PCIe 9.3.4.1.1); pciutils would have them from its operating system.
    dump.write_text(re.sub(r"^00: ff ff ff ff", "00: 36 1b 10 00", c("lspci -xxxx"), flags=re.M))
    for words in ("", "-n", "-nn", "-t", "-tv", "-tnv", "-s .1", "-d 1b36:", "-d ::0604", "-s 1:", "-D"):
        assert c(f"lspci {words}") == sluice.pciutils(dump, *words.split()), words
    for words in ("-v", "-vv", "-n -vvv"):
        same_text(c(f"lspci {words}"), sluice.pciutils(dump, *words.split()))
    assert "usage" in c("lspci -t -s 1:") and "usage" in c("lspci -q")
    assert c.poweroff() == 0


def test_key_ends_the_timed_phase(console):
    """What a terminal sends by itself does not; q does, and the run goes on with what was measured."""
    c = console("app=demo", "vfs=2", "seconds=600", until="timed: random")
    c.keys("\x1b[24;80R")  # an answer to the firmware's question where the cursor is
    c.child.expect(r"timed: \d+ of 600 s; q, Esc or Ctrl-C ends this phase")
    c.keys("q")
    c.expect("timed: a key ended this phase after ")
    c.expect("verdict: every result was correct; all 8 forbidden accesses were refused")
    c.expect("stopped=1")
    c.expect(pexpect.EOF)
    c.child.close()
    assert c.child.exitstatus == 0

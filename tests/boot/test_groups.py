"""IOMMU groups on machines of every kind that QEMU has parts for. What is expected is written from the rules
(docs/groups.md), by hand; bus numbers are those that firmware gives, depth first."""
import re

import pytest
import sluice

CHIPSET = ["00:00.0", "00:1f.0 00:1f.2 00:1f.3"]  # q35: host bridge; a conventional device of three functions


def device(*words):
    return ["-device", ",".join(words)]


def port(name, addr, *words, kind="pcie-root-port", chassis=None):
    """A root port; its slot number is its chassis number."""
    chassis = chassis or int(name.strip("abcdefghijklmnopqrstuvwxyz")) + 1
    return device(kind, f"id={name}", f"addr={addr}", f"chassis={chassis}", f"slot={chassis}", *words)


def no_acs(name, addr, *words):
    return port(name, addr, *words, kind="root-port-no-acs")


def nvme(bus, *words):
    return device("nvme", f"serial={bus}", f"bus={bus}", *words)


def switch(above, chassis, *addresses):
    """An upstream port, and downstream ports dn<chassis>, dn<chassis + 1>... at the addresses given."""
    args = device("x3130-upstream", f"id=up{chassis}", f"bus={above}")
    for n, addr in enumerate(addresses, chassis):
        args += device("xio3130-downstream", f"id=dn{n}", f"bus=up{chassis}", f"chassis={n}", f"slot={n}", f"addr={addr}",
                       *(["multifunction=on"] if addr.endswith(".0") else []))
    return args


# name: (QEMU arguments, groups besides the chipset's, pattern that one of the reasons has to match)
TOPOLOGIES = {
    "ports-in-one-slot": (
        [*port("rp0", "3.0", "multifunction=on"), *port("rp1", "3.1"), *nvme("rp0"), *nvme("rp1")],
        ["00:03.0", "00:03.1", "01:00.0", "02:00.0"], None,
    ),
    "ports-in-one-slot-no-acs": (
        [*no_acs("rp0", "3.0", "multifunction=on"), *no_acs("rp1", "3.1"),
         *nvme("rp0"), *nvme("rp1")],
        ["00:03.0 00:03.1 01:00.0 02:00.0"], r"2 functions of the device of 0000:00:03\.0 .* has no ACS",
    ),
    "ports-in-one-slot-one-has-acs": (
        [*no_acs("rp0", "3.0", "multifunction=on"), *port("rp1", "3.1"), *nvme("rp0"), *nvme("rp1")],
        ["00:03.0 01:00.0", "00:03.1", "02:00.0"], r"root port 0000:00:03\.0 has no ACS",
    ),
    "ports-in-two-slots-no-acs": (
        [*no_acs("rp0", "3"), *no_acs("rp1", "4"), *nvme("rp0"), *nvme("rp1")],
        ["00:03.0 01:00.0", "00:04.0 02:00.0"], r"root port 0000:00:04\.0 has no ACS",
    ),
    "ioh3420": (
        [*port("rp0", "3", kind="ioh3420"), *nvme("rp0")],
        ["00:03.0 01:00.0"], r"root port 0000:00:03\.0 has no ACS",
    ),
    "two-functions": (
        [*port("rp0", "3"), *nvme("rp0", "addr=0.0", "multifunction=on"), *device("nvme", "serial=b", "bus=rp0", "addr=0.1")],
        ["00:03.0", "01:00.0 01:00.1"], r"2 functions of the device of 0000:01:00\.0",
    ),
    "intel-integrated": (
        [*device("e1000e", "addr=4.0", "multifunction=on", "romfile="), *device("e1000e", "addr=4.1", "romfile=")],
        ["00:04.0", "00:04.1"], None,
    ),
    "conventional-two-functions": (
        [*device("edu", "addr=5.0", "multifunction=on"), *device("edu", "addr=5.1"), *device("edu", "addr=6")],
        ["00:05.0 00:05.1", "00:06.0"], r"2 functions of the device of 0000:00:05\.0",
    ),
    "switch-ports-in-two-slots": (
        [*port("rp0", "3"), *switch("rp0", 2, "0", "1"), *nvme("dn2"), *nvme("dn3")],
        ["00:03.0", "01:00.0", "02:00.0 02:01.0 03:00.0 04:00.0"],
        r"switch below 0000:01:00\.0: .* 0000:02:00\.0 has no ACS .*2 of 2 ports.*stricter than Linux",
    ),
    "switch-ports-in-one-slot": (
        [*port("rp0", "3"), *switch("rp0", 2, "0.0", "0.1"), *nvme("dn2"), *nvme("dn3")],
        ["00:03.0", "01:00.0", "02:00.0 02:00.1 03:00.0 04:00.0"],
        r"switch below 0000:01:00\.0: .*\(2 of 2 ports are so\): requests may go from port to port past the IOMMU$",
    ),
    "switch-with-one-port": (
        [*port("rp0", "3"), *switch("rp0", 2, "0"), *nvme("dn2")],
        ["00:03.0", "01:00.0", "02:00.0 03:00.0"], r"switch downstream port 0000:02:00\.0 has no ACS",
    ),
    "switch-below-port-no-acs": (
        [*no_acs("rp0", "3"), *switch("rp0", 2, "0", "1"), *nvme("dn2"), *nvme("dn3")],
        ["00:03.0 01:00.0 02:00.0 02:01.0 03:00.0 04:00.0"], r"root port 0000:00:03\.0 has no ACS",
    ),
    "two-switches": (
        [*port("rp0", "3"), *port("rp1", "4"), *switch("rp0", 5, "0"), *switch("rp1", 7, "0"), *nvme("dn5"), *nvme("dn7")],
        ["00:03.0", "00:04.0", "01:00.0", "02:00.0 03:00.0", "04:00.0", "05:00.0 06:00.0"],
        r"switch downstream port 0000:05:00\.0 has no ACS",
    ),
    "switch-below-switch": (
        [*port("rp0", "3"), *switch("rp0", 2, "0", "1"), *switch("dn2", 6, "0"), *nvme("dn6"), *nvme("dn3")],
        ["00:03.0", "01:00.0", "02:00.0 02:01.0 03:00.0 04:00.0 05:00.0 06:00.0"], r"switch below 0000:01:00\.0",
    ),
    "pcie-pci-bridge": (
        [*port("rp0", "3"), *device("pcie-pci-bridge", "id=pb", "bus=rp0"), *device("edu", "bus=pb", "addr=1"),
         *device("edu", "bus=pb", "addr=2")],
        ["00:03.0", "01:00.0 02:01.0 02:02.0"], r"bridge 0000:01:00\.0 leads to or from a conventional bus",
    ),
    "pci-bridge-below-pcie-pci-bridge": (
        [*port("rp0", "3"), *device("pcie-pci-bridge", "id=pb", "bus=rp0"),
         *device("pci-bridge", "id=b", "bus=pb", "addr=1", "chassis_nr=9"), *device("edu", "bus=b", "addr=3")],
        ["00:03.0", "01:00.0 02:01.0 03:03.0"], r"bridge 0000:02:01\.0 leads to or from a conventional bus",
    ),
    "pci-bridge": (
        [*device("pci-bridge", "id=b", "addr=3", "chassis_nr=9"), *device("edu", "bus=b", "addr=1"), *device("edu", "addr=5")],
        ["00:03.0 01:01.0", "00:05.0"], r"bridge 0000:00:03\.0 leads to or from a conventional bus",
    ),
    "i82801b11-bridge": (
        [*device("i82801b11-bridge", "id=dmi", "addr=3"), *device("edu", "bus=dmi", "addr=1"),
         *device("pci-bridge", "id=b", "bus=dmi", "addr=2", "chassis_nr=9"), *device("edu", "bus=b", "addr=3")],
        ["00:03.0 01:01.0 01:02.0 02:03.0"], r"bridge 0000:00:03\.0 leads to or from a conventional bus",
    ),
    "pxb-pcie": (
        [*device("pxb-pcie", "id=pxb", "bus_nr=64", "addr=3"), *port("rp0", "0", "bus=pxb"), *nvme("rp0"),
         *no_acs("rp1", "1", "bus=pxb"), *nvme("rp1")],
        ["00:03.0", "40:00.0", "41:00.0", "40:01.0 42:00.0"], r"root port 0000:40:01\.0 has no ACS",
    ),
    # Its VFs stay off: only those of the scratch controller are switched on. tests/unit/test_pci_groups.c has their groups.
    "igb": (
        [*port("rp0", "3"), *device("igb", "bus=rp0", "romfile="), *no_acs("rp1", "4"),
         *device("igb", "bus=rp1", "romfile=")],
        ["00:03.0", "01:00.0", "00:04.0 02:00.0"], r"root port 0000:00:04\.0 has no ACS",
    ),
}


def groups(lines):
    """{number: set of members} as the guest prints it; a long list goes on in the next line."""
    found, number = {}, None
    for line in lines:
        said = re.match(r"\[ *[\d.]+\] groups: +(?:(\d+):)?((?: +\w{4}:\w\w:\w\w\.\w)+)", line)
        if said:
            number = int(said[1]) if said[1] else number
            found.setdefault(number, set()).update(said[2].split())
    return found


def as_sets(groups_text):
    return {frozenset("0000:" + name for name in group.split()) for group in groups_text}


def reasons(lines):
    return [line.split("why: ", 1)[1] for line in lines if "] groups:" in line and "why: " in line]


@pytest.mark.parametrize("name", [pytest.param(name, marks=pytest.mark.needs("device:igb")) if name == "igb" else name
                                  for name in TOPOLOGIES])
def test_topology(console, folder, name):
    """The groups, and the functions and the tree as pciutils reads them from the same bytes."""
    qemu, expected, reason = TOPOLOGIES[name]
    c = console("--bare", qemu=[*sluice.iommu(), *qemu], term="dumb")
    dump = folder / "config.txt"
    dump.write_text(c("lspci -x"))
    for words in ("", "-n", "-tv"):
        assert c(f"lspci {words}") == sluice.pciutils(dump, *words.split())
    assert c.poweroff() == 0
    lines = c.log.read_text().replace("\r", "").splitlines()
    assert {frozenset(group) for group in groups(lines).values()} == as_sets(CHIPSET + expected)
    said = reasons(lines)
    assert any("0000:00:1f.0" in why for why in said), "the chipset's device is explained"
    assert not reason or any(re.search(reason, why) for why in said), said
    assert len(said) == sum("try: " in line for line in lines if "] groups:" in line), "a remedy for each reason"
    if not reason:
        assert len(said) == 1
    assert any("stricter" in why for why in said) == (name in ("switch-ports-in-two-slots", "switch-below-switch"))


def test_quirk_is_named(boot):
    run = boot("--bare", qemu=[*sluice.iommu(), *TOPOLOGIES["intel-integrated"][0]])
    assert sum("Intel integrated endpoint" in line for line in run.lines if "] groups:" in line) == 2


@pytest.mark.parametrize("acs", [True, False], ids=["acs", "no-acs"])
def test_vfs(boot, images, acs):
    """VFs are a group each, unless the port above does not isolate."""
    above = (port if acs else no_acs)("rp0", "3")
    qemu = [*sluice.iommu(), *above, *sluice.nvme_sriov("nvme0", "rp0", sluice.SERIAL, images.make("a", "b"))]
    run = boot("--bare", "vfs=2", f"scratch={sluice.SERIAL}", qemu=qemu)
    assert f"groups: {2 if acs else 0} of 2 VFs of 0000:01:00.0 are alone in an IOMMU group" in run.text
    assert ("WARN groups: domains do not isolate these VFs from each other" in run.text) == (not acs)
    if not acs:
        assert {"0000:00:03.0", "0000:01:00.0", "0000:01:00.1", "0000:01:00.2"} in groups(run.lines).values()

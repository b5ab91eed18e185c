"""app=echo: VFs as hosts on a wire, with a Linux at its other end: the one that the tests run on, and one in a second QEMU."""
import os
import re

import pytest
import sluice
import wire
import wire_guest

pytestmark = pytest.mark.needs("device:igb")

# Datagrams of all lengths to the echo port, some on the way at a time; each must come back as it was, once.
DATAGRAMS = """
import socket, sys, random
host, count = sys.argv[1], int(sys.argv[2])
family = socket.getaddrinfo(host, 7, type=socket.SOCK_DGRAM)[0]
s = socket.socket(family[0], socket.SOCK_DGRAM)
s.settimeout(300)
s.connect(family[4])
random.seed(1)
data = [i.to_bytes(4, "big") + random.randbytes(random.randrange(1400)) for i in range(64)]
def one(i):
    return i.to_bytes(4, "big") + data[i % 64]
for first in range(0, count, 16):
    for i in range(first, first + 16):
        s.send(one(i))
    for i in range(first, first + 16):
        assert s.recv(2000) == one(i), i
s.connect(family[4][:1] + (19,) + family[4][2:])
s.send(b"")
text = s.recv(2000)
assert len(text) == 444 and text[:4] == b' !"#' and text.endswith(b"\\r\\n"), text
s.connect(family[4][:1] + (9,) + family[4][2:])
s.send(bytes(1000))
print("right")
"""


def test_linux(folder, emulator):
    """Pings and datagrams by IPv4 and IPv6 to VFs, their neighbours' answers in Linux's tables, and a wire that is pulled."""
    monitor = sluice.Monitor(folder)
    with wire.linux(folder / "run", "10.0.0.200/24", "fd00::200/64") as linux:
        console = sluice.Console(folder / "run", "app=echo", "vfs=3", "seconds=3000", until="or until Ctrl-C", qemu=monitor.qemu,
                                 env=emulator.env)
        try:
            addresses = re.findall(r"echo: VF \d 0000:\S+: (\S+) (10\S+) (fd\S+) (fe\S+)", console.log.read_text())
            assert len(addresses) == 3
            for mac, *own in addresses:
                for address in own:
                    scope = "%sluice" if address.startswith("fe80") else ""
                    status, said = linux("ping", "-c", 3, "-i", 0.2, "-W", 60, "-s", 1000, address + scope)
                    assert status == 0 and " 3 received, 0% packet loss" in said
                    assert f"lladdr {mac} " in linux("ip", "neighbour", "show", address)[1]
            for address in addresses[0][1:3]:
                assert linux.python(DATAGRAMS, address, 3200)[1] == "right\n"
            monitor("set_link net0 off")
            console.expect("the link is down: is the cable in?")
            assert linux("ping", "-c", 1, "-W", 1, addresses[2][1])[0] == 1
            monitor("set_link net0 on")
            console.expect("the link is back")
            assert linux("ping", "-c", 1, "-w", 120, addresses[2][1])[0] == 0
            console.keys("\x03")
            console.expect("RESULT ")
            console.expect("\n")
            text = re.sub(r"\s+", " ", console.log.read_text())
        finally:
            console.end()
    counts = re.search(r"VF 0: (\d+) frames: (\d+) ARP, (\d+) neighbour, 9 pings, 6404 datagrams \(2000 bytes discarded\); (\d+) answers", text)
    assert counts and int(counts[2]) >= 1 and int(counts[3]) >= 2
    assert " ok=1 " in text and " stopped=1 " in text and " faults=0 " in text and "WARN echo" not in text


def ask_each(linux, addresses):
    """Pings and datagrams, every byte of which is compared, to each address; tcpdump recomputes all checksums of what comes."""
    begun = "until grep -q listening /tmp/tcpdump; do sleep 1; done"
    assert linux(f"tcpdump -i eth0 -Q in -nn -U -w /tmp/wire 2>/tmp/tcpdump & {begun}")[0] == 0
    for mac, four, six, link in addresses:
        for address in four, six, link + "%eth0":
            status, said = linux(f"ping -c 3 -s 1000 -W 20 {address}")
            assert status == 0 and "3 packets received, 0% packet loss" in said
            assert re.search(rf"^{address.partition('%')[0]} .*lladdr {mac} ", linux("ip neigh show dev eth0")[1], re.M)
        assert linux(f"datagrams {four} 7 160 && datagrams {six} 7 160")[1].count("160 right, 0 lost") == 2
    assert linux("killall tcpdump; sleep 1; tcpdump -nn -vv -r /tmp/wire >/tmp/text 2>/dev/null")[0] == 0
    frames = int(linux("grep -c . /tmp/text")[1])
    assert frames >= len(addresses) * (3 * 3 + 2 * 160) and linux("grep -ciE 'bad|wrong|incorrect' /tmp/text")[1].strip() == "0"


def pktgen(linux, address, mac, count):
    """UDP datagrams of 158 bytes to the discard port, made by Linux's packet generator."""
    for file, *lines in [("kpktgend_0", "rem_device_all", "add_device eth0"),
                         ("eth0", f"count {count}", "pkt_size 200", "delay 2000000", f"dst {address}", f"dst_mac {mac}", "udp_dst_min 9",
                          "udp_dst_max 9", "src_min 10.0.0.200", "src_max 10.0.0.200"), ("pgctrl", "start")]:
        for line in lines:
            assert linux(f"echo '{line}' >/proc/net/pktgen/{file}")[0] == 0, line
    assert f"pkts-sofar: {count} " in linux("cat /proc/net/pktgen/eth0")[1]


@pytest.mark.soak
def test_linux_in_qemu(folder, emulator):
    """Another machine on the wire. SLUICE_DATAGRAMS=1000000 (make soak) is how many datagrams come back without one wrong byte."""
    count = int(os.environ.get("SLUICE_DATAGRAMS", "3000"))
    wire_guest.kernel_and_initrd()
    monitor, linux = sluice.Monitor(folder), None
    console = sluice.Console(folder / "run", "app=echo", "vfs=3", "seconds=80000", until="or until Ctrl-C", qemu=monitor.qemu,
                             env=emulator.env, deadline=80000)
    try:
        addresses = re.findall(r"echo: VF \d 0000:\S+: (\S+) (10\S+) (fd\S+) (fe\S+)", console.log.read_text())
        assert len(addresses) == 3
        linux = wire_guest.Linux(folder, emulator.path)
        ask_each(linux, addresses)
        mac, address, *_ = addresses[1]
        pktgen(linux, address, mac, 300)
        said = linux(f"datagrams {addresses[0][1]} 7 {count}; cat /proc/net/dev /proc/net/snmp", timeout=count + 600)[1]
        monitor("set_link net0 off")
        console.expect("the link is down: is the cable in?")
        assert linux(f"ping -c 1 -W 2 {address}")[0] == 1
        monitor("set_link net0 on")
        console.expect("the link is back")
        assert linux(f"ping -c 3 -W 20 {address}")[0] == 0
        console.keys("\x03")
        console.expect("RESULT ")
        console.expect("\n")
        text = re.sub(r"\s+", " ", console.log.read_text())
    finally:
        console.end()
        if linux:
            linux.end()
    assert re.search(rf"^{count} right, 0 lost$", said, re.M), said + text
    # What pktgen sent and was not lost on the way: whole datagrams, counted and not answered.
    discarded = int(re.search(r"VF 1: .*? datagrams \((\d+) bytes discarded\)", text)[1])
    assert discarded and discarded % (200 - 14 - 20 - 8) == 0
    assert " ok=1 " in text and " stopped=1 " in text and " faults=0 " in text

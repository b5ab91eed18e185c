"""app=rdma: VFs as RoCEv2 end points, judged by the programs of a Linux guest with soft-RoCE at the other end of the wire."""
import contextlib
import os
import re

import pytest
import rdma_peer
import sluice

rdma_guest = rdma_peer.rdma_guest
pytestmark = pytest.mark.needs("device:igb")

SERVED = """
wait_for ping 'ping -c 1 -W 2 10.0.0.1 >/dev/null'
wait_for ping6 'ping -6 -c 1 -W 2 fd00::2 >/dev/null'
judge server rping -s -a 10.0.0.200 -C 100 -V
judge server-write ib_write_bw -R -d rxe0 -F -n 20
judge server-latency ib_send_lat -R -d rxe0 -F -n 20
judge rping rping -c -a 10.0.0.1 -C 20 -S 4000 -V
judge rping-long rping -c -a 10.0.0.2 -C 5 -S 60000 -V
judge rping-6 rping -c -a fd00::2 -C 5 -S 1023 -V
judge write ib_write_bw -R -d rxe0 -F -n 20 -s 65536 10.0.0.1
judge write-odd ib_write_bw -R -d rxe0 -F -n 20 -s 1025 10.0.0.1
judge read ib_read_bw -R -d rxe0 -F -n 20 -s 65536 10.0.0.1
judge read-odd ib_read_bw -R -d rxe0 -F -n 20 -s 3 10.0.0.2
judge send ib_send_bw -R -d rxe0 -F -n 20 -s 65536 10.0.0.1
judge atomic ib_atomic_bw -R -d rxe0 -F -n 20 10.0.0.1
judge read-latency ib_read_lat -R -d rxe0 -F -n 20 10.0.0.1
judge send-latency ib_send_lat -R -d rxe0 -F -n 20 -p 18516 10.0.0.1
judge send-latency-odd ib_send_lat -R -d rxe0 -F -n 20 -s 1025 -p 18516 10.0.0.1
judge write-latency ib_write_lat -R -d rxe0 -F -n 20 -p 18517 10.0.0.1
judge four ib_write_bw -R -d rxe0 -F -n 10 -q 4 -s 4096 10.0.0.1
judge ucmatose ucmatose -s 10.0.0.1
judge cmtime cmtime -s 10.0.0.1 -c 20
counters
"""


def serve(folder, emulator, script, *words, limit=900, percent=None):
    """What the guest said that ran the script, and what Sluice said meanwhile, in single spaces. percent: of a wire in between."""
    rdma_peer.make()
    run = folder / "run"
    console = sluice.Console(run, "app=rdma", f"seconds={limit}", *words, until="or until Ctrl-C", env=emulator.env, deadline=limit)
    try:
        with rdma_guest.Wire(run, percent) if percent else contextlib.nullcontext() as wire, \
                rdma_peer.peer(run, emulator.path, script, wired=bool(percent)) as log:
            sluice.wait_for(log, r"RESULT ok=\d.*\n|Kernel panic", limit)
        console.keys("\x03")
        console.expect("RESULT ")
        console.expect("\n")
        text = re.sub(r"\s+", " ", console.log.read_text())
    finally:
        console.end()
    said = log.read_text()
    print(said[-8000:])
    if wire:
        print(wire.passed, wire.lost, wire.doubled, wire.late)
        assert min(wire.lost, wire.doubled, wire.late) > 0
    return said, text


def test_linux(folder, emulator):
    """Programs that know nothing of Sluice: rping checks what it wrote and read back, the others that all was answered right."""
    said, text = serve(folder, emulator, SERVED, "vfs=2", "peer=10.0.0.200", "client=rping,ib_write_bw,ib_send_lat", "ops=20")
    assert re.findall(r"JUDGE (\S+) status=0", said) == re.findall(r"^judge (\S+)", SERVED, re.M)
    assert " ok=1 " in text and " cases=8 refused=8 " in text and " faults=0 " in text and ", 0 connections open" in text
    assert rdma_guest.clients(text) == ["rping -s", "ib_write_bw -s", "ib_send_lat -s"]


def test_tenants(boot):
    """One VF against another's memory: what its keys allow works, all else is refused, by a NAK or by the IOMMU."""
    run = boot("app=rdma", "vfs=2", "seconds=1")
    assert run.status == 0 and run.result["cases"] == run.result["refused"] == "8" and run.result["faults"] == "0"
    said = [line.partition("rdma: ")[2] for line in run.lines if "] rdma: " in line]
    assert sum(": done, answer 0x0" in line for line in said) == 3
    assert sum(": refused, answer 0x62" in line for line in said) == 6
    assert "WRITE to a region that is not in the domain any more: refused, answer 0x63" in said
    assert any(line.startswith("READ of a region that is not in the domain any more: refused, answer 0xff, refused by the IOMMU: ") for line in said)


def test_two(folder, emulator):
    """One machine as the client of another, of each program: both are app=rdma, at the ends of one wire."""
    names = [name.removesuffix(" -s") for name in rdma_guest.SERVERS]
    words = ("address=10.0.0.200/24", "peer=10.0.0.1", "ops=20",
             "client=" + ",".join(name + {"ib_write_lat": ":18517", "ib_send_lat": ":18516"}.get(name, "") for name in names))
    wire, ends = os.path.relpath(folder / "wire", sluice.ROOT), []
    try:
        for i, more in enumerate(((), words)):
            (folder / str(i)).mkdir()
            env = {**emulator.env, "NET": f"stream,server={'off' if i else 'on'},addr.type=unix,addr.path={wire}"}
            ends.append(sluice.Console(folder / str(i) / "run", "app=rdma", "vfs=1", "seconds=900", *more, until="or until Ctrl-C",
                                       qemu=("-global", f"igb.mac=52:54:00:00:00:0{i + 1}"), env=env, deadline=900))
        ends[1].expect([f"{names[-1]} to 10.0.0.1:", "FAIL rdma"], timeout=300)
        for console in reversed(ends):
            console.keys("\x03")
            console.expect("RESULT ")
            console.expect("\n")
        served, asked = (re.sub(r"\s+", " ", console.log.read_text()) for console in ends)
    finally:
        for console in ends:
            console.end()
    print(served[-4000:], asked[-4000:])
    assert re.findall(r"rdma: (\S+) to 10\.0\.0\.1: (?:100 pings|20 operations)", asked) == names
    assert all(" ok=1 " in text and ", 0 connections open" in text for text in (served, asked))
    assert " 20 atomics" in served


@pytest.mark.soak
def test_bad_wire(folder, emulator):
    """Of the frames one in a hundred is lost, one doubled and one late, in each direction: all programs get through with right data."""
    script = rdma_guest.MET + "".join(f"judge {name.replace(' ', '')} {words}\n" for name, words in rdma_guest.JUDGES.items())
    said, text = serve(folder, emulator, script, "vfs=1", *rdma_guest.SERVED, limit=1800, percent=1)
    assert re.findall(r"JUDGE \S+ status=(\d+)", said) == ["0"] * len(rdma_guest.JUDGES)
    assert " ok=1 " in text and rdma_guest.clients(text) == list(rdma_guest.SERVERS)


# Each round opens and closes a hundred connections, and moves data over some.
LONG = """
end=$(($(cut -d. -f1 /proc/uptime) + {seconds}))
n=0
while [ $n -lt {rounds} ] || [ "$(cut -d. -f1 /proc/uptime)" -lt $end ]; do
	judge connections cmtime -s 10.0.0.1 -c 100
	judge rping rping -c -a 10.0.0.1 -C 10 -S 60000 -V
	judge write ib_write_bw -R -d rxe0 -F -n 20 -s 65536 10.0.0.1
	judge atomic ib_atomic_bw -R -d rxe0 -F -n 20 10.0.0.1
	n=$((n + 1))
done
print "ROUNDS $n"
"""


@pytest.mark.soak
def test_long(folder, emulator):
    """Ten thousand connections and an hour: all programs get through, and nothing is left open. SLUICE_RDMA_ROUNDS and
    SLUICE_RDMA_SECONDS: for a shorter one."""
    rounds, seconds = (int(os.environ.get(f"SLUICE_RDMA_{name}", usual)) for name, usual in (("ROUNDS", 100), ("SECONDS", 3600)))
    said, text = serve(folder, emulator, rdma_guest.MET + LONG.format(rounds=rounds, seconds=seconds), "vfs=1",
                       limit=4 * seconds + 120 * rounds + 600)
    done = int(re.search(r"ROUNDS (\d+)", said)[1])
    assert done >= rounds and re.findall(r"JUDGE \S+ status=(\d+)", said) == ["0"] * 4 * done
    assert " ok=1 " in text and " faults=0 " in text and ", 0 connections open" in text

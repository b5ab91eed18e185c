"""app=rdma: VFs as RoCEv2 end points, judged by the programs of a Linux guest with soft-RoCE at the other end of the wire."""
import re

import pytest
import rdma_peer
import sluice

pytestmark = pytest.mark.needs("device:igb")

SERVED = """
wait_for ping 'ping -c 1 -W 2 10.0.0.1 >/dev/null'
wait_for ping6 'ping -6 -c 1 -W 2 fd00::2 >/dev/null'
judge server rping -s -a 10.0.0.200 -C 100 -V
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


def test_linux(folder, emulator):
    """Programs that know nothing of Sluice: rping checks what it wrote and read back, the others that all was answered right."""
    rdma_peer.make()
    console = sluice.Console(folder / "run", "app=rdma", "vfs=2", "seconds=900", "peer=10.0.0.200", until="or until Ctrl-C", env=emulator.env,
                             deadline=600)
    try:
        with rdma_peer.peer(folder / "run", emulator.path, SERVED) as log:
            sluice.wait_for(log, r"RESULT ok=\d.*\n|Kernel panic", 600)
        console.keys("\x03")
        console.expect("RESULT ")
        console.expect("\n")
        text = re.sub(r"\s+", " ", console.log.read_text())
    finally:
        console.end()
    said = log.read_text()
    print(said)
    assert re.findall(r"JUDGE (\S+) status=0", said) == re.findall(r"^judge (\S+)", SERVED, re.M)
    assert " ok=1 " in text and " cases=8 refused=8 " in text and " faults=0 " in text and ", 0 connections open" in text
    assert "rping to 10.0.0.200: 100 pings of 64 bytes came back as they left" in text


def test_tenants(boot):
    """One VF against another's memory: what its keys allow works, all else is refused, by a NAK or by the IOMMU."""
    run = boot("app=rdma", "vfs=2", "seconds=1")
    assert run.status == 0 and run.result["cases"] == run.result["refused"] == "8" and run.result["faults"] == "0"
    said = [line.partition("rdma: ")[2] for line in run.lines if "] rdma: " in line]
    assert sum(": done, answer 0x0" in line for line in said) == 3
    assert sum(": refused, answer 0x62" in line for line in said) == 6
    assert "WRITE to a region that is not in the domain any more: refused, answer 0x63" in said
    assert any(line.startswith("READ of a region that is not in the domain any more: refused, answer 0xff, refused by the IOMMU: ") for line in said)

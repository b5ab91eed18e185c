"""log=udp:ADDRESS: rsyslog on the Linux that the tests run on receives the log of a run, RESULT and all."""
import re
import shutil
import subprocess

import pytest
import sluice
import wire

CONFIG = """
module(load="imudp")
input(type="imudp" address="{address}" port="514" rcvbufSize="8m")
template(name="all" type="string" string="%pri% %hostname% %app-name% %structured-data%%msg%\\n")
*.* action(type="omfile" file="{folder}/received" template="all" asyncWriting="off" flushOnTXEnd="on")
$MaxMessageSize 8k
"""


@pytest.mark.needs("device:igb")
@pytest.mark.parametrize("card, address", [("igb", "10.0.0.200"), ("e1000e", "fd00::200")])
def test_rsyslog(folder, emulator, card, address):
    """A whole run by the PF of run.sh's network card, and by an 82574: every line, in order. A busy host may lose a datagram,
    which the numbers tell."""
    if not shutil.which("rsyslogd"):
        pytest.skip("there is no rsyslogd")
    (folder / "rsyslog.conf").write_text(CONFIG.format(address=address, folder=folder))
    net = f"{(folder / 'run').relative_to(sluice.ROOT)}"
    words, qemu = ["vfs=2", "seconds=1"], []
    if card == "e1000e":  # and it is no attacker then
        words = ["--bare", "app=isolate"]
        qemu = [*sluice.iommu(), "-netdev", f"dgram,id=n,local.type=unix,local.path={net}/net,remote.type=unix,remote.path={net}/nobody",
                "-device", "e1000e,netdev=n", "-device", "e1000e"]
    monitor = sluice.Monitor(folder)

    def end():  # QEMU keeps frames for who does not take them at once, and loses them when it ends
        sluice.wait_for(folder / "received", "netlog: .* lines were sent before this one")
        monitor.quit()

    with wire.linux(folder / "run", "10.0.0.200/24", "fd00::200/64") as linux:
        with subprocess.Popen([*linux.enter, "rsyslogd", "-n", "-f", folder / "rsyslog.conf", "-i", folder / "pid"]) as receiver:
            try:
                sluice.wait_for(lambda: linux("cat", "/proc/net/udp", "/proc/net/udp6")[1], ":0202 ")  # port 514: it listens
                with sluice.beside(end):
                    run = sluice.run_sh(folder / "run", *words, "end=halt", f"log=udp:{f'[{address}]:514' if ':' in address else address}",
                                        qemu_args=["-accel", "tcg", *qemu, *monitor.qemu], env=emulator.env)
            finally:
                receiver.terminate()
    assert run.status == 0 and run.result["faults"] == "0", run.summary()
    received = (folder / "received").read_text().splitlines()
    numbers = [int(re.search(r'sequenceId="(\d+)"', line)[1]) for line in received]
    missing = numbers[-1] - len(numbers)
    assert numbers == sorted(set(numbers)) and missing <= 3
    texts = [line.partition('"]')[2].lstrip(" ") for line in received]
    shown = [line for line in run.lines if line.startswith("[ ") or line.startswith("RESULT ")]
    kept = [line for line in texts if line.startswith("[ ") or line.startswith("RESULT ")]
    rest = iter(line[:1099] for line in shown)
    assert all(line in rest for line in kept) and len(kept) >= len(shown) - missing
    assert missing or any(line.startswith("RESULT ") for line in kept)
    assert all(line.startswith("132 ") == ("] WARN " in line) for line in received)
    if card == "e1000e":
        assert "e1000e does not attack: it sends the log" in run.text


@pytest.mark.needs("device:igb")
def test_no_receiver(folder, emulator):
    """Nobody answers for the address: a warning, and the run goes on."""
    run = sluice.run_sh(folder / "run", "app=audit", "log=udp:10.0.0.9", qemu_args=["-accel", "tcg"], env=emulator.env)
    assert run.status == 0, run.summary()
    assert "WARN netlog: the log is not sent any more: the receiver, or the gateway to it, does not answer for its address" in run.text

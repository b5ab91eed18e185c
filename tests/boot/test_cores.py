"""Several cores: started, put to work, watched, and shown when the run ends badly."""
import os
import re
import socket
import subprocess
import time

import pytest
import sluice


def socket_path(folder, what):
    return f"/tmp/sluice-{what}-{folder.name}-{time.monotonic_ns()}"


def during(boot, job, *words, **more):
    """Boots, with job() in another thread."""
    with sluice.beside(job):
        return boot(*words, **more)


class Gdb:
    """The few words of GDB's remote protocol that hold a processor fast."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(sluice.PATIENCE)
        self.socket.connect(path)
        self.pending = b""

    def send(self, text):
        self.socket.sendall(b"$%s#%02x" % (text.encode(), sum(text.encode()) & 255))

    def answer(self):
        while not (match := re.search(rb"\$([^#]*)#..", self.pending)):
            self.pending += self.socket.recv(65536)
        self.pending = self.pending[match.end():]
        self.socket.sendall(b"+")
        return match[1].decode()

    def ask(self, text):
        self.send(text)
        return self.answer()


def symbol(name):
    said = subprocess.run(["llvm-nm", str(sluice.ROOT / "build/kernel.elf")], capture_output=True, text=True, check=True).stdout
    return int(re.search(rf"^(\w+) [Tt] {name}$", said, re.M)[1], 16)


def stopped_at(path, name, times=1):
    """A machine that waits for its debugger (-S, -gdb), when it comes to that function of the kernel for the so manieth time."""
    end = time.monotonic() + sluice.PATIENCE
    while not os.path.exists(path):
        assert time.monotonic() < end, f"QEMU makes no {path}"
        time.sleep(0.1)
    gdb = Gdb(path)
    place = f"{symbol(name):x},1"
    assert gdb.ask(f"Z0,{place}") == "OK"
    for number in range(times):
        assert number == 0 or gdb.ask("s").startswith("T05")  # off that instruction
        assert gdb.ask("c").startswith("T05")
    assert gdb.ask(f"z0,{place}") == "OK"
    return gdb


def at_work(log):
    """Until every core works in the timed phase: it has begun, and a core may take its time to notice."""
    sluice.wait_for(log, "timed: random")
    time.sleep(3)


def table(run):
    """VF -> (core, operations a second) of the timed phase."""
    rows = re.findall(r"^  (\w{4}:\w\w:\w\w\.\w(?:/\d)?) +(\d+) +(\d+) +\d+  ", run.text, re.M)
    return {vf: (int(core), int(ops)) for vf, core, ops in rows}


@pytest.mark.parametrize("cpus, cores", [(1, [0] * 4), (2, [0, 0, 1, 1]), (3, [0, 1, 1, 2]), (4, [0, 1, 2, 3])], ids="1234")
def test_share(boot, cpus, cores):
    """Four VFs on one to four cores: each on one core, shared out evenly, all of them at work."""
    run = boot(qemu=["-smp", cpus])
    run.assert_ok()
    assert run.number("cores") == cpus
    assert f"cores: {cpus} run (" in run.text
    rows = table(run)
    assert sorted(core for core, _ in rows.values()) == cores
    assert all(ops > 0 for _, ops in rows.values())
    assert 0 < run.number("fair_permille") <= 1000
    assert re.search(rf"operations in \d+ rounds on 4 VFs and {cpus} cores", run.text)
    assert "WARN cores" not in run.text
    if cpus > 1:
        assert re.search(rf"time stamp counters: core \d is furthest from core 0, by -?\d+ ns, .*; 0 of {cpus - 1} differ", run.text)


def test_more_cores_than_vfs(boot):
    run = boot("vfs=2", qemu=["-smp", 4])
    run.assert_ok(vfs=2)
    assert sorted(core for core, _ in table(run).values()) == [1, 2], "core 0 is the last to get a VF"


def test_queues(boot):
    """Two queue pairs of one VF, each worked by a core of its own."""
    run = boot("vfs=1", "queues=2", "doorbell=shadow", qemu=["-smp", 2])
    run.assert_ok(vfs=1)
    rows = table(run)
    assert sorted(rows) == ["0000:01:00.1", "0000:01:00.1/2"]
    assert sorted(core for core, _ in rows.values()) == [0, 1]
    assert all(ops > 0 for _, ops in rows.values())
    assert "no shadow doorbells" not in run.text


def test_more_cores_than_used(boot):
    run = boot("vfs=1", qemu=["-smp", 66])
    run.assert_ok(vfs=1)
    assert run.number("cores") == 64
    assert "WARN cores: 2 more are not started: Sluice uses at most 64" in run.text


@pytest.mark.parametrize("words", [["vfs=1"], ["app=isolate", "vfs=2"]], ids=["demo", "isolate"])
def test_no_x2apic(boot, words):
    run = boot(*words, qemu=["-cpu", "max,-x2apic", "-smp", 2])
    assert run.status == 0, run.summary()
    assert "2 run (xAPIC)" in run.text


@pytest.mark.needs("x2apic")
def test_ids_above_255(boot):
    """APIC id 256 can be reached with x2APIC alone."""
    run = boot("vfs=3", qemu=[
        "-smp", "2,sockets=3,cores=129,threads=1,maxcpus=387", *sluice.iommu(eim="on"),
        "-device", "max-x86_64-cpu,socket-id=1,core-id=0,thread-id=0",
    ])
    run.assert_ok(vfs=3)
    assert "highest APIC id 256" in run.text
    assert "cores: 3 run (x2APIC, " in run.text
    assert sorted(core for core, _ in table(run).values()) == [0, 1, 2]


def test_memory_above_4g(boot):
    """The kernel's own top table may lie above 4 GiB; the start-up code's may not."""
    run = boot("vfs=2", qemu=["-m", "6G", "-smp", 3])
    run.assert_ok(vfs=2)
    assert "cores: 3 run" in run.text


def test_backtrace_of_all(boot, folder):
    """A machine check ends the run: registers of the core that got it, and where every other core was."""
    monitor = sluice.Monitor(folder)

    def inject():
        at_work(folder / "run/serial.log")
        monitor("mce 0 5 0xbe00000000000005 0x5 0x1000 0x8c")

    run = during(boot, inject, "vfs=3", "seconds=60", qemu=["-smp", 4, *monitor.qemu])
    assert run.status == 3
    assert run.results == 1 and run.result["stage"] == "hardware"
    assert run.text.count("machine check on core 0 (APIC id 0)") == 1 and "  rip " in run.text
    for core in (1, 2, 3):
        assert re.search(rf"^core {core} \(APIC id {core}\), at work:\n(  at .*\n)*  at timed_worker\+0x\w+", run.text, re.M)


@pytest.mark.parametrize("register, value, words", [
    (16, 0, "exception 14 #PF page fault"),  # rip: a jump to address 0
    (7, 0xFFFFE00000000000, "exception 8 #DF double fault"),  # rsp: the page below a stack, so that nothing can be pushed
], ids=["jump", "stack"])
@pytest.mark.needs("gdb")
def test_exception_elsewhere(boot, folder, register, value, words):
    """An exception on another core than the first, on that core's own exception stacks: the run ends, and core 0 is shown."""
    path, log = socket_path(folder, "gdb"), folder / "run/serial.log"

    def spoil():
        at_work(log)
        gdb = Gdb(path)
        assert gdb.ask("Hg2") == "OK"
        assert gdb.ask(f"P{register:x}={value.to_bytes(8, 'little').hex()}") == "OK"
        assert gdb.ask("D") == "OK"

    run = during(boot, spoil, "vfs=2", "seconds=60", qemu=["-smp", 2, "-gdb", f"unix:{path},server=on,wait=off"])
    assert run.status == 1 and run.result["stage"] == "crash" and run.results == 1
    assert words in run.text
    assert re.search(r"^core 0 \(APIC id 0\), at work:\n(  at .*\n)*  at timed_worker\+0x\w+", run.text, re.M)


@pytest.mark.needs("gdb")
def test_stuck(boot, folder):
    """A core that is made to stand in a halt with interrupts off: the watchdog shows where each core is, the run goes on
    without it, and ends with a sentence."""
    path, log = socket_path(folder, "gdb"), folder / "run/serial.log"

    def hold():
        at_work(log)
        gdb = Gdb(path)
        assert gdb.ask("Hg2") == "OK"
        assert gdb.ask(f"P10={symbol('cpu_halt').to_bytes(8, 'little').hex()}") == "OK"  # rip
        assert gdb.ask("D") == "OK"

    run = during(boot, hold, "vfs=2", "seconds=30", qemu=["-smp", 2, "-gdb", f"unix:{path},server=on,wait=off"])
    run.assert_not_ok("core 1 is not back from its work", stage="timed")
    assert "WARN cores: core 1 has made no progress for 5 s; where each core is:" in run.text
    assert re.search(r"^core 1 \(APIC id 1\), at work:\n  at cpu_halt\+0x", run.text, re.M)
    assert re.search(r"^core 0, at work:\n(  at .*\n)*  at timed_worker\+0x", run.text, re.M)
    assert "core 0 has made no progress" not in run.text
    assert run.lines[-1].startswith("RESULT ")


@pytest.mark.needs("gdb")
def test_frozen(boot, folder):
    """A core that nothing reaches, not even an NMI: said, and not waited for. It comes back and its NMI comes late."""
    path, log = socket_path(folder, "gdb"), folder / "run/serial.log"

    def freeze():
        at_work(log)
        gdb = Gdb(path)
        assert gdb.ask("vCont?").startswith("vCont;")
        gdb.send("vCont;c:1")  # the others stay stopped
        sluice.wait_for(log, "does not answer a non-maskable interrupt")
        gdb.socket.sendall(b"\x03")
        gdb.answer()
        assert gdb.ask("D") == "OK"

    run = during(boot, freeze, "vfs=2", "seconds=30", qemu=["-smp", 2, "-gdb", f"unix:{path},server=on,wait=off"])
    run.assert_ok(vfs=2)
    assert "core 1 (APIC id 1), at work: does not answer a non-maskable interrupt" in run.text
    assert "cores: core 1 goes on" in run.text
    assert "FAIL cpu" not in run.text


@pytest.mark.needs("gdb")
def test_late(boot, folder):
    """A core that does not come when it is called, and comes later: left as it is, and it gets no farther than the page where
    cores start."""
    path, log = socket_path(folder, "gdb"), folder / "run/serial.log"
    rips = []

    def hold():
        gdb = stopped_at(path, "stage_cores")
        gdb.send("vCont;c:1")
        sluice.wait_for(log, "did not start")
        gdb.socket.sendall(b"\x03")
        gdb.answer()
        gdb.send("c")
        time.sleep(1)
        gdb.socket.sendall(b"\x03")
        gdb.answer()
        assert gdb.ask("Hg2") == "OK"
        rips.append(int.from_bytes(bytes.fromhex(gdb.ask("p10")), "little"))
        assert gdb.ask("D") == "OK"

    run = during(boot, hold, "vfs=2", "seconds=3", qemu=["-S", "-smp", 2, "-gdb", f"unix:{path},server=on,wait=off"])
    run.assert_ok(vfs=2)
    assert "WARN cores: processors that the firmware lists but that did not start: 1, with APIC ids 1\n" in run.text
    assert "cores: 1 run (" in run.text and run.number("cores") == 1
    assert 0x1000 < rips[0] < 0xA0000, f"the late core is at {rips[0]:#x}"


def assert_third_free(used, size):
    assert 0 < used <= size * 2 // 3, f"{used} of {size} bytes of a stack were used"


@pytest.mark.parametrize("words", [[], ["app=isolate"], ["app=audit"]], ids=["demo", "isolate", "audit"])
def test_stacks(boot, words):
    """At least a third of every stack is never touched; the fullest one is named at the end."""
    run = boot(*words, qemu=["-smp", 3])
    core, kind, used, size = re.search(r"cores: stacks: the deepest use was on core (\d+) \((\S+)\): (\d+) of (\d+) bytes", run.text).groups()
    assert_third_free(int(used), int(size))


def test_stacks_in_the_console(console):
    """mem has the marks of every stack, after a proof and an audit."""
    c = console("vfs=2", "term=dumb", qemu=["-smp", 3])
    assert "forbidden accesses were refused" in c("isolate")
    assert re.search(r"^ proof +PASS", c("audit"), re.M)
    shown = c("mem")
    c.poweroff()
    cores = re.findall(r"^  core (\d) +((?:\d+ of \d+ *){4})$", shown, re.M)
    assert [core for core, _ in cores] == ["0", "1", "2"]
    for core, row in cores:
        marks = [(int(used), int(size)) for used, size in re.findall(r"(\d+) of (\d+)", row)]
        assert [size for _, size in marks] == [32768 if core == "0" else 16384, 8192, 8192, 8192]
        assert_third_free(*marks[0])
        assert all(used == 0 for used, _ in marks[1:]), "no exception came"
    assert_third_free(*map(int, re.search(r"^  until core 0 had its own: (\d+) of (\d+)$", shown, re.M).groups()))


@pytest.mark.needs("gdb")
def test_stray_interrupts(boot, folder):
    """Unexpected messages to both cores: dropped, counted and acknowledged, so that the one that brings work
    still arrives. One on a vector of an exception is not taken."""
    path, log = socket_path(folder, "gdb"), folder / "run/serial.log"

    def inject():
        sluice.wait_for(log, "sriov: .* VFs enabled")
        gdb = Gdb(path)
        assert gdb.ask("Qqemu.PhyMemMode:1") == "OK"
        for core, vector in ((0, 0x51), (1, 0x51), (1, 0xEE), (1, 0x14)):
            assert gdb.ask(f"Mfee0{core}000,4:{vector.to_bytes(4, 'little').hex()}") == "OK"
        assert gdb.ask("D") == "OK"

    run = during(boot, inject, "vfs=2", "seconds=3", qemu=["-smp", 2, "-gdb", f"unix:{path},server=on,wait=off"])
    run.assert_ok(vfs=2)
    assert re.search("cores: unexpected interrupts dropped: 3, one of them on vector 0x(51|ee)", run.text)

"""Instructions of RDMA requests that are served: of Linux's soft-RoCE on a card, and of Sluice's end point on a VF, in the same
QEMU by the same plugin (tools/insncount)."""
import os
import pathlib
import re
import subprocess

import rdma_guest
from linux_guest import Failure

ROOT = pathlib.Path(__file__).resolve().parent.parent

# What is counted as one: (name, row of tools/bench-insn --igb, how many times more of Linux are aimed at, program, bytes of a
# message, numbers of messages of two runs, the unit's bytes). The difference of both runs is free of what begins and ends them.
COUNTED = {
    1024: (("a KiB of a WRITE", "rdma-write-kib-1024 depth=1", 9, "ib_write_bw", 65536, (10, 90), 1024),
           ("a KiB of a READ", "rdma-read-kib-1024 depth=1", 9, "ib_read_bw", 65536, (10, 90), 1024),
           ("a WRITE of 64 bytes", "rdma-write-64 depth=16", 20, "ib_write_bw", 64, (100, 2100), 64)),
    4096: (("a KiB of a WRITE", "rdma-write-kib-4096 depth=1", 4, "ib_write_bw", 65536, (10, 90), 1024),
           ("a KiB of a READ", "rdma-read-kib-4096 depth=1", 4, "ib_read_bw", 65536, (10, 90), 1024)),
}
PORT = 20100


def linux(qemu, guest, folder, mtu):
    """{name: instructions} of Linux as the server: kernel and program, without what the client's side of it costs."""
    runs = [(program, size, n) for _, _, _, program, size, numbers, _ in COUNTED[mtu] for n in numbers]
    words = [f"{program} -d rxe0 -F -x 1 -s {size} -n {n} -p {PORT + i}" for i, (program, size, n) in enumerate(runs)]
    wide = '/bin/ip link set "$card" mtu 4200\n' if mtu == 4096 else ""
    serve = "".join(f"mark14; timeout 300 {line} >/tmp/out 2>&1; status=$?; mark15\nprint SERVED status=$status\n" for line in words)
    ask = "".join(f"until timeout 300 {line} 10.0.0.1 >/tmp/out 2>&1; do sleep 0.5; done\n" for line in words)
    run, counts = folder / f"insn-{mtu}", folder / f"insn-{mtu}.counts"
    run.mkdir(exist_ok=True)
    ends = rdma_guest.sockets(os.path.relpath(run, ROOT), False)
    logs = [folder / f"insn-{mtu}.{side}.log" for side in ("server", "client")]
    for log in logs:
        log.unlink(missing_ok=True)
    server = rdma_guest.line(qemu, *guest, f"{wide}{serve}", logs[0], ends[::-1], "10.0.0.1/24", number=1)
    client = rdma_guest.line(qemu, *guest, f"{wide}{rdma_guest.MET}{ask}", logs[1], ends, "10.0.0.200/24")
    plugin = f"{ROOT}/build/insncount.so,from=0,out={counts}"
    with rdma_guest.running([*server, "-plugin", plugin], logs[0].with_suffix(".qemu")) as child, \
            rdma_guest.running(client, logs[1].with_suffix(".qemu")):
        rdma_guest.wait(logs[0], r"RESULT ok=\d.*\n", "Linux did not serve", child)
    found = [int(n) for n in re.findall(r"^section .*\binsn=(\d+)", counts.read_text(), re.MULTILINE)]
    if len(found) != len(runs) or logs[0].read_text().count("status=0") != len(runs):
        raise Failure(f"not all of Linux's runs could be counted: see {os.path.relpath(logs[0])}")
    return {name: (found[2 * i + 1] - found[2 * i]) / (numbers[1] - numbers[0]) * unit / size
            for i, (name, _, _, _, size, numbers, unit) in enumerate(COUNTED[mtu])}


def sluice(qemu):
    """{row: instructions} by tools/bench-insn --igb."""
    done = subprocess.run(["tools/bench-insn", "--igb"], cwd=ROOT, env={**os.environ, "QEMU": qemu}, capture_output=True, text=True,
                          check=False)
    if done.returncode:
        raise Failure(f"tools/bench-insn --igb: {done.stderr.strip() or done.stdout.strip()[-300:]}")
    found = re.findall(r"^op=(\S+) depth=(\d+) .*insn_per_op=([\d.]+)", done.stdout, re.MULTILINE)
    return {f"{name} depth={depth}": float(n) for name, depth, n in found}


def table(qemu, guest, folder):
    """Rows of columns, and whether all goals are reached."""
    ours, rows, good = sluice(qemu), [["instructions of the server", "Sluice", "Linux", "ratio", "aimed at"]], True
    for mtu, counted in COUNTED.items():
        theirs = linux(qemu, guest, folder, mtu)
        for name, row, goal, *_ in counted:
            ratio = theirs[name] / ours[row]
            good &= ratio >= goal
            rows.append([f"{name}, path MTU {mtu}", f"{ours[row]:.0f}", f"{theirs[name]:.0f}", f"{ratio:.1f}", f"{goal}"])
    return rows, good

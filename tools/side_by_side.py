"""What the tools share that boot Sluice and Linux in turn on one QEMU machine: the boot, the machine, the numbers' form."""
import os
import pathlib
import re
import resource
import signal
import statistics
import subprocess
import threading
import time

from linux_guest import Failure


def words(text):
    """{key: value} of a line of key=value words."""
    return dict(word.partition("=")[::2] for word in text.split() if "=" in word)


ENDS = {signal.SIGTERM, signal.SIGINT}  # the signals that end a tool from outside


def start(command, **more):
    """The child of a command, in a session of its own, with ENDS held back in this process: a signal that came while the
    child is made would leave nobody who knows the child. The caller lets them through where it ends the child."""
    signal.pthread_sigmask(signal.SIG_BLOCK, ENDS)
    return subprocess.Popen(command, start_new_session=True, preexec_fn=lambda: signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDS), **more)


def cpu_seconds():
    """CPU seconds since the host was started: all of them, those that were used, those that our children used."""
    with open("/proc/stat") as stat:
        user, nice, system, idle, iowait, *more = (int(word) / os.sysconf("SC_CLK_TCK") for word in stat.readline().split()[1:9])
    used = user + nice + system + sum(more)
    ours = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used + idle + iowait, used, ours.ru_utime + ours.ru_stime


def run_sh(root, run, command, log, limit, env=None):
    """One boot by run.sh in root, in the folder run; limit: seconds of QEMU. Returns what was said as [(time in seconds,
    text)], which also goes to log, the exit status, and the share of the host's CPU time that went to other work."""
    env = {**os.environ, **(env or {}), "RUN": os.path.relpath(run, root), "TIMEOUT": str(limit)}
    for name in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS"):
        env.pop(name, None)
    lines, before = [], cpu_seconds()
    with open(log, "w") as out:
        child = start(command, cwd=root, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                      text=True, errors="replace")
        # run.sh ends QEMU by itself; this is for what run.sh does besides: packages, the build.
        timer = threading.Timer(limit + 600, os.killpg, (child.pid, signal.SIGKILL))
        timer.start()
        try:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDS)
            for text in child.stdout:
                lines.append((time.monotonic(), text.rstrip()))
                out.write(f"{lines[-1][0]:.3f} {lines[-1][1]}\n")
            status = child.wait()
        finally:
            timer.cancel()
            if child.poll() is None:
                os.killpg(child.pid, signal.SIGKILL)
                child.wait()
    every, used, ours = (now - then for now, then in zip(cpu_seconds(), before))
    return lines, status, max(used - ours, 0) / max(every, 1)


def last_words(lines):
    """What run.sh or Sluice said last about a failure, as the beginning of a sentence's last part; "" if nothing."""
    said = [text for _, text in lines if text.startswith("run.sh: ") or "] FAIL " in text]
    return f"last: {said[-1]}; " if said else ""


def machine_of(line):
    """A QEMU line without what differs between the sides: the kernel, its words and its initramfs."""
    return re.sub(r" -(kernel|append|initrd) (\\.|[^ \\])+", "", line)


def spread(values, form):
    """Median and extremes, as text."""
    return f"{form % statistics.median(values)} ({form % min(values)} to {form % max(values)})"


def columns(lines):
    """Rows of cells as lines of text: the first column to the left, the others to the right."""
    width = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    return ["  " + "  ".join(cell.ljust(width[0]) if i == 0 else cell.rjust(width[i]) for i, cell in enumerate(line))
            for line in lines]


def emulator_for_vfs(root):
    """A QEMU whose VFs answer above 4 GiB, where Linux puts them: the one that QEMU= names, the installed one, or QEMU 10.0 of
    Debian 13, unpacked below root/build."""
    if os.environ.get("QEMU"):
        return os.environ["QEMU"]
    try:
        said = subprocess.run(["qemu-system-x86_64", "--version"], capture_output=True, text=True, timeout=30).stdout
    except FileNotFoundError:
        said = ""
    version = re.search(r"version (\d+)\.(\d+)\.(\d+)", said)
    if version and tuple(map(int, version.groups())) > (10, 0, 2):
        return "qemu-system-x86_64"
    if subprocess.run(["tools/unpack-qemu", "10.0", "trixie"], cwd=root, check=False).returncode:
        raise Failure("the VFs of QEMU up to 10.0.2 do not answer where Linux puts them: name a newer one with QEMU=")
    return "build/qemu-10.0/qemu-system-x86_64"


def insn_of_packets(root, emulator, limit):
    """The rows of tools/bench-insn --igb as words, counted anew; limit: seconds."""
    done = subprocess.run(["tools/bench-insn", "--igb"], cwd=root, env={**os.environ, "QEMU": emulator}, capture_output=True, text=True,
                          timeout=limit, check=False)
    rows = [words(line) for line in done.stdout.splitlines() if line.startswith("op=")]
    if done.returncode or not rows:
        raise Failure(f"tools/bench-insn --igb failed: {(done.stdout + done.stderr).strip()[-500:]}")
    return rows


def host(line):
    """The host and the guests of a QEMU line, as text."""
    accel = re.search(r" -accel (\S+)", line)
    cpu = re.search(r"^model name\s*: (.*)", pathlib.Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return f"host: {os.cpu_count()} cores, {cpu[1] if cpu else 'CPU unknown'}; guests: 2 CPUs, -accel {accel[1] if accel else 'unknown'}"


def about_others(shares):
    """How much CPU time went to other work, of all runs' shares."""
    others = statistics.median(shares)
    return f"other work took {100 * others:.0f} % of the host's CPU time" + \
        (": more than a tenth, so these numbers are not worth much" if others > 0.1 else "")

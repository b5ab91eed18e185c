"""Builds and runs the tests that can see a mutation, in a folder of its own, until one fails."""
import collections
import os
import pathlib
import re
import resource
import shutil
import subprocess
import threading
import time

# Tests that make random machines make fewer: an alteration that they see they see in the first few.
ENVIRONMENT = {"SLUICE_PERCENT": "10", "SLUICE_MACHINES": "100"}
OUTPUT = 16 << 20  # bytes that a test that has lost its way may write


def limits(seconds):
    def set_limits():
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))
        resource.setrlimit(resource.RLIMIT_FSIZE, (OUTPUT, OUTPUT))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    return set_limits


def symbols(path):
    """Symbols that an object or a program defines, and the names of the sources that are in it."""
    out = subprocess.run(["nm", "-a", "--defined-only", path], capture_output=True, text=True, check=True).stdout
    rows = re.findall(r"^\w+ (\w) (\S+)$", out, re.M)
    files = {name for kind, name in rows if kind == "a"}
    return {name for kind, name in rows if kind in "TDBRVW" and not name.startswith("__")}, files


class Tests:
    """The host tests as make has built them in BUILD/host, and which objects are in each."""

    def __init__(self, root, build, cc, flags):
        self.root, self.host, self.cc = root, build / "host", cc
        self.build = build
        self.env = {**os.environ, **ENVIRONMENT}
        self.compile_flags = [f for f in flags if f not in ("-MMD", "-MP", "-Werror", "-I.", "-g")] + ["-w"]
        self.objects = {}  # source: object
        self.needs = {}  # source: what it is made from
        for dep in sorted(self.host.rglob("*.c.d")):
            name = dep.relative_to(self.host).as_posix()[: -len(".d")]
            if dep.with_suffix(".o").exists() and (root / name).exists():
                self.objects[name] = dep.with_suffix(".o")
                self.needs[name] = set(re.split(r"[\s\\]+", dep.read_text().split("\n\n")[0].split(":", 1)[1])) - {""}
        names = {name: symbols(path) for name, path in self.objects.items()}
        self.programs = {}  # test: sources that are in it
        for name in self.objects:
            if name.startswith("tests/unit/test_"):
                test = pathlib.Path(name).stem
                defined, files = symbols(self.host / test)
                stands_in = names[name][0]  # for what the library would have: two sources may have one name in two folders
                self.programs[test] = {
                    n for n, (own, _) in names.items()
                    if n == name or (not n.startswith("tests/unit/test_") and own and own <= defined and not own & stands_in
                                     and pathlib.Path(n).name in files)
                }
        self.seconds, self.lock, self.locks = {}, threading.Lock(), {}
        self.killers = collections.Counter()  # (file or function, test): how many mutations it has seen there

    def measure(self, test):
        """Runs a test as it is, once: what fails now can tell nothing about a mutation."""
        with self.lock:
            once = self.locks.setdefault(test, threading.Lock())
        with once:
            if test in self.seconds:
                return
            before = time.monotonic()
            done = subprocess.run([self.host / test], cwd=self.root, stdin=subprocess.DEVNULL, env=self.env,
                                  stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            if done.returncode:
                raise SystemExit(f"mutants: {test} fails before anything is altered: make check has its output")
            self.seconds[test] = time.monotonic() - before

    def containing(self, name):
        return [t for t, sources in self.programs.items() if any(name in self.needs[s] for s in sources)]

    def that_see(self, mutant):
        """Tests that a mutation is in: those first that saw others of its function and file, or have its name."""
        stem, function = pathlib.Path(mutant.file).stem, mutant.key.split(": ")[0]
        return sorted(self.containing(mutant.file), key=lambda t: (
            -self.killers[function, t], -self.killers[mutant.file, t], stem not in t, self.seconds.get(t, 1), t))

    def saw(self, test, mutant):
        self.killers[mutant.key.split(": ")[0], test] += 1
        self.killers[mutant.file, test] += 1


class Worker:
    """One private folder. Verdicts are ("killed", test), ("survived", ""), ("same code", "") and ("invalid", "")."""

    def __init__(self, tests, folder):
        self.tests, self.folder = tests, folder

    def compile(self, name, mutant, out, extra=()):
        src = self.folder / "src" / name if name == mutant.file else self.tests.root / name
        command = [*self.tests.cc, *(extra or self.tests.compile_flags), f"-I{self.folder / 'src'}", "-I.",
                   f"-I{self.tests.build}", "-iquote", os.path.dirname(name),
                   f"-ffile-prefix-map={self.folder / 'src'}/=", "-o", out, src]
        return subprocess.run(command, cwd=self.tests.root, capture_output=True, text=True)

    def same_code(self, mutant, names):
        """Whether an optimising compiler makes the same of it: then no test can see it."""
        flags = ["-std=c11", "-w", "-O2", "-S", "-DSLUICE_HOST", "-fno-ident"]
        original = mutant.__class__(**{**mutant.__dict__, "text": (self.tests.root / mutant.file).read_text()})
        texts = []
        for each in (original, mutant):
            self.place(each)
            for name in names:
                out = self.folder / "code.s"
                self.compile(name, each, out, flags)
                texts.append(out.read_text())
        return texts[: len(names)] == texts[len(names) :]

    def place(self, mutant):
        path = self.folder / "src" / mutant.file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(mutant.text)

    def run(self, mutant):
        shutil.rmtree(self.folder, ignore_errors=True)
        try:
            return self.tried(mutant)
        finally:
            shutil.rmtree(self.folder, ignore_errors=True)

    def tried(self, mutant):
        self.place(mutant)
        made = {}  # source: its object, with the mutation in it
        for test in mutant.tests or self.tests.that_see(mutant):
            if test not in self.tests.programs:
                raise SystemExit(f"mutants: [{mutant.name}]: there is no test {test}")
            altered = []
            for name in sorted(self.tests.programs[test]):
                if mutant.file not in self.tests.needs[name]:
                    continue
                if name not in made:
                    made[name] = self.folder / f"{len(made)}.o"
                    if self.compile(name, mutant, made[name], [*self.tests.compile_flags, "-c"]).returncode:
                        return "invalid", ""
                altered.append(name)
            if not altered:
                raise SystemExit(f"mutants: {mutant.label}: {test} does not contain {mutant.file}")
            if self.fails(test, {name: made[name] for name in altered}):
                self.tests.saw(test, mutant)
                return "killed", test
        same = made and self.same_code(mutant, sorted(n for n in made if not n.startswith("tests/")))
        return ("same code" if same else "survived"), ""

    def fails(self, test, altered):
        self.tests.measure(test)
        program, own = self.folder / test, f"tests/unit/{test}.c"
        objects = [altered.get(own, self.tests.objects[own])] + [o for n, o in altered.items() if n != own]
        link = subprocess.run(
            [*self.tests.cc, "-fuse-ld=lld", "-fsanitize=address,undefined", "-o", program, *objects,
             self.tests.host / "libsluice.a", "-lcmocka", "-lnettle", "-ljansson"], cwd=self.tests.root, capture_output=True, text=True)
        if link.returncode:
            raise SystemExit(f"mutants: {test} cannot be linked with {', '.join(altered)}:\n{link.stderr}")
        seconds = self.tests.seconds[test]
        try:
            done = subprocess.run([program], cwd=self.tests.root, env=self.tests.env, stdin=subprocess.DEVNULL,
                                  stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, preexec_fn=limits(int(5 + 4 * seconds)),
                                  timeout=120 + 20 * seconds)
        except subprocess.TimeoutExpired:
            return True
        finally:
            program.unlink()
        return done.returncode != 0


class Pool:
    """Runs mutations in a fixed number of threads, each with a folder."""

    def __init__(self, tests, folder, n):
        self.tests, self.folder, self.n = tests, folder, n

    def map(self, queues, done):
        """queues: lists of (wanted, mutants in order): of each, as many as wanted are run that compile."""
        lock, work, failed = threading.Lock(), [[wanted, list(mutants)] for wanted, mutants in queues], []

        def take():
            with lock:
                for queue, (wanted, mutants) in enumerate(work):
                    if wanted and mutants and not failed:
                        work[queue][0] -= 1
                        return queue, mutants.pop(0)
            return None

        def loop(number):
            worker = Worker(self.tests, self.folder / f"{os.getpid()}-{number}")
            try:
                while (job := take()) is not None:
                    verdict = worker.run(job[1])
                    with lock:
                        if verdict[0] == "invalid":
                            work[job[0]][0] += 1
                        done(job[0], job[1], verdict)
            except BaseException as error:
                failed.append(error)

        threads = [threading.Thread(target=loop, args=(i,)) for i in range(self.n)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        if failed:
            raise failed[0]

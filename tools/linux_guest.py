"""A Linux guest out of Debian's packages: the kernel as packaged, and an initramfs with busybox and what a Guest names.
Takes apt-get, dpkg-deb and Debian's archive, not root; nothing is installed."""
import dataclasses
import hashlib
import lzma
import os
import pathlib
import re
import shutil
import struct
import subprocess
import tarfile
import tempfile
import urllib.parse

PROGRAMS = ("fio", "nvme-cli", "busybox-static")
FOLDERS = ("bin", "dev", "lib", "lib64", "modules", "proc", "sys", "tmp")
PT_LOAD, PT_DYNAMIC = 1, 2
DT_NEEDED, DT_STRTAB = 1, 5


class Failure(Exception):
    """What went wrong, in one sentence for the user."""


@dataclasses.dataclass(frozen=True)
class Guest:
    """What is in an initramfs besides busybox."""
    who: str  # the tool that wants it, for messages
    init: pathlib.Path
    packages: tuple  # with what they depend on
    binaries: tuple  # (name in /bin, pattern of its path in the packages)
    modules: tuple  # of the kernel, in the order of loading
    plugins: tuple = ()  # shared libraries that programs load by name
    files: tuple = ()  # (path, bytes) of programs of ours
    suite: str = ""  # of Debian, which all packages are taken from; none: as this system's apt has them


READS = Guest(who="compare-linux", init=pathlib.Path(__file__).with_name("linux_guest_init.sh"), packages=PROGRAMS,
              binaries=(("fio", "usr/bin/fio"), ("nvme", "usr/sbin/nvme")), modules=("nvme",))


def apt_get(*words, cwd=None):
    """apt-get's output; Failure with apt's own first complaint."""
    # As root, apt would download as its user _apt, which cannot write here, and warn about that.
    command = ["apt-get", "-qq", "-o", "APT::Sandbox::User=root", *words]
    try:
        done = subprocess.run(command, cwd=cwd, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=900)
    except FileNotFoundError:
        raise Failure("no apt-get here: the Linux guest is made of Debian's packages") from None
    except subprocess.TimeoutExpired:
        raise Failure("apt-get gave no packages within 15 minutes: is the network up?") from None
    if done.returncode:
        said = [line[3:] for line in done.stderr.splitlines() if line.startswith("E: ")]
        raise Failure(f"apt-get {words[-1] if len(words) == 1 else words[0]}: {said[0] if said else done.stderr.strip()}; "
                      "is the network up, and are apt's lists there (apt-get update, as root)?")
    return done.stdout


def options_of_suite(folder, suite):
    """Options for apt-get that make it know the packages of that suite alone, with lists below folder and nothing installed."""
    keys = sorted(pathlib.Path("/usr/share/keyrings").glob("debian-archive-keyring.[gp]*"))
    mirrors = subprocess.run(["apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages", "Origin: Debian",
                              "Label: Debian"], capture_output=True, text=True, timeout=60).stdout.split() if keys else ()
    if not mirrors:
        raise Failure("this system has no keys of Debian's archive (debian-archive-keyring) or knows no mirror of it (apt-get update)")
    for name in ("lists/partial", "archives/partial", "etc/preferences.d"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    (folder / "status").touch()
    suites = sorted({suite, suite.removesuffix("-backports")})
    (folder / "etc/sources.list").write_text("".join(f"deb [arch=amd64 signed-by={keys[0]}] {mirrors[0]} {s} main\n" for s in suites))
    options = [word for option in (f"Dir::State={folder}", f"Dir::State::status={folder / 'status'}", f"Dir::Cache={folder}",
                                   f"Dir::Etc={folder / 'etc'}", "Dir::Etc::netrc=/etc/apt/auth.conf",
                                   "Dir::Etc::netrcparts=/etc/apt/auth.conf.d", "APT::Architecture=amd64",
                                   "APT::Architectures=amd64", "Acquire::Languages=none", "APT::Update::Error-Mode=any",
                                   f"APT::Default-Release={suite}") for word in ("-o", option)]
    apt_get(*options[:-2], "update") # the suite is not known before
    return options


def choose(uris, programs=PROGRAMS):
    """The packages to download, as NAME=VERSION, out of what apt-get --print-uris says: programs, kernel, libraries."""
    chosen = []
    for file in re.findall(r"^'[^']*' (\S+)", uris, re.MULTILINE):
        name, version, _ = urllib.parse.unquote(file).removesuffix(".deb").split("_")
        if name in programs or name == "zlib1g" or re.match(r"linux-(image|binary|modules)-\d", name) or \
                (name.startswith("lib") and not re.search(r"-perl$|-dev$|^libpython|^libperl", name)):
            chosen.append(f"{name}={version}")
    if not any(name.startswith("linux-image-") for name in chosen):
        raise Failure("apt knows no kernel behind linux-image-amd64: this takes Debian's package lists for amd64")
    return chosen


def fetch(folder, who="compare-linux", kernel="linux-image-amd64", programs=PROGRAMS, suite=""):
    """The .deb files below folder, downloaded unless all of them are there; kernel and suite as apt-get takes them."""
    complete = folder / "complete"
    if not complete.exists():
        shutil.rmtree(folder, ignore_errors=True)
        (folder / "partial").mkdir(parents=True)
        options = options_of_suite(folder.resolve() / "apt", suite) if suite else ()
        # As if nothing were installed, nor downloaded by someone else before.
        uris = apt_get(*options, "--print-uris", "--no-install-recommends", "-o", "Dir::State::status=/dev/null",
                       "-o", f"Dir::Cache::archives={folder}", "install", kernel, *programs)
        chosen = choose(uris, programs)
        print(f"{who}: downloading {len(chosen)} packages of Debian to {os.path.relpath(folder)}", flush=True)
        apt_get(*options, "download", *chosen, cwd=folder)
        complete.write_text("".join(f"{name}\n" for name in chosen))
    return sorted(folder.glob("*.deb"))


class Packages:
    """The files of packages: by path, and shared libraries by name. The packages' tar files stay open, in folder."""

    def __init__(self, debs, folder):
        self.members, self.libraries = {}, {}
        for deb in debs:
            path = folder / (deb.name + ".tar")
            with open(path, "wb") as out:
                try:
                    subprocess.run(["dpkg-deb", "--fsys-tarfile", deb], stdout=out, stderr=subprocess.PIPE, check=True)
                except (FileNotFoundError, subprocess.CalledProcessError):
                    raise Failure(f"dpkg-deb cannot unpack {deb}: remove {os.path.relpath(deb.parent)} and run again") from None
            tar = tarfile.open(path)
            for member in tar:
                name = member.name.removeprefix("./")
                self.members[name] = tar, member
                base = os.path.basename(name)
                if ".so" not in base or "glibc-hwcaps" in name:
                    continue
                if member.isfile() or (member.issym() and base not in self.libraries):
                    self.libraries[base] = tar, member # a link may have the name of the file it leads to

    def read(self, pattern):
        """Path and bytes of the one file whose path the pattern matches."""
        found = [name for name, (_, member) in self.members.items() if member.isfile() and re.fullmatch(pattern, name)]
        if len(found) != 1:
            raise Failure(f"{len(found)} files like {pattern} in Debian's packages, where one was expected")
        tar, member = self.members[found[0]]
        return found[0], tar.extractfile(member).read()

    def library(self, name):
        """The bytes of a shared library, through its links."""
        for _ in range(8):
            if name not in self.libraries:
                break
            tar, member = self.libraries[name]
            if member.isfile():
                return tar.extractfile(member).read()
            name = os.path.basename(member.linkname)
        raise Failure(f"no package that the programs depend on has the library {name}")


def needed(elf):
    """The names of the shared libraries that an ELF file (64 bits) says it needs."""
    offset, = struct.unpack_from("<Q", elf, 32)
    size, count = struct.unpack_from("<HH", elf, 54)
    segments = [struct.unpack_from("<IIQQQQ", elf, offset + i * size) for i in range(count)]

    def place(address):
        for kind, _, at, virtual, _, length in segments:
            if kind == PT_LOAD and virtual <= address < virtual + length:
                return at + address - virtual
        raise Failure("an ELF file of Debian's packages cannot be read")

    names, strings = [], None
    for kind, _, at, _, _, length in segments:
        if kind == PT_DYNAMIC:
            for tag, value in struct.iter_unpack("<QQ", elf[at : at + length]):
                if tag == DT_NEEDED:
                    names.append(value)
                elif tag == DT_STRTAB:
                    strings = place(value)
    return [elf[strings + name : elf.index(b"\0", strings + name)].decode() for name in names]


def with_libraries(packages, programs, plugins=()):
    """name: bytes of the plugins and of all shared libraries that they and the programs (bytes) need, theirs included."""
    # The first one is loaded by the C library itself when a thread ends.
    libraries, todo = {}, ["libgcc_s.so.1", *plugins, *(name for program in programs for name in needed(program))]
    while todo:
        name = todo.pop()
        if name not in libraries:
            libraries[name] = packages.library(name)
            todo += needed(libraries[name])
    return libraries


def modules(packages, *names):
    """[(name, bytes)] of kernel modules and those that they need, in the order of loading."""
    order = {}

    def add(name):
        if name in order:
            return
        # Debian 13 packs modules; a name may be spelt with - or _.
        path, module = packages.read(r"(usr/)?lib/modules/[^/]+/kernel/(.*/)?" + re.sub("[-_]", "[-_]", name) + r"\.ko(\.xz)?")
        if path.endswith(".xz"):
            module = lzma.decompress(module)
        for other in filter(None, re.search(rb"\0depends=([^\0]*)\0", module)[1].decode().split(",")):
            add(other)
        order[name] = module

    for name in names:
        add(name)
    return list(order.items())


def cpio(files):
    """An initramfs (cpio, newc) of {path: (bytes, permissions)}; folders end with /."""
    out = bytearray()

    def entry(number, name, mode, data):
        fields = (number, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name) + 1, 0)
        out.extend(b"070701" + b"".join(b"%08x" % field for field in fields) + name.encode() + b"\0")
        out.extend(bytes(-len(out) % 4) + data)
        out.extend(bytes(-len(out) % 4))

    for number, (name, (data, permissions)) in enumerate(files.items(), 1):
        entry(number, name.rstrip("/"), (0o040000 if name.endswith("/") else 0o100000) | permissions, data)
    entry(0, "TRAILER!!!", 0, b"")
    return bytes(out)


def make(folder, guest=READS):
    """(kernel, initrd) of a guest below folder, made unless they are there and nothing has changed since."""
    debs = fetch(folder / "deb", guest.who, programs=guest.packages, suite=guest.suite)
    state = hashlib.sha256(b"".join([pathlib.Path(__file__).read_bytes(), guest.init.read_bytes(), repr(guest).encode(),
                                     *(deb.name.encode() for deb in debs)])).hexdigest()
    kernel, initrd, stamp = folder / "vmlinuz", folder / "initrd", folder / "made"
    if stamp.exists() and stamp.read_text() == state and kernel.exists() and initrd.exists():
        return kernel, initrd
    print(f"{guest.who}: making the guest in {os.path.relpath(folder)}", flush=True)
    stamp.unlink(missing_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as tars:
        packages = Packages(debs, pathlib.Path(tars))
        programs = {name: packages.read(pattern)[1] for name, pattern in guest.binaries}
        files = {f"{name}/": (b"", 0o755) for name in FOLDERS}
        files["init"] = guest.init.read_bytes(), 0o755
        files["bin/busybox"] = packages.read("(usr/)?bin/busybox")[1], 0o755
        for name, data in [*((f"bin/{name}", data) for name, data in programs.items()), *guest.files]:
            files[name] = data, 0o755
        for name, data in with_libraries(packages, programs.values(), guest.plugins).items():
            files[f"lib64/{name}" if name.startswith("ld-linux") else f"lib/{name}"] = data, 0o755
        for number, (name, data) in enumerate(modules(packages, *guest.modules)):
            files[f"modules/{number:02}-{name}.ko"] = data, 0o644
        kernel.write_bytes(packages.read("boot/vmlinuz-.*|usr/lib/modules/[^/]+/vmlinuz")[1])
        initrd.write_bytes(cpio(files))
    stamp.write_text(state)
    return kernel, initrd

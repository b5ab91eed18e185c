"""Started otherwise than from a stick: PXE, iPXE, HTTP boot, the UEFI Shell; options by the command line and from the server."""
import contextlib
import functools
import http.server
import shutil
import subprocess
import threading

import pytest
import sluice

pytestmark = pytest.mark.own_firmware

LAST = {"app": "audit", "ok": "1"}


class Net:
    """A machine without a disk, and a folder that is on a TFTP and an HTTP server."""

    def __init__(self, folder, emulator):
        self.emulator, self.folder, self.server = emulator, folder, folder / "server"
        self.server.mkdir()
        shutil.copy(sluice.ROOT / "build/BOOTX64.EFI", self.server / "BOOTX64.EFI")
        self.asked = []

    @functools.cached_property
    def firmware(self):
        code = self.emulator.env.get("OVMF") or "/usr/share/OVMF/OVMF_CODE_4M.fd"
        return code, code.replace("CODE", "VARS")

    def config(self, text):
        (self.server / "sluice.cfg").write_text(text)

    def boot(self, *qemu, variables=None, deadline=sluice.PATIENCE):
        """Until QEMU ends; what it said."""
        code, start = self.firmware
        shutil.copy(variables or start, self.folder / "vars.fd")
        command = [self.emulator.path, "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot", "-machine", "q35,kernel-irqchip=split",
                   "-cpu", "max", "-accel", "tcg", "-m", "512M", "-device", "intel-iommu,intremap=on", "-device", "virtio-rng-pci",
                   "-drive", f"if=pflash,unit=0,format=raw,readonly=on,file={code}", "-drive", f"if=pflash,unit=1,format=raw,file={self.folder}/vars.fd",
                   "-serial", f"file:{self.folder}/serial.log", "-device", "isa-debug-exit,iobase=0xf4,iosize=4", *map(str, qemu)]
        print("$", *command, flush=True)
        try:
            status = subprocess.run(command, timeout=deadline, cwd=sluice.ROOT, stdin=subprocess.DEVNULL).returncode
        except subprocess.TimeoutExpired:
            status = None
        text = (self.folder / "serial.log").read_text(errors="replace")
        print(text.replace("\r", ""))
        return sluice.Run(status, text, self.folder)

    def card(self, boot_file=None, rom=False, first=True):
        """A network card. rom: with QEMU's option ROM, which is iPXE; without, the firmware's own PXE starts."""
        tftp = f",tftp={self.server},bootfile={boot_file}" if boot_file else ""
        return ["-netdev", f"user,id=n{tftp}", "-device",
                "virtio-net-pci,netdev=n" + (",bootindex=0" if first else "") + ("" if rom else ",romfile=")]

    @contextlib.contextmanager
    def http(self):
        """The folder over HTTP, on a port of its own."""
        asked = self.asked

        class Handler(http.server.SimpleHTTPRequestHandler):
            def log_message(self, *args):
                asked.append(f"{self.command} {self.path}")

        with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=self.server)) as one:
            threading.Thread(target=one.serve_forever, daemon=True).start()
            try:
                yield f"http://10.0.2.2:{one.server_port}"
            finally:
                one.shutdown()


@pytest.fixture
def net(folder, emulator):
    return Net(folder, emulator)


def came(run, sources, status):
    """It ran with options from there, to its end, and printed the report."""
    assert run.result, f"no RESULT; {run.summary()}"
    assert {key: run.result[key] for key in LAST} == LAST, run.summary()
    assert f"boot: options from {sources}: app=audit" in run.text
    assert run.status == status and "END SLUICE REPORT" in run.text, run.summary()


def test_pxe(net):
    """The firmware's own PXE: sluice.cfg of the server, in the folder of the boot file."""
    (net.server / "x64").mkdir()
    shutil.move(net.server / "BOOTX64.EFI", net.server / "x64/net.efi")
    net.config("app=tetris\n")
    (net.server / "x64/sluice.cfg").write_text("app=audit\njson=1\nend=qemu\n")
    run = net.boot(*net.card("x64/net.efi"))
    assert "PXE over IPv4" in run.text
    came(run, "sluice.cfg by TFTP", 33)


def test_pxe_without_options(net):
    """Nothing says what to do: the audit, which only looks. There is no end=, so it halts."""
    monitor = sluice.Monitor(net.folder)

    def end():
        sluice.wait_for(net.folder / "serial.log", "System halted")
        monitor.quit()

    with sluice.beside(end):
        run = net.boot(*net.card("BOOTX64.EFI"), *monitor.qemu)
    assert {key: run.result[key] for key in LAST} == LAST, run.summary()
    assert "boot: options from built-in defaults: app=audit" in run.text and "FAIL" not in run.text


def assert_rom(run):
    """Not every firmware starts the ROM of a network card that it has a driver for."""
    if "iPXE" not in run.text and "Start PXE" in run.text:
        pytest.skip("this firmware starts its own driver in place of the network card's ROM (iPXE)")
    assert "iPXE" in run.text


def test_ipxe(net):
    """iPXE's chain hands over the file's name and the words; it leaves the size of what it reads by TFTP as it was."""
    net.config("json=1\nvfs=3\n")
    (net.server / "x.ipxe").write_text("#!ipxe\nchain tftp://10.0.2.2/BOOTX64.EFI app=audit vfs=5 end=shutdown\n")
    run = net.boot(*net.card("x.ipxe", rom=True))
    assert_rom(run)
    came(run, "sluice.cfg by TFTP, command line", 0)
    assert "app=audit vfs=5 qd=32" in run.text


def test_ipxe_http(net):
    with net.http() as url:
        (net.server / "x.ipxe").write_text(f"#!ipxe\nchain {url}/BOOTX64.EFI app=audit json=1 end=shutdown\n")
        run = net.boot(*net.card("x.ipxe", rom=True))
    assert_rom(run)
    came(run, "command line", 0)


def test_http_boot(net):
    """UEFI HTTP boot; sluice.cfg comes in more than one piece."""
    if not shutil.which("virt-fw-vars"):
        pytest.skip("virt-fw-vars is not installed (package python3-virt-firmware): it makes the boot entry")
    (net.server / "sub").mkdir()
    shutil.move(net.server / "BOOTX64.EFI", net.server / "sub/net.efi")
    (net.server / "sub/sluice.cfg").write_text("app=audit\njson=1\n" + "# not needed\n" * 4000 + "end=qemu\n")
    variables = net.folder / "http.fd"
    with net.http() as url:
        subprocess.run(["virt-fw-vars", "-i", net.firmware[1], "-o", variables, "--set-boot-uri", f"{url}/sub/net.efi"],
                       check=True, capture_output=True)
        run = net.boot(*net.card(first=False), variables=variables)
    assert "GET /sub/sluice.cfg" in net.asked
    came(run, "sluice.cfg by HTTP", 33)


def test_shell(net):
    """The UEFI Shell hands over the line as it was typed, with the program's path and quotation marks."""
    shutil.move(net.server / "BOOTX64.EFI", net.server / "Sluice.efi")
    (net.server / "startup.nsh").write_text('fs0:\\Sluice.efi app=audit "json=1" end=qemu\r\n')
    run = net.boot("-drive", f"if=none,id=esp,format=raw,file=fat:rw:{net.server}", "-device", "ide-hd,drive=esp,bootindex=0")
    came(run, "command line", 33)

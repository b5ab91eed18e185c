#!/usr/bin/env python3
"""Checks that #include lines follow the layers of the tree, that only *_hw files touch hardware, and that host tests use
nothing that cmocka 2.0 deprecates.

    apps -> drivers -> {pci, iommu} -> kernel -> kernel/x86        boot -> kernel

A register header (regs.h, *_regs.h) belongs to its own folder.
"""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
LAYERS = {  # layer: the layers it may include, besides itself
    "kernel/x86": {"kernel"},
    "kernel": {"kernel/x86"},
    "pci": {"kernel", "kernel/x86"},
    "iommu": {"kernel", "kernel/x86"},
    "drivers": {"kernel", "kernel/x86", "pci"},
    "apps": {"kernel", "kernel/x86", "pci", "iommu", "drivers", "boot"},
    "boot": {"kernel", "kernel/x86"},
}
ANYONE = {"boot/boot_info.h", "boot/config.h"}
BESIDES = {  # single headers; the loader records what the firmware left in registers
    "drivers": {"iommu/domain.h"},
    "boot": {"iommu/dmar/dmar.h", "pci/regs.h", "iommu/vtd/regs.h"},
}
REGS = re.compile(r"(^|_)regs\.h$")
HARDWARE = re.compile(
    r'#\s*include "kernel/x86/port\.h"'
    r'|__asm__.*"(in[bwl]|out[bwl]|rdmsr|wrmsr|rdtsc|cpuid|cli|sti|hlt|l[gi]dt|ltr|invlpg|clflush|mov\s.*%cr\d)'
)


def layer_of(path):
    parts = path.split("/")
    return "kernel/x86" if parts[:2] == ["kernel", "x86"] else parts[0]


def folder_of(path):
    return path.rsplit("/", 1)[0]


def check(name):
    layer = layer_of(name)
    for number, line in enumerate((ROOT / name).read_text().splitlines(), 1):
        where = f"{name}:{number}"
        if match := re.match(r'\s*#\s*include\s+"([^"]+)"', line):
            target = match[1]
            to = layer_of(target)
            free = "/" not in target or target in ANYONE | BESIDES.get(layer, set())
            if to != layer and to not in LAYERS[layer] and not free:
                yield f"{where}: {layer} must not include {target}"
            if REGS.search(target) and folder_of(target) != folder_of(name) and not free:
                yield f"{where}: {target} belongs to its own folder"
        if name.endswith(".c") and not name.endswith("_hw.c") and HARDWARE.search(line):
            yield f"{where}: touches hardware, which is for files ending in _hw.c"


def main():
    names = [
        p.relative_to(ROOT).as_posix()
        for top in sorted({layer.split("/")[0] for layer in LAYERS})
        for p in sorted((ROOT / top).rglob("*.[chS]"))
    ]
    wrong = [text for name in names for text in check(name)]
    for test in sorted((ROOT / "tests/unit").glob("*.c")):
        if re.search(r"\bassert_(not_)?in_(range|set)\(", test.read_text()):
            wrong.append(f"tests/unit/{test.name}: cmocka 2.0 deprecates that assertion: use assert_between() of tests/unit/between.h")
    print("\n".join(wrong + [f"check_deps: {len(names)} files, {len(wrong)} wrong"]))
    return bool(wrong)


sys.exit(main())

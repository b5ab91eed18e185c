#!/usr/bin/env python3
"""Checks the shape of the tree: #include lines and calls go from a folder to those below it, and no folders call each
other in a circle; only *_hw files touch hardware; a header declares functions of few files; functions are short, those of
tests/ and tools/ too; host tests use nothing that cmocka 2.0 deprecates.

    apps: main -> shell -> audit -> proof -> measure -> work -> vf -> bringup -> report
    apps -> drivers -> {pci, iommu} -> kernel -> kernel/x86        boot -> kernel

usage: tools/check_deps.py [BUILD]
Calls are read from the objects in BUILD/kernel (default: build), so the kernel has to be built; without it only
#include lines are checked, and a line says so. A register header (regs.h, *_regs.h) belongs to its own folder."""
import collections
import pathlib
import re
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
LIBRARIES = {"kernel", "kernel/x86", "pci", "iommu", "iommu/vtd", "iommu/amdvi", "iommu/dmar", "iommu/ivrs", "iommu/tables", "drivers"}
ROOMS = ["report", "bringup", "vf", "work", "measure", "proof", "audit", "shell"]  # each may use those before it
LAYERS = {  # layer: the layers it may use, besides itself
    "kernel/x86": {"kernel"},
    "kernel": {"kernel/x86"},
    "pci": {"kernel", "kernel/x86"},
    "iommu": {"kernel", "kernel/x86"},  # what all kinds of units share; the units stand behind iommu/backend.h
    "iommu/vtd": {"iommu", "iommu/dmar", "iommu/tables", "kernel", "kernel/x86"},
    "iommu/amdvi": {"iommu", "iommu/ivrs", "iommu/tables", "kernel", "kernel/x86"},
    "iommu/dmar": {"iommu/tables", "kernel", "kernel/x86"},
    "iommu/ivrs": {"iommu/tables", "kernel", "kernel/x86"},
    "iommu/tables": {"kernel", "kernel/x86"},  # what the firmware's tables of both kinds share
    "drivers": {"kernel", "kernel/x86", "pci"},
    **{f"apps/{room}": LIBRARIES | {"boot"} | {f"apps/{r}" for r in ROOMS[:i]} for i, room in enumerate(ROOMS)},
    "apps": LIBRARIES | {"boot"} | {f"apps/{room}" for room in ROOMS},
    "boot": {"kernel", "kernel/x86"},
}
ANYONE = {"boot/boot_info.h", "boot/config.h"}
PRIVATE = {"kernel/x86": {"kernel", "kernel/x86"}}  # layer: those that may include its headers; others call what kernel/ offers
BESIDES = {  # single headers
    "drivers": {"iommu/domain.h", "drivers/dsa/regs.h", "drivers/xhci/regs.h"},  # attacks are not the driver's
    "boot": {"kernel/x86/pt.h", "iommu/dmar/dmar.h", "pci/regs.h", "iommu/vtd/regs_seen.h",
             "iommu/ivrs/ivrs.h", "iommu/amdvi/regs_seen.h"},  # what the firmware left in registers is recorded
    **{f"apps/{room}": {"apps/machine.h"} for room in ROOMS},
    "apps/proof": {"apps/machine.h", "drivers/nvme/regs.h"},  # attacks are not the driver's
    "apps": {"kernel/x86/cpu.h", "kernel/x86/percore.h"},  # start_hw.c sets the first processor up
}
CALLS_BESIDES = {  # (layer, function): calls against the layers, with the reason
    ("drivers", "iommu"): "buffers are mapped in a domain",
}
HEADER_FILES, FUNCTION_LINES, APPS_FILES = 3, 60, 6
REGS = re.compile(r"(^|_)regs\.h$")
HARDWARE = re.compile(
    r'#\s*include "kernel/x86/port\.h"'
    r'|__asm__.*"(in[bwl]|out[bwl]|rdmsr|wrmsr|rdtsc|cpuid|cli|sti|hlt|l[gi]dt|ltr|invlpg|clflush|mov\s.*%cr\d)'
)


def layer_of(path):
    folder = path.rsplit("/", 1)[0]
    while folder not in LAYERS:
        if "/" not in folder:
            return folder
        folder = folder.rsplit("/", 1)[0]
    return folder


def allowed(layer, to):
    return to == layer or to in LAYERS[layer]


def check_includes(name):
    layer = layer_of(name)
    for number, line in enumerate((ROOT / name).read_text().splitlines(), 1):
        where = f"{name}:{number}"
        if match := re.match(r'\s*#\s*include\s+"([^"]+)"', line):
            target = match[1]
            free = "/" not in target or target in ANYONE | BESIDES.get(layer, set())
            of = layer_of(target)
            if not free and (not allowed(layer, of) or layer not in PRIVATE.get(of, {layer})):
                yield f"{where}: {layer} must not include {target}"
            if REGS.search(target) and target.rsplit("/", 1)[0] != name.rsplit("/", 1)[0] and not free:
                yield f"{where}: {target} belongs to its own folder"
        if name.endswith(".c") and not name.endswith("_hw.c") and HARDWARE.search(line):
            yield f"{where}: touches hardware, which is for files ending in _hw.c"


def symbols(objects):
    """What each object defines and what it uses: two dictionaries, name of a symbol to files."""
    defines, uses = {}, collections.defaultdict(set)
    text = subprocess.run(["llvm-nm", "-A", "-g", *objects], capture_output=True, text=True, check=True).stdout
    for line in text.splitlines():
        where, kind, symbol = re.match(r"(.*?\.o): +(?:[0-9a-f]+)? *([A-Za-z]) (.*)", line).groups()
        source = where.split("/kernel/", 1)[1].removesuffix(".o")
        if kind == "U":
            uses[symbol].add(source)
        else:
            defines[symbol] = source
    return defines, uses


def objects_of(build):
    objects = [p for p in sorted((build / "kernel").rglob("*.o")) if (ROOT / p.relative_to(build / "kernel").with_suffix("")).exists()]
    if not objects or not shutil.which("llvm-nm"):
        print("check_deps: calls were not checked: build the kernel first")
        return {}, {}
    return symbols(objects)


def check_calls(defines, uses):
    for symbol, sources in sorted(uses.items()):
        for source in sorted(sources):
            if symbol not in defines:
                continue
            layer, to = layer_of(source), layer_of(defines[symbol])
            free = (layer, symbol) in CALLS_BESIDES or (layer, to) in CALLS_BESIDES
            if not free and not allowed(layer, to):
                yield f"{source}: {layer} must not call {symbol}() of {defines[symbol]}"


def folder_of(path):
    """Its folder; what belongs to one processor counts as kernel/, which it is the other half of."""
    folder = path.rsplit("/", 1)[0]
    return "kernel" if folder == "kernel/x86" else folder


def check_circles(defines, uses):
    """Folders that call each other, directly or by way of others."""
    calls = collections.defaultdict(set)
    for symbol, sources in uses.items():
        for source in sources if symbol in defines else ():
            calls[folder_of(source)].add(folder_of(defines[symbol]))

    def below(folder, seen):
        for other in calls[folder] - seen - {folder}:
            below(other, seen | {other})
            seen.add(other)
        return seen

    reach = {folder: below(folder, set()) for folder in list(calls)}
    for folder in sorted(reach):
        for other in sorted(reach[folder]):
            if folder < other and folder in reach.get(other, ()):
                yield f"{folder} and {other} call each other"


def check_headers(names, defines):
    """A header declares functions of at most HEADER_FILES files."""
    for name in names:
        if not name.endswith(".h"):
            continue
        text = re.sub(r"/\*.*?\*/", "", (ROOT / name).read_text(), flags=re.S)
        files = {defines[f] for f in re.findall(r"\b([a-z_][a-z0-9_]*)\s*\([^;{}]*\)[^;{}=]*;", text) if f in defines}
        if len(files) > HEADER_FILES and name != "iommu/iommu.h":
            yield f"{name}: declares functions of {len(files)} files: {', '.join(sorted(files))}"


def check_sizes(names):
    """Functions of at most FUNCTION_LINES lines between their braces, and few files in apps/ itself."""
    for name in names:
        start = None
        for number, line in enumerate((ROOT / name).read_text().splitlines(), 1) if name.endswith(".c") else ():
            if line == "{":
                start = number
            elif line == "}" and start:
                if number - start - 1 > FUNCTION_LINES:
                    yield f"{name}:{start}: a function of {number - start - 1} lines; {FUNCTION_LINES} are the limit"
                start = None
    top = [name for name in names if re.fullmatch(r"apps/[^/]+", name)]
    if len(top) > APPS_FILES:
        yield f"apps/: {len(top)} files beside the rooms; {APPS_FILES} are the limit"


# What there is of each kind today: its names, where they are at home, and the recipe of docs/extending.md whose files
# alone may have them besides.
TODAY = [
    ("An attack", r"\bstrike_edu\b", r"apps/proof/strike_edu\.c"),
    ("A device whose VFs do work", r"\bqat_kind\b", r"apps/vf/qat\.[ch]"),
    ("A device whose VFs do work", r"\bigb_kind\b", r"apps/vf/igb\.[ch]"),
    ("An IOMMU", r"\bvtd_(?!regs_line|ability|state|regs_seen|reasons)\w+\(", r"(iommu/vtd|apps/audit|boot/keep\.c|tools)/?.*"),
]


def check_recipes(names):
    """docs/extending.md names files that exist, as many as it says, and all that have the names of what there is."""
    text = (ROOT / "docs/extending.md").read_text()
    recipes = dict(re.findall(r"^## (.*?)\n(.*?)(?=^## |\Z)", text, re.M | re.S))
    for title, body in recipes.items():
        for claim, listed in re.findall(r"([Tt]ouch(?:es)? [^\n]*?):\n\n((?:(?:\d\.|   )[^\n]*\n)+)", body):
            rows = re.findall(r"^\d\. (.*)", listed, re.M)
            if str(len(rows)) not in re.findall(r"\d", claim):
                yield f"docs/extending.md: {title}: \"{claim}\", and {len(rows)} are listed"
        for path in re.findall(r"`([a-z]+/[\w/.]+\.\w+)`", body):
            if "NAME" not in path and not (ROOT / path).exists():
                yield f"docs/extending.md: {title}: {path} does not exist"
    for title, pattern, home in TODAY:
        listed = set(re.findall(r"^\d\. `([^`]+)`", recipes[title], re.M))
        for name in names:
            code = re.sub(r"/\*.*?\*/|//[^\n]*", "", (ROOT / name).read_text(), flags=re.S)
            if re.search(pattern, code) and not re.fullmatch(home, name) and name not in listed:
                yield f"{name}: has {pattern}, and the recipe \"{title}\" of docs/extending.md does not list it"


def main():
    build = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / "build").resolve()
    names = [
        p.relative_to(ROOT).as_posix()
        for top in sorted({layer.split("/")[0] for layer in LAYERS})
        for p in sorted((ROOT / top).rglob("*.[chS]"))
    ]
    wrong = [text for name in names for text in check_includes(name)]
    defines, uses = objects_of(build)
    wrong += [*check_calls(defines, uses), *check_circles(defines, uses), *check_headers(names, defines)]
    beside = [p.relative_to(ROOT).as_posix() for top in ("tests", "tools") for p in sorted((ROOT / top).rglob("*.c"))]
    wrong += check_recipes(names)
    wrong += check_sizes(names + beside)
    for test in sorted((ROOT / "tests/unit").glob("*.c")):
        if re.search(r"\bassert_(not_)?in_(range|set)\(", test.read_text()):
            wrong.append(f"tests/unit/{test.name}: cmocka 2.0 deprecates that assertion: use assert_between() of tests/unit/test.h")
    print("\n".join(wrong + [f"check_deps: {len(names)} files, {len(wrong)} wrong"]))
    return bool(wrong)


sys.exit(main())

# make             kernel, EFI file and its sizes
# make run         ./run.sh
# make image       build/sluice.img for a USB stick; CFG=FILE puts options into the EFI file
# make sign        build/BOOTX64.signed.EFI and an image with it, for Secure Boot; KEY=FILE CERT=FILE
# make check       host tests (cmocka, ASan, UBSan)
# make quick       before a commit: host tests, rules of the tree, a few boots; under 4 minutes
# make test        everything; installs what is missing
# make boot-test   boot tests in QEMU (pytest)
# make fuzz        a short fuzzing run; fuzz-igb for one of them
# make lint        format, clang-tidy, directions of includes and calls, documents
# make coverage    branches that the host tests reach
# make mutants     which alterations of the sources the host tests see; ONLY=iommu,nvme for some
# make prove       CBMC proves the readers of foreign bytes, up to a size; SEED=1: it finds the errors that are put in
# make machines    10,000 random machines on the host
# make soak        60 of the kind, booted in QEMU; then the long boot tests
# make bench       one table: VFs, depth, kinds of isolation, PF against VF; build/bench/*.svg
# make bench-iommu cost of map and unmap, in instructions
# make bench-insn  instructions and MMIO accesses of each operation
# make compare     Sluice and Debian's Linux in turn
# make replay      build/replay: a recorded report, judged on the host
# make qat-model   build/qat-model.so, a QAT card for QEMU
# make dsa-model   build/dsa-model.so, an Intel DSA for QEMU
# make model-test  Linux's and DPDK's drivers judge both
# make clean       removes build/; V=1 shows the commands
B    ?= build
CC   := clang
HOSTCC ?= gcc
V    ?= 0
Q    := $(if $(filter 0,$(V)),@,)
say   = $(if $(filter 0,$(V)),@printf '  %-7s %s\n' '$(1)' '$(2)')

MULTIARCH := $(shell gcc -print-multiarch 2>/dev/null || echo x86_64-linux-gnu)
WARN := -std=c11 -Wall -Wextra -Wconversion -Wpedantic -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla \
        -Wno-unused-command-line-argument -Werror
# Only self-contained headers are taken from the host: stb/stb_sprintf.h, sys/queue.h.
LIBC := -idirafter /usr/include -idirafter /usr/include/$(MULTIARCH)
# GNU-EFI 4 takes wchar_t for UEFI's characters of two bytes.
# The largest stack is 32 KiB, and what overruns one is a double fault: no function takes more than 2 KiB of it.
COMMON := $(WARN) -Wframe-larger-than=2048 -O2 -g -ffreestanding -fno-common -fno-ident -mno-red-zone -mgeneral-regs-only -fshort-wchar -I. $(LIBC) \
          -ffile-prefix-map=$(CURDIR)=. -MMD -MP
KFLAGS := --target=x86_64-unknown-none-elf $(COMMON) -mcmodel=kernel -fno-pic -fno-omit-frame-pointer \
          -fstack-protector-strong -mstack-protector-guard=global -ffunction-sections -fdata-sections -DSLUICE_KERNEL
EFI_H  := -isystem /usr/include/efi -isystem /usr/include/efi/x86_64
EFLAGS := --target=x86_64-unknown-windows $(COMMON) -mno-stack-arg-probe -DSLUICE_LOADER -Oz -ffunction-sections -fdata-sections $(EFI_H)
HFLAGS := $(filter-out -Wno-unused-command-line-argument,$(WARN)) -Wno-unknown-pragmas -O1 -g -fno-omit-frame-pointer \
          -fsanitize=address,undefined -fno-sanitize-recover=all -I. -MMD -MP -DSLUICE_HOST

# What is built for what. *_hw.c touches hardware and is never built for the host.
APP_DIRS := apps $(patsubst %/,%,$(wildcard apps/*/))
LIB_DIRS := kernel kernel/x86 pci iommu $(patsubst %/,%,$(wildcard iommu/*/)) drivers $(patsubst %/,%,$(wildcard drivers/*/))
HOST_DIRS ?= boot $(LIB_DIRS) $(APP_DIRS)
KERNEL_DIRS ?= $(LIB_DIRS) $(APP_DIRS)
LOADER := $(wildcard boot/*.c) boot/jump.S kernel/acpi.c kernel/crc32.c kernel/kept_log.c kernel/memmap.c kernel/phys.c kernel/err.c kernel/fmt.c kernel/identity.c kernel/jsonl.c kernel/report_lines.c kernel/run_note.c kernel/screen_mode.c kernel/smbios.c kernel/str.c kernel/uart.c kernel/uart_hw.c kernel/x86/pt.c iommu/amdvi/regs_seen.c iommu/dmar/dmar.c iommu/ivrs/ivrs.c iommu/vtd/regs_seen.c
KERNEL := $(foreach d,$(KERNEL_DIRS),$(wildcard $(d)/*.c $(d)/*.S))
HOST   := $(filter-out %_hw.c kernel/str.c,$(foreach d,$(HOST_DIRS),$(wildcard $(d)/*.c)))
UNIT   := $(wildcard tests/unit/test_*.c)
MODEL  := $(wildcard tests/model/*.c tests/unit/support*.c) $(patsubst %,tools/replay/%.c,replay record machine)
FUZZ   := $(wildcard tests/fuzz/fuzz_*.c)

KOBJ := $(KERNEL:%=$B/kernel/%.o)
LOBJ := $(LOADER:%=$B/loader/%.o)
HOBJ := $(HOST:%=$B/host/%.o) $(MODEL:%=$B/host/%.o)
TBIN := $(UNIT:tests/unit/%.c=$B/host/%)

all: $B/BOOTX64.EFI $B/checkcfg sizes
.PHONY: help sign prove machines soak quick mutants replay compare bench coverage bench-iommu bench-insn all sizes image run test check boot-test fuzz lint clean setup
.DELETE_ON_ERROR:

help:
	@sed -n 's/^# \(make .*\)/\1/p' Makefile

# One rule for the objects of each variant: $(call variant,FOLDER,WORD,COMPILER,FLAGS), the last two by name, as a target may
# add flags of its own. WORD is what is printed; none: nothing is.
define variant
$B/$(1)/%.c.o: %.c Makefile
	$(if $(2),$$(call say,$(2),$$<))
	$$(Q)mkdir -p $$(@D) && $$($(3)) $$($(4)) -c -o $$@ $$<

$B/$(1)/%.S.o: %.S Makefile
	$(if $(2),$$(call say,AS,$$<))
	$$(Q)mkdir -p $$(@D) && $$($(3)) $$(filter --target=%,$$($(4))) -I. -I$B -MMD -MP -c -o $$@ $$<
endef
FUZZFLAGS := $(filter-out -Werror,$(WARN)) -w -O1 -g -I. -I$B -MMD -MP -DSLUICE_HOST -fsanitize=fuzzer-no-link,address,undefined \
          -fno-sanitize-recover=all
COVFLAGS := $(filter-out -Werror,$(WARN)) -w -O1 -g -I. -I$B -MMD -MP -DSLUICE_HOST -fprofile-instr-generate -fcoverage-mapping
$(eval $(call variant,kernel,CC,CC,KFLAGS))
$(eval $(call variant,loader,CC (loader),CC,EFLAGS))
$(eval $(call variant,host,HOSTCC,HOSTCC,HFLAGS))
$(eval $(call variant,fuzz,,CC,FUZZFLAGS))
$(eval $(call variant,cov,,CC,COVFLAGS))

PCI_IDS := $(firstword $(wildcard /usr/share/misc/pci.ids /usr/share/hwdata/pci.ids))
$B/pci.ids.packed: tools/pciids tools/pciids.awk $(PCI_IDS)
	$(call say,IDS,$@)
	$(Q)[ -n "$(PCI_IDS)" ] || { echo "no pci.ids: install the package pci.ids" >&2; exit 1; }
	$(Q)mkdir -p $(@D) && $< $(PCI_IDS) $@

$(foreach v,kernel host fuzz cov,$B/$(v)/pci/names.c.o): $B/pci.ids.packed
$B/kernel/pci/names.c.o: KFLAGS += -I$B
$B/host/pci/names.c.o: HFLAGS += -I$B

FONT := $(firstword $(wildcard /usr/share/consolefonts/spleen-8x16.psfu.gz /usr/share/kbd/consolefonts/spleen-8x16.psfu.gz))
$B/font: tools/font $(FONT)
	$(call say,FONT,$@)
	$(Q)[ -n "$(FONT)" ] || { echo "no spleen-8x16.psfu.gz: install the package fonts-spleen" >&2; exit 1; }
	$(Q)mkdir -p $(@D) && $< $(FONT) $@

# tests/unit/test_screen.c has kernel/screen.c in it once more.
SCREEN := $B/host/kernel/screen.c.o $B/host/tests/unit/test_screen.c.o
$(SCREEN) $(foreach v,kernel fuzz cov,$B/$(v)/kernel/screen.c.o): $B/font
$B/kernel/kernel/screen.c.o: KFLAGS += -I$B
$(SCREEN): HFLAGS += -I$B

# The version of the sources. Only the loader has it, so a commit does not change the kernel.
.PHONY: FORCE
$B/build_id.h: FORCE
	$(Q)mkdir -p $(@D) && tools/build-id >$@.new && if cmp -s $@.new $@; then rm $@.new; else mv $@.new $@; fi
$B/loader/boot/identity_hw.c.o: $B/build_id.h
$B/loader/boot/identity_hw.c.o: EFLAGS += -I$B

$B/kernel/kernel/power_hw.c.o $B/kernel/kernel/remember_hw.c.o: KFLAGS += $(EFI_H) -DGNU_EFI_USE_MS_ABI

# What runs once or answers a person is to be small; rings, tables and the loops that are timed are to be fast.
FAST := drivers/nvme/queue.c drivers/nvme/io.c drivers/qat/ring.c drivers/qat/vf.c drivers/igb/queue.c drivers/roce/take.c drivers/roce/responder.c drivers/roce/frame.c drivers/roce/icrc.c apps/work/rdma_turn.c drivers/dsa/queue.c drivers/crc32c.c iommu/cached_table.c iommu/map.c iommu/iopt.c iommu/amdvi/cmd.c iommu/vtd/inv.c iommu/vtd/qi.c apps/measure/bench_run.c \
        apps/work/bursts.c apps/measure/insn.c apps/measure/compute_insn.c apps/measure/move_insn.c apps/measure/packet_insn.c apps/vf/workers.c apps/work/load.c apps/measure/mapcost.c apps/work/pattern.c apps/vf/wait.c apps/work/timed.c \
        drivers/crc16.c kernel/pmm.c kernel/str.c
$(foreach f,$(FAST),$(if $(wildcard $(subst %,*,$(f))),,$(error FAST names $(f), and there is no such file)))
$(patsubst %,$B/kernel/%.o,$(filter-out $(FAST),$(filter %.c,$(KERNEL)))): KFLAGS += -Oz

$B/kernel.elf: $(KOBJ) linker.ld
	$(call say,LD,$@)
	$(Q)ld.lld -nostdlib -static -z noexecstack -z max-page-size=4096 --gc-sections --build-id=none \
		-T linker.ld -o $@.full $(KOBJ) && llvm-objcopy --strip-debug $@.full $@

# stb_image.h asks for stdlib.h, which Debian has only for programs (it wants floating point); nothing of it is used.
$B/kernel/kernel/inflate.c.o: KFLAGS += -D_STDLIB_H
# Its decoder has its Huffman tables on the stack, 6.6 KiB of them, and is called from near the top of it.
$B/kernel/kernel/inflate.c.o: KFLAGS += -Wframe-larger-than=7168

# xz leaves the size out of the header (bytes 5 to 12): it is written there.
$B/kernel.elf.lzma: $B/kernel.elf
	$(Q)xz -9e --format=lzma -c $< >$@.new
	$(Q)n=$$(wc -c <$<) && printf "$$(printf '\\%03o\\%03o\\%03o\\%03o' $$((n & 255)) $$((n >> 8 & 255)) $$((n >> 16 & 255)) $$((n >> 24)))\0\0\0\0" | \
		dd of=$@.new bs=1 seek=5 conv=notrunc status=none && mv $@.new $@

# The reader of options as a program of this machine, which clang suffices for.
CHECKCFG := tools/checkcfg.c boot/config.c kernel/fmt.c kernel/uart.c kernel/err.c
$B/checkcfg: $(CHECKCFG) $(wildcard boot/config.h boot/options.h kernel/*.h) Makefile
	$(call say,CC (host),$@)
	$(Q)mkdir -p $(@D) && $(CC) $(filter -W%,$(WARN)) -std=c11 -O1 -I. -DSLUICE_HOST -ffunction-sections -fdata-sections -Wl,--gc-sections \
		-o $@ $(CHECKCFG)

# Options that are built into the file: make CFG=FILE; without it, none.
CFG ?=
$B/built-in.cfg: $B/checkcfg FORCE
	$(Q)$(if $(CFG),$< $(CFG) $(notdir $(CFG)),:) && { cmp -s $(or $(CFG),/dev/null) $@ || cat $(or $(CFG),/dev/null) >$@; }

$B/loader/boot/kernel_image.S.o: $B/kernel.elf.lzma $B/built-in.cfg
LOBJ += $B/loader/boot/kernel_image.S.o

$B/BOOTX64.EFI: $(LOBJ)
	$(call say,LD,$@)
	$(Q)lld-link /nologo /subsystem:efi_application /entry:efi_main /nodefaultlib /dynamicbase /nxcompat /Brepro \
		/filealign:512 /out:$@ $(LOBJ)

# A firmware that lies, for tests/boot/test_mangle.py: tests/mangle/README.md.
MANGLE_O := $(patsubst %,$B/loader/%.o,$(wildcard tests/mangle/*.c) kernel/fmt.c kernel/str.c)
$B/mangle.efi: $(MANGLE_O)
	$(call say,LD,$@)
	$(Q)lld-link /nologo /subsystem:efi_application /entry:efi_main /nodefaultlib /dynamicbase /nxcompat /Brepro \
		/filealign:512 /out:$@ $^

sizes: $B/BOOTX64.EFI
	$(Q)tools/sizes.sh $B

# Host tests: the kernel's own sources, built with ASan and UBSan, each test a program of its own.
$B/host/libsluice.a: $(HOBJ)
	$(Q)rm -f $@ && ar rcsD $@ $^

$(TBIN): $B/host/test_%: $B/host/tests/unit/test_%.c.o $B/host/libsluice.a
	$(call say,LINK,$@)
	$(Q)$(HOSTCC) -fsanitize=address,undefined -o $@ $< $B/host/libsluice.a -lcmocka -lnettle -ljansson

# The audit on a host, over what was recorded on a machine: docs/replay.md.
REPLAY := $(wildcard tools/replay/*.c)
$B/replay: $(REPLAY:%=$B/host/%.o) $B/host/libsluice.a
	$(call say,LINK,$@)
	$(Q)$(HOSTCC) -fsanitize=address,undefined -o $@ $^ -ljansson

# The walkers as a program: tests/boot/test_walker.py.
$B/walk: $B/host/tests/walk/walk.c.o $B/host/libsluice.a
	$(call say,LINK,$@)
	$(Q)$(HOSTCC) -fsanitize=address,undefined -o $@ $^

$B/walk-pasid.so: tests/walk/pasid.c Makefile
	$(call say,PLUGIN,$@)
	$(Q)mkdir -p $(@D) && $(CC) -Wall -Wextra -Werror -std=gnu11 -O2 -fPIC -shared -fvisibility=hidden -o $@ $<

replay: $B/replay
	$(if $(LOG),$(Q)$B/replay $(LOG))

check: $(TBIN)
	$(Q)tools/check.sh $(TBIN) >$B/check.log && s=0 || s=$$?; cat $B/check.log; exit $$s

# Random machines through the loader's logic and bring-up (make check takes some hundreds), and booted.
machines: $B/host/test_machines
	$(Q)SLUICE_MACHINES=$${SLUICE_MACHINES:-10000} $<

soak: all $B/mangle.efi
	$(Q)tools/soak
	$(Q)SLUICE_SOAK=1 SLUICE_DATAGRAMS=1000000 $(PYTHON) -m pytest -q --tb=short -p no:cacheprovider -m soak tests/boot

# Fuzzers: clang's libFuzzer over the same sources.
FUZZ_RUNS ?= 20000
$B/fuzz/libsluice.a: $(HOST:%=$B/fuzz/%.o) $(MODEL:%=$B/fuzz/%.o)
	$(Q)rm -f $@ && ar rcsD $@ $^

$B/fuzz/fuzz_report: $(patsubst %,$B/fuzz/tools/replay/%.c.o,record machine host)
$B/fuzz/fuzz_report: FUZZ_LIBS := -ljansson
$B/fuzz/fuzz_listing: $(patsubst %,$B/fuzz/tools/replay/%.c.o,listing machine host)
$(FUZZ:tests/fuzz/%.c=$B/fuzz/%): $B/fuzz/%: $B/fuzz/tests/fuzz/%.c.o $B/fuzz/libsluice.a
	$(call say,FUZZ,$@)
	$(Q)$(CC) -fsanitize=fuzzer,address,undefined -o $@ $(filter %.o,$^) $(filter %.a,$^) $(FUZZ_LIBS)

FUZZ_RUN := $(FUZZ:tests/fuzz/fuzz_%.c=fuzz-%)
.PHONY: $(FUZZ_RUN)
fuzz: $(FUZZ_RUN)
$(FUZZ_RUN): fuzz-%: $B/fuzz/fuzz_%
	$(Q)mkdir -p $<.corpus; \
		$< -runs=$(FUZZ_RUNS) -seed=1 -max_len=4096 -artifact_prefix=$<. $<.corpus \
			$$(ls -d tests/fuzz/corpus/$* 2>/dev/null) >$<.log 2>&1 || \
			{ tail -n 60 $<.log; exit 1; }; \
		echo "  FUZZ    fuzz_$*: $(FUZZ_RUNS) inputs, no finding"

# Branch coverage of pci/ and iommu/ by the host tests, with a floor.
COVER_FLOOR ?= 90
$B/cov/libsluice.a: $(HOST:%=$B/cov/%.o) $(MODEL:%=$B/cov/%.o)
	$(Q)rm -f $@ && ar rcsD $@ $^

$(UNIT:tests/unit/%.c=$B/cov/%): $B/cov/%: $B/cov/tests/unit/%.c.o $B/cov/libsluice.a
	$(Q)$(CC) -fprofile-instr-generate -o $@ $^ -lcmocka -lnettle -ljansson

coverage: $(UNIT:tests/unit/%.c=$B/cov/%)
	$(Q)rm -f $B/cov/*.profraw
	$(Q)LLVM_PROFILE_FILE=$B/cov/%p.profraw tools/check.sh $^ | tail -n 1
	$(Q)tools/coverage.sh $B/cov $(COVER_FLOOR)

# Which alterations of the sources the host tests see: docs/testing.md. ONLY= takes groups or files.
mutants: $(TBIN)
	$(Q)HOSTCC='$(HOSTCC)' HFLAGS='$(HFLAGS)' tools/mutants $(ONLY:%=--only %) $(SAMPLE:%=--sample %) $(SEED:%=--seed %) $B

# Boot tests: QEMU under OVMF, two machines at a time. Debian's packages of pytest are for Debian's own Python.
PYTHON ?= $(firstword $(wildcard /usr/bin/python3) python3)
boot-test: all $B/replay $B/walk $B/walk-pasid.so
	$(Q)$(PYTHON) -m pytest -q --tb=short -p no:cacheprovider -n 2 tests/boot

# Before a commit: no fuzzers, no clang-tidy, and of the boots those that go through most.
quick:
	$(Q)tools/setup.sh test
	$(Q)$(MAKE) --no-print-directory -j$$(nproc) all check
	$(Q)tools/check_deps.py
	$(Q)tools/check_docs.py
	$(Q)$(PYTHON) -m pytest -q --tb=short -p no:cacheprovider -n 2 -m quick tests/boot

# Everything. Its last lines are the counts of cmocka and of pytest.
test:
	$(Q)tools/setup.sh test
	$(Q)$(MAKE) --no-print-directory -j$$(nproc) check
	$(Q)$(MAKE) --no-print-directory -j$$(nproc) fuzz
	$(Q)CMOCKA="$$(tail -n 1 $B/check.log)" $(MAKE) --no-print-directory -j$$(nproc) boot-test

run:
	$(Q)./run.sh

bench: all
	$(Q)tools/bench

bench-iommu: all
	$(Q)tools/bench-iommu

# A plugin for QEMU that counts instructions; it needs nothing of QEMU to be built.
$B/insncount.so: tools/insncount/insncount.c tools/insncount/qemu_api.h Makefile
	$(call say,PLUGIN,$@)
	$(Q)mkdir -p $(@D) && $(CC) $(WARN) -std=gnu11 -O2 -fPIC -shared -fvisibility=hidden -o $@ $<

include tools/qat-model/build.mk
include tools/dsa-model/build.mk

bench-insn: all $B/insncount.so
	$(Q)tools/bench-insn && tools/bench-insn --igb

# Sluice and Linux on the same machine, the same VF and the same work.
compare:
	$(Q)tools/setup.sh compare
	$(Q)tools/compare-linux

# CBMC over the readers of foreign bytes: docs/testing.md. SEED=1: errors put into the source are found.
prove:
	$(Q)tools/setup.sh prove
	$(Q)tools/prove $(if $(SEED),--seeded)

setup:
	$(Q)tools/setup.sh run

image: $B/sluice.img
$B/sluice.img: $B/BOOTX64.EFI tools/mkimage.sh
	$(call say,IMAGE,$@)
	$(Q)tools/mkimage.sh $@ $<

# Signed by a key of one's own: docs/secure-boot.md.
sign: $B/BOOTX64.EFI tools/mkimage.sh
	$(Q)tools/setup.sh sign
	$(Q)[ -n "$(KEY)" ] && [ -n "$(CERT)" ] || { echo "make sign KEY=FILE CERT=FILE: both in PEM, see docs/secure-boot.md" >&2; exit 2; }
	$(call say,SIGN,$B/BOOTX64.signed.EFI)
	$(Q)sbsign --key $(KEY) --cert $(CERT) --output $B/BOOTX64.signed.EFI $< && sbverify --cert $(CERT) $B/BOOTX64.signed.EFI
	$(Q)tools/mkimage.sh $B/sluice.signed.img $B/BOOTX64.signed.EFI

# Register tables are aligned by hand, so clang-format leaves them alone. memset_s and its family do not exist here.
TIDY := clang-tidy --quiet --warnings-as-errors='*' --checks='-*,bugprone-*,clang-analyzer-*,misc-redundant-expression,$\
	-bugprone-branch-clone,-bugprone-easily-swappable-parameters,-bugprone-implicit-widening-of-multiplication-result,$\
	-bugprone-narrowing-conversions,-bugprone-reserved-identifier,-bugprone-suspicious-string-compare,$\
	-clang-analyzer-security.insecureAPI.*'
lint: $B/pci.ids.packed
	$(Q)tools/setup.sh lint
	$(Q)tools/check_deps.py
	$(Q)tools/check_docs.py
	$(Q)tools/mutants --named --list $B >/dev/null
	$(Q)tools/mktable.py --check tests/data/dmar/*.txt tests/data/ivrs/*.txt
	$(Q)clang-format --dry-run -Werror $$(find apps boot drivers iommu kernel pci tests tools/replay \
		-name '*.[ch]' ! -name '*regs.h' ! -name '*_entry.h')
	$(Q)$(TIDY) $(filter %.c,$(KERNEL)) -- $(KFLAGS) -I$B $(EFI_H) -DGNU_EFI_USE_MS_ABI
	$(Q)$(TIDY) $(filter boot/%.c,$(LOADER)) -- $(EFLAGS)

clean:
	$(Q)rm -rf $B

-include $(shell find $B -type f -name '*.d' 2>/dev/null)

#!/bin/bash
# Builds Sluice, boots it in QEMU under OVMF, shows its serial console, and ends with its verdict.
set -eu -o pipefail
cd "$(dirname "$0")"

usage() {
	cat <<'END'
usage: ./run.sh [key=value ...] [--usb] [--bare] [--shell] [-- QEMU arguments ...]

  key=value   goes into sluice.cfg as it is, one a line: vfs=8 qd=64 seconds=2 ...
              scratch= (the disk made here), end=qemu and app=demo are added unless given
  iommu_kind=amd  an AMD IOMMU in place of Intel's (QEMU 11; older ones do not remap DMA of VFs)
  --usb       boot from an image on a USB stick, not from a folder
  --bare      leave out the default devices: IOMMU, NVMe and igb come from the QEMU arguments, or not at all
  --shell     the interactive console, on this terminal: app=shell; poweroff ends it, and so does Ctrl-] x.
              --shell app=tour: the demo with explanations, paced for a viewer
  --          what follows goes to QEMU, after the default arguments; a later value replaces an earlier one, and
              -device intel-iommu..., amd-iommu... or -accel ... there replaces the default one: ./run.sh -- -device intel-iommu,aw-bits=39

environment:
  QEMU        the QEMU to use                            (qemu-system-x86_64)
  OVMF        firmware code, a raw flash image           (looked for)
  OVMF_VARS   its variables; each run gets a fresh copy  (looked for)
  DSA         properties of the model of a DSA: fault=flip (tools/dsa-model/README.md)
  FIRMWARE    folder with a QAT card's firmware files    (made for the model in tools/qat-model)
  MANGLE      lines that say how firmware lies, for tests (tests/mangle/README.md)
  NET         -netdev of the network card, without id=    (sockets of RUN: dgram, net and nobody)
  TIMEOUT     seconds until a run is given up            (180 + the value of seconds=)
  RUN         folder for the files of a run: a new or an empty one, or one of an earlier run  (build/run)

END
	echo 'options of the guest (docs/options.md):'
	sed -n 's/^\t[A-Z]*(\([a-z]*\), .*"\(.*\)").*/\1=|\2/p' boot/options.h | while IFS='|' read -r key means; do
		printf '  %-11s %s\n' "$key" "$means"
	done
	cat <<'END'

exit status: 0 the guest says ok=1; 1 the run went wrong, says nothing or cannot judge; 2 wrong arguments;
             3 the run worked, and what it found speaks against the machine (verdict=fail)
END
}

say() { printf 'run.sh: %s\n' "$*"; }
die() { printf 'run.sh: %s\n' "$*" >&2; exit "${status:-1}"; }

# --- arguments
vfs=4 seconds=5 device=nvme kind=intel card=qat-c62x-pf usb= bare= shell= own_scratch=y own_end=y app= config=() extra=()
while (($# > 0)); do
	case $1 in
	--help | -h) usage; exit 0 ;;
	--shell) shell=y ;;
	--usb) usb=y ;;
	--bare) bare=y own_scratch= ;;
	--) shift; extra=("$@"); break ;;
	-*) status=2 die "unknown option $1: QEMU's own options go after --, see ./run.sh --help" ;;
	app=accel) device=qat own_scratch= app=$1; config+=("$1") ;;
	app=echo | app=rdma) device=igb own_scratch= app=$1; config+=("$1") ;;
	app=*) app=$1; config+=("$1") ;;
	iommu_kind=amd | iommu_kind=intel) kind=${1#*=} ;;
	device=qat | device=igb | device=dsa) device=${1#*=} own_scratch=; config+=("$1") ;;
	gen=*) card=qat-c62x-pf; [[ $1 != gen=4 ]] || card=qat-4xxx-pf; config+=("$1") ;;
	vfs=*) vfs=${1#*=}; config+=("$1") ;;
	seconds=*) seconds=${1#*=}; config+=("$1") ;;
	scratch=*) own_scratch=; config+=("$1") ;;
	keep=1) usb=y; config+=("$1") ;; # QEMU does not write large files into a folder as they are
	end=*) own_end=; config+=("$1") ;;
	*=*) config+=("$1") ;;
	*) status=2 die "what is $1? Options of the guest are key=value, see ./run.sh --help" ;;
	esac
	shift
done
# Numbers that make no sense are refused below, with line and column.
[[ $vfs =~ ^[0-9]{1,3}$ ]] && ((10#$vfs >= 1 && 10#$vfs <= 64)) || vfs=4
[[ $seconds =~ ^[0-9]{1,6}$ ]] || seconds=5
vfs=$((10#$vfs)) seconds=$((10#$seconds))
[[ $device != qat || " ${config[*]}" == *" vfs="* ]] || vfs=16 config+=(vfs=16) # a QAT card's VFs are switched on all together
[[ $device != dsa || " ${config[*]}" == *" tables="* ]] || config+=(tables=scalable) # queues have PASIDs
[[ $device != igb || " ${config[*]}" == *" vfs="* ]] || vfs=7 config+=(vfs=7) # as many as the card has for VFs

if [[ -z $app && -n $shell ]]; then config=("app=shell" ${config[@]+"${config[@]}"}); elif [[ -z $app ]]; then config+=("app=demo"); fi

qemu=${QEMU:-qemu-system-x86_64}
run=${RUN:-build/run}
timeout=${TIMEOUT:-$((180 + seconds))}
[[ $device != qat ]] || timeout=${TIMEOUT:-900}

extra_has() { # extra_has -option prefix: is "-option prefix..." among the user's QEMU arguments?
	local i
	for ((i = 0; i + 1 < ${#extra[@]}; i++)); do
		[[ ${extra[i]#-} == "$1" && ${extra[i + 1]} =~ ^"$2"(,|$) ]] && return 0
	done
	return 1
}

# What an earlier run left is deleted, and nothing else: a user's folder is not taken for that.
marker=made-by-run.sh
[[ -z ${RUN-} || ! -e $run || -e $run/$marker || (-d $run && -z $(ls -A "$run")) ]] ||
	die "RUN=$run is there and is not of an earlier run (no $marker in it), so nothing was done: name a new or an empty folder"

# Where the igb's network ends is a socket in that folder, and the path of a socket has at most 107 bytes.
[[ $run != *,* ]] || die "RUN=$run has a comma, which ends a file's name for QEMU: name another folder"
[[ -n $bare || $device == qat || $device == dsa ]] || (($(printf %s "$run/nobody" | wc -c) <= 107)) ||
	die "RUN=$run is too long, because the path of a socket in it may have 107 bytes: name a folder with a path of at most 100, or a relative one"

# --- what is needed, and the build; one at a time in this tree
build() {
	tools/setup.sh run
	make -j"$(nproc)"
	[[ $device != qat || -n $bare ]] || make -j"$(nproc)" qat-model # a QAT card
	[[ $device != dsa || -n $bare ]] || make -j"$(nproc)" dsa-model # a DSA, and MOVDIR64B for the processors
}
mkdir -p build
exec 9>build/make.lock
! command -v flock >/dev/null || flock 9
build
exec 9>&-

# The models of a QAT card and of a DSA are for QEMU 10.0 and later. Where the installed one is older, Debian's QEMU 10.0 is
# unpacked below build/ for them; one that QEMU= names is taken as it is, and the model says what is wrong with it.
model_qemu() {
	local version
	[[ ($device == qat || $device == dsa) && -z $bare && -z ${QEMU-} ]] || return 0
	version=$("$qemu" --version 2>/dev/null | sed -n 's/^QEMU emulator version \([0-9]*\)\..*/\1/p')
	[[ -n $version ]] && ((version < 10)) || return 0
	say "the ${device^^} model wants QEMU 10.0, and $qemu is $version: Debian's QEMU 10.0 is used, unpacked below build/"
	tools/unpack-qemu 10.0 trixie || die "there is no QEMU 10.0 for the ${device^^} model: name one with QEMU="
	qemu=build/qemu-10.0/qemu-system-x86_64
}
model_qemu
command -v "$qemu" >/dev/null || die "no $qemu: install QEMU for x86_64, or name it: QEMU=/path/to/qemu-system-x86_64"

# --- firmware: code and variables belong together
find_ovmf() {
	local pair
	if [[ -n ${OVMF-} ]]; then
		[[ -r $OVMF ]] || die "OVMF=$OVMF cannot be read"
		OVMF_VARS=${OVMF_VARS:-$(dirname "$OVMF")/$(basename "$OVMF" | sed 's/CODE/VARS/; s/\.secboot//')}
		[[ -r $OVMF_VARS && ! $OVMF_VARS -ef $OVMF ]] ||
			die "no variables for OVMF=$OVMF at $OVMF_VARS: name them with OVMF_VARS="
		return
	fi
	for pair in \
		OVMF/OVMF_CODE_4M.fd:OVMF/OVMF_VARS_4M.fd \
		OVMF/OVMF_CODE.fd:OVMF/OVMF_VARS.fd \
		edk2/ovmf/OVMF_CODE.fd:edk2/ovmf/OVMF_VARS.fd \
		edk2/x64/OVMF_CODE.4m.fd:edk2/x64/OVMF_VARS.4m.fd \
		edk2/x64/OVMF_CODE.fd:edk2/x64/OVMF_VARS.fd \
		edk2-ovmf/x64/OVMF_CODE.fd:edk2-ovmf/x64/OVMF_VARS.fd; do # Debian, Ubuntu; Fedora; Arch
		OVMF=/usr/share/${pair%:*}
		[[ -r $OVMF ]] || continue
		OVMF_VARS=${OVMF_VARS:-/usr/share/${pair#*:}}
		[[ -r $OVMF_VARS ]] || die "found $OVMF but not $OVMF_VARS: name the variables with OVMF_VARS="
		return
	done
	die "no UEFI firmware: OVMF_CODE*.fd is in none of the places of Debian, Ubuntu, Fedora or Arch below /usr/share.
        Install the package ovmf (Fedora, Arch: edk2-ovmf), or name the files with OVMF= and OVMF_VARS="
}

# --- KVM or not: a /dev/kvm that is there may still refuse to run a guest, so let it run one
kvm_works() {
	# A 64 KiB firmware: from the reset vector to 0xff00, there fninit, CR4.OSFXSR, xorps, then out 0xf4, 0x15 (status 43).
	{
		head -c 65280 /dev/zero
		printf '\333\343\017\040\340\146\015\000\002\000\000\017\042\340\017\127\300\260\025\346\364\353\376'
		head -c 217 /dev/zero
		printf '\351\015\377\000\000\000\000\000\000\000\000\000\000\000\000\000'
	} >"$run/kvm-test.bin"
	local got=0
	(ulimit -c 0
	 timeout -k 1 5 "$qemu" -nodefaults -no-user-config -display none -machine q35,kernel-irqchip=split -cpu max \
		-accel kvm -device isa-debug-exit,iobase=0xf4,iosize=4 -bios "$run/kvm-test.bin") >"$run/kvm-test.log" 2>&1 </dev/null || got=$?
	((got == 43))
} 2>/dev/null

choose_accel() {
	if [[ ! -e /dev/kvm ]]; then
		say "no /dev/kvm, so QEMU emulates the CPU (TCG): slower, otherwise the same"; accel=tcg
	elif [[ ! -r /dev/kvm || ! -w /dev/kvm ]]; then
		say "no access to /dev/kvm, so QEMU emulates the CPU (TCG): slower; to change that, join the group kvm"; accel=tcg
	elif ! kvm_works; then
		say "/dev/kvm is there but does not run a test guest, so QEMU emulates the CPU (TCG): slower, otherwise the same"; accel=tcg
	else
		accel=kvm
	fi
}

# A terminal that cannot take a line back, or none: the console is told so.
[[ -z $shell || (-t 0 && -t 1 && -n ${TERM-} && $TERM != dumb && $TERM != unknown) ]] || config=("term=dumb" ${config[@]+"${config[@]}"})

# --- the files of this run
find_ovmf
rm -rf "$run"
mkdir -p "$run/esp/EFI/BOOT"
touch "$run/$marker"
cp "$OVMF_VARS" "$run/vars.fd"
chmod u+w "$run/vars.fd"
cp build/BOOTX64.EFI "$run/esp/EFI/BOOT/BOOTX64.EFI"
if [[ -n ${MANGLE-} ]]; then # it starts Sluice, after it has done its work
	[[ -z $usb ]] || die "MANGLE= boots from a folder, not with --usb or keep=1"
	make -j"$(nproc)" build/mangle.efi
	mv "$run/esp/EFI/BOOT/BOOTX64.EFI" "$run/esp/EFI/BOOT/SLUICE.EFI"
	cp build/mangle.efi "$run/esp/EFI/BOOT/BOOTX64.EFI"
	find "$(dirname "$MANGLE")" -maxdepth 1 -name '*.bin' -exec cp {} "$run/esp/" ';'
	cp "$MANGLE" "$run/esp/mangle.txt"
fi
{
	[[ -z $own_end ]] || echo "end=qemu"
	[[ -z $own_scratch ]] || echo "scratch=sluice-scratch"
	printf '%s\n' "${config[@]}"
} >"$run/esp/sluice.cfg"
build/checkcfg "$run/esp/sluice.cfg" || status=2 die "Sluice would refuse these options: see ./run.sh --help"
firmware=()
if [[ $device == qat ]]; then
	if [[ -z ${FIRMWARE-} ]]; then FIRMWARE=$run/firmware; tools/qat-model/mkfw "$FIRMWARE"; fi
	mkdir -p "$run/esp/EFI/sluice"
	for file in "$FIRMWARE"/qat_*.bin; do
		[[ ! -r $file ]] || { cp "$file" "$run/esp/EFI/sluice/"; firmware+=("$file"); }
	done
fi

# --- the machine: a processor for each VF, but no more than the host has
cpus=$(nproc)
((cpus <= vfs)) || cpus=$vfs
((cpus <= 4)) || cpus=4
line=("$qemu" -nodefaults -no-user-config -display none -no-reboot)
line+=(-machine q35,kernel-irqchip=split -cpu max -m 1G -smp "$cpus")
accel=
if ! grep -qxE -- '--?(accel|enable-kvm)' < <(printf '%s\n' "${extra[@]}"); then
	if [[ $device == dsa && -z $bare ]]; then accel=tcg; else choose_accel; fi # MOVDIR64B is a plugin's work
	line+=(-accel "$accel")
fi
line+=(-drive "if=pflash,unit=0,format=raw,readonly=on,file=$OVMF" -drive "if=pflash,unit=1,format=raw,file=$run/vars.fd")
if [[ -n $shell ]]; then # Ctrl-C goes to the guest
	line+=(-echr 0x1d -chardev "stdio,id=console,mux=on,signal=off,logfile=$run/serial.log" -serial chardev:console -mon chardev=console)
else
	line+=(-serial stdio)
fi
line+=(-device isa-debug-exit,iobase=0xf4,iosize=4)

first=,bootindex=0
! grep -qxE -- '--?kernel' < <(printf '%s\n' "${extra[@]}") || first= # firmware starts that file instead
if [[ -n $usb ]]; then
	tools/mkimage.sh "$run/usb.img" build/BOOTX64.EFI "$run/esp/sluice.cfg" "${firmware[@]}"
	line+=(-drive "if=none,id=usb,format=raw,file=$run/usb.img" -device qemu-xhci -device "usb-storage,drive=usb$first")
else
	line+=(-drive "if=none,id=esp,format=raw,file=fat:rw:$run/esp" -device "ide-hd,drive=esp$first")
fi

# PASIDs need a unit in scalable mode, whose options QEMU 11 has renamed.
unit=intel-iommu,intremap=on
if [[ $device == dsa ]] && grep -q x-scalable-mode < <("$qemu" -device intel-iommu,help 2>&1); then
	unit+=,x-scalable-mode=on,x-flts=on,x-pasid-mode=on
elif [[ $device == dsa ]]; then
	unit+=,scalable-mode=on,fsts=on,pasid-bits=20
	[[ " ${config[*]} " != *" ats=1 "* ]] || unit+=,device-iotlb=on,svm=on # older QEMUs have no ATS for devices
fi
# An AMD unit remaps DMA only with dma-remap=on, which QEMU has from version 11 on.
if [[ $kind == amd ]]; then
	unit=amd-iommu,intremap=on
	if grep -q dma-remap < <("$qemu" -device amd-iommu,help 2>&1); then
		unit+=,dma-remap=on
	else
		say "$qemu has no amd-iommu with dma-remap: only app=audit makes sense; name a QEMU from 11 on with QEMU="
	fi
fi

if [[ -z $bare ]]; then
	extra_has device intel-iommu || extra_has device amd-iommu || line+=(-device "$unit")

	if [[ $device == qat ]]; then
		line+=(-plugin "$PWD/build/qat-model.so" -device pcie-root-port,id=rp2,chassis=3,slot=3 -device $card,bus=rp2,booted=off)
	fi
	if [[ $device == dsa ]]; then
		line+=(-plugin "$PWD/build/dsa-model.so" -device pcie-root-port,id=rp2,chassis=3,slot=3 -device "dsa,bus=rp2${DSA:+,$DSA}")
		line+=(-cpu max,x-force-features=on,movdir64b=on)
	fi
fi
if [[ -z $bare && $device == nvme ]]; then
	# One NVMe controller with SR-IOV: 3 queue pairs (1 admin) and 3 vectors for each VF, one private namespace each,
	# and behind them one namespace that all share, formatted with protection information.
	max=$((vfs > 8 ? vfs : 8))
	line+=(-device pcie-root-port,id=rp0,chassis=1,slot=1 -device nvme-subsys,id=subsys0)
	line+=(-device "nvme,id=nvme0,bus=rp0,subsys=subsys0,serial=sluice-scratch,max_ioqpairs=$((3 * max + 2)),msix_qsize=$((3 * max + 1)),sriov_max_vfs=$max,sriov_vq_flexible=$((3 * max)),sriov_vi_flexible=$((3 * max))")
	for ((n = 1; n <= vfs + 1; n++)); do
		truncate -s 64M "$run/ns$n.img"
		line+=(-drive "if=none,id=ns$n,format=raw,file=$run/ns$n.img")
		if ((n <= vfs)); then
			line+=(-device "nvme-ns,bus=nvme0,drive=ns$n,nsid=$n,shared=off,detached=on")
		else
			line+=(-device "nvme-ns,bus=nvme0,drive=ns$n,nsid=$n,logical_block_size=4096,physical_block_size=4096,ms=8,pi=1")
		fi
	done
fi
if [[ -z $bare && $device != qat && $device != dsa ]]; then
	if grep -q "^igb options" < <("$qemu" -device igb,help 2>&1); then # from QEMU 8.0 on
		# Its network ends in a socket without a listener; without one QEMU would print a warning.
		line+=(-device pcie-root-port,id=rp1,chassis=2,slot=2,mem-reserve=16M)
		net=${NET:-dgram,local.type=unix,local.path=$run/net,remote.type=unix,remote.path=$run/nobody}
		line+=(-netdev "${net%%,*},id=net0,${net#*,}")
		line+=(-device igb,bus=rp1,netdev=net0,romfile=)
	elif [[ $device == igb ]]; then
		die "$qemu has no igb, which device=igb is about: name a QEMU from 8.0 on with QEMU="
	fi
fi
line+=("${extra[@]}")

# --- run it
say "sluice.cfg: $(tr '\n' ' ' <"$run/esp/sluice.cfg")"
say "the QEMU line, to copy and paste in this folder:"
for word in "${line[@]}"; do
	if [[ $word =~ ^[A-Za-z0-9_./:=,+@-]+$ ]]; then printf '%s ' "$word"; else printf '%q ' "$word"; fi
done
printf '\n'

# ok=0 has two causes that a fleet must tell apart: the machine is not sound, or the run did not work.
ended_with_fail() { # ended_with_fail RESULT: exits
	[[ " $1 " != *" verdict=fail "* ]] || exit 3
	exit 1
}

# Firmware whose Secure Boot refuses the file waits for a person: QEMU is ended as soon as it says so.
refused='BdsDxe: failed to (load|start) .*(Access Denied|Security Violation)'
rm -f "$run/qemu.pid"
line=(sh -c 'echo $$ >"$0"; exec "$@"' "$run/qemu.pid" "${line[@]}")
end_if_refused() {
	local pid
	until pid=$(cat "$run/qemu.pid" 2>/dev/null) && [[ -n $pid ]]; do
		kill -0 $$ || return
		sleep 0.2
	done
	while kill -0 "$pid" && ! grep -aq 'sluice: loading' "$run/serial.log"; do
		if grep -aqE "$refused" "$run/serial.log"; then
			kill "$pid" # the shell's own: /bin/kill is in a package that may be missing
			return
		fi
		sleep 0.5
	done
}
end_if_refused >/dev/null 2>&1 </dev/null &
die_if_refused() {
	! grep -aqE "$refused" "$run/serial.log" ||
		die "the firmware's Secure Boot refuses the EFI file: sign it with a key that is enrolled (make sign), or name variables without keys with OVMF_VARS="
}

# A person ends it, so there is no time limit unless TIMEOUT= sets one.
if [[ -n $shell ]]; then
	got=0
	timeout --foreground -k 5 "${TIMEOUT:-0}" "${line[@]}" || got=$?
	case $got in
	0 | 33) # powered off; an app that ended
		grep -aq 'sluice: loading' "$run/serial.log" || die_if_refused
		exit 0
		;;
	35) ended_with_fail "$(grep -a '^RESULT ' "$run/serial.log" | tail -n 1 | tr -d '\r')" ;;
	*) die "QEMU ended with status $got" ;;
	esac
fi

# What QEMU itself says of each kind of DMA that it refuses is no part of the story.
refusals=': \(vtd_[a-z_]*: \|New fault is not recorded\|Next Fault Recording Reg is used\|AHCI: Failed to start \)'
say "QEMU's own lines on DMA that it refuses (vtd_...) go to $run/qemu-refused.txt"

# The firmware's cursor and colour sequences would garble a terminal or a log; so would QEMU's own messages, which it writes
# in pieces: by sed they come as whole lines.
set +e
timeout --foreground -k 5 "$timeout" "${line[@]}" </dev/null 2> >(exec sed -u -n "/$refusals/w $run/qemu-refused.txt
/$refusals/!p" >&2) |
	sed -u -e 's/\x1b[[(][0-9;=?]*[A-Za-z]//g' -e 's/\r//g' | tee "$run/serial.log"
got=${PIPESTATUS[0]}
set -e

result=$(grep -a '^RESULT ' "$run/serial.log" | tail -n 1) || true
[[ -n $result ]] || die_if_refused
hint=
[[ $accel != kvm ]] || hint="; if it never started, try ./run.sh -- -accel tcg"
case $got in
33 | 35) ;; # isa-debug-exit: (0x10 << 1) + 1, (0x11 << 1) + 1
0) ;;       # powered off or reset: end=shutdown, end=reboot
124 | 137)
	die "no end within $timeout s${result:+, though the guest said its RESULT}: TIMEOUT= sets another limit$hint"
	;;
*) die "QEMU ended with status $got${result:+ after RESULT}; what it says about that is above$hint" ;;
esac
[[ -n $result ]] || die "the guest did not say RESULT; how far it came is above$hint"
case $got:$result in
33:*" ok=1"* | 0:*" ok=1"*) exit 0 ;;
35:*" ok=0"* | 0:*" ok=0"*) ended_with_fail "$result" ;;
*) die "the guest said $(grep -o 'ok=[^ ]*' <<<"$result" || echo nothing) but left with QEMU status $got" ;;
esac

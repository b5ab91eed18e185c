#!/bin/bash
# Installs the Debian or Ubuntu packages that are missing, and says which.
#   tools/setup.sh run    to build and to run      tools/setup.sh test   and for make test      tools/setup.sh lint   and for make lint
#   tools/setup.sh qat      to build, and for make qat-model
#   tools/setup.sh prove    for make prove
#   tools/setup.sh sign     for make sign
#   tools/setup.sh plot     for tools/plot
#   tools/setup.sh compare  to run, and for tools/compare-linux, -dpdk and -cards, which download Debian's packages for a Linux guest
# The QEMU that is installed stays; "test" unpacks QEMU 7.2, 10.0 and 11.1, but for the one that it is, below build/ (tools/unpack-qemu).
set -eu -o pipefail
cd "$(dirname "$0")/.."

say() { printf 'setup: %s\n' "$*"; }
die() { printf 'setup: %s\n' "$*" >&2; exit 1; }

mode=${1-}
case $mode in run | test | lint | compare | qat | prove | plot | sign) ;; *) sed -n '2,9s/^# //p' "$0"; exit 2 ;; esac

# --- not Debian: say what it takes and let the build show what is missing
if ! command -v apt-get >/dev/null; then
	need=()
	for t in make clang ld.lld lld-link llvm-objcopy qemu-system-x86_64 mformat sgdisk xz; do
		command -v "$t" >/dev/null || need+=("$t")
	done
	[[ -r /usr/include/efi/efi.h ]] || need+=("GNU-EFI's headers")
	[[ -r /usr/include/stb/stb_sprintf.h ]] || need+=("stb/stb_sprintf.h")
	[[ -r /usr/share/consolefonts/spleen-8x16.psfu.gz || -r /usr/share/kbd/consolefonts/spleen-8x16.psfu.gz ]] || need+=("the font spleen (fonts-spleen)")
	[[ -r /usr/share/misc/pci.ids || -r /usr/share/hwdata/pci.ids ]] || need+=("pci.ids (package hwdata)")
	if [[ $mode = test || $mode = qat ]]; then
		[[ -r /usr/include/nettle/aes.h && -r /usr/include/gmp.h && -r /usr/include/zlib.h ]] || need+=("the headers of nettle, GMP and zlib")
	fi
	if [[ $mode = test ]]; then
		command -v gcc >/dev/null || need+=(gcc)
		[[ -r /usr/include/cmocka.h ]] || need+=(cmocka)
		[[ -r /usr/include/jansson.h ]] || need+=(jansson)
		command -v sbsign >/dev/null || need+=(sbsigntool)
		python3 -c 'import pytest, pexpect, xdist' 2>/dev/null || need+=("Python's pytest, pexpect and pytest-xdist")
	fi
	if [[ $mode = test || $mode = plot ]]; then
		/usr/bin/python3 -c 'import matplotlib' 2>/dev/null || need+=("Python's matplotlib")
	fi
	((${#need[@]} == 0)) || say "no apt-get here; please install: $(printf '%s, ' "${need[@]}" | sed 's/, $//') and OVMF (edk2-ovmf)"
	exit 0
fi

as_root=()
((EUID == 0)) || as_root=(sudo)

apt() { # apt ARGUMENTS: apt-get as root, without questions, quiet unless it fails
	mkdir -p build
	((EUID == 0)) || command -v sudo >/dev/null || die "not root and no sudo: run as root: apt-get $*"
	if ! "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -y -q "$@" >build/setup.log 2>&1 </dev/null; then
		cat build/setup.log >&2
		die "apt-get $* failed, see above"
	fi
}

updated=
update() { # package lists, when there are none or they are older than a day
	[[ -z $updated ]] || return 0
	updated=y
	[[ -n ${1-} || -z $(find /var/lib/apt/lists -maxdepth 1 -name '*_InRelease' -mtime -1 2>/dev/null) ]] || return 0
	say "apt-get update"
	apt update
}

is_known() { [[ -n $(apt-cache show "$1" 2>/dev/null) ]]; } # no pipe into grep -q: under pipefail its early end is a failure
installed() { dpkg-query -W -f '${Package} ${db:Status-Status}\n' "$@" 2>/dev/null | sed -n 's/ installed$//p'; }

install() { # install PACKAGE...: those of them that are missing
	local have p missing=()
	have=$(installed "$@") || true
	for p; do grep -qxF "$p" <<<"$have" || missing+=("$p"); done
	((${#missing[@]} > 0)) || return 0
	update
	say "installing ${missing[*]}"
	apt install --no-install-recommends "${missing[@]}"
}

# --- QEMU for the tests: the system's own where there is one, never another in its place; those of other suites below build/
unpack_others() { # unpack_others VERSION SUITE ...
	local have
	have=$("${QEMU:-qemu-system-x86_64}" --version | sed -n '1s/.*version \([0-9]*\.[0-9]*\).*/\1/p') || have=
	while (($# > 0)); do
		[[ -e build/qemu-$1/ready || -n $(find /var/lib/apt/lists -maxdepth 1 -name '*Release' 2>/dev/null) ]] || update
		[[ $1 == "$have" ]] || tools/unpack-qemu "$1" "$2" || say "the cases on QEMU $1 are not run, and are listed at the end"
		shift 2
	done
}

# --- what each mode takes
run=(make clang lld llvm libc6-dev gnu-efi libstb-dev pci.ids fonts-spleen ovmf mtools gdisk xz-utils)
test=(gcc ipxe-qemu libcmocka-dev python3-pytest iproute2 iputils-ping rsyslog python3-pexpect python3-pytest-xdist pciutils python3-cryptography nettle-dev libgmp-dev zlib1g-dev libjansson-dev python3-matplotlib)

install "${run[@]}"
case $mode in
run)
	command -v "${QEMU:-qemu-system-x86_64}" >/dev/null || install qemu-system-x86
	;;
test)
	install "${test[@]}"
	# libFuzzer and the sanitizers of clang: a package of clang's own version
	rt=libclang-rt-$(clang -dumpversion | cut -d. -f1)-dev
	! is_known "$rt" || install "$rt"
	# signing, and boot entries for HTTP boot: cases that want them are skipped without
	(install sbsigntool) || say "sbsigntool is not to be had: the cases on Secure Boot are not run"
	! is_known python3-virt-firmware || install python3-virt-firmware
	command -v "${QEMU:-qemu-system-x86_64}" >/dev/null || install qemu-system-x86
	unpack_others 7.2 bookworm 10.0 trixie 11.1 trixie-backports
	;;
lint) install clang-format clang-tidy python3 ;;
sign) install sbsigntool ;;
prove) if is_known cbmc; then install gcc python3 cbmc; else tools/unpack-cbmc; fi ;;
plot) install python3-matplotlib ;;
qat) install nettle-dev libgmp-dev zlib1g-dev python3 ;;
compare)
	install python3
	[[ -n $(find /var/lib/apt/lists -maxdepth 1 -name '*Release' 2>/dev/null) ]] || update
	;;
esac

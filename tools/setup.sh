#!/bin/bash
# Installs the Debian or Ubuntu packages that are missing, and says which.
#   tools/setup.sh run    to build and to run      tools/setup.sh test   and for make test      tools/setup.sh lint   and for make lint
#   tools/setup.sh qat      to build, and for make qat-model
#   tools/setup.sh compare  to run, and for tools/compare-linux, which downloads Debian's packages for a Linux guest by itself
# On Debian 12, "test" takes QEMU from the backports suite and unpacks the stock QEMU 7.2 below build/qemu-7.2.
set -eu -o pipefail
cd "$(dirname "$0")/.."

say() { printf 'setup: %s\n' "$*"; }
die() { printf 'setup: %s\n' "$*" >&2; exit 1; }

mode=${1-}
case $mode in run | test | lint | compare | qat) ;; *) sed -n '2,6s/^# //p' "$0"; exit 2 ;; esac

# --- not Debian: say what it takes and let the build show what is missing
if ! command -v apt-get >/dev/null; then
	need=()
	for t in make clang ld.lld lld-link llvm-objcopy qemu-system-x86_64 mformat sgdisk; do
		command -v "$t" >/dev/null || need+=("$t")
	done
	[[ -r /usr/include/efi/efi.h ]] || need+=("GNU-EFI's headers")
	[[ -r /usr/include/stb/stb_sprintf.h ]] || need+=("stb/stb_sprintf.h")
	[[ -r /usr/share/misc/pci.ids || -r /usr/share/hwdata/pci.ids ]] || need+=("pci.ids (package hwdata)")
	if [[ $mode = test || $mode = qat ]]; then
		[[ -r /usr/include/nettle/aes.h && -r /usr/include/gmp.h && -r /usr/include/zlib.h ]] || need+=("the headers of nettle, GMP and zlib")
	fi
	if [[ $mode = test ]]; then
		command -v gcc >/dev/null || need+=(gcc)
		[[ -r /usr/include/cmocka.h ]] || need+=(cmocka)
		[[ -r /usr/include/jansson.h ]] || need+=(jansson)
		python3 -c 'import pytest, pexpect, xdist' 2>/dev/null || need+=("Python's pytest, pexpect and pytest-xdist")
	fi
	((${#need[@]} == 0)) || say "no apt-get here; please install: $(printf '%s, ' "${need[@]}" | sed 's/, $//') and OVMF (edk2-ovmf)"
	exit 0
fi

. /etc/os-release
bookworm=
[[ ${VERSION_CODENAME-} != bookworm ]] || bookworm=y

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

# --- Debian 12 has QEMU 7.2: enough for the demo; the tests want igb and what was mended since
enable_backports() {
	[[ $(apt-cache madison qemu-system-x86) != *bookworm-backports* ]] || return 0
	local mirror
	update
	mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Codename: bookworm' | head -n 1)
	[[ -n $mirror ]] || mirror=http://deb.debian.org/debian
	say "adding the suite bookworm-backports of $mirror (/etc/apt/sources.list.d/sluice-backports.list)"
	echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror bookworm-backports main" |
		"${as_root[@]}" tee /etc/apt/sources.list.d/sluice-backports.list >/dev/null
	apt update
}

install_new_qemu() {
	local version
	version=$(dpkg-query -W -f '${Version}' qemu-system-x86 2>/dev/null) || version=0
	! dpkg --compare-versions "$version" ge 1:8 || return 0
	say "the tests want QEMU 10, Debian 12 has 7.2: taking it from bookworm-backports"
	enable_backports
	apt install --no-install-recommends -t bookworm-backports qemu-system-x86
}

unpack_stock_qemu() {
	local dir=build/qemu-7.2 version p
	[[ ! -x $dir/qemu-system-x86_64 ]] || return 0
	update
	version=$(apt-cache madison qemu-system-x86 | awk '$3 ~ /^1:7\.2/ { print $3; exit }')
	[[ -n $version ]] || { say "no QEMU 7.2 in the package lists: its boot tests will be skipped"; return 0; }
	say "unpacking the stock QEMU $version below $dir, for some of the boot tests"
	rm -rf "$dir"
	mkdir -p "$dir/deb"
	for p in qemu-system-x86="$version" qemu-system-common="$version" qemu-system-data="${version%+b*}" seabios; do
		(cd "$dir/deb" && apt-get -qq -o APT::Sandbox::User=root download "$p") || die "apt-get download $p failed"
	done
	unpack_debs "$dir"
	# Libraries that only the old one needs.
	for p in $(ldd "$dir/usr/bin/qemu-system-x86_64" | sed -n 's/^\t\(lib[^ ]*\) => not found/\1/p'); do
		p=$(echo "$p" | sed 's/\.so\./ /' | awk '{ print $1 ($1 ~ /[0-9]$/ ? "-" : "") $2 }')
		(cd "$dir/deb" && apt-get -qq -o APT::Sandbox::User=root download "$p") || die "apt-get download $p failed"
	done
	unpack_debs "$dir"
	rm -r "$dir/deb"
	cat >"$dir/qemu-system-x86_64" <<'END'
#!/bin/sh
# QEMU 7.2 with its own libraries, modules and data.
d=$(cd "$(dirname "$0")" && pwd)
LD_LIBRARY_PATH=$d/usr/lib/x86_64-linux-gnu QEMU_MODULE_DIR=$d/usr/lib/x86_64-linux-gnu/qemu \
	exec "$d/usr/bin/qemu-system-x86_64" -L "$d/usr/share/qemu" -L "$d/usr/share/seabios" "$@"
END
	chmod +x "$dir/qemu-system-x86_64"
	"$dir/qemu-system-x86_64" --version >/dev/null || die "the QEMU below $dir does not start"
}

unpack_debs() {
	local deb
	for deb in "$1"/deb/*.deb; do
		dpkg-deb -x "$deb" "$1"
	done
}

# --- what each mode takes
run=(make clang lld llvm libc6-dev gnu-efi libstb-dev pci.ids ovmf mtools gdisk)
test=(gcc xz-utils libcmocka-dev python3-pytest python3-pexpect python3-pytest-xdist pciutils python3-cryptography nettle-dev libgmp-dev zlib1g-dev libjansson-dev)

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
	if [[ -n $bookworm ]]; then
		install_new_qemu
		unpack_stock_qemu
	else
		install qemu-system-x86
	fi
	;;
lint) install clang-format clang-tidy python3 ;;
qat) install nettle-dev libgmp-dev zlib1g-dev python3 ;;
compare)
	install python3
	[[ -n $(find /var/lib/apt/lists -maxdepth 1 -name '*Release' 2>/dev/null) ]] || update
	;;
esac

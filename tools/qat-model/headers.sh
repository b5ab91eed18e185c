#!/bin/bash
# QEMU's headers for the model: headers.sh DIRECTORY. They come from Debian's source package of QEMU 10.0.2 and are only
# unpacked, never changed and never part of this tree. Nothing of QEMU is built: one generator runs (QAPI types), and two
# small files stand in for what its configure would write.
set -eu -o pipefail
dir=$1
qemu=http://deb.debian.org/debian/pool/main/q/qemu/qemu_10.0.2+ds.orig.tar.xz
sum=0901da33844a331bf8b3602b9c1fbd178e60b737c8e3ade678255bd090c9b9f1
die() { printf 'qat-model: %s\n' "$*" >&2; exit 1; }

mkdir -p "$dir"
dir=$(cd "$dir" && pwd)
cd "$dir"

# fetch NAME COMMAND...: runs the command, shows what it said only when it failed
fetch() {
	local what=$1
	shift
	"$@" >fetch.log 2>&1 || { cat fetch.log >&2; die "cannot fetch $what"; }
}

if ! sha256sum --status -c <<<"$sum  qemu.tar.xz" 2>/dev/null; then
	fetch "QEMU's source ($qemu)" /usr/lib/apt/apt-helper download-file "$qemu" qemu.tar.xz "SHA256:$sum"
fi
rm -rf qemu
mkdir -p qemu
tar -xJf qemu.tar.xz -C qemu --strip-components=1 --wildcards \
	qemu-10.0.2/{include,qapi,host/include,VERSION,COPYING} 'qemu-10.0.2/scripts/qapi*'
mkdir -p gen
PYTHONPATH=qemu/scripts python3 qemu/scripts/qapi-gen.py -o gen/qapi -b qemu/qapi/qapi-schema.json >fetch.log 2>&1 ||
	{ cat fetch.log >&2; die "QEMU's qapi-gen.py failed"; }
: >gen/config-poison.h
cat >gen/config-host.h <<'H'
#define CONFIG_LINUX 1
#define CONFIG_POSIX 1
#define CONFIG_TCG 1
#define CONFIG_PLUGIN 1
#define CONFIG_INT128 1
#define CONFIG_INT128_TYPE 1
#define CONFIG_THREAD_SETNAME_BYTHREAD 1
#define CONFIG_IOVEC 1
#define CONFIG_MADVISE 1
#define CONFIG_POSIX_MADVISE 1
#define HAVE_SYS_IOCCOM_H 0
#define HOST_X86_64 1
H

# GLib's headers: the installed ones, else those of Debian's package, unpacked beside QEMU's.
if [[ ! -r /usr/include/glib-2.0/glib.h && ! -r glib/usr/include/glib-2.0/glib.h ]]; then
	fetch "GLib's headers (libglib2.0-dev)" apt-get download libglib2.0-dev
	dpkg -x libglib2.0-dev_*.deb glib
	rm -f libglib2.0-dev_*.deb
fi
touch ready

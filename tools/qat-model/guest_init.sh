#!/bin/busybox sh
# The init of the guests of tools/qat-model/model-test: it brings VFs of the card up, hands them to a driver of somebody
# else's and prints what that says. Kernel command line: judge.driver=linux|linux_pf|dpdk judge.pf=DEVICE (of the PF, in hex)
# judge.suites=all|sym (of DPDK)
/bin/busybox --install -s /bin
export PATH=/bin LD_LIBRARY_PATH=/lib
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev

option() { tr ' ' '\n' </proc/cmdline | sed -n "s/^judge\.$1=//p"; }

end() { # end WORD: the last line; anything but "ok" is where it went wrong
	echo "END $1"
	poweroff -f
}

load() { # load FOLDER: its modules
	for module in /modules/"$1"/*; do
		parameters=
		case $module in *-vfio-pci.ko) parameters=disable_denylist=1 ;; esac
		insmod "$module" $parameters || end insmod
	done
}

driver=$(option driver)
load "$driver"
echo "KERNEL $(uname -r)"
stub=/sys/bus/pci/drivers/pci-pf-stub
[ ! -e $stub ] || echo "8086 $(option pf)" >$stub/new_id
for pf in /sys/bus/pci/devices/*; do
	[ "$(cat "$pf/device")" != "0x$(option pf)" ] || break
done
[ -e "$pf/sriov_numvfs" ] || end card

selftests() {
	awk '$1 == "name" { n = $3 } $1 == "driver" { d = $3 } $1 == "selftest" && d ~ /qat/ { print "SELFTEST", n, d, $3 }' /proc/crypto
}

# Linux: the VF driver registers its algorithms, the kernel tests each. Done when nothing has changed for 3 s.
linux() {
	echo 4 >"$pf/sriov_numvfs" || end sriov
	selftest
}

# The same with Linux's driver for the PF, whose own algorithms are not tested: the VFs' are.
linux_pf() {
	echo 16 >"$pf/sriov_numvfs" || end sriov
	echo N >/sys/module/cryptomgr/parameters/notests
	load linux_pf_vfs
	selftest
	echo "VFS $(ls -d /sys/bus/pci/drivers/c6xxvf/0000:* | wc -l)"
}

selftest() {
	last= same=0 left=300
	while [ $same -lt 3 ] && [ $left -gt 0 ]; do
		sleep 1
		left=$((left - 1))
		now=$(selftests)
		case $now in
		'' | *unknown*) same=0 ;;
		"$last") same=$((same + 1)) ;;
		*) same=0 ;;
		esac
		last=$now
	done
	dmesg | grep -iE 'alg:|qat|c6xx|dmar: .*fault' | sed 's/^/LOG /'
	selftests
	echo "MSI $(grep -i qat /proc/interrupts | awk '{ n += $2 } END { print n }')"
}

run() { # run NAME SECONDS COMMAND...: what it says between two lines, line by line even if it crashes, without dumps of buffers
	local name=$1 seconds=$2
	shift 2
	echo "RUN $name"
	{
		LD_PRELOAD=/lib/libstdbuf.so _STDBUF_O=L timeout -s KILL "$seconds" "$@"
		echo "RAN $name $?"
	} 2>&1 | grep -vE '^[0-9A-F]{8}: |: at \[0x'
}

compress() { # compress CODING
	run "compress-$1" 300 dpdk-test-compress-perf --lcores=0@0,1@0 $eal -- --driver-name compress_qat --ptest verify \
		--operation comp_and_decomp --huffman-enc "$1" --input-file /tmp/input --pool-sz 1024
}

# DPDK: one VF on vfio-pci, behind the IOMMU, polled.
dpdk() {
	echo 0 >"$pf/sriov_drivers_autoprobe"
	echo 1 >"$pf/sriov_numvfs" || end sriov
	vf=$(basename "$(readlink "$pf/virtfn0")")
	echo vfio-pci >"$pf/virtfn0/driver_override"
	echo "$vf" >/sys/bus/pci/drivers/vfio-pci/bind || end bind
	chmod 755 / # DPDK loads nothing from below a folder that others may write to
	mkdir -p /huge /var/run
	mount -t hugetlbfs none /huge
	echo 320 >/proc/sys/vm/nr_hugepages
	eal="-n 1 --iova-mode=va --no-telemetry -a $vf -d /pmds"
	export DPDK_TEST=cryptodev_qat_autotest
	run sym 1200 dpdk-test -l 0 $eal
	[ "$(option suites)" = all ] || return
	export DPDK_TEST=cryptodev_qat_asym_autotest
	run asym 300 dpdk-test -l 0 $eal
	head -c 524288 /bin/busybox >/tmp/input
	compress fixed
	compress dynamic
	dmesg | grep -iE 'dmar: .*fault|segfault' | sed 's/^/LOG /'
}

$driver
end ok

#!/bin/busybox sh
# The init of the guests of tools/dsa-model/model-test: Linux's idxd brings the device up as accel-config says, Intel's dsa_test
# and our two_processes use its work queues; or DPDK's idxd has the whole function by VFIO and runs its test of dmadevs.
# Kernel command line: judge.driver=idxd|dpdk judge.cases=all|few judge.ms=N (dsa_test's patience)
/bin/busybox --install -s /bin
export PATH=/bin LD_LIBRARY_PATH=/lib
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev

option() { tr ' ' '\n' </proc/cmdline | sed -n "s/^judge\.$1=//p"; }

end() { # end WORD: the last line; anything but "ok" is where it went wrong
	dmesg | grep -iE 'idxd|dmar|iommu|sva' | tail -n 40 | sed 's/^/LOG /'
	echo "END $1"
	poweroff -f
}

for module in /modules/*; do
	parameters=
	case $module in *-vfio-pci.ko) parameters=disable_denylist=1 ;; esac # INTEL-SA-01084: Linux gives no DSA away by itself
	insmod "$module" $parameters || end insmod
done
echo "KERNEL $(uname -r)"
[ -e /sys/bus/dsa/devices/dsa0 ] || end idxd

dpdk() {
	fn=$(basename /sys/bus/pci/drivers/idxd/*:*)
	echo "$fn" >/sys/bus/pci/drivers/idxd/unbind
	echo vfio-pci >"/sys/bus/pci/devices/$fn/driver_override"
	echo "$fn" >/sys/bus/pci/drivers/vfio-pci/bind || end bind
	chmod 755 / # DPDK loads nothing from below a folder that others may write to
	mkdir -p /huge /var/run
	mount -t hugetlbfs none /huge
	echo 160 >/proc/sys/vm/nr_hugepages
	got=0
	DPDK_TEST=dmadev_autotest timeout -s KILL 600 dpdk-test -l 0 -n 1 --iova-mode=va --no-telemetry -a "$fn,max_queues=2" \
		-d /lib/librte_dma_idxd.so.25 -d /lib/librte_mempool_ring.so.25 >/tmp/dpdk.log 2>&1 || got=$?
	awk '{ print "DPDK", $0 }' /tmp/dpdk.log
	echo "DMADEV $got"
	end ok
}
[ "$(option driver)" = idxd ] || dpdk
echo "PASID $(cat /sys/bus/dsa/devices/dsa0/pasid_enabled)"

accel() { accel-config "$@" >/tmp/accel.log 2>&1 || { sed 's/^/LOG /' /tmp/accel.log; end "accel-config-$1"; }; }
for n in 0 1; do
	accel config-engine dsa0/engine0.$n --group-id=$n
	accel config-wq dsa0/wq0.$n --group-id=$n --wq-size=16 --priority=10 --mode=dedicated --type=user --driver-name=user \
		--name=judge$n --block-on-fault=1 --max-batch-size=32 --max-transfer-size=2097152
done
accel enable-device dsa0
accel enable-wq dsa0/wq0.0 dsa0/wq0.1
accel-config list | tr -d ' \n' | sed 's/^/LIST /'
echo

run() { # run NAME OPTIONS OF dsa_test...
	local name=$1 got=0
	shift
	timeout -s KILL 60 dsa_test -w 0 -t "$(option ms)" "$@" >/tmp/test.log 2>&1 || got=$?
	[ $got = 0 ] || tail -n 3 /tmp/test.log | awk '{ print "LOG", $0 }' # ends the last line
	echo "CASE $got $name"
}

sizes='1 4096 65536' flags='0x0 0x1' operations='0x0 0x2 0x3 0x4 0x5 0x6 0x7 0x8 0x9 0x10 0x11 0x20'
[ "$(option cases)" = all ] || { sizes=4096 flags=0x0 operations='0x0 0x3 0x4 0x5 0x10'; }
for op in $operations; do
	for flag in $flags; do
		for size in $sizes; do
			case $op-$size in 0x[78]-1) continue ;; esac # delta records are of 8 bytes
			run "op $op length $size flags $flag" -o $op -l $size -f $flag
			[ $op = 0x2 ] || [ "$(option cases)" != all ] || # no drain in a batch
				run "batch of op $op length $size flags $flag" -o 0x1 -b $op -c 16 -l $size -f $flag
		done
	done
done
timeout -s KILL 120 two_processes || echo "SVA - ended bad $?"
echo "VECTORS $(grep idxd /proc/interrupts | awk '{ n += $2 + $3 } END { print n }')"
accel disable-wq dsa0/wq0.0 dsa0/wq0.1
accel disable-device dsa0
end ok

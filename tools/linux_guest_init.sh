#!/bin/busybox sh
# The init of the Linux guest of tools/compare-linux: switches on one VF as Sluice does (3 queues, 3 vectors, a
# namespace of its own), reads once, then runs fio's rows. It says it in Sluice's words: FIRST, BENCH, RESULT.
# Kernel command line: compare.rows=DEPTH:BATCH,... compare.seconds=N
/bin/busybox --install -s /bin
export PATH=/bin LD_LIBRARY_PATH=/lib
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev

option() { tr ' ' '\n' </proc/cmdline | sed -n "s/^compare\.$1=//p"; }

result() { # result OK MORE...
	echo "RESULT v=1 app=linux ok=$*"
	poweroff -f
}

fail() { # fail WHAT: one word; what was said about it stands above
	dmesg | grep -iE 'nvme|iommu|dmar' | tail -n 20
	result 0 "stage=$1"
}

wait_for() { # wait_for WHAT COMMAND: up to 60 s
	local left=6000
	until eval "$2"; do
		left=$((left - 1))
		[ $left -gt 0 ] || fail "$1"
		usleep 10000
	done
}

virt_mgmt() { nvme virt-mgmt /dev/nvme0 -c 1 "$@" >/tmp/nvme.log 2>&1 || { cat /tmp/nvme.log; fail virt-mgmt; }; }

for module in /modules/*; do
	parameters=
	case $module in *-nvme.ko) parameters=poll_queues=1 ;; esac
	insmod "$module" $parameters || fail insmod
done
wait_for controller '[ "$(cat /sys/class/nvme/nvme0/state 2>/dev/null)" = live ]'
pf=/sys/class/nvme/nvme0/device
[ -e $pf/sriov_numvfs ] || fail sriov
echo 0 >$pf/sriov_drivers_autoprobe # the VF is offline until it has been given its queues
echo 1 >$pf/sriov_numvfs || fail sriov
virt_mgmt -r 0 -a 8 -n 3
virt_mgmt -r 1 -a 8 -n 3
virt_mgmt -a 9
nvme attach-ns /dev/nvme0 -n 1 -c 1 >/tmp/nvme.log 2>&1 || { cat /tmp/nvme.log; fail attach-ns; }
echo nvme >$pf/virtfn0/driver_override
basename "$(readlink $pf/virtfn0)" >/sys/bus/pci/drivers/nvme/bind || fail bind
wait_for namespace 'ls /dev/nvme[0-9]*n1 >/dev/null 2>&1'
disk=$(echo /dev/nvme[0-9]*n1)
dd if="$disk" of=/dev/null bs=4k count=1 iflag=direct 2>/tmp/dd.log || { cat /tmp/dd.log; fail read; }
echo "FIRST uptime=$(cut -d' ' -f1 /proc/uptime)"

# Memory in use: the RAM that firmware left, without what is free and without the files of the initramfs.
ram=0
for range in /sys/firmware/memmap/*; do
	[ "$(cat "$range/type")" != "System RAM" ] ||
		ram=$((ram + ($(cat "$range/end") + 1 - $(cat "$range/start")) / 1024))
done
kib() { awk -v key="$1:" '$1 == key { print $2 }' /proc/meminfo; }
mem=$((ram - $(kib MemFree) - $(kib Cached)))

[ "$(cat "/sys/block/${disk#/dev/}/queue/io_poll")" = 1 ] || fail polled
group=$(readlink $pf/virtfn0/iommu_group)
domain=none
[ -z "$group" ] || domain=$(cat "/sys/kernel/iommu_groups/${group##*/}/type")
clock=$(cat /sys/devices/system/clocksource/clocksource0/current_clocksource)

for row in $(option rows | tr , ' '); do
	depth=${row%:*} batch=${row#*:}
	fio --name=read --filename="$disk" --rw=randread --bs=4k --direct=1 --norandommap --thread \
		--ioengine=io_uring --hipri --fixedbufs --registerfiles --cpus_allowed=$(($(nproc) - 1)) \
		--iodepth="$depth" --iodepth_batch="$batch" --iodepth_batch_complete_min="$batch" \
		--iodepth_batch_complete_max="$depth" --time_based --ramp_time=1 --runtime="$(option seconds)" \
		--output-format=terse --terse-version=3 >/tmp/fio.log 2>&1 || { cat /tmp/fio.log; fail fio; }
	# Terse, version 3: field 5 error, 6 KiB read, 9 milliseconds.
	awk -F';' -v row="depth=$depth batch=$batch" '
		$1 == 3 && $5 == 0 && $6 > 0 { printf "BENCH %s ops=%d us=%d\n", row, $6 / 4, $9 * 1000; ok = 1 }
		END { exit !ok }' /tmp/fio.log || { cat /tmp/fio.log; fail fio; }
done
result 1 "kernel=$(uname -r) fio=$(fio --version) iommu=$domain clock=$clock mem_kib=$mem"

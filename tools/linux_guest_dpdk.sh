#!/bin/busybox sh
# The init of the Linux guest of tools/compare-dpdk: igb's PF with its VFs, all VFs to DPDK's testpmd by vfio-pci with
# the IOMMU translating, then testpmd's rows on one core, CPU 1. It says them in Sluice's words: BENCH, RESULT.
# Kernel command line: compare.vfs=N compare.seconds=N
/bin/busybox --install -s /bin
export PATH=/bin LD_LIBRARY_PATH=/lib
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
mkdir -p /var/run
chmod 755 / # testpmd loads no library below a folder that all may write

option() { tr ' ' '\n' </proc/cmdline | sed -n "s/^compare\.$1=//p"; }

# By the kernel, which waits for the serial port itself: what a process writes needs an interrupt, and the end may be sooner.
print() { echo "<2>$*" >/dev/kmsg; }

result() { # result OK MORE...
	print "RESULT v=1 app=dpdk ok=$*"
	poweroff -f
}

fail() { # fail WHAT: one word; what was said about it stands above
	dmesg | grep -iE 'igb|vfio|iommu|dmar' | tail -n 20
	[ ! -e /tmp/out ] || tail -n 40 /tmp/out
	sleep 1 # until it has gone out
	result 0 "stage=$1"
}

hundredths() { cut -d" " -f1 /proc/uptime | tr -d .; }
seconds_up() { cut -d. -f1 /proc/uptime; }

wait_for() { # wait_for WHAT COMMAND: up to 60 s
	local end=$(($(seconds_up) + 60))
	until eval "$2"; do
		[ "$(seconds_up)" -lt $end ] || fail "$1"
		[ -z "$testpmd" ] || kill -0 "$testpmd" || fail "$1"
		usleep 100000
	done
}

testpmd="" vfs=$(option vfs) seconds=$(option seconds)
for module in /modules/*; do
	insmod "$module" || fail insmod
done
wait_for card 'ls -d /sys/bus/pci/drivers/igb/*:* >/dev/null 2>&1'
pf=$(echo /sys/bus/pci/drivers/igb/*:*)
ip link set "$(ls "$pf/net")" up || fail up
wait_for link '[ "$(cat "$pf"/net/*/carrier 2>/dev/null)" = 1 ]'
echo 0 >"$pf/sriov_drivers_autoprobe"
echo "$vfs" >"$pf/sriov_numvfs" || fail sriov
functions=
for n in $(seq 0 $((vfs - 1))); do
	function=$(basename "$(readlink "$pf/virtfn$n")")
	echo vfio-pci >"/sys/bus/pci/devices/$function/driver_override"
	echo "$function" >/sys/bus/pci/drivers/vfio-pci/bind || fail bind
	functions="$functions -a $function"
done
domain=$(cat "/sys/bus/pci/devices/$function/iommu_group/type")
mkdir -p /dev/hugepages
mount -t hugetlbfs hugetlbfs /dev/hugepages || fail hugetlbfs
echo 96 >/proc/sys/vm/nr_hugepages
[ "$(cat /proc/sys/vm/nr_hugepages)" = 96 ] || fail hugepages

mkfifo /tmp/in
sleep 1000000 >/tmp/in & # or testpmd would see the end of its input after the first command
export LD_PRELOAD=/lib/libstdbuf.so _STDBUF_O=L # each line at once, though it goes to a file
dpdk-testpmd -l 0,1 --in-memory --iova-mode=va --no-telemetry -d /lib/librte_net_e1000.so.23 -d /lib/librte_mempool_ring.so.23 \
	$functions -- -i --nb-cores=1 --port-topology=loop --txpkts=60 --total-num-mbufs=16384 </tmp/in >/tmp/out 2>&1 &
testpmd=$!
unset LD_PRELOAD

say() { echo "$*" >/tmp/in; }
lines() { grep -c "$1" /tmp/out; }
tell() { # tell COMMAND: one after which testpmd says what it has forwarded, and until it has
	asked=$((asked + 1))
	say "$1"
	wait_for "testpmd_${1%% *}" '[ "$(lines "Accumulated forward statistics")" -ge "$asked" ]'
}

wait_for testpmd '[ "$(lines "^Port [0-9]*: ..:..:..:..:..:..")" -ge "$vfs" ] && grep -q "testpmd>" /tmp/out'
mac() { sed -n "s/^Port $1: //p" /tmp/out | head -n 1; }
asked=0
row() { # row OP MODE PORTS START: one row of testpmd, on these ports
	say "set portlist $3"
	say "set fwd $2"
	taskset 2 mark-begin
	say "$4"
	sleep 1
	tell "show fwd stats all"
	begin=$(hundredths)
	sleep "$seconds"
	tell "show fwd stats all"
	end=$(hundredths)
	tell stop
	usleep 500000 # its last lines
	taskset 2 mark-end
	print "$(awk -v op="$1" -v us="$(((end - begin) * 10000))" '
		/Accumulated forward statistics/ { all = 1 }
		all && $1 == "TX-packets:" { before = last; last = sent; sent = $2; all = 0 }
		END { printf "BENCH op=%s frames=%d us=%d sent=%d\n", op, last - before, us, sent }' /tmp/out)"
}

for n in $(seq 0 $((vfs - 1))); do # a ring
	say "set eth-peer $n $(mac $(((n + 1) % vfs)))"
done
row forward mac "$(seq -s, 0 $((vfs - 1)))" "start tx_first 1"
row send txonly 1 start
result 1 "kernel=$(uname -r) iommu=$domain"

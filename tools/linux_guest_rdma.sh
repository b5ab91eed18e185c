#!/bin/busybox sh
# The init of a Linux guest with soft-RoCE: its network card gets an address and an RDMA device, then it runs a script.
# Kernel command line: rdma.ip=ADDRESS/BITS,... rdma.case=SCRIPT, in base64. The script calls judge and measure, or serve.
/bin/busybox --install -s /bin
export PATH=/usr/bin:/bin LD_LIBRARY_PATH=/lib
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
mount -t tmpfs tmpfs /tmp
mkdir -p /var/run /run
ulimit -l unlimited

option() { tr ' ' '\n' </proc/cmdline | sed -n "s/^rdma\.$1=//p"; }

# By the kernel, which waits for the serial port itself: what a process writes needs an interrupt, and the end may be sooner.
print() { echo "<2>$*" >/dev/kmsg; }

fail() { # fail WHAT: what was said about it stands above
	dmesg | tail -n 30
	print "RESULT ok=0 stage=$1"
	sleep 1
	poweroff -f
}

wait_for() { # wait_for WHAT COMMAND: up to 60 s
	end=$(($(cut -d. -f1 /proc/uptime) + 60))
	until eval "$2"; do
		[ "$(cut -d. -f1 /proc/uptime)" -lt $end ] || fail "$1"
		usleep 100000
	done
}

judge() { # judge NAME COMMAND...: its status, and its last lines if that is not 0
	name=$1
	shift
	timeout -s KILL 200 "$@" >/tmp/out 2>&1
	status=$?
	[ $status = 0 ] || while read -r line; do print "$name: $line"; done </tmp/out
	print "JUDGE $name status=$status"
}

measure() { # measure NAME COMMAND...: the line of numbers; a server of perftest is away between its two connections, so up to 5 times
	name=$1
	shift
	for n in 1 2 3 4 5; do
		timeout -s KILL 100 "$@" >/tmp/out 2>&1
		status=$?
		[ $status != 0 ] || break
		sleep 1
	done
	print "MEASURE $name status=$status $(grep -E '^ *[0-9]+ +[0-9]+ +[0-9.]+' /tmp/out | tail -n 1 | tr -s ' ')"
}

serve() { # serve COMMAND...: again and again, in the background
	while :; do timeout -s KILL 300 "$@" >/dev/null 2>&1 || sleep 0.1; done &
}

counters() { # the RDMA device's own, of what went wrong
	for c in duplicate_request out_of_seq_request rcvd_seq_err completer_retry_err; do
		print "COUNTER $c=$(cat /sys/class/infiniband/rxe0/ports/1/hw_counters/$c)"
	done
}

for module in /modules/*; do
	insmod "$module" || fail insmod
done
wait_for card 'ls /sys/class/net | grep -qv "^lo$"'
card=$(ls /sys/class/net | grep -v '^lo$' | head -n 1)
/bin/ip link set lo up # not busybox's, which its shell prefers
for address in $(option ip | tr , ' '); do
	/bin/ip address add "$address" dev "$card" $(case $address in *:*) echo nodad ;; esac) || fail address
done
/bin/ip link set "$card" up || fail up
wait_for link '[ "$(cat /sys/class/net/$card/carrier 2>/dev/null)" = 1 ]'
rdma link add rxe0 type rxe netdev "$card" || fail rxe
option case | base64 -d >/tmp/case
. /tmp/case
print "RESULT ok=1 kernel=$(uname -r)"
sleep 1
poweroff -f

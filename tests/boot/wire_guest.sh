#!/bin/busybox sh
# The init of a Linux guest at the other end of Sluice's wire, for tests/boot/test_echo.py: an e1000e with 10.0.0.200 and
# fd00::200, and a shell without echo on the serial line, whose prompt is "wire> ".
/bin/busybox --install -s /bin
export PATH=/bin LD_LIBRARY_PATH=/lib
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
mkdir -p /etc
echo 'tcpdump:x:0:0::/:/bin/sh' >/etc/passwd # the user that tcpdump becomes
for module in /modules/*; do
	insmod "$module"
done
until [ -e /sys/class/net/eth0 ]; do usleep 10000; done
ip link set lo up
echo 0 >/proc/sys/net/ipv6/conf/eth0/accept_dad
ip link set eth0 up
until [ "$(cat /sys/class/net/eth0/carrier)" = 1 ]; do usleep 10000; done
ip address add 10.0.0.200/24 dev eth0
ip address add fd00::200/64 dev eth0
stty -echo -onlcr cols 1000
echo guest is up
PS1='wire> ' exec sh -i

/* Frames of a network interface of Linux, timed. For the guest of tools/compare-cards.
 *
 *   frames send IF BYTES SECONDS   frames by a packet socket, 32 a call, to an address that nobody has;
 *                                  prints "BENCH op=send bytes= frames= us="
 *   frames round IF IF SECONDS     one frame of 60 bytes at a time from the first to the second, by packet
 *                                  sockets, and back; "BENCH op=round frames= us= min_ns= p50_ns= p99_ns="
 *
 * The timed part is between marks 14 and 15 of tools/insncount. Status 1 and a line on stderr: what failed.
 */
#define _GNU_SOURCE /* sendmmsg() */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define FRAME      60u
#define TYPE       0x88b5u /* for local experiments (IEEE 802) */
#define BURST      32u
#define MOST_BYTES 1514u
#define MOST       1000000u /* round trips */
#define MARK(n)    __asm__ volatile(".byte 0x0f, 0x1f, 0x84, 0, " #n "; .ascii \"ULS\"" ::: "memory")

static _Noreturn void fail(const char *form, ...)
{
	va_list args;
	va_start(args, form);
	fprintf(stderr, "frames: ");
	vfprintf(stderr, form, args);
	fprintf(stderr, ": %s\n", strerror(errno));
	exit(1);
}

static uint64_t now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* A packet socket on an interface for frames of TYPE, and its address. */
static int open_on(const char *name, uint8_t *mac)
{
	struct ifreq r = {0};
	struct timeval wait = {.tv_sec = 20};
	struct sockaddr_ll at = {.sll_family = AF_PACKET,
				 .sll_protocol = htons(TYPE),
				 .sll_ifindex = (int)if_nametoindex(name)};
	int fd = socket(AF_PACKET, SOCK_RAW, 0);
	snprintf(r.ifr_name, sizeof r.ifr_name, "%s", name);
	if (fd < 0 || ioctl(fd, SIOCGIFHWADDR, &r) ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait) || bind(fd, (void *)&at, sizeof at))
		fail("a packet socket on %s", name);
	memcpy(mac, r.ifr_hwaddr.sa_data, 6);
	return fd;
}

/* The n-th frame from one socket, which has to come out of the other as it was. */
static void pass(int from, const uint8_t *source, int to, const uint8_t *target, uint32_t n)
{
	uint8_t frame[FRAME] = {0}, got[2048];
	memcpy(frame, target, 6);
	memcpy(frame + 6, source, 6);
	frame[12] = TYPE >> 8;
	frame[13] = TYPE & 0xff;
	memcpy(frame + 14, &n, sizeof n);
	if (send(from, frame, FRAME, 0) != FRAME)
		fail("frame %u cannot be sent", n);
	ssize_t len = recv(to, got, sizeof got, 0);
	if (len != FRAME || memcmp(got, frame, FRAME) != 0)
		fail("frame %u: %zd bytes came, not the 60 that were sent", n, len);
}

/* Bursts of one frame until then; returns how many frames. The call waits when the card has no room. */
static uint64_t bursts(int fd, void *frame, unsigned bytes, uint64_t until)
{
	struct iovec part = {frame, bytes};
	struct mmsghdr burst[BURST] = {0};
	uint64_t sent = 0;
	for (unsigned i = 0; i < BURST; i++)
		burst[i].msg_hdr = (struct msghdr){.msg_iov = &part, .msg_iovlen = 1};
	while (now() < until) {
		int n = sendmmsg(fd, burst, BURST, 0);
		if (n < 0)
			fail("frames of %u bytes cannot be sent", bytes);
		sent += (uint64_t)n;
	}
	return sent;
}

static void send_alone(const char *name, unsigned bytes, unsigned seconds)
{
	uint8_t frame[MOST_BYTES] = {2, 0, 0, 0, 0, 0x99, [12] = TYPE >> 8, [13] = TYPE & 0xff};
	if (bytes < FRAME || bytes > MOST_BYTES)
		errno = EINVAL, fail("%u bytes", bytes);
	int fd = open_on(name, frame + 6);
	bursts(fd, frame, bytes, now() + 500000000u);
	uint64_t begin = now();
	MARK(14);
	uint64_t sent = bursts(fd, frame, bytes, begin + seconds * 1000000000ull);
	MARK(15);
	printf("BENCH op=send bytes=%u frames=%llu us=%llu\n", bytes, (unsigned long long)sent,
	       (unsigned long long)(now() - begin) / 1000);
}

static int in_order(const void *a, const void *b)
{
	const uint32_t *x = a, *y = b;
	return (*x > *y) - (*x < *y);
}

static void round_trips(const char *one, const char *other, unsigned seconds)
{
	static uint32_t took[MOST];
	uint8_t mac[2][6];
	int fd[2] = {open_on(one, mac[0]), open_on(other, mac[1])};
	uint32_t n = 0;
	for (; n < 500; n++) {
		pass(fd[0], mac[0], fd[1], mac[1], n);
		pass(fd[1], mac[1], fd[0], mac[0], n);
	}
	uint64_t begin = now(), last = begin;
	MARK(14);
	for (n = 0; n < MOST && last - begin < seconds * 1000000000ull; n++) {
		uint64_t before = last;
		pass(fd[0], mac[0], fd[1], mac[1], n);
		pass(fd[1], mac[1], fd[0], mac[0], n);
		last = now();
		took[n] = last - before > UINT32_MAX ? UINT32_MAX : (uint32_t)(last - before);
	}
	MARK(15);
	qsort(took, n, sizeof took[0], in_order);
	printf("BENCH op=round frames=%u us=%llu min_ns=%u p50_ns=%u p99_ns=%u\n", n,
	       (unsigned long long)(last - begin) / 1000, took[0], took[n / 2], took[n * 99ull / 100]);
}

int main(int argc, char **argv)
{
	unsigned seconds = argc == 5 ? (unsigned)atoi(argv[4]) : 0;
	if (seconds && strcmp(argv[1], "send") == 0)
		return send_alone(argv[2], (unsigned)atoi(argv[3]), seconds), 0;
	if (seconds && strcmp(argv[1], "round") == 0)
		return round_trips(argv[2], argv[3], seconds), 0;
	fprintf(stderr, "usage: frames send IF BYTES SECONDS | frames round IF IF SECONDS\n");
	return 2;
}

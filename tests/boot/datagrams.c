/* datagrams ADDRESS PORT COUNT: sends that many UDP datagrams of all lengths up to 1400 bytes to an echo
 * port, some on the way at a time, and compares every byte that comes back; each has to come at most once and
 * in order. Prints how many were right and how many were lost. A datagram that is wrong, or none within ten
 * minutes (the host of both ends may be busy), ends it with status 1. For tests/boot/test_echo.py. */
#include <arpa/inet.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#define MOST   1400u
#define FLYING 16u

static unsigned char want[MOST], got[2048];

/* The n-th datagram: its number, and bytes that follow from it. Returns its length. */
static unsigned make(uint32_t n)
{
	uint32_t x = n * 2654435761u + 1;
	unsigned len = 4 + x % (MOST - 3);
	memcpy(want, &n, 4);
	for (unsigned i = 4; i < len; i++) {
		x = x * 1664525u + 1013904223u;
		want[i] = (unsigned char)(x >> 24);
	}
	return len;
}

static int open_to(const char *address, unsigned port)
{
	struct sockaddr_in four = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
	struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port)};
	struct timeval wait = {.tv_sec = 600};
	int is_four = inet_pton(AF_INET, address, &four.sin_addr) == 1;
	int fd = socket(is_four ? AF_INET : AF_INET6, SOCK_DGRAM, 0);
	if (!is_four && inet_pton(AF_INET6, address, &six.sin6_addr) != 1)
		return -1;
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait) ||
	    connect(fd, is_four ? (void *)&four : (void *)&six, is_four ? sizeof four : sizeof six))
		return -1;
	return fd;
}

int main(int argc, char **argv)
{
	uint32_t count = argc == 4 ? (uint32_t)strtoul(argv[3], NULL, 10) : 0, sent = 0, back = 0, lost = 0;
	int fd = count ? open_to(argv[1], (unsigned)atoi(argv[2])) : -1;
	if (fd < 0)
		return 2;
	while (back < count) {
		for (; sent < count && sent < back + FLYING; sent++) {
			unsigned len = make(sent);
			if (send(fd, want, len, 0) != (ssize_t)len)
				return perror("send"), 1;
		}
		ssize_t n = recv(fd, got, sizeof got, 0);
		uint32_t number = back;
		if (n >= (ssize_t)sizeof number)
			memcpy(&number, got, sizeof number);
		unsigned len = make(number);
		if (n != (ssize_t)len || number < back || number >= sent || memcmp(got, want, len) != 0)
			return printf("%zd bytes came back, not datagram %u to %u: the first is %u\n", n,
				      back, sent - 1, number),
			       1;
		lost += number - back;
		back = number + 1;
	}
	printf("%u right, %u lost\n", back - lost, lost);
	return 0;
}

// Two processes with a dedicated work queue each, whose PASID is the process's own address space: each copies
// in its own memory, is refused the other's, gets a page on demand, and is refused what it has unmapped. A
// program of the guest of model-test; each of its lines ends with ok or bad. SPDX-License-Identifier:
// GPL-2.0-or-later
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { MOVE = 3, BLOCK_ON_FAULT = 2, WITH_RECORD = 0xc, PAGE = 4096, BYTES = 16, SECONDS = 3 };
enum { SUCCESS = 1, PAGE_FAULT = 3 };
#define AREA(process) (0x500000000000ull + (uint64_t)(process)*0x100000000ull)

struct descriptor {
	uint64_t word[8];
} __attribute__((aligned(64)));

static volatile struct {
	uint8_t status, result, unused[6];
	uint64_t fault, more[2];
} __attribute__((aligned(32))) record;

static char name;
static volatile void *portal;

static int copy(const volatile void *from, volatile void *to, unsigned flags)
{
	static struct descriptor d;
	time_t end = time(NULL) + SECONDS;
	d.word[0] = (uint64_t)MOVE << 56 | (uint64_t)(WITH_RECORD | flags) << 32;
	d.word[1] = (uint64_t)&record;
	d.word[2] = (uint64_t)from;
	d.word[3] = (uint64_t)to;
	d.word[4] = BYTES;
	record.status = 0;
	__asm__ volatile("movdir64b (%0), %1" : : "r"(&d), "r"(portal) : "memory");
	while (!record.status && time(NULL) <= end)
		__asm__ volatile("pause");
	return record.status;
}

static void say(const char *what, int status, int good)
{
	printf("SVA %c %s: status %x fault %llx %s\n", name, what, status, (unsigned long long)record.fault,
	       good ? "ok" : "bad");
}

static char *map(void *at, int flags)
{
	char *p = mmap(at, PAGE * 3, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);
	if (p == MAP_FAILED) {
		perror("mmap");
		exit(1);
	}
	return p;
}

static void play(int process)
{
	/* The third page stays, and so do the tables: Linux asks for an invalidation that is too large for
	 * QEMU's unit when it frees tables, and QEMU then does none. */
	char *own = map((void *)AREA(process), MAP_FIXED | MAP_POPULATE), *other = (void *)AREA(!process);
	char *lazy = map(NULL, 0), text[] = "memory of A";
	text[10] = name = (char)('A' + process);
	strcpy(own, text);
	memset(own + PAGE, '-', BYTES);
	int s = copy(own, own + PAGE, 0);
	say("copies its own", s, s == SUCCESS && !strcmp(own + PAGE, text));
	memset(own + PAGE, '-', BYTES);
	s = copy(other, own + PAGE, 0);
	say("reads the other's", s, s == PAGE_FAULT && record.fault == (uint64_t)other && own[PAGE] == '-');
	s = copy(own, other, 0);
	say("writes the other's", s, s == (PAGE_FAULT | 0x80) && record.fault == (uint64_t)other);
	s = copy(own, lazy, BLOCK_ON_FAULT);
	say("gets a page on demand", s, s == SUCCESS && !strcmp(lazy, text));
	munmap(own, PAGE);
	s = copy(own, lazy + PAGE / 2, 0);
	say("reads what it unmapped", s, s == PAGE_FAULT && record.fault == (uint64_t)own && !lazy[PAGE / 2]);
}

int main(void)
{
	static const char *const queues[] = {"/dev/dsa/wq0.0", "/dev/dsa/wq0.1"};
	int bad = 0, status, done[2], end[2];
	char byte;
	if (pipe(done) || pipe(end))
		return 1;
	setvbuf(stdout, NULL, _IOLBF, 0); /* a line at once, as both print */
	for (int process = 0; process < 2; process++)
		if (!fork()) {
			int f = open(queues[process], O_RDWR);
			portal = f < 0 ? MAP_FAILED
				       : mmap(NULL, PAGE, PROT_WRITE, MAP_SHARED, f,
					      0); /* the instruction is the first to touch it */
			if (portal == MAP_FAILED) {
				perror(queues[process]);
				exit(1);
			}
			close(end[1]);
			play(process);
			/* Nobody goes before both are through: an end frees tables too. */
			exit(write(done[1], "", 1) != 1 || read(end[0], &byte, 1) != 0);
		}
	close(done[1]);
	for (int process = 0; process < 2; process++)
		bad |= read(done[0], &byte, 1) != 1;
	close(end[1]);
	while (wait(&status) > 0)
		bad |= status != 0;
	return bad;
}

/* The walkers as a program, for tests/boot/test_walker.py: commands on the standard input, one a line,
 * numbers hexadecimal; each `ask` and `space` is answered on the standard output.
 *
 *     unit RTADDR CAP ECAP HAW     registers of a unit; host address width in bits
 *     ram BYTES                    memory from 0 on, zero
 *     image FILE                   memory from 0 on, as the file has it
 *     word ADDRESS VALUE           one word of it
 *     zero ADDRESS BYTES
 *     ask RID PASID ADDRESS        PASID: - for none. Answer: reasons of a read and of a write, address, text
 *     space RID PASID BITS         what is allowed up to 2^BITS. Answers: ADDRESS BYTES PHYS r|w|rw, and
 * "end" */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "iommu/vtd/walk_request.h"

static struct {
	uint8_t *at;
	size_t bytes;
} ram;
static struct vtd_walk_unit unit;

static bool read64(void *ctx, uint64_t phys, uint64_t *v)
{
	(void)ctx;
	if (phys > ram.bytes || ram.bytes - phys < 8)
		return false;
	memcpy(v, ram.at + phys, 8);
	return true;
}

static _Noreturn void fail(const char *what)
{
	fprintf(stderr, "walk: %s\n", what);
	exit(2);
}

static void memory(size_t bytes)
{
	free(ram.at);
	ram.at = calloc(1, bytes ? bytes : 1);
	ram.bytes = bytes;
	if (!ram.at)
		fail("no memory");
}

static void image(const char *path)
{
	FILE *f = fopen(path, "rb");
	if (!f || fseek(f, 0, SEEK_END))
		fail("the image cannot be opened");
	long bytes = ftell(f);
	rewind(f);
	memory(bytes > 0 ? (size_t)bytes : 0);
	if (fread(ram.at, 1, ram.bytes, f) != ram.bytes)
		fail("the image cannot be read");
	fclose(f);
}

static struct vtd_walk_scalable walk(uint64_t rid, const char *pasid, uint64_t at)
{
	struct vtd_walk_mem mem = {NULL, read64};
	struct vtd_request r = {.fn = {0, (uint16_t)rid}, .iova = IOVA(at), .has_pasid = *pasid != '-'};
	struct vtd_walk_scalable w;
	r.pasid = r.has_pasid ? (uint32_t)strtoul(pasid, NULL, 16) : 0;
	vtd_walk_request(&unit, &mem, &r, &w);
	return w;
}

static void ask(uint64_t rid, const char *pasid, uint64_t at)
{
	char text[300];
	struct vtd_walk_scalable w = walk(rid, pasid, at);
	vtd_walk_request_text(&w, text, sizeof text);
	printf("%x %x %" PRIx64 " %s\n", w.reason_read, w.reason_write, w.phys.v, text);
}

/* Bytes that the last entry covers, so that what is empty is passed over at once. */
static uint64_t covered(const struct vtd_walk_scalable *w)
{
	if (w->size)
		return w->size;
	if (w->at == WALK_AT_LEGACY && w->legacy.steps)
		return 1ull << (12 + 9 * (w->legacy.step[w->legacy.steps - 1].level - 1));
	if (w->at == WALK_AT_FIRST && w->steps)
		return 1ull << (12 + 9 * (w->step[w->steps - 1].level - 1));
	if (w->at == WALK_AT_SECOND && w->seconds && w->type == 2)
		return 1ull << (12 + 9 * (w->second[w->seconds - 1].level - 1));
	return w->at == WALK_AT_INTERRUPT ? 1 << 20 : 0;
}

static void space(uint64_t rid, const char *pasid, uint64_t bits)
{
	struct vtd_walk_scalable w;
	uint64_t size, run = 0, phys = 0, n = 0;
	unsigned allowed = 0;
	for (uint64_t at = 0; at < 1ull << bits; at += size) {
		w = walk(rid, pasid, at);
		size = covered(&w);
		if (!size) {
			printf("refused %x %x\n", w.reason_read, w.reason_write);
			return;
		}
		size -= at & (size - 1); /* from here to the end of what the entry covers */
		unsigned now = (w.read ? 1u : 0u) + (w.write ? 2u : 0u);
		if (now && now == allowed && at == run + n && w.phys.v == phys + n) {
			n += size;
			continue;
		}
		if (allowed)
			printf("%" PRIx64 " %" PRIx64 " %" PRIx64 " %x\n", run, n, phys, allowed);
		run = at, phys = w.phys.v, n = size, allowed = now;
	}
	if (allowed)
		printf("%" PRIx64 " %" PRIx64 " %" PRIx64 " %x\n", run, n, phys, allowed);
	printf("end\n");
}

static void command(char *line)
{
	char word[16], text[4096], pasid[16];
	uint64_t a, b, c, d;
	if (sscanf(line, "unit %" SCNx64 " %" SCNx64 " %" SCNx64 " %" SCNx64, &a, &b, &c, &d) == 4)
		unit = (struct vtd_walk_unit){a, b, c, (unsigned)d};
	else if (sscanf(line, "ram %" SCNx64, &a) == 1)
		memory(a);
	else if (sscanf(line, "image %4095[^\n]", text) == 1)
		image(text);
	else if (sscanf(line, "word %" SCNx64 " %" SCNx64, &a, &b) == 2 && a < ram.bytes &&
		 ram.bytes - a >= 8)
		memcpy(ram.at + a, &b, 8);
	else if (sscanf(line, "zero %" SCNx64 " %" SCNx64, &a, &b) == 2 && a <= ram.bytes &&
		 b <= ram.bytes - a)
		memset(ram.at + a, 0, b);
	else if (sscanf(line, "%15s %" SCNx64 " %15s %" SCNx64, word, &a, pasid, &b) == 4 &&
		 !strcmp(word, "ask"))
		ask(a, pasid, b);
	else if (sscanf(line, "%15s %" SCNx64 " %15s %" SCNx64, word, &a, pasid, &b) == 4 &&
		 !strcmp(word, "space") && b < 64)
		space(a, pasid, b);
	else
		fail(line);
}

int main(void)
{
	static char line[8192];
	memory(0);
	while (fgets(line, sizeof line, stdin)) {
		command(line);
		fflush(stdout);
	}
	free(ram.at);
	return 0;
}

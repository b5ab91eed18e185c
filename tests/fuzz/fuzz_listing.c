/* What people post of a machine: a list of its IOMMU groups in any of the forms that tools/replay reads, and,
 * behind a line "%%", a dump as of lspci -xxxx. Whatever stands in them, they are refused, or the machine
 * that is made of them is walked, grouped and compared to the end. */
#define _GNU_SOURCE /* memfd_create(), memmem() */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "pci/groups.h"
#include "tools/replay/host.h"
#include "tools/replay/listing.h"
#include "tools/replay/machine.h"

#define BETWEEN "\n%%\n"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

/* One window, buses 0 to 3 of segment 0: a walk of all buses would take most of the time. */
static const uint8_t mcfg[60] = {'M', 'C', 'F', 'G', 60, [47] = 0xe0, [55] = 3};

/* replay_load() reads a file. */
static struct replay *dump(const uint8_t *p, size_t n)
{
	char path[64];
	int fd = memfd_create("dump", 0);
	if (fd < 0 || write(fd, p, n) != (ssize_t)n)
		abort();
	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	struct replay *r = replay_load(path);
	close(fd);
	return r;
}

static void compare(const struct listing *l, unsigned i, const struct replay *base)
{
	static struct pci pci;
	static struct machine_complaints said;
	struct replay *cfg = base ? replay_copy(base) : replay_new(0, false);
	bdf_t any;
	if (!cfg || !listing_fill(l, i, cfg))
		abort();
	replay_ready(cfg);
	if (replay_function(cfg, 0, &any) &&
	    machine_scan(&pci, cfg, (struct span){mcfg, sizeof mcfg}, &said) == SL_OK) {
		(void)groups_compute(&pci);
		(void)listing_compare(l, i, &pci, cfg);
	}
	replay_free(cfg);
}

/* Neither half is NUL-terminated, and one byte beyond it is an error. */
int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static bool ready;
	if (!ready && (!host_init() || !freopen("/dev/null", "w", stdout)))
		abort();
	ready = true;
	const uint8_t *between = memmem(p, n, BETWEEN, sizeof BETWEEN - 1);
	size_t len = between ? (size_t)(between - p) + 1 : n;
	const uint8_t *rest = between ? between + sizeof BETWEEN - 1 : p + n;
	char *text = malloc(len ? len : 1);
	if (!text)
		abort();
	memcpy(text, p, len);
	struct listing *l = listing_read(text, len);
	struct replay *base = rest < p + n ? dump(rest, (size_t)(p + n - rest)) : NULL;
	for (unsigned i = 0; l && i < listing_lists(l); i++)
		compare(l, i, base);
	listing_free(l);
	replay_free(base);
	free(text);
	return 0;
}

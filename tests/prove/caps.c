/* clang-format off */
/* PCI: both capability lists, whatever configuration space holds: all AREA bytes of it, and something else at each look
 * CHECKS: every read is aligned and inside; the walk ends; an entry lies inside its area
 * SOURCES: pci/caps.c
 * UNWIND: 3
 * SEED: pci/caps.c | cap->seen >= ECAP_MAX | cap->seen > 0xfff0 | a loop in the extended list is followed
 * SEED: pci/caps.c | FGET(header, ECAP_NEXT) & 0xffc | FGET(header, ECAP_NEXT) | reserved bits of a pointer are used
 * SEED: pci/caps.c | if (at < CAP_FIRST || | if ( | a pointer into the header is followed
 */
/* clang-format on */
#include "tests/prove/prove.h"
#include "pci/pci.h"

#define AREA  4096
#define STEPS 960 /* as many headers as fit there */

static uint32_t rd(void *ctx, bdf_t fn, uint16_t off, unsigned bytes)
{
	(void)ctx, (void)fn;
	assert((bytes == 1 || bytes == 2 || bytes == 4) && off % bytes == 0 && off + bytes <= AREA);
	uint32_t v = any_u32();
	return bytes == 4 ? v : v & ((1u << 8 * bytes) - 1);
}

/* One step from any state that a walk can be in: seen grows with each, so STEPS of them are all there are. */
int main(void)
{
	struct pci_cfg cfg = {.rd = rd};
	struct pci_func fn;
	struct pci_cap cap, ecap;
	fn.cfg = &cfg;
	assume(cap.seen <= 48 && ecap.seen <= STEPS);
	assume(cap.seen == 0 || (cap.next % 4 == 0 && cap.next <= 0xfc)); /* as a step leaves it, see below */
	uint16_t seen = cap.seen;
	if (pci_cap_next(&fn, &cap) == SL_OK) {
		assert(cap.seen == seen + 1 && cap.seen <= 48);
		assert(cap.off >= 0x40 && cap.off <= 0xfc && cap.off % 4 == 0 && cap.next % 4 == 0 &&
		       cap.next <= 0xfc);
	}
	assume(ecap.seen == 0 || (ecap.next % 4 == 0 && ecap.next < AREA)); /* likewise */
	seen = ecap.seen;
	if (pci_ecap_next(&fn, &ecap) == SL_OK) {
		assert(ecap.seen == seen + 1 && ecap.seen <= STEPS);
		assert(ecap.off >= 0x100 && ecap.off <= 0xffc && ecap.off % 4 == 0);
		assert(ecap.next % 4 == 0 && ecap.next < AREA);
	}
	return 0;
}

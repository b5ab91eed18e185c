#include "kernel/x86/cpustate.h"

/* Machine checks are reported instead of a shutdown; and the firmware's services, called for the reset, may
 * use SSE. */
#define CR4_ALWAYS (CR4_PAE | BIT(6) | CR4_PGE | BIT(9) | BIT(10)) /* MCE, OSFXSR, OSXMMEXCPT */

struct cpu_has cpu_has_of(const uint32_t leaf1[4], const uint32_t r[4])
{
	const uint32_t avx = BIT(28) | BIT(26);
	return (struct cpu_has){.smep = r[1] >> 7 & 1,
				.smap = r[1] >> 20 & 1,
				.umip = r[2] >> 2 & 1,
				.avx = (leaf1[2] & avx) == avx,
				.cet = (r[2] >> 7 & 1) || (r[3] >> 20 & 1),
				.pks = r[2] >> 31};
}

uint64_t cpu_cr4(const struct cpu_has *has, bool la57)
{
	return CR4_ALWAYS | (has->smep ? CR4_SMEP : 0) | (has->smap ? CR4_SMAP : 0) |
	       (has->umip ? CR4_UMIP : 0) | (has->avx ? CR4_OSXSAVE : 0) | (la57 ? CR4_LA57 : 0);
}

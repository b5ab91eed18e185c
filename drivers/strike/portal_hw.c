#include "drivers/strike/strike.h"
#include "kernel/cpu.h"

#define LEAF_FEATURES 7u
#define HAS_MOVDIR64B (1u << 28) /* of ECX */
#define PORTAL_LEN    64u

/* One write of 64 bytes, which nothing divides: SDM volume 2, MOVDIR64B. What is in memory is there before.
 */
static void submit(const struct strike_io *io, const uint64_t desc[8])
{
	struct line {
		uint64_t word[8];
	};
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	__asm__ volatile("movdir64b %1, %0"
			 :
			 : "r"(io->regs), "m"(*(const struct line *)(const void *)desc)
			 : "memory");
}

struct strike_io strike_io_portal(volatile void *portal, uint64_t len)
{
	uint32_t r[4];
	cpu_id(LEAF_FEATURES, r);
	bool can = r[2] & HAS_MOVDIR64B && len >= PORTAL_LEN;
	return (struct strike_io){.regs = portal, .len = len, .submit = can ? submit : NULL};
}

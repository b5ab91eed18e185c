#include "iommu/amdvi/cmd.h"

#define QUEUE_LEN ((unsigned)(PAGE_SIZE / sizeof(struct amdvi_cmd)))
#define QUEUE_LOG 8u              /* log2 of it */
#define BATCH_MAX (QUEUE_LEN - 3) /* with a wait, and two free: Linux leaves that many */

void amdvi_cmd_reset(struct amdvi_unit *u)
{
	u->tail = 0;
	u->dead = false;
	*u->status = u->seq;
	amdvi_wr(&u->io, AMDVI_CMDBUF, (va_phys(u->queue).v & TABLE_ADDR) | FPUT(RING_LEN, QUEUE_LOG));
	amdvi_wr(&u->io, AMDVI_CMD_HEAD, 0);
	amdvi_wr(&u->io, AMDVI_CMD_TAIL, 0);
}

static inline void put(struct amdvi_unit *u, struct amdvi_cmd c)
{
	u->queue[u->tail] = c;
	u->tail = (u->tail + 1) % QUEUE_LEN;
	u->count.commands++;
}

static inline bool done(const struct amdvi_unit *u)
{
	return __atomic_load_n(u->status, __ATOMIC_ACQUIRE) == u->seq;
}

/* The unit ends its buffer at a command that it does not know, or cannot read; its event log says which. */
COLD static enum sl_err failed(struct amdvi_unit *u, bool stopped)
{
	uint64_t head = FGET(amdvi_rd(&u->io, AMDVI_CMD_HEAD), RING_AT);
	const struct amdvi_cmd *at = &u->queue[head % QUEUE_LEN];
	u->dead = true;
	if (stopped)
		amdvi_trouble(
			u, AMDVI_BROKEN,
			"the unit stopped its command buffer at command %u: 0x%llx 0x%llx (CmdBufRun is 0)",
			(unsigned)head, (ull)at->lo, (ull)at->hi);
	else
		amdvi_trouble(u, "the affected memory stays reserved; reboot the machine",
			      "no answer to a COMPLETION_WAIT in %u ms (command %u: 0x%llx 0x%llx)",
			      AMDVI_DEADLINE_US / 1000, (unsigned)head, (ull)at->lo, (ull)at->hi);
	return stopped ? SL_DEVICE : SL_TIMEOUT;
}

/* The clock is read before the status, and both before the last look at memory. */
COLD static enum sl_err await(struct amdvi_unit *u)
{
	struct deadline d = amdvi_deadline(&u->io, AMDVI_DEADLINE_US);
	bool stopped = false;
	while (!stopped && amdvi_look(&u->io, &d)) {
		stopped = !(amdvi_rd(&u->io, AMDVI_STATUS) & STS_CMD_RUN);
		if (done(u))
			return SL_OK;
	}
	return failed(u, stopped);
}

enum sl_err amdvi_cmd_run(struct amdvi_unit *u, const struct amdvi_cmd *c, unsigned n)
{
	while (n) {
		unsigned batch = n < BATCH_MAX ? n : BATCH_MAX;
		if (u->dead)
			return SL_DEVICE;
		for (unsigned i = 0; i < batch; i++)
			put(u, c[i]);
		put(u, amdvi_cmd_wait(va_phys(u->status), ++u->seq));
		u->count.waits++;
		amdvi_wr(&u->io, AMDVI_CMD_TAIL, (uint64_t)u->tail * sizeof(struct amdvi_cmd));
		if (UNLIKELY(!done(u))) {
			enum sl_err e = await(u);
			if (e)
				return e;
		}
		c += batch;
		n -= batch;
	}
	return SL_OK;
}

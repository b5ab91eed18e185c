#include "iommu/amdvi/log.h"
#include "iommu/amdvi/devtab.h"
#include "iommu/amdvi/event.h"
#include "kernel/log.h"

#define LOG_LOG    12u  /* log2 of AMDVI_LOG_ENTRIES */
#define WRITTEN_US 1000 /* until an event is in memory, after the tail has moved (errata 732 and 733) */
_Static_assert(AMDVI_LOG_ENTRIES == 1u << LOG_LOG, "as the unit is told");

void amdvi_log_reset(struct amdvi_unit *u)
{
	for (unsigned i = 0; i < 2 * AMDVI_LOG_ENTRIES; i++)
		u->log[i] = 0;
	u->log_head = 0;
	amdvi_wr(&u->io, AMDVI_LOGBUF, (va_phys(u->log).v & TABLE_ADDR) | FPUT(RING_LEN, LOG_LOG));
	amdvi_wr(&u->io, AMDVI_LOG_HEAD, 0);
	amdvi_wr(&u->io, AMDVI_LOG_TAIL, 0);
	amdvi_wr(&u->io, AMDVI_STATUS, STS_CLEARED);
}

static bool waiting(const struct amdvi_unit *u)
{
	return FGET(amdvi_rd(&u->io, AMDVI_LOG_TAIL), RING_AT) % AMDVI_LOG_ENTRIES != u->log_head;
}

/* The log was full, and the unit stopped it (EventLogRun is 0). What it could not record is
 * lost. */
static void start_again(struct amdvi_unit *u)
{
	uint64_t control = amdvi_rd(&u->io, AMDVI_CONTROL);
	u->count.overflows++;
	amdvi_wr(&u->io, AMDVI_CONTROL, control & ~CTL_LOG);
	if (amdvi_wait(u, AMDVI_STATUS, STS_LOG_RUN, 0, "ending a full event log"))
		return;
	amdvi_log_reset(u);
	amdvi_wr(&u->io, AMDVI_CONTROL, control);
}

/* An empty log. Erratum 787: an event that comes while EventLogInt is cleared raises no interrupt, so the
 * caller looks once more. */
static void settle(struct amdvi_unit *u)
{
	uint64_t status = amdvi_rd(&u->io, AMDVI_STATUS);
	if (status & STS_OVERFLOW)
		start_again(u);
	else if (status & STS_LOG_INT)
		amdvi_wr(&u->io, AMDVI_STATUS, STS_LOG_INT);
}

/* The next event; false when there is none. An event that is not in memory in time is lost. */
static bool take(struct amdvi_unit *u, uint64_t *lo, uint64_t *hi)
{
	uint64_t *at = &u->log[2 * u->log_head];
	struct deadline d = amdvi_deadline(&u->io, WRITTEN_US);
	if (!waiting(u)) {
		settle(u);
		if (!waiting(u))
			return false;
		at = &u->log[2 * u->log_head];
	}
	do
		*lo = __atomic_load_n(at, __ATOMIC_ACQUIRE);
	while (!FGET(*lo, EVENT_CODE) && amdvi_look(&u->io, &d));
	*hi = at[1];
	at[0] = at[1] = 0;
	u->log_head = (u->log_head + 1) % AMDVI_LOG_ENTRIES;
	amdvi_wr(&u->io, AMDVI_LOG_HEAD, FPUT(RING_AT, u->log_head));
	return true;
}

/* What the event does not say and the device table does: the address is beyond the function's tables; the
 * function is the only one with a domain that has this number on its bus. */
static void complete(const struct amdvi_unit *u, uint64_t hi, struct iommu_fault *f)
{
	const struct amdvi_dte *e = &u->devtab->entry[f->bdf.rid];
	uint64_t mode = FGET(e->q[0], DTE_MODE);
	uint16_t did;
	if ((f->why == WHY_NO_READ || f->why == WHY_NO_WRITE) && mode && mode < 6 && hi >> (12 + 9 * mode)) {
		f->why = WHY_TOO_WIDE;
		f->text = "the address is beyond the width of the tables";
	}
	unsigned n = 0;
	uint16_t only = f->bdf.rid;
	for (unsigned bus = 0; f->vague && bus < 256; bus++) {
		uint16_t rid = (uint16_t)(bus << 8 | (f->bdf.rid & 0xff));
		if (!amdvi_dte_find(u->devtab, rid, &did))
			continue;
		only = rid;
		n++;
	}
	if (n == 1)
		f->bdf.rid = only;
}

/* About the unit itself: once each, since an event storm would fill the log of the run. */
static void tell(struct amdvi_unit *u, uint64_t lo, uint64_t hi)
{
	unsigned code = (unsigned)FGET(lo, EVENT_CODE);
	if (u->told >> code & 1)
		return;
	u->told |= (uint16_t)BIT(code);
	log_warn(u->name, "the event log has %s: 0x%llx 0x%llx%s", amdvi_event_name(code), (ull)lo, (ull)hi,
		 code ? "" : ", which was not written in time");
}

enum sl_err amdvi_log_next(struct amdvi_unit *u, struct iommu_fault *out)
{
	uint64_t lo, hi;
	for (unsigned i = 0; i < AMDVI_LOG_ENTRIES && take(u, &lo, &hi); i++) {
		if (!amdvi_event_fault(lo, hi, u->ivhd.unit.seg, u->emulated, out)) {
			u->count.overflows += !FGET(lo, EVENT_CODE);
			tell(u, lo, hi);
			continue;
		}
		complete(u, hi, out);
		u->count.faults++;
		return SL_OK;
	}
	return SL_END;
}

void amdvi_log_clear(struct amdvi_unit *u)
{
	uint64_t lo, hi;
	for (unsigned i = 0; i < AMDVI_LOG_ENTRIES && take(u, &lo, &hi); i++)
		;
}

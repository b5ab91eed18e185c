#include "drivers/dsa/dsa.h"
#include "drivers/dsa/regs.h"

#define RESET_US 100000u
#define CMD_US   10000u

static uint32_t rd(const struct dsa *d, uint32_t reg)
{
	return strike_rd(&d->io, reg, 4);
}

static void wr(const struct dsa *d, uint32_t reg, uint32_t v)
{
	strike_wr(&d->io, reg, 4, v);
}

/* §9.2.19: one at a time; CMDSTATUS has the error of the last one. */
static enum sl_err command(const struct dsa *d, uint32_t cmd, uint32_t operand, uint32_t us, uint32_t *error)
{
	wr(d, CMD, cmd << 20 | operand);
	if (!strike_wait(&d->io, CMDSTATUS, 4, STATUS_ACTIVE, 0, us))
		return SL_TIMEOUT;
	*error = rd(d, CMDSTATUS) & STATUS_ERROR;
	return *error ? SL_DEVICE : SL_OK;
}

enum sl_err dsa_stop(struct dsa *d)
{
	uint32_t error;
	d->used = 0;
	return command(d, RESET_DEVICE, 0, RESET_US, &error);
}

static void read_capabilities(struct dsa *d)
{
	uint32_t offsets = rd(d, OFFSETS), cap = rd(d, GENCAP), queues = rd(d, WQCAP);
	d->groups_at = (offsets & 0xffff) * UNITS;
	d->queues_at = (offsets >> 16) * UNITS;
	d->queue_bytes = WQCAP_BYTES(queues);
	d->groups = rd(d, GRPCAP) & ENGINES;
	d->engines = rd(d, ENGCAP) & ENGINES;
	d->queues = (queues & WQCAP_QUEUES) >> 16;
	d->entries = queues & WQCAP_SIZE;
	d->transfer = GENCAP_MAX_TRANSFER(cap);
	d->batch = GENCAP_MAX_BATCH(cap);
	d->blocks = cap & GENCAP_BLOCK;
}

/* All registers of configuration and all portals are in their BARs. */
static bool fits(const struct dsa *d)
{
	return (uint64_t)d->groups_at + d->groups * GROUP_BYTES <= d->io.len &&
	       (uint64_t)d->queues_at + d->queues * d->queue_bytes <= d->io.len &&
	       (uint64_t)d->queues * PORTAL_BYTES <= d->portals.len;
}

enum sl_err dsa_open(struct dsa *d, const char **why)
{
	*why = "its registers do not answer";
	if (rd(d, VERSION) == UINT32_MAX)
		return SL_DEVICE;
	*why = "the processor has no MOVDIR64B, by which descriptors are submitted";
	if (!d->portals.submit)
		return SL_UNSUPPORTED;
	read_capabilities(d);
	*why = "it has no work queue and engine that could be configured";
	if (!(rd(d, GENCAP) & GENCAP_CONFIG) || !(rd(d, WQCAP + 4) & WQCAP_DEDICATED) || !d->queues ||
	    d->entries < d->queues || !d->groups || !d->engines)
		return SL_UNSUPPORTED;
	*why = "its registers name places outside of its BARs";
	if (!fits(d))
		return SL_DEVICE;
	*why = "it does not come out of its reset";
	return dsa_stop(d);
}

/* Queue n and engine n go to group n; where there are fewer groups or engines, they share. */
static void configure(const struct dsa *d, const uint32_t *pasid)
{
	unsigned groups = d->groups < d->engines ? d->groups : d->engines;
	for (unsigned g = 0; g < groups; g++) {
		uint64_t queues = 0;
		uint32_t at = d->groups_at + g * GROUP_BYTES;
		for (unsigned n = g; n < d->used; n += groups)
			queues |= 1ull << n;
		wr(d, at + GRPWQCFG, (uint32_t)queues);
		wr(d, at + GRPENGCFG, queues ? 1u << g : 0);
	}
	for (unsigned n = 0; n < d->used; n++) {
		uint32_t at = d->queues_at + n * d->queue_bytes;
		wr(d, at + WQ_SIZE, d->size);
		wr(d, at + WQ_MODE,
		   MODE_DEDICATED | MODE_PRIORITY | (d->blocks ? MODE_BLOCK : 0) |
			   (pasid ? MODE_PASID(pasid[n]) | MODE_PASID_ON : 0));
		wr(d, at + WQ_LIMITS, d->transfer | LIMIT_BATCH(d->batch));
	}
}

enum sl_err dsa_start(struct dsa *d, unsigned queues, const uint32_t *pasid, uint32_t *error)
{
	unsigned most = d->queues < DSA_QUEUES ? d->queues : DSA_QUEUES;
	d->used = queues < most ? queues : most;
	d->size = d->entries / d->used;
	configure(d, pasid);
	enum sl_err e = command(d, ENABLE_DEVICE, 0, CMD_US, error);
	for (unsigned n = 0; n < d->used && !e; n++)
		e = command(d, ENABLE_WQ, n, CMD_US, error);
	return e;
}

uint8_t dsa_error_take(const struct dsa *d)
{
	uint32_t v = rd(d, SWERR);
	if (!(v & SWERR_VALID))
		return 0;
	wr(d, SWERR, SWERR_ACK);
	return (uint8_t)SWERR_ERROR(v);
}

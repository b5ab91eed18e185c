#include "iommu/fault_log.h"
#include "iommu/backend.h"
#include "kernel/fmt.h"
#include "iommu/iommu.h"
#include "kernel/log.h"

#define SECOND_US 1000000ull
#define DRAIN     16u /* polls that empty all units, unless a function floods */

void iommu_fault_log(struct iommu *mmu, struct fault_log *log)
{
	mmu->faults = log;
	if (!log)
		return;
	log->full = log->full ? log->full : 4;
	log->interval_us = log->interval_us ? log->interval_us : 10 * SECOND_US;
	log->flood = log->flood ? log->flood : 1000;
}

static uint64_t now(const struct iommu *mmu)
{
	return mmu->hw ? mmu->hw->now_us(mmu) : 0;
}

static uint64_t overflows(const struct iommu *mmu)
{
	return mmu->hw ? mmu->hw->fault_overflows(mmu) : 0;
}

static struct fault_function *find(const struct fault_log *log, bdf_t fn)
{
	for (unsigned i = 0; i < log->functions; i++)
		if (bdf_eq(log->fn[i].fn, fn))
			return (struct fault_function *)&log->fn[i];
	return NULL;
}

/* The counts of a function; the last entry has those of functions that did not fit. */
static struct fault_function *counts_of(struct fault_log *log, bdf_t fn)
{
	struct fault_function *f = find(log, fn);
	if (f)
		return f;
	if (log->functions == FAULT_FUNCTIONS)
		return &log->fn[FAULT_FUNCTIONS];
	f = &log->fn[log->functions++];
	f->fn = fn;
	return f;
}

static void keep(struct fault_log *log, const struct iommu_fault *fault)
{
	if (log->head - log->tail == FAULT_RING) {
		log->lost_ring.count++;
		return;
	}
	log->ring[log->head++ % FAULT_RING] = *fault;
}

/* True when this record makes it a flood. */
static bool floods(const struct fault_log *log, struct fault_function *f, uint64_t at)
{
	if (at - f->window_from >= SECOND_US) {
		f->window_from = at;
		f->in_window = 0;
	}
	if (++f->in_window < log->flood || f->flooding || f == &log->fn[FAULT_FUNCTIONS])
		return false;
	f->flooding = true;
	return true;
}

/* True for a claimed record. */
static bool claims(struct fault_log *log, const struct iommu_fault *fault)
{
	bool nameless =
		log->claim_nameless && fault->bdf.rid == FAULT_NAMELESS && iommu_why_is_interrupt(fault->why);
	if (!log->claiming || (!iommu_fault_is_of(fault, log->claim) && !nameless))
		return false;
	if (!log->claimed)
		log->of_claim = *fault;
	log->claimed = true;
	return true;
}

static void take(struct fault_log *log, const struct iommu_fault *fault, uint64_t at)
{
	struct fault_function *f = counts_of(log, fault->bdf);
	f->count++;
	keep(log, fault);
	if (log->on_fault)
		log->on_fault(log->ctx, fault);
	if (floods(log, f, at) && log->on_flood)
		log->on_flood(log->ctx, f->fn);
}

unsigned iommu_fault_poll(struct iommu *mmu)
{
	struct fault_log *log = mmu->faults;
	struct iommu_fault fault;
	uint64_t before = overflows(mmu), at = 0;
	unsigned n = 0;
	while (log && n < FAULT_POLL_MAX && iommu_fault_next(mmu, &fault) == SL_OK) {
		at = n++ ? at : now(mmu);
		if (!claims(log, &fault))
			take(log, &fault, at);
	}
	if (log)
		log->lost_units.count += overflows(mmu) - before;
	return n;
}

/* Of lines on refused requests. */
static enum log_level level_of(const struct fault_log *log)
{
	return log->provoked ? LOG_INFO : LOG_WARN;
}

static void print_count(const struct fault_log *log, struct fault_function *f, bool others, uint64_t at)
{
	if (others)
		log_as(level_of(log), "iommu",
		       "further functions: %llu more requests refused, the last " BDF_FMT " %s 0x%llx",
		       (ull)f->unprinted, BDF_ARG(f->last.bdf), iommu_fault_kind(&f->last),
		       (ull)f->last.iova.v);
	else
		log_as(level_of(log), "iommu",
		       BDF_FMT ": %llu more requests refused (%llu in all), the last %s 0x%llx: %s",
		       BDF_ARG(f->fn), (ull)f->unprinted, (ull)f->count, iommu_fault_kind(&f->last),
		       (ull)f->last.iova.v, f->last.text);
	f->unprinted = 0;
	f->line_at = at;
}

/* Losses since the last line; 0 while that line is too recent. */
static uint64_t lost_since(struct fault_log *log, struct fault_lost *lost, uint64_t at, bool all)
{
	uint64_t more = lost->count - lost->said;
	if (!more || (lost->said && !all && at - lost->line_at < log->interval_us))
		return 0;
	lost->said = lost->count;
	lost->line_at = at;
	return more;
}

static void print_lost(struct fault_log *log, uint64_t at, bool all)
{
	uint64_t units = lost_since(log, &log->lost_units, at, all),
		 ring = lost_since(log, &log->lost_ring, at, all);
	if (units)
		log_as(level_of(log), "iommu",
		       "a unit had no fault record free, %llu times (FSTS.PFO): some refused requests are not known",
		       (ull)units);
	if (ring)
		log_as(level_of(log), "iommu", "%llu refused requests were counted, but not kept", (ull)ring);
}

static void report(struct iommu *mmu, bool all)
{
	struct fault_log *log = mmu->faults;
	if (!log)
		return;
	uint64_t at = now(mmu);
	for (; log->tail != log->head; log->tail++) {
		const struct iommu_fault *fault = &log->ring[log->tail % FAULT_RING];
		struct fault_function *f = counts_of(log, fault->bdf);
		if (f->printed < log->full) {
			char text[256], name[16];
			fmt_print(name, sizeof(name), "iommu%u", fault->unit);
			iommu_fault_describe(mmu, fault, text, sizeof(text));
			log_as(level_of(log), name, "%s", text);
			f->printed++;
			f->line_at = at;
			continue;
		}
		f->unprinted++;
		f->last = *fault;
	}
	for (unsigned i = 0; i <= FAULT_FUNCTIONS; i++)
		if (log->fn[i].unprinted && (all || at - log->fn[i].line_at >= log->interval_us))
			print_count(log, &log->fn[i], i == FAULT_FUNCTIONS, at);
	print_lost(log, at, all);
}

void iommu_fault_report(struct iommu *mmu)
{
	report(mmu, false);
}

void iommu_fault_report_all(struct iommu *mmu)
{
	report(mmu, true);
}

static void drain(struct iommu *mmu)
{
	for (unsigned i = 0; i < DRAIN && iommu_fault_poll(mmu); i++)
		;
}

void iommu_fault_claim(struct iommu *mmu, bdf_t fn)
{
	if (!mmu->faults) {
		iommu_fault_clear(mmu);
		return;
	}
	drain(mmu);
	mmu->faults->claiming = true;
	mmu->faults->claim = fn;
	mmu->faults->claimed = false;
	mmu->faults->claim_nameless = false;
}

void iommu_fault_claim_interrupts(struct iommu *mmu, bdf_t fn)
{
	iommu_fault_claim(mmu, fn);
	if (mmu->faults)
		mmu->faults->claim_nameless = true;
}

enum sl_err iommu_fault_claimed(struct iommu *mmu, struct iommu_fault *out)
{
	struct fault_log *log = mmu->faults;
	if (!log)
		return iommu_fault_next(mmu, out);
	(void)iommu_fault_poll(mmu);
	if (!log->claimed)
		return SL_END;
	*out = log->of_claim;
	log->claimed = false;
	return SL_OK;
}

bool iommu_fault_waits(struct iommu *mmu)
{
	struct fault_log *log = mmu->faults;
	if (!log || !log->claiming)
		return false;
	(void)iommu_fault_poll(mmu);
	return log->claimed;
}

void iommu_fault_unclaim(struct iommu *mmu)
{
	if (!mmu->faults) {
		iommu_fault_clear(mmu);
		return;
	}
	drain(mmu);
	mmu->faults->claiming = false;
}

const struct fault_function *iommu_fault_count(const struct iommu *mmu, bdf_t fn)
{
	return mmu->faults ? find(mmu->faults, fn) : NULL;
}

void iommu_fault_rearm(struct iommu *mmu, bdf_t fn)
{
	struct fault_function *f = mmu->faults ? find(mmu->faults, fn) : NULL;
	if (!f)
		return;
	f->flooding = false;
	f->in_window = 0;
}

#include "apps/bringup/faults.h"
#include "apps/proof/attack.h"
#include "apps/proof/bystanders.h"
#include "apps/proof/guard.h"
#include "apps/proof/strike.h"
#include "apps/work/pattern.h"
#include "kernel/fmt.h"
#include "kernel/str.h"
#include "kernel/time.h"
#include "kernel/cpu.h"
#include "kernel/irq.h"

#define FAULT_WAIT_US  1000000u /* an emulator on a busy host is late */
#define FORGED_WAIT_US 200000u  /* of an interrupt there may be no record */
#define EFFECT_US      10000u   /* without a unit, which would record it: until an access has its effect */
#define ARRIVE_US      200000u  /* until an interrupt that is allowed has arrived */
#define WORDS          (CHUNK / 8)
#define ALLOWED_FILL   0xa5
#define ALLOWED_SECRET pattern_seed(2000, 7, 2)

static const struct strike_ops *ops_of(const struct attacker *by, const struct attack *a)
{
	return a->msix ? &strike_msix : by->ops;
}

bool attack_possible(const struct attacker *by, const struct attack *a)
{
	return ops_of(by, a)->can(by, a);
}

void attack_bait(const struct attacker *by, const struct attack *a, void *place)
{
	if (!a->write && place && by->ops->bait)
		by->ops->bait(by, a, place);
}

enum sl_err attack_ready(struct machine *m, struct attacker *by, const struct attack *a)
{
	const struct strike_ops *ops = ops_of(by, a);
	return ops->prepare ? ops->prepare(m, by, a) : SL_OK;
}

enum sl_err attack_strike(struct machine *m, struct attacker *by, const struct attack *a, char *said,
			  size_t n)
{
	enum sl_err e = a->seen ? SL_OK : attack_ready(m, by, a);
	return e ? e : ops_of(by, a)->strike(m, by, a, said, n);
}

/* ---- what a case has done ---- */

/* Interrupts that got through: expected ones, and those without a handler. */
static uint64_t arrivals(const struct attack *a)
{
	uint8_t last;
	return a->arrived ? __atomic_load_n(a->arrived, __ATOMIC_ACQUIRE) + irq_strays(&last) : 0;
}

static bool is_of(uint64_t word, const uint64_t *secret, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		if (secret[i] == word)
			return true;
	return false;
}

/* A refused read is completed without data: zeros or ones stand for nothing. */
static bool is_empty(uint64_t word)
{
	return word == 0 || word == UINT64_MAX;
}

/* What a read brought. One word of the secret, anywhere, is a leak: no two words of a pattern are equal. */
static enum attack_outcome judge_read(struct machine *m, struct attacker *by, const struct attack *a)
{
	static uint64_t word[WORDS];
	if (by->ops->obeyed)
		return by->ops->obeyed(by) ? ATTACK_SUCCEEDED : ATTACK_REFUSED;
	if (!by->ops->leaked)
		return ATTACK_REFUSED;
	uint32_t n = by->ops->leaked(m, by, a, word) / 8;
	enum attack_outcome o = n ? ATTACK_REFUSED : ATTACK_HARMED;
	for (unsigned i = 0; i < n; i++) {
		if (word[i] == strike_old(i) || is_empty(word[i]))
			continue;
		if (a->secret && is_of(word[i], a->secret, WORDS))
			return ATTACK_SUCCEEDED;
		o = ATTACK_FOREIGN;
	}
	return o;
}

/* Longest wait for a record. A message by MSI-X was waited for by its strike, until it was out. */
static uint32_t record_us(const struct machine *m, const struct attack *a)
{
	return m->cfg->iommu == CONFIG_IOMMU_OFF ? EFFECT_US
	       : !a->interrupt                   ? FAULT_WAIT_US
	       : a->msix                         ? 0
						 : FORGED_WAIT_US;
}

/* The attacker's first fault since iommu_fault_claim(). What has arrived, or changed memory where nothing
 * would record it, was not refused, so there is nothing to wait for. */
static bool recorded(struct machine *m, const struct attack *a, uint64_t arrived, struct iommu_fault *f)
{
	struct deadline d = deadline_in(record_us(m, a));
	while (deadline_look(&d)) {
		if (iommu_fault_claimed(&m->iommu, f) == SL_OK)
			return true;
		if (arrivals(a) != arrived || (m->cfg->iommu == CONFIG_IOMMU_OFF && guard_changed_soon()))
			break;
	}
	return false;
}

static bool fault_right(const struct attacker *by, bdf_t from, const struct attack *a,
			const struct iommu_fault *f)
{
	if (a->interrupt)
		return (bdf_eq(f->bdf, from) || (!a->msix && f->bdf.rid == FAULT_NAMELESS)) &&
		       iommu_why_fits(f->why, a->why) &&
		       (!iommu_why_has_index(f->why) || f->index == a->index);
	if (f->vague) /* what it has */
		return iommu_fault_is_of(f, from) && (f->write == a->write || by->ops->either_way);
	return bdf_eq(f->bdf, from) && f->iova.v == ALIGN_DOWN(a->fault_at, PAGE_SIZE) &&
	       (f->write == a->write || by->ops->either_way) && f->why == a->why;
}

/* The tables in memory, read from the root by code that did not build them, refuse it for the same reason. */
static bool tables_refuse(struct machine *m, bdf_t from, const struct attack *a)
{
	struct iommu_walk w;
	return !translated(m) || a->interrupt ||
	       (iommu_walk(&m->iommu, from, IOVA(ALIGN_DOWN(a->fault_at, PAGE_SIZE)), &w) == SL_OK &&
		(a->write ? w.why_write : w.why_read) == a->why);
}

/* ---- the control ---- */

static unsigned kind_of(const struct attack *a)
{
	return a->part        ? a->part
	       : a->msix      ? ATTACK_MSIX
	       : a->interrupt ? ATTACK_MESSAGE
	       : !a->write    ? ATTACK_READ
	       : a->len < 8   ? ATTACK_WRITE_FEW
			      : ATTACK_WRITE;
}

/* The function's own message arrives. */
static bool message_arrives(struct machine *m, struct attacker *by, struct attack a)
{
	char said[48];
	if (!a.own.addr || !a.arrived)
		return false;
	a.to = a.own.addr;
	a.data = a.own.data;
	uint64_t before = __atomic_load_n(a.arrived, __ATOMIC_ACQUIRE);
	struct deadline d = deadline_in(ARRIVE_US);
	if (attack_strike(m, by, &a, said, sizeof said))
		return false;
	while (deadline_look(&d)) {
		if (__atomic_load_n(a.arrived, __ATOMIC_ACQUIRE) != before)
			return true;
		cpu_pause();
	}
	return false;
}

/* Each page that it goes to is changed. */
static bool write_lands(struct machine *m, struct attacker *by, struct attack a)
{
	const uint8_t *place = by->allowed.va;
	uint64_t first = a.to % PAGE_SIZE, end = first + a.len;
	char said[48];
	a.to = by->allowed.iova.v + first;
	memset(by->allowed.va, ALLOWED_FILL, ALLOWED_PAGES * PAGE_SIZE);
	if (end > ALLOWED_PAGES * PAGE_SIZE || attack_strike(m, by, &a, said, sizeof said))
		return false;
	bool changed[ALLOWED_PAGES] = {false};
	for (uint64_t i = first; i < end; i++)
		changed[i / PAGE_SIZE] |= place[i] != ALLOWED_FILL;
	return (changed[0] || first >= PAGE_SIZE) && (changed[1] || end <= PAGE_SIZE);
}

static bool read_brings(struct machine *m, struct attacker *by, struct attack a)
{
	static uint64_t word[WORDS];
	char said[48];
	a.to = by->allowed.iova.v;
	a.secret = by->allowed.va;
	pattern_fill(by->allowed.va, ALLOWED_PAGES * PAGE_SIZE, ALLOWED_SECRET);
	attack_bait(by, &a, by->allowed.va);
	if (attack_strike(m, by, &a, said, sizeof said))
		return false;
	if (by->ops->obeyed)
		return by->ops->obeyed(by);
	uint32_t n = by->ops->leaked(m, by, &a, word);
	return n && memcmp(word, by->allowed.va, n) == 0;
}

static bool healthy(struct machine *m, struct attacker *by)
{
	return !by->ops->healthy || by->ops->healthy(m, by);
}

/* The same access where it is allowed. ATTACK_REFUSED: it worked, and the case may continue. What has worked
 * before and works no more is a function that was harmed. */
static enum attack_outcome control(struct machine *m, struct attacker *by, const struct attack *a)
{
	uint16_t kind = (uint16_t)BIT(kind_of(a));
	bool works;
	if (a->seen)
		return ATTACK_REFUSED;
	if (a->own_control)
		works = by->ops->control(m, by, a);
	else if (a->interrupt)
		works = message_arrives(m, by, *a);
	else if ((!a->write && !by->ops->leaked && !by->ops->obeyed) ||
		 by->allowed.len < ALLOWED_PAGES * PAGE_SIZE)
		return ATTACK_NOT_TRIED;
	else
		works = a->write ? write_lands(m, by, *a) : read_brings(m, by, *a);
	if (works) {
		by->worked |= kind;
		return ATTACK_REFUSED;
	}
	bool alive = healthy(m, by); /* also puts it right for the cases that follow */
	return by->worked & kind || !alive ? ATTACK_HARMED : ATTACK_NOT_TRIED;
}

/* ---- a case ---- */

static enum attack_outcome judge(struct machine *m, struct attacker *by, const struct attack *a,
				 const struct attack_result *r, bool arrived)
{
	bdf_t from = function_requester(m, by->fn->bdf);
	enum attack_outcome read = ATTACK_REFUSED;
	if (guard_changed())
		return ATTACK_SUCCEEDED;
	if (!a->write)
		read = judge_read(m, by, a);
	if (read != ATTACK_REFUSED)
		return read;
	if (arrived)
		return ATTACK_ARRIVED;
	if (!r->recorded && (!a->interrupt || a->unseen))
		return ATTACK_SILENT;
	if (r->recorded && !fault_right(by, from, a, &r->fault))
		return ATTACK_MISTOLD;
	return tables_refuse(m, from, a) ? ATTACK_REFUSED : ATTACK_OTHERWISE;
}

/* What must hold before a forbidden access: everything is guarded, the function is ready, and nothing of its
 * translations is cached. */
static enum sl_err get_ready(struct machine *m, struct attacker *by, const struct attack *a)
{
	enum sl_err e = !guard_whole() ? SL_NOMEM : a->seen ? SL_OK : attack_ready(m, by, a);
	if (!a->seen)
		attack_bait(by, a, a->secret);
	return e || !*by->dom ? e : domain_flush(*by->dom);
}

void attack_run(struct machine *m, struct attacker *by, const struct attack *a, struct attack_result *out)
{
	bdf_t from = function_requester(m, by->fn->bdf);
	*out = (struct attack_result){.outcome = control(m, by, a)};
	fmt_print(out->said, sizeof out->said, "%s", "no effect where allowed");
	if (out->outcome != ATTACK_REFUSED)
		return;
	out->outcome = ATTACK_HARMED;
	enum sl_err e = get_ready(m, by, a);
	if (e) {
		fmt_print(out->said, sizeof out->said, "%s", sl_err_text(e));
		return;
	}
	if (a->interrupt)
		iommu_fault_claim_interrupts(&m->iommu, from);
	else
		iommu_fault_claim(&m->iommu, from);
	guard_take();
	uint64_t arrived = arrivals(a);
	if (by->others)
		by->others->begin(m, by);
	e = ops_of(by, a)->strike(m, by, a, out->said, sizeof out->said);
	out->recorded = recorded(m, a, arrived, &out->fault);
	if (by->ops->after)
		by->ops->after(by, out->said, sizeof out->said);
	bool others = !by->others || by->others->end(m, by);
	out->outcome = judge(m, by, a, out, arrivals(a) != arrived);
	bool works = healthy(m, by);
	if ((out->outcome == ATTACK_REFUSED && (!others || !works)) ||
	    ((out->outcome == ATTACK_REFUSED || out->outcome == ATTACK_SILENT) && e))
		out->outcome = ATTACK_HARMED;
	iommu_fault_unclaim(&m->iommu);
}

const char *attack_outcome_text(enum attack_outcome o)
{
	static const char *const text[ATTACK_OUTCOMES] = {
		"refused",
		"SUCCEEDED: memory was reached",
		"nothing of the secret came back, but data that was not there before",
		"the interrupt arrived",
		"no effect, but nothing was recorded",
		"no effect, but the wrong fault was recorded",
		"refused, but the tables in memory say otherwise",
		"no effect, but the peer's answer is wrong",
		"refused, but not everything works as before",
		"not tried: the same access has no effect where it is allowed"};
	return text[o];
}

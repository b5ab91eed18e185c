#include "apps/proof/attack.h"
#include "apps/bringup/faults.h"
#include "apps/work/pattern.h"
#include "kernel/fmt.h"
#include "kernel/str.h"
#include "kernel/time.h"
#include "kernel/x86/cpu.h"
#include "kernel/x86/irq.h"

#define FAULT_WAIT_US  200000u
#define ARRIVE_US      200000u /* until an interrupt that is allowed has arrived */
#define WORDS          (CHUNK / 8)
#define ALLOWED_FILL   0xa5
#define ALLOWED_SECRET pattern_seed(2000, 7, 2)

static _Alignas(PAGE_SIZE) uint8_t kernel_data[PAGE_SIZE];

/* A page of the kernel's text that nobody executes. */
__asm__(".pushsection .text, \"ax\", @progbits\n"
	".balign 4096\n"
	"kernel_text_page: .fill 4096, 1, 0xcc\n"
	".popsection\n");
extern const uint8_t kernel_text_page[PAGE_SIZE];

uint8_t *attack_kernel_data(void)
{
	return kernel_data;
}

const uint8_t *attack_kernel_text(void)
{
	return kernel_text_page;
}

void attack_kernel_fill(void)
{
	pattern_fill(kernel_data, PAGE_SIZE, pattern_seed(1000, 1, 1));
}

uint64_t attack_old(unsigned i)
{
	return pattern_seed(2000, 7, 1) * (2 * i + 1);
}

static const struct attack_way *way_of(const struct attacker *by)
{
	return by->way ? by->way : &strike_way;
}

bool attack_possible(const struct attacker *by, const struct attack *a)
{
	return way_of(by)->possible(by, a);
}

enum sl_err attack_ready(struct machine *m, struct attacker *by, const struct attack *a)
{
	return way_of(by)->ready(m, by, a);
}

enum sl_err attack_strike(struct machine *m, struct attacker *by, const struct attack *a, char *said,
			  size_t n)
{
	enum sl_err e = a->seen ? SL_OK : way_of(by)->ready(m, by, a);
	return e ? e : way_of(by)->strike(m, by, a, said, n);
}

/* ---- what a case has done ---- */

/* Interrupts that got through: those that are waited for, and those that nobody handles. */
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
	uint32_t n = way_of(by)->got(m, by, a, word) / 8;
	enum attack_outcome o = n ? ATTACK_REFUSED : ATTACK_HARMED;
	for (unsigned i = 0; i < n; i++) {
		if (word[i] == attack_old(i) || is_empty(word[i]))
			continue;
		if (a->secret && is_of(word[i], a->secret, WORDS))
			return ATTACK_SUCCEEDED;
		o = ATTACK_FOREIGN;
	}
	return o;
}

bool attack_fault(struct machine *m, struct iommu_fault *f)
{
	uint64_t deadline = now_us() + FAULT_WAIT_US;
	for (;;) {
		bool late = now_us() > deadline;
		if (iommu_fault_claimed(&m->iommu, f) == SL_OK)
			return true;
		if (late)
			return false;
	}
}

static bool fault_right(bdf_t from, const struct attack *a, const struct iommu_fault *f)
{
	if (a->interrupt)
		return (bdf_eq(f->bdf, from) || (!a->msix && f->bdf.rid == FAULT_NAMELESS)) &&
		       f->why == a->why && (!iommu_why_has_index(a->why) || f->index == a->index);
	return bdf_eq(f->bdf, from) && f->iova.v == ALIGN_DOWN(a->fault_at, PAGE_SIZE) &&
	       f->write == a->write && f->why == a->why;
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

static unsigned kind_of(const struct attacker *by, const struct attack *a)
{
	if (by->way)
		return a->part;
	return a->msix        ? ATTACK_MSIX
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
	uint64_t before = __atomic_load_n(a.arrived, __ATOMIC_ACQUIRE), end = now_us() + ARRIVE_US;
	if (attack_strike(m, by, &a, said, sizeof said))
		return false;
	for (;;) {
		bool late = now_us() > end;
		if (__atomic_load_n(a.arrived, __ATOMIC_ACQUIRE) != before)
			return true;
		if (late)
			return false;
		cpu_pause();
	}
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
	pattern_fill(by->allowed.va, ALLOWED_PAGES * PAGE_SIZE, ALLOWED_SECRET);
	if (attack_strike(m, by, &a, said, sizeof said))
		return false;
	uint32_t n = way_of(by)->got(m, by, &a, word);
	return n && memcmp(word, by->allowed.va, n) == 0;
}

/* The same access where it is allowed. ATTACK_REFUSED: it worked, and the case may go on. What has worked
 * before and works no more is a function that was harmed. */
static enum attack_outcome control(struct machine *m, struct attacker *by, const struct attack *a)
{
	uint8_t kind = (uint8_t)BIT(kind_of(by, a));
	bool works;
	if (a->seen)
		return ATTACK_REFUSED;
	if (a->own_control)
		works = way_of(by)->control(m, by, a);
	else if (a->interrupt)
		works = message_arrives(m, by, *a);
	else if (by->fetch || by->allowed.len < ALLOWED_PAGES * PAGE_SIZE)
		return ATTACK_NOT_TRIED;
	else
		works = a->write ? write_lands(m, by, *a) : read_brings(m, by, *a);
	if (works) {
		by->worked |= kind;
		return ATTACK_REFUSED;
	}
	bool alive = way_of(by)->works(m, by); /* also puts it right for the cases that follow */
	return by->worked & kind || !alive ? ATTACK_HARMED : ATTACK_NOT_TRIED;
}

/* ---- a case ---- */

static enum attack_outcome judge(struct machine *m, struct attacker *by, const struct attack *a,
				 const struct attack_result *r, bool arrived)
{
	bdf_t from = function_requester(m, by->fn);
	enum attack_outcome read = ATTACK_REFUSED;
	if (guard_changed())
		return ATTACK_SUCCEEDED;
	if (!a->write && !by->fetch)
		read = judge_read(m, by, a);
	if (read != ATTACK_REFUSED)
		return read;
	if (arrived)
		return ATTACK_ARRIVED;
	if (!r->recorded && (!a->interrupt || a->unseen))
		return ATTACK_SILENT;
	if (r->recorded && !fault_right(from, a, &r->fault))
		return ATTACK_MISTOLD;
	return tables_refuse(m, from, a) ? ATTACK_REFUSED : ATTACK_OTHERWISE;
}

void attack_run(struct machine *m, struct attacker *by, const struct attack *a, struct attack_result *out)
{
	const struct attack_way *way = way_of(by);
	bdf_t from = function_requester(m, by->fn);
	*out = (struct attack_result){.outcome = control(m, by, a)};
	fmt_print(out->said, sizeof out->said, "%s", "no effect where allowed");
	if (out->outcome != ATTACK_REFUSED)
		return;
	out->outcome = ATTACK_HARMED;
	enum sl_err e = !guard_whole() ? SL_NOMEM : a->seen ? SL_OK : way->ready(m, by, a);
	if (!e && *by->dom)
		e = domain_flush(*by->dom);
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
	way->others_begin(m, by);
	e = way->strike(m, by, a, out->said, sizeof out->said);
	out->recorded = attack_fault(m, &out->fault);
	if (by->fetch) /* it has stopped by now, or not */
		fmt_print(out->said, sizeof out->said, "CSTS %x", nvme_ctrl_csts(by->fetch));
	bool others = way->others_end(m, by);
	out->outcome = judge(m, by, a, out, arrivals(a) != arrived);
	bool works = way->works(m, by);
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
		"no word of it came back, but data that was not there before",
		"the interrupt arrived",
		"no effect, but nothing was recorded",
		"no effect, but the wrong fault was recorded",
		"refused, but the tables in memory say otherwise",
		"refused, but not everything works as before",
		"not tried: the same access has no effect where it is allowed"};
	return text[o];
}

/* QEMU's edu: copies of any length between its buffer and any address. */
#include "apps/bringup/faults.h"
#include "drivers/edu/edu.h"
#include "apps/proof/attackers.h"
#include "apps/proof/bystanders.h"
#include "apps/proof/strike_edu.h"
#include "apps/vf/domain.h"
#include "apps/work/pattern.h"
#include "kernel/fmt.h"
#include "kernel/log.h"
#include "kernel/str.h"

static struct edu_attacker edu; /* the one that there is */

static uint32_t length(const struct attack *a)
{
	return a->len < EDU_BUFFER ? a->len : EDU_BUFFER;
}

static bool edu_can(const struct attacker *by, const struct attack *a)
{
	(void)by;
	return a->len <= CHUNK;
}

/* What it has in its buffer: the message of an interrupt, else what is old. */
static enum sl_err edu_prepare(struct machine *m, struct attacker *by, const struct attack *a)
{
	struct edu_attacker *dev = by->dev;
	(void)m;
	strike_fill_old(dev->page.va);
	if (a->interrupt)
		memcpy(dev->page.va, &a->data, sizeof a->data);
	return edu_dma(&dev->edu, dev->page.iova.v, EDU_BUFFER, false);
}

static enum sl_err edu_strike(struct machine *m, struct attacker *by, const struct attack *a, char *said,
			      size_t n)
{
	struct edu_attacker *dev = by->dev;
	fmt_print(said, n, "%s", "nothing");
	enum sl_err e = edu_start(&dev->edu, a->to, length(a), a->write);
	if (e)
		return e;
	while ((e = edu_poll(&dev->edu)) == SL_BUSY)
		bystanders_turn(m);
	return e;
}

/* Through a page of its own, which is wiped before: data that is not looked at must not pass for what is old.
 */
static uint32_t edu_leaked(struct machine *m, struct attacker *by, const struct attack *a, uint64_t *words)
{
	struct edu_attacker *dev = by->dev;
	(void)m;
	memset(dev->page.va, 0x33, CHUNK);
	if (edu_dma(&dev->edu, dev->page.iova.v, length(a), true))
		return 0;
	memcpy(words, dev->page.va, length(a));
	return length(a);
}

static enum sl_err edu_kick(struct machine *m, struct attacker *by)
{
	const struct edu_attacker *dev = by->dev;
	(void)m;
	edu_interrupt(&dev->edu);
	return SL_OK;
}

static enum sl_err edu_release(struct machine *m, struct attacker *by, struct attacker *bare)
{
	(void)m;
	*bare = *by;
	return SL_OK;
}

static enum sl_err edu_restore(struct machine *m, struct attacker *by)
{
	(void)m;
	(void)by;
	return SL_OK;
}

static enum sl_err connect_edu(struct machine *m)
{
	volatile void *regs;
	enum sl_err e = make_domain(m, "edu", edu.fn->bdf, &edu.dom);
	if (!e)
		e = dma_get(edu.dom, window_at(m, WINDOW_BUFFERS), PAGE_SIZE, DOMAIN_RW, &edu.page);
	if (!e)
		e = function_connect(edu.fn, edu.dom, &regs);
	return e ? e : edu_open(&edu.edu, regs);
}

/* It wraps addresses at its dma_mask, 28 bits by default: *reaches when it gets to its own page. */
static enum sl_err try_own_page(struct machine *m, bool *reaches)
{
	iommu_fault_claim(&m->iommu, function_requester(m, edu.fn->bdf)); /* it may miss its page */
	memset(edu.page.va, 0x33, PAGE_SIZE);
	enum sl_err e = edu_dma(&edu.edu, edu.page.iova.v, EDU_BUFFER, false);
	memset(edu.page.va, 0, PAGE_SIZE);
	if (!e)
		e = edu_dma(&edu.edu, edu.page.iova.v, EDU_BUFFER, true);
	iommu_fault_unclaim(&m->iommu);
	*reaches = !pattern_is_zero(edu.page.va, PAGE_SIZE);
	return e;
}

static bool edu_drives(const struct strike_ops *self, const struct pci_func *fn)
{
	(void)self;
	return fn->vendor == EDU_VENDOR && fn->device == EDU_DEVICE;
}

static enum sl_err edu_gather(struct machine *m, struct attackers *all, const struct strike_ops *self)
{
	bool reaches;
	edu.fn = edu_find(&m->pci);
	if (!edu.fn)
		return SL_OK;
	const char *why = attackers_barred(m, edu.fn, 0, false);
	if (why) {
		attackers_leave_out(all, edu.fn, "edu", why);
		edu.fn = NULL;
		return SL_OK;
	}
	enum sl_err e = connect_edu(m);
	if (e)
		return e;
	faults_watch(m, edu.fn->bdf);
	e = try_own_page(m, &reaches);
	if (e)
		return e;
	if (!reaches) {
		attackers_leave_out(all, edu.fn, "edu",
				    "it does not reach its own page: give it dma_mask=0xffffffffffffffff");
		return SL_OK;
	}
	return attackers_add(m, all,
			     &(struct attacker){.name = "edu",
						.fn = edu.fn,
						.dom = &edu.dom,
						.ops = self,
						.dev = &edu,
						.own = {{&edu.page, DOMAIN_RW}}});
}

static void edu_drop(void)
{
	if (!edu.fn)
		return;
	function_disconnect(edu.fn, edu.dom);
	if (dma_put(&edu.page))
		log_warn("isolate", "edu's memory could not be taken back");
	drop_domain(&edu.dom);
}

const struct strike_ops strike_edu = {.how = "copies of any length",
				      .least = 1,
				      .most = CHUNK,
				      .any_data = true,
				      .drives = edu_drives,
				      .open = edu_gather,
				      .close = edu_drop,
				      .can = edu_can,
				      .prepare = edu_prepare,
				      .strike = edu_strike,
				      .leaked = edu_leaked,
				      .kick = edu_kick,
				      .release = edu_release,
				      .restore = edu_restore};

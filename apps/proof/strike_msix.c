/* A function's own MSI-X or MSI as an attacker: it sends a message to any address. strike_msix forges an
 * interrupt that way; strike_message writes to memory: the address of a message may be that of memory, so
 * every function that can send one writes 4 bytes to any address, under its own requester id. */
#include "apps/proof/guard.h"
#include "apps/proof/strike.h"
#include "kernel/fmt.h"
#include "iommu/iommu.h"
#include "kernel/time.h"

/* Until a message is out of the function: some pace theirs, and an emulator on a busy host is late. */
#define MEMORY_US    300000u
#define INTERRUPT_US 200000u /* of one that is refused there may be no record */
#define UNSEEN_US    50000u  /* nothing records what is refused */

static bool msix_can(const struct attacker *by, const struct attack *a)
{
	(void)a;
	return by->msix && by->msix->vectors && by->ops->kick;
}

/* The word that a message changes where the function may write. NULL: it may not. */
static const volatile uint32_t *own_word(const struct attacker *by, const struct attack *a)
{
	uint64_t off = ALIGN_DOWN(a->to - by->allowed.iova.v, 4);
	const uint8_t *at = a->place                ? a->place
			    : off < by->allowed.len ? (const uint8_t *)by->allowed.va + off
						    : NULL;
	return (const volatile uint32_t *)(const void *)at;
}

static uint64_t count(const uint64_t *arrived)
{
	return arrived ? __atomic_load_n(arrived, __ATOMIC_ACQUIRE) : 0;
}

/* What a message changes where it may arrive, as it was before the function could send it. */
struct watch {
	const volatile uint32_t *word; /* NULL: it is elsewhere */
	uint32_t was;
	const uint64_t *arrived; /* NULL: it is no interrupt */
	uint64_t before;
};

static struct watch watch(const struct attacker *by, const struct attack *a)
{
	const volatile uint32_t *word = own_word(by, a);
	return (struct watch){word, word ? *word : 0, a->arrived, count(a->arrived)};
}

/* Kicks it, and waits until its message is out: it has arrived, in its own memory or as an interrupt, was
 * refused, or, where nothing refuses it, has changed memory that it must not. */
static enum sl_err kick(struct machine *m, struct attacker *by, const struct watch *w)
{
	bool off = m->cfg->iommu == CONFIG_IOMMU_OFF;
	bool forbidden = off && !w->word && !w->arrived; /* then memory is guarded */
	uint32_t us = off ? UNSEEN_US : w->arrived ? INTERRUPT_US : MEMORY_US;
	enum sl_err e = by->ops->kick(m, by);
	for (struct deadline d = deadline_in(us); deadline_look(&d);)
		if ((w->word && *w->word != w->was) || count(w->arrived) != w->before ||
		    iommu_fault_waits(&m->iommu) || (forbidden && guard_changed_soon()))
			break;
	return e;
}

/* One may be waiting behind the mask already: it goes out at once. */
static enum sl_err send_msix(struct machine *m, struct attacker *by, const struct attack *a, uint32_t data)
{
	const struct watch w = watch(by, a);
	enum sl_err e = msix_set(by->msix, 0, a->to, data);
	if (!e)
		e = kick(m, by, &w);
	enum sl_err masked = msix_mask(by->msix, 0, true);
	return e ? e : masked;
}

static enum sl_err msix_strike(struct machine *m, struct attacker *by, const struct attack *a, char *said,
			       size_t n)
{
	fmt_print(said, n, "%s", "success");
	return send_msix(m, by, a, a->data);
}

const struct strike_ops strike_msix = {.can = msix_can, .strike = msix_strike};

/* ---- a writer ---- */

/* Another one for each function: the same data again would pass for no change. */
static uint16_t message_of(const struct attacker *by)
{
	return (uint16_t)(by->fn->bdf.rid ^ 0x5aa5);
}

static enum sl_err send_msi(struct machine *m, struct attacker *by, const struct attack *a)
{
	const struct watch w = watch(by, a);
	enum sl_err e = msi_open(by->fn, 1, a->to, message_of(by));
	if (e)
		return e;
	e = kick(m, by, &w);
	msi_close(by->fn);
	return e;
}

/* MSI may have 32-bit addresses only: PCIe §7.7.1.3. */
static bool message_can(const struct attacker *by, const struct attack *a)
{
	struct msi x;
	if (!a->write || a->interrupt || !IS_ALIGNED(a->to, 4) || a->fault_at > a->to)
		return false;
	return (by->msix && by->msix->vectors) || !(a->to >> 32) || (msi_read(by->fn, &x) == SL_OK && x.wide);
}

static enum sl_err message_strike(struct machine *m, struct attacker *by, const struct attack *a, char *said,
				  size_t n)
{
	struct attacker *sender = by->dev;
	fmt_print(said, n, "%s", "-");
	return by->msix && by->msix->vectors ? send_msix(m, sender, a, message_of(by))
					     : send_msi(m, sender, a);
}

static bool message_healthy(struct machine *m, struct attacker *by)
{
	struct attacker *sender = by->dev;
	return !sender->ops->healthy || sender->ops->healthy(m, sender);
}

const struct strike_ops strike_message = {.how = "4 bytes by its own MSI-X or MSI",
					  .least = 4,
					  .most = 4,
					  .can = message_can,
					  .strike = message_strike,
					  .healthy = message_healthy};

bool message_attacker(struct attacker *by, struct attacker *out)
{
	struct msi x;
	if (!by->ops->kick || (!(by->msix && by->msix->vectors) && msi_read(by->fn, &x)))
		return false;
	*out = *by;
	out->ops = &strike_message;
	out->dev = by;
	out->worked = 0;
	fmt_print(out->name, sizeof out->name, "%s+msi", by->name);
	return true;
}

/* USB controllers (xHCI) as attackers: an event is written to a ring, and a command is fetched from one, at
 * any address. No device is spoken to, and no command does anything. xHCI 1.2 §4.2, §4.6.2, §4.9.4
 *
 * The segment table always lies in memory that the controller may read: one that is refused leaves some
 * controllers with the ring of the run before. A run begins with a reset, after which a controller may also
 * report its ports, so a write may bring as many events as the segment has room for. */
#include "drivers/strike/strike.h"
#include "drivers/xhci/regs.h"
#include "drivers/xhci/xhci.h"
#include "kernel/fmt.h"
#include "kernel/log.h"
#include "kernel/str.h"
#include "kernel/time.h"

#define EVENTS    16u /* the least that a segment may have: §6.5 */
#define RING      (EVENTS * (uint32_t)sizeof(struct xhci_trb))
#define ANSWER_US 2000u
#define STOP_US   100000u /* §5.4.1.1: 16 ms */

/* In the first page of the memory. */
#define CONTEXTS 0x000u
#define SEGMENTS 0x100u
#define COMMANDS 0x140u
#define ARRAY    0x800u /* of the scratchpad pages */
#define SLOTS    ((ARRAY - COMMANDS) / (uint32_t)sizeof(struct xhci_trb))

_Static_assert(8 * (XHCI_SLOTS + 1) <= SEGMENTS - CONTEXTS, "memory");
_Static_assert(8 * XHCI_SCRATCH_MAX <= PAGE_SIZE - ARRAY, "memory");

#define OWNERS 8u
#define STEP   41u /* between the places that two baits lead to */

/* What each controller is, from take() to close(). */
static struct owner {
	const struct strike_dev *dev;
	struct xhci x;
	unsigned slot; /* of the command that the bait leads to */
} owner[OWNERS];

/* Its owner, or NULL; of NULL: one that is free. */
static struct owner *of(const struct strike_dev *d)
{
	for (unsigned i = 0; i < OWNERS; i++)
		if (owner[i].dev == d)
			return &owner[i];
	return NULL;
}

static struct xhci *xhci_of(const struct strike_dev *d)
{
	return &of(d)->x;
}

static uint32_t rd32(const struct xhci_io *io, uint32_t off)
{
	return strike_rd(io->ctx, off, 4);
}

static void wr32(const struct xhci_io *io, uint32_t off, uint32_t v)
{
	strike_wr(io->ctx, off, 4, v);
}

static uint32_t status(const struct xhci *x)
{
	return xhci_rd32(x, x->op + XHCI_USBSTS);
}

static enum sl_err take(struct strike_dev *d, const char **why)
{
	static const struct xhci_io_ops ops = {rd32, wr32};
	struct owner *o = of(d) ? of(d) : of(NULL);
	*why = "as many USB controllers attack already as can";
	if (!o)
		return SL_NOSPACE;
	*why = xhci_read(&o->x, &(struct xhci_io){.ops = &ops, .len = d->io.len, .ctx = &d->io}, (bdf_t){0});
	if (*why)
		return SL_UNSUPPORTED;
	*why = "the firmware does not let go of it (USBLEGSUP)";
	enum sl_err e = xhci_ask(&o->x) ? xhci_reset(&o->x, why) : SL_BUSY;
	o->dev = e ? NULL : d;
	return e;
}

static void put(volatile struct xhci_trb *at, uint64_t param, uint64_t type)
{
	at->param = param;
	at->status = 0;
	at->control = (uint32_t)FPUT(TRB_TYPE, type) | TRB_CYCLE;
}

/* All that it needs, at device address at, with its events at events: one command, in that slot. */
static void put_all(const struct strike_dev *d, void *place, uint64_t at, uint64_t events, unsigned slot)
{
	uint8_t *page = place;
	uint64_t *contexts = (uint64_t *)(void *)(page + CONTEXTS), *array = (void *)(page + ARRAY);
	uint64_t *segment = (uint64_t *)(void *)(page + SEGMENTS);
	uint32_t pages = (uint32_t)(d->more.len / PAGE_SIZE);
	memset(page, 0, ARRAY);
	contexts[0] = pages ? at + ARRAY : 0;
	for (uint32_t i = 0; i < pages; i++)
		array[i] = d->more.iova.v + i * PAGE_SIZE;
	segment[0] = events;
	segment[1] = EVENTS;
	put((volatile struct xhci_trb *)(void *)(page + COMMANDS) + slot, 0, TRB_NO_OP);
}

static struct xhci_rings rings_at(uint64_t at, uint64_t events)
{
	return (struct xhci_rings){at + CONTEXTS, at + SEGMENTS, events, at + COMMANDS};
}

/* Nothing more comes of what it does; also true of one that is gone, whose registers read all ones. */
static bool failed(const struct xhci *x)
{
	return status(x) & (USBSTS_HSE | USBSTS_HCE);
}

static bool stop(const struct xhci *x)
{
	struct deadline d = deadline_in(STOP_US);
	xhci_wr32(x, x->op + XHCI_USBCMD, 0);
	while (deadline_look(&d))
		if (status(x) & USBSTS_HCH)
			return true;
	return false;
}

/* One run, until done() or an error ends it. SL_OK also when nothing came of it. */
static enum sl_err go(const struct strike_dev *d, const struct xhci_rings *at, bool interrupts,
		      bool (*done)(const struct strike_dev *d))
{
	struct xhci *x = xhci_of(d);
	const char *what;
	if (xhci_reset(x, &what))
		return SL_TIMEOUT;
	enum sl_err e = xhci_run(x, at);
	if (interrupts) {
		xhci_wr32(x, x->rt + XHCI_IMAN, IMAN_IE | IMAN_IP);
		xhci_wr32(x, x->op + XHCI_USBCMD, USBCMD_RS | USBCMD_INTE);
	}
	xhci_ring_bell(x, 0, 0);
	struct deadline end = deadline_in(ANSWER_US);
	while (!e && deadline_look(&end) && !done(d) && !failed(x))
		;
	return stop(x) ? SL_OK : SL_TIMEOUT;
}

static bool wrote(const struct strike_dev *d)
{
	return status(xhci_of(d)) & USBSTS_EINT;
}

static uint64_t own_ring(const struct strike_dev *d)
{
	return d->mem.iova.v + PAGE_SIZE;
}

static enum sl_err write(struct strike_dev *d, uint64_t at, uint32_t len)
{
	struct xhci_rings rings = rings_at(d->mem.iova.v, at);
	(void)len;
	put_all(d, d->mem.va, d->mem.iova.v, at, 0);
	return go(d, &rings, false, wrote);
}

/* A Link TRB: where the next command is, only it says, and each time it is another place. */
static void bait(const struct strike_dev *d, void *place)
{
	struct owner *o = of(d);
	o->slot = 1 + (o->slot + STEP) % (SLOTS - 1);
	put(place, d->mem.iova.v + COMMANDS + sizeof(struct xhci_trb) * o->slot, TRB_LINK);
}

/* The completion of the command that the bait leads to. */
static bool obeyed(const struct strike_dev *d)
{
	const volatile struct xhci_trb *ev = (const volatile struct xhci_trb *)(void *)strike_brought(d);
	uint64_t want = d->mem.iova.v + COMMANDS + sizeof *ev * of(d)->slot;
	for (unsigned i = 0; i < EVENTS; i++) {
		uint32_t control = __atomic_load_n(&ev[i].control, __ATOMIC_ACQUIRE);
		if (control & TRB_CYCLE && FGET(control, TRB_TYPE) == TRB_EV_COMMAND && ev[i].param == want &&
		    FGET(ev[i].status, TRB_CODE) == CODE_SUCCESS)
			return true;
	}
	return false;
}

static enum sl_err read(struct strike_dev *d, uint64_t at)
{
	struct xhci_rings rings = rings_at(d->mem.iova.v, own_ring(d));
	rings.commands = at;
	put_all(d, d->mem.va, d->mem.iova.v, own_ring(d), of(d)->slot);
	memset(strike_brought(d), 0, RING);
	return go(d, &rings, false, obeyed);
}

/* Its scratchpad pages, and an event that it writes where it may: what shows later that it does anything. */
static enum sl_err open(struct strike_dev *d, const char **why)
{
	uint64_t pages = xhci_of(d)->scratch_pages;
	*why = "there is no memory for its scratchpad pages";
	if (pages && !d->more.va) {
		enum sl_err e = dma_get(d->mem.dom, IOVA(d->mem.iova.v + STRIKE_MEM), pages * PAGE_SIZE,
					DOMAIN_RW, &d->more);
		if (e)
			return e;
	}
	*why = "it does not come out of its reset";
	memset(strike_brought(d), 0, RING);
	enum sl_err e = write(d, own_ring(d), RING);
	if (e)
		return e;
	*why = "it completes no command";
	return *(const volatile uint64_t *)(void *)(strike_brought(d) + 8) ? SL_OK : SL_DEVICE;
}

static void close(struct strike_dev *d)
{
	const char *what;
	if (xhci_reset(xhci_of(d), &what)) /* its bus mastering ends next */
		log_warn("isolate", "xHCI: after its attacks %s", what);
	of(d)->dev = NULL;
}

static void lay(const struct strike_dev *d, void *place, uint64_t at)
{
	put_all(d, place, at, at + PAGE_SIZE, 0);
}

static enum sl_err fetch(struct strike_dev *d, uint64_t at)
{
	struct xhci_rings rings = rings_at(at, at + PAGE_SIZE);
	return go(d, &rings, false, wrote);
}

static enum sl_err kick(struct strike_dev *d)
{
	struct xhci_rings rings = rings_at(d->mem.iova.v, own_ring(d));
	put_all(d, d->mem.va, d->mem.iova.v, own_ring(d), 0);
	return go(d, &rings, true, wrote);
}

static void said(const struct strike_dev *d, char *buf, size_t n)
{
	uint32_t sts = status(xhci_of(d));
	if (sts == UINT32_MAX || !(sts & (USBSTS_HSE | USBSTS_HCE)))
		fmt_print(buf, n, "STS %x", sts);
	else
		fmt_print(buf, n, "%s", sts & USBSTS_HSE ? "HSE" : "HCE");
}

const struct strike_class strike_class_xhci = {.name = "xHCI",
					       .class = 0x0c0330,
					       .write_align = RING,
					       .write_most = RING,
					       .read_align = 64,
					       .take = take,
					       .open = open,
					       .close = close,
					       .write = write,
					       .bait = bait,
					       .read = read,
					       .obeyed = obeyed,
					       .lay = lay,
					       .fetch = fetch,
					       .kick = kick,
					       .said = said};

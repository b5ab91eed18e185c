/* USB 2.0 controllers (EHCI) as attackers: a transfer descriptor (qTD) is fetched from any address aligned to
 * 32 bytes, and its contents are copied into a queue head in memory of the controller's own. The transfer
 * asks the device at the first port that has one, fresh from the reset of its port, for no bytes. Without a
 * device some controllers copy nothing. EHCI 1.0 §3.5, §3.6, §4.2, §4.8, §4.10
 *
 * It writes only to structures that it has read, so it makes no writes by itself. All of its structures have
 * the same upper half of an address (CTRLDSSEGMENT), so it is one with 32-bit addresses here. */
#include "drivers/strike/strike.h"
#include "kernel/fmt.h"
#include "kernel/str.h"
#include "kernel/time.h"

enum { HCSPARAMS = 0x04, HCCPARAMS = 0x08 }; /* §2.2 */
enum { USBCMD = 0x00, USBSTS = 0x04, USBINTR = 0x08, SEGMENT = 0x10, ASYNC = 0x18 };
enum { CONFIGFLAG = 0x40, PORTSC = 0x44 }; /* §2.3 */
#define RS        (1u << 0)
#define HCRESET   (1u << 1)
#define ASE       (1u << 5)
#define ITC_ONE   (1u << 16) /* an interrupt is sent at once */
#define USBERRINT (1u << 1)
#define HSE       (1u << 4)
#define EVENTS    0x3fu /* all of them; write one to clear */
#define HALTED    (1u << 12)
#define ASS       (1u << 15)
#define N_PORTS   0xfu      /* HCSPARAMS */
#define CCS       (1u << 0) /* PORTSC */
#define PED       (1u << 2)
#define PR        (1u << 8)
#define PP        (1u << 12)
#define CHANGES   0x2au /* write one to clear */

/* USBLEGSUP in configuration space: §2.1.7, §5.1 */
#define EECP_FIRST 0x40u
#define EECP_MOST  8u
#define LEGACY     1u
#define BIOS_OWNED (1u << 16)
#define OS_OWNED   (1u << 24)
#define DEBUG_PORT 0x0au /* PCI capability: §C.2 */
#define DEBUG_USED (1u << 28 | 1u << 10)

#define HANDOFF_US 1000000u
#define STOP_US    100000u  /* §2.3.1: 16 microframes, */
#define HALT_US    1000000u /* but an emulator looks once a millisecond, if its host lets it */
#define RESET_US   250000u
#define ANSWER_US  2000000u /* the same */
#define FETCH_US   100000u  /* where nothing says when a list was read */
#define POWER_US   100000u  /* until a device is seen: USB 2.0 §7.1.7.3 */
#define PR_US      50000u   /* §7.1.7.5 */
#define PR_END_US  2000u

/* Dwords of a queue head; from TD on what it has copied of a qTD: §3.6. */
enum { LINK, WHO, HOW, CURRENT, TD, TOKEN = TD + 2, BUFFERS };
#define END       1u /* of a link */
#define TYPE_QH   2u
#define WHO_HEAD  (1u << 15)
#define WHO_HIGH  (2u << 12)
#define WHO_FRESH (64u << 16) /* address 0, endpoint 0, 64 bytes */
#define HOW_ONE   (1u << 30)
#define TOKEN_IN  (1u << 7 | 1u << 8 | 1u << 10) /* active, IN, one try, no bytes */
#define QTD       0x100u                         /* in a page */
#define STEP      0x5a1d7u

static uint32_t nonce; /* of the qTD that was laid last: in its buffer pointers */

static uint32_t rd(const struct strike_dev *d, uint32_t reg)
{
	return strike_rd(&d->io, d->unit + reg, 4);
}

static void wr(const struct strike_dev *d, uint32_t reg, uint32_t v)
{
	strike_wr(&d->io, d->unit + reg, 4, v);
}

static bool wait(const struct strike_dev *d, uint32_t reg, uint32_t mask, uint32_t want, uint32_t us)
{
	return strike_wait(&d->io, d->unit + reg, 4, mask, want, us);
}

/* Schedule off, then stopped: §4.8, §2.3.1. */
static bool stop(const struct strike_dev *d)
{
	if (rd(d, USBCMD) & RS) {
		wr(d, USBCMD, rd(d, USBCMD) & ~ASE);
		(void)wait(d, USBSTS, ASS, 0, STOP_US);
	}
	wr(d, USBCMD, 0);
	return wait(d, USBSTS, HALTED, HALTED, HALT_US);
}

static bool reset(const struct strike_dev *d)
{
	if (!stop(d))
		return false;
	wr(d, USBCMD, HCRESET);
	return wait(d, USBCMD, HCRESET, 0, RESET_US);
}

static void run(const struct strike_dev *d, uint32_t more)
{
	wr(d, USBCMD, RS | ITC_ONE | more);
	(void)wait(d, USBSTS, HALTED, 0, STOP_US);
}

static bool connected(const struct strike_dev *d, uint32_t ports)
{
	for (uint32_t i = 0; i < ports; i++)
		if (rd(d, PORTSC + 4 * i) & CCS)
			return true;
	return false;
}

/* §2.3.9: a high-speed device is enabled by the reset. */
static bool port_reset(const struct strike_dev *d, uint32_t port)
{
	uint32_t sc = rd(d, port);
	if (!(sc & CCS))
		return false;
	wr(d, port, (sc & ~(CHANGES | PED)) | PR);
	delay_us(PR_US);
	wr(d, port, rd(d, port) & ~(CHANGES | PED | PR));
	return wait(d, port, PR | PED, PED, PR_END_US);
}

/* From its reset to a port that is enabled; the ports are routed to it meanwhile. */
static enum sl_err start(const struct strike_dev *d, const char **why)
{
	uint32_t ports = strike_rd(&d->io, HCSPARAMS, 4) & N_PORTS;
	*why = "it does not come out of its reset";
	if (!reset(d))
		return SL_TIMEOUT;
	run(d, 0);
	wr(d, CONFIGFLAG, 1);
	for (uint32_t i = 0; i < ports; i++)
		wr(d, PORTSC + 4 * i, (rd(d, PORTSC + 4 * i) & ~(CHANGES | PED)) | PP);
	*why = "no USB 2.0 device is connected to it";
	for (struct deadline end = deadline_in(POWER_US); deadline_look(&end) && !connected(d, ports);)
		;
	for (uint32_t i = 0; i < ports; i++)
		if (port_reset(d, PORTSC + 4 * i))
			return SL_OK;
	return SL_NOTFOUND;
}

/* A debugger is connected to it. */
static bool debugged(const struct strike_dev *d)
{
	uint16_t cap = pci_cap_find(d->fn, DEBUG_PORT, 4);
	uint32_t where = cap ? fn_rd32(d->fn, cap) >> 16 : 0; /* offset, and which BAR */
	return cap && where >> 13 == 1 && strike_rd(&d->io, where & 0x1fff, 4) & DEBUG_USED;
}

/* True when the firmware has let go, or does not use it. Else it is as before. */
static bool ask(const struct strike_dev *d)
{
	uint32_t at = strike_rd(&d->io, HCCPARAMS, 4) >> 8 & 0xff;
	for (unsigned i = 0; at >= EECP_FIRST && at % 4 == 0 && i < EECP_MOST; i++) {
		uint32_t cap = fn_rd32(d->fn, (uint16_t)at);
		struct deadline end = deadline_in(HANDOFF_US);
		if ((cap & 0xff) != LEGACY) {
			at = cap >> 8 & 0xff;
			continue;
		}
		if (cap & BIOS_OWNED) {
			fn_wr32(d->fn, (uint16_t)at, cap | OS_OWNED);
			while (fn_rd32(d->fn, (uint16_t)at) & BIOS_OWNED)
				if (!deadline_look(&end)) {
					fn_wr32(d->fn, (uint16_t)at, cap);
					return false;
				}
		}
		fn_wr32(d->fn, (uint16_t)(at + 4), 0xe0000000u); /* no SMIs; those that wait are cleared */
		return true;
	}
	return true;
}

static enum sl_err take(struct strike_dev *d, const char **why)
{
	d->unit = strike_rd(&d->io, 0, 4) & 0xff; /* CAPLENGTH */
	*why = "its registers do not answer";
	if (d->unit < 0x10 || d->unit % 4 || rd(d, USBCMD) == UINT32_MAX)
		return SL_DEVICE;
	*why = "its debug port is in use";
	if (debugged(d))
		return SL_BUSY;
	*why = "the firmware does not let go of it (USBLEGSUP)";
	if (!ask(d))
		return SL_BUSY;
	*why = "it does not come out of its reset";
	return reset(d) ? SL_OK : SL_TIMEOUT;
}

static void put_head(uint32_t *qh, uint64_t next, uint32_t who, uint64_t qtd)
{
	memset(qh, 0, QTD);
	qh[LINK] = (uint32_t)next | TYPE_QH;
	qh[WHO] = WHO_FRESH | WHO_HIGH | who;
	qh[HOW] = HOW_ONE;
	qh[TD] = qtd ? (uint32_t)qtd : END;
	qh[TD + 1] = END;
}

static void put_qtd(uint32_t *qtd)
{
	nonce += STEP;
	qtd[0] = qtd[1] = END;
	qtd[TOKEN - TD] = TOKEN_IN;
	for (unsigned i = 0; i < 5; i++)
		qtd[BUFFERS - TD + i] = (nonce + i) << 12;
}

/* Until done(), or for all of the time where that is NULL: an event may be reported late, and stand for an
 * earlier one. SL_OK also when nothing came of it. */
static enum sl_err go(const struct strike_dev *d, uint64_t list, uint32_t interrupts,
		      bool (*done)(const struct strike_dev *d))
{
	const char *why;
	if (!stop(d) || (rd(d, USBSTS) & HSE && start(d, &why)))
		return SL_TIMEOUT;
	wr(d, USBSTS, EVENTS);
	wr(d, SEGMENT, 0);
	wr(d, ASYNC, (uint32_t)list);
	wr(d, USBINTR, interrupts);
	run(d, ASE);
	struct deadline end = deadline_in(done ? ANSWER_US : FETCH_US);
	while (deadline_look(&end) && !(rd(d, USBSTS) & HSE) && !(done && done(d)) && !strike_over(&d->io))
		;
	bool stopped = stop(d);
	wr(d, USBINTR, 0);
	return stopped ? SL_OK : SL_TIMEOUT;
}

static void bait(const struct strike_dev *d, void *place)
{
	(void)d;
	put_qtd(place);
}

static bool obeyed(const struct strike_dev *d)
{
	const volatile uint32_t *qh = d->mem.va;
	for (unsigned i = 0; i < 5; i++)
		if (qh[BUFFERS + i] >> 12 != ((nonce + i) & 0xfffff))
			return false;
	return true;
}

/* Its queue head, the only one, goes on with the qTD at at. */
static enum sl_err read(struct strike_dev *d, uint64_t at)
{
	put_head(d->mem.va, d->mem.iova.v, WHO_HEAD, at);
	return go(d, d->mem.iova.v, 0, obeyed);
}

static enum sl_err open(struct strike_dev *d, const char **why)
{
	*why = "it has 32-bit addresses only";
	d->narrow = true;
	if ((d->mem.iova.v + STRIKE_MEM) >> 32)
		return SL_UNSUPPORTED;
	enum sl_err e = start(d, why);
	if (e)
		return e;
	*why = "it does not stop";
	bait(d, strike_brought(d));
	e = read(d, d->mem.iova.v + PAGE_SIZE);
	if (e)
		return e;
	*why = "it copies no descriptor";
	return obeyed(d) ? SL_OK : SL_DEVICE;
}

static void close(struct strike_dev *d)
{
	(void)reset(d);
}

/* The head of the list has nothing to do; the queue head behind it, in the second page, copies a qTD of the
 * first. */
static void lay(const struct strike_dev *d, void *place, uint64_t at)
{
	uint8_t *page = place;
	(void)d;
	put_head(place, at + PAGE_SIZE, WHO_HEAD, 0);
	put_qtd((uint32_t *)(void *)(page + QTD));
	put_head((uint32_t *)(void *)(page + PAGE_SIZE), at, 0, at + QTD);
}

static enum sl_err fetch(struct strike_dev *d, uint64_t at)
{
	return go(d, at, 0, NULL);
}

static enum sl_err kick(struct strike_dev *d)
{
	bait(d, strike_brought(d));
	put_head(d->mem.va, d->mem.iova.v, WHO_HEAD, d->mem.iova.v + PAGE_SIZE);
	return go(d, d->mem.iova.v, USBERRINT, obeyed);
}

static void said(const struct strike_dev *d, char *buf, size_t n)
{
	uint32_t sts = rd(d, USBSTS);
	fmt_print(buf, n, "STS %x", sts == UINT32_MAX ? sts : sts & EVENTS);
}

const struct strike_class strike_class_ehci = {.name = "EHCI",
					       .class = 0x0c0320,
					       .read_align = 32,
					       .take = take,
					       .open = open,
					       .close = close,
					       .bait = bait,
					       .read = read,
					       .obeyed = obeyed,
					       .lay = lay,
					       .fetch = fetch,
					       .kick = kick,
					       .said = said};

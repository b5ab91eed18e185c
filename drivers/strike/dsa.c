/* This has never run on silicon, only against a model: no emulator has such a device.
 *
 * Intel's Data Streaming Accelerator as an attacker: a descriptor of 64 bytes, written to a portal, moves any
 * number of bytes from any address to any other. There are no rings. Registers by the names of the Intel Data
 * Streaming Accelerator Architecture Specification (§9.2 registers, §8.3 descriptors); the sequence is that
 * of Linux's and DPDK's drivers. The device is reset before and after each access; PASIDs and ATS stay off.
 */
#include "drivers/strike/strike.h"
#include "drivers/dsa/regs.h"
#include "kernel/fmt.h"
#include "kernel/str.h"
#include "kernel/time.h"

#define SLOTS    16u
#define RESET_US 100000u
#define CMD_US   10000u
#define MOVE_US  10000u

/* In the first page: the completion record, the bytes of a write. */
#define RECORD_AT 64u
#define BYTES_AT  2048u
#define MOST      2048u

static uint32_t rd(const struct strike_dev *d, uint32_t reg)
{
	return strike_rd(&d->io, reg, 4);
}

static void wr(const struct strike_dev *d, uint32_t reg, uint32_t v)
{
	strike_wr(&d->io, reg, 4, v);
}

/* §9.2.19: done, and without an error. */
static bool command(const struct strike_dev *d, uint32_t cmd, uint32_t us)
{
	wr(d, CMD, cmd);
	return strike_wait(&d->io, CMDSTATUS, 4, STATUS_ACTIVE, 0, us) && !(rd(d, CMDSTATUS) & STATUS_ERROR);
}

static bool reset(const struct strike_dev *d)
{
	return command(d, RESET_DEVICE << 20, RESET_US);
}

/* Work queue 0 and engine 0 in group 0; a reset has cleared all others. */
static bool start(const struct strike_dev *d)
{
	uint32_t offsets = rd(d, OFFSETS), cap = rd(d, GENCAP);
	uint32_t group = (offsets & 0xffff) * UNITS, queue = (offsets >> 16) * UNITS;
	if (!reset(d))
		return false;
	wr(d, group + GRPWQCFG, 1);
	wr(d, group + GRPWQCFG + 4, 0);
	wr(d, group + GRPENGCFG, 1);
	wr(d, group + GRPENGCFG + 4, 0);
	wr(d, queue + WQ_SIZE, SLOTS);
	wr(d, queue + WQ_MODE, MODE_DEDICATED | MODE_PRIORITY);
	wr(d, queue + WQ_LIMITS, GENCAP_MAX_TRANSFER(cap) | LIMIT_BATCH(GENCAP_MAX_BATCH(cap)));
	return command(d, ENABLE_DEVICE << 20, CMD_US) && command(d, ENABLE_WQ << 20, CMD_US);
}

static uint8_t status_in(const uint8_t *page)
{
	return *(const volatile uint8_t *)(page + RECORD_AT);
}

/* SL_OK also when nothing came of it. record: where the completion record goes, and page our view of its
 * page; 0 and NULL: there is none. .unit: the record's status. */
static enum sl_err move(struct strike_dev *d, uint64_t from, uint64_t to, uint32_t len, uint64_t record,
			const uint8_t *page)
{
	uint64_t desc[8] = {(uint64_t)(MEMMOVE | (page ? WITH_RECORD : 0)) << 32, record, from, to, len};
	if (!start(d))
		return SL_TIMEOUT;
	d->portal.submit(&d->portal, desc);
	for (struct deadline end = deadline_in(MOVE_US); deadline_look(&end);)
		if ((page && status_in(page)) || (rd(d, GENSTS) & GENSTS_STATE) == GENSTS_HALT)
			break;
	d->word++; /* other bytes next time */
	d->unit = page ? status_in(page) & RECORD_STATUS : 0;
	return reset(d) ? SL_OK : SL_TIMEOUT;
}

static void put_bytes(const struct strike_dev *d, void *page)
{
	memset(page, 0, BYTES_AT);
	for (uint32_t i = 0; i < MOST; i++)
		((uint8_t *)page)[BYTES_AT + i] = (uint8_t)(1 + (d->word + 3 * i) % 100);
}

static enum sl_err move_own(struct strike_dev *d, uint64_t from, uint64_t to, uint32_t len)
{
	put_bytes(d, d->mem.va);
	return move(d, from, to, len, d->mem.iova.v + RECORD_AT, d->mem.va);
}

static uint64_t brought_at(const struct strike_dev *d)
{
	return d->mem.iova.v + PAGE_SIZE;
}

static enum sl_err write(struct strike_dev *d, uint64_t at, uint32_t len)
{
	return move_own(d, d->mem.iova.v + BYTES_AT, at, len < MOST ? len : MOST);
}

static enum sl_err read(struct strike_dev *d, uint64_t at)
{
	return move_own(d, at, brought_at(d), MOST);
}

static void lay(const struct strike_dev *d, void *place, uint64_t at)
{
	(void)at;
	put_bytes(d, place);
}

/* The descriptor is in the portal, so what it reads is its first access. */
static enum sl_err fetch(struct strike_dev *d, uint64_t at)
{
	return move(d, at + BYTES_AT, at + PAGE_SIZE, MOST, 0, NULL);
}

/* The completion of a command interrupts by vector 0, once it has been seen that the last one did: §9.2.18.
 */
static enum sl_err kick(struct strike_dev *d)
{
	if (!start(d))
		return SL_TIMEOUT;
	wr(d, INTCAUSE, rd(d, INTCAUSE));
	bool done = command(d, CMD_INTERRUPT | DRAIN_ALL << 20, CMD_US);
	wr(d, INTCAUSE, rd(d, INTCAUSE));
	return reset(d) && done ? SL_OK : SL_TIMEOUT;
}

static enum sl_err open(struct strike_dev *d, const char **why)
{
	uint32_t queues = rd(d, WQCAP);
	*why = "its registers do not answer";
	if (rd(d, VERSION) == UINT32_MAX)
		return SL_DEVICE;
	*why = "the processor has no MOVDIR64B, by which descriptors are submitted";
	if (!d->portal.submit)
		return SL_UNSUPPORTED;
	*why = "it has no work queue and engine that could be configured";
	if (!(rd(d, GENCAP) & GENCAP_CONFIG) || !(queues & WQCAP_QUEUES) || (queues & WQCAP_SIZE) < SLOTS ||
	    !(rd(d, WQCAP + 4) & WQCAP_DEDICATED) || !(rd(d, GRPCAP) & ENGINES) || !(rd(d, ENGCAP) & ENGINES))
		return SL_UNSUPPORTED;
	*why = "it does not come out of its reset";
	if (!reset(d))
		return SL_TIMEOUT;
	*why = "it does not copy";
	return strike_copies(d, BYTES_AT, MOST);
}

static void close(struct strike_dev *d)
{
	(void)reset(d);
}

static void said(const struct strike_dev *d, char *buf, size_t n)
{
	fmt_print(buf, n, "rec %x", d->unit);
}

/* Xeon Scalable of the fourth and fifth generation, and of the sixth */
static const struct strike_id ids[] = {{0x8086, 0x0b25}, {0x8086, 0x11fb}, {0}};

const struct strike_class strike_class_dsa = {.name = "DSA",
					      .ids = ids,
					      .portal_bar = 2,
					      .write_align = 1,
					      .write_most = MOST,
					      .read_align = 1,
					      .brings = MOST,
					      .open = open,
					      .close = close,
					      .write = write,
					      .read = read,
					      .lay = lay,
					      .fetch = fetch,
					      .kick = kick,
					      .said = said};

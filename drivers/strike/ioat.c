/* This has never run on silicon, only against a model: no emulator has such a device.
 *
 * Intel's I/OAT (CBDMA, "Crystal Beach") DMA engines as attackers: a descriptor copies any number of bytes
 * from any address to any other. One channel a function, from version 3.0 on. Registers by the names of
 * Intel's Xeon datasheets, volume 2, "Intel QuickData Technology"; the sequence is that of Linux's and DPDK's
 * drivers. */
#include "drivers/strike/strike.h"
#include "kernel/fmt.h"
#include "kernel/str.h"
#include "kernel/time.h"

enum { CHANCNT = 0x00, INTRCTRL = 0x03, CBVER = 0x08 };
enum { CHANCTRL = 0x80, CHANCMD = 0x84, DMACOUNT = 0x86, CHANSTS = 0x88, CHAINADDR = 0x90 };
enum { CHANCMP = 0x98, CHANERR = 0xa8, CFG_CHANERR_INT = 0x180 };
#define VERSION_3_0       0x30u
#define VERSION_3_3       0x33u /* from here on CHANERR_INT needs no clearing */
#define INTRCTRL_MASTER   0x01u
#define INTRCTRL_VECTORS  0x08u
#define CHANCTRL_REARM    0x01u
#define CHANCTRL_COMPLETE 0x0cu /* an error stops the chain, and the status is written all the same */
#define CHANCMD_SUSPEND   0x04u
#define CHANCMD_RESET     0x20u
#define STS_STATE         7u
#define STS_HALTED        3u
#define CONTROL_INTERRUPT 1u
#define CONTROL_STATUS    (1u << 3) /* of a copy: operation 0 */

#define PAUSE_US 1000u
#define RESET_US 100000u
#define COPY_US  10000u

/* In the first page: the descriptor, the status that the channel writes, the bytes of a write. */
#define STATUS_AT 64u
#define BYTES_AT  2048u
#define MOST      2048u

static uint32_t rd(const struct strike_dev *d, uint32_t reg, unsigned bytes)
{
	return strike_rd(&d->io, reg, bytes);
}

static void wr(const struct strike_dev *d, uint32_t reg, unsigned bytes, uint32_t v)
{
	strike_wr(&d->io, reg, bytes, v);
}

/* Errors are written back to clear them, before the reset that lets a halted channel go on. */
static bool reset(const struct strike_dev *d)
{
	wr(d, INTRCTRL, 1, 0);
	wr(d, CHANCMD, 1, CHANCMD_SUSPEND);
	delay_us(PAUSE_US);
	wr(d, CHANERR, 4, rd(d, CHANERR, 4));
	if (rd(d, CBVER, 1) < VERSION_3_3)
		fn_wr32(d->fn, CFG_CHANERR_INT, fn_rd32(d->fn, CFG_CHANERR_INT));
	wr(d, CHANCMD, 1, CHANCMD_RESET);
	delay_us(PAUSE_US);
	return strike_wait(&d->io, CHANCMD, 1, CHANCMD_RESET, 0, RESET_US);
}

static void put_copy(const struct strike_dev *d, void *page, uint64_t from, uint64_t to, uint32_t len,
		     uint32_t control)
{
	uint64_t *desc = page;
	uint8_t *bytes = (uint8_t *)page + BYTES_AT;
	memset(page, 0, BYTES_AT);
	desc[0] = len | (uint64_t)(CONTROL_STATUS | control) << 32;
	desc[1] = from;
	desc[2] = to;
	for (uint32_t i = 0; i < MOST; i++)
		bytes[i] = (uint8_t)(1 + (d->word + 3 * i) % 100);
}

/* The status is the descriptor's address once it is done; where it cannot be looked at, CHANSTS is. */
static bool over(const struct strike_dev *d, uint64_t base, const uint8_t *page)
{
	uint32_t sts = rd(d, CHANSTS, 4), at = (uint32_t)base & ~0x3fu;
	if ((sts & STS_STATE) == STS_HALTED)
		return true;
	if (page)
		sts = *(const volatile uint32_t *)(const void *)(page + STATUS_AT);
	return (sts & ~0x3fu) == at;
}

/* SL_OK also when nothing came of it. page: the descriptor, NULL where it is not ours to look at. .unit is
 * CHANERR as it was before the reset. */
static enum sl_err run(struct strike_dev *d, uint64_t base, const uint8_t *page, uint32_t control)
{
	wr(d, CHANCTRL, 2, CHANCTRL_COMPLETE | control);
	strike_wr_addr(&d->io, CHANCMP, base + STATUS_AT);
	strike_wr_addr(&d->io, CHAINADDR, base);
	wr(d, DMACOUNT, 2, 1);
	for (struct deadline end = deadline_in(COPY_US); deadline_look(&end);)
		if (over(d, base, page))
			break;
	d->word++; /* other bytes next time */
	d->unit = rd(d, CHANERR, 4);
	return reset(d) ? SL_OK : SL_TIMEOUT;
}

static uint64_t brought_at(const struct strike_dev *d)
{
	return d->mem.iova.v + PAGE_SIZE;
}

static enum sl_err copy(struct strike_dev *d, uint64_t from, uint64_t to, uint32_t len)
{
	put_copy(d, d->mem.va, from, to, len, 0);
	return run(d, d->mem.iova.v, d->mem.va, 0);
}

static enum sl_err write(struct strike_dev *d, uint64_t at, uint32_t len)
{
	return copy(d, d->mem.iova.v + BYTES_AT, at, len < MOST ? len : MOST);
}

static enum sl_err read(struct strike_dev *d, uint64_t at)
{
	return copy(d, at, brought_at(d), MOST);
}

static void lay(const struct strike_dev *d, void *place, uint64_t at)
{
	put_copy(d, place, at + BYTES_AT, at + PAGE_SIZE, MOST, 0);
}

static enum sl_err fetch(struct strike_dev *d, uint64_t at)
{
	return run(d, at, NULL, 0);
}

static enum sl_err kick(struct strike_dev *d)
{
	put_copy(d, d->mem.va, d->mem.iova.v + BYTES_AT, brought_at(d), 1, CONTROL_INTERRUPT);
	wr(d, INTRCTRL, 1, INTRCTRL_MASTER | INTRCTRL_VECTORS);
	return run(d, d->mem.iova.v, d->mem.va, CHANCTRL_REARM);
}

static enum sl_err open(struct strike_dev *d, const char **why)
{
	uint32_t version = rd(d, CBVER, 1), channels = rd(d, CHANCNT, 1);
	*why = "its registers do not answer";
	if (version == 0xff && channels == 0xff)
		return SL_DEVICE;
	*why = "it is older than version 3.0, or has no channel";
	if (version < VERSION_3_0 || !channels)
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
	fmt_print(buf, n, "ERR %x", d->unit);
}

#define ID(device)                                                                                           \
	{                                                                                                    \
		0x8086, device                                                                               \
	}
#define EIGHT(device)                                                                                        \
	ID(device), ID((device) + 1), ID((device) + 2), ID((device) + 3), ID((device) + 4),                  \
		ID((device) + 5), ID((device) + 6), ID((device) + 7)

/* Xeon E5 to E5 v4, Xeon Scalable to its third generation */
static const struct strike_id ids[] = {
	EIGHT(0x3c20), EIGHT(0x0e20), EIGHT(0x2f20), EIGHT(0x6f20), ID(0x2021), ID(0x0b00), {0}};

const struct strike_class strike_class_ioat = {.name = "IOAT",
					       .ids = ids,
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

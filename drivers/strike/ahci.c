/* SATA controllers as attackers: IDENTIFY DEVICE (or IDENTIFY PACKET DEVICE), which reads no medium and
 * writes none. Its 512 bytes go to any address by a PRD, from 2 bytes on; the command table is fetched from
 * any address aligned to 128 bytes. AHCI 1.3.1; ATA8-ACS §7.16, §7.17
 *
 * Command list and FIS area always lie in memory that the port may read and write, and the port is stopped
 * (ST and FRE clear) after every access: an emulator may keep pointers to both for as long as the port runs,
 * and writes back late what it could not map. */
#include "drivers/strike/strike.h"
#include "kernel/fmt.h"
#include "kernel/str.h"
#include "kernel/time.h"

enum { CAP = 0x00, GHC = 0x04, IS = 0x08, PI = 0x0c, CAP2 = 0x24, BOHC = 0x28 };           /* §3.1 */
enum { CLB = 0x00, FB = 0x08, PIS = 0x10, IE = 0x14, CMD = 0x18, TFD = 0x20, SIG = 0x24 }; /* §3.3 */
enum { SSTS = 0x28, SCTL = 0x2c, SERR = 0x30, CI = 0x38 };
#define PORTS                32u
#define PORT(i)              (0x100u + 0x80u * (i))
#define CAP_S64A             (1u << 31)
#define GHC_AE               (1u << 31)
#define GHC_IE               (1u << 1)
#define CAP2_BOH             (1u << 0)
#define BOHC_BOS             (1u << 0)
#define BOHC_OOS             (1u << 1)
#define CMD_ST               (1u << 0)
#define CMD_FRE              (1u << 4)
#define CMD_FR               (1u << 14)
#define CMD_CR               (1u << 15)
#define TFD_BUSY             0x88u /* BSY and DRQ */
#define DET                  0x0fu
#define DET_UP               3u
#define SIG_ATA              0x00000101u
#define SIG_PKT              0xeb140101u
#define SCTL_NO_POWER_SAVING 0x300u

#define STOP_US    500000u  /* §10.1.2: a port that runs stops within 500 ms */
#define HANDOFF_US 2000000u /* §10.6.3, with BB set */
#define LINK_US    100000u
#define READY_US   1000000u
#define DONE_US    100000u /* IDENTIFY takes a drive well below a millisecond, and needs no spinning disk */

#define IDENTIFY     0xecu
#define IDENTIFY_PKT 0xa1u
#define WORDS        512u /* bytes that it brings */
#define LEAST        2u
#define MOST         508u /* to one address; the rest goes to the function's own memory */

/* In the first page of the memory: command list (1 KiB), FIS area (256), command table. §4.2 */
#define FIS   0x400u
#define TABLE 0x500u
#define PRDT  0x80u /* in a table */
#define LONG  32u   /* two PRDs */
#define CFL   5u    /* dwords of the command FIS */

static uint32_t rd(const struct strike_dev *d, uint32_t reg)
{
	return strike_rd(&d->io, PORT(d->unit) + reg, 4);
}

static void wr(const struct strike_dev *d, uint32_t reg, uint32_t v)
{
	strike_wr(&d->io, PORT(d->unit) + reg, 4, v);
}

static bool wait(const struct strike_dev *d, uint32_t reg, uint32_t mask, uint32_t want, uint32_t us)
{
	return strike_wait(&d->io, PORT(d->unit) + reg, 4, mask, want, us);
}

/* §10.1.2: first the commands, then what the drive sends. */
static bool stop(const struct strike_dev *d)
{
	wr(d, IE, 0);
	wr(d, CMD, rd(d, CMD) & ~CMD_ST);
	bool ok = wait(d, CMD, CMD_CR, 0, STOP_US);
	wr(d, CMD, rd(d, CMD) & ~CMD_FRE);
	return wait(d, CMD, CMD_FR, 0, STOP_US) && ok;
}

/* COMRESET, for a drive that an error has left busy: §10.4.2. */
static void link_reset(const struct strike_dev *d)
{
	wr(d, SCTL, SCTL_NO_POWER_SAVING | 1);
	delay_us(1000);
	wr(d, SCTL, SCTL_NO_POWER_SAVING);
	(void)wait(d, SSTS, DET, DET_UP, LINK_US);
	wr(d, SERR, UINT32_MAX);
}

/* The bytes go to at, the first len of them; the others to rest. */
static void put_table(const struct strike_dev *d, uint8_t *t, uint64_t at, uint32_t len, uint64_t rest)
{
	uint64_t *prd = (uint64_t *)(void *)(t + PRDT);
	memset(t, 0, PRDT + LONG);
	t[0] = 0x27; /* Register FIS, host to device: §5.6.2 of Serial ATA */
	t[1] = 0x80; /* a command */
	t[2] = (uint8_t)d->word;
	prd[0] = at;
	prd[1] = (uint64_t)(len - 1) << 32;
	prd[2] = rest;
	prd[3] = (uint64_t)(WORDS - len - 1) << 32;
}

static void put_header(void *list, uint64_t table, bool rest)
{
	uint64_t *head = list;
	memset(list, 0, LONG);
	head[0] = CFL | (rest ? 2u : 1u) << 16;
	head[1] = table;
}

/* Command 0 of the list at list. SL_OK also when nothing came of it. */
static enum sl_err issue(const struct strike_dev *d, uint64_t list, uint32_t interrupts)
{
	if (!stop(d))
		return SL_TIMEOUT;
	strike_wr_addr(&d->io, PORT(d->unit) + CLB, list);
	strike_wr_addr(&d->io, PORT(d->unit) + FB, list + FIS);
	wr(d, SERR, UINT32_MAX);
	wr(d, PIS, UINT32_MAX);
	strike_wr(&d->io, IS, 4, UINT32_MAX);
	wr(d, CMD, rd(d, CMD) | CMD_FRE);
	if (rd(d, TFD) & TFD_BUSY)
		link_reset(d);
	if (wait(d, TFD, TFD_BUSY, 0, READY_US)) { /* else ST is not to be set: §10.3.1 */
		wr(d, IE, interrupts);
		wr(d, CMD, rd(d, CMD) | CMD_ST);
		wr(d, CI, 1);
		(void)strike_wait_access(&d->io, PORT(d->unit) + CI, 4, 1, 0, DONE_US);
	}
	return stop(d) ? SL_OK : SL_TIMEOUT;
}

/* The firmware lets go of it: §10.6.3. */
static void hand_off(const struct strike_dev *d)
{
	if (!(strike_rd(&d->io, CAP2, 4) & CAP2_BOH))
		return;
	strike_wr(&d->io, BOHC, 4, strike_rd(&d->io, BOHC, 4) | BOHC_OOS);
	(void)strike_wait(&d->io, BOHC, 4, BOHC_BOS, 0, HANDOFF_US);
}

static bool has_drive(struct strike_dev *d)
{
	uint32_t sig = rd(d, SIG);
	if ((rd(d, SSTS) & DET) != DET_UP || (sig != SIG_ATA && sig != SIG_PKT))
		return false;
	d->word = sig == SIG_ATA ? IDENTIFY : IDENTIFY_PKT;
	return true;
}

/* Every port is stopped: one that the firmware has left running could still receive. */
static enum sl_err open(struct strike_dev *d, const char **why)
{
	uint32_t ports = strike_rd(&d->io, PI, 4), cap = strike_rd(&d->io, CAP, 4), use = PORTS;
	*why = "its registers do not answer";
	if (cap == UINT32_MAX && ports == UINT32_MAX)
		return SL_DEVICE;
	*why = "it has 32-bit addresses only";
	d->narrow = !(cap & CAP_S64A);
	if (d->narrow && (d->mem.iova.v + STRIKE_MEM) >> 32)
		return SL_UNSUPPORTED;
	hand_off(d);
	strike_wr(&d->io, GHC, 4, (strike_rd(&d->io, GHC, 4) | GHC_AE) & ~GHC_IE);
	*why = "a port does not stop";
	for (d->unit = 0; d->unit < PORTS; d->unit++) {
		if (!(ports >> d->unit & 1))
			continue;
		if (!stop(d))
			return SL_TIMEOUT;
		if (use == PORTS && has_drive(d))
			use = d->unit;
	}
	*why = "no drive is connected to it";
	d->unit = use;
	return use < PORTS ? SL_OK : SL_NOTFOUND;
}

static void close(struct strike_dev *d)
{
	(void)stop(d);
}

static uint64_t brought_at(const struct strike_dev *d)
{
	return d->mem.iova.v + PAGE_SIZE;
}

/* What a command of ours brings shows that it was executed. */
static void wipe(const struct strike_dev *d)
{
	memset(strike_brought(d), 0, WORDS);
}

static enum sl_err write(struct strike_dev *d, uint64_t at, uint32_t len)
{
	uint8_t *mem = d->mem.va;
	len = len < MOST ? len : MOST;
	wipe(d);
	put_header(mem, d->mem.iova.v + TABLE, true);
	put_table(d, mem + TABLE, at, len, brought_at(d) + len);
	return issue(d, d->mem.iova.v, 0);
}

static void bait(const struct strike_dev *d, void *place)
{
	put_table(d, place, brought_at(d), LEAST, brought_at(d) + LEAST);
}

static enum sl_err read(struct strike_dev *d, uint64_t at)
{
	wipe(d);
	put_header(d->mem.va, at, true);
	return issue(d, d->mem.iova.v, 0);
}

static bool obeyed(const struct strike_dev *d)
{
	const uint8_t *got = strike_brought(d);
	for (unsigned i = 0; i < WORDS; i++)
		if (got[i])
			return true;
	return false;
}

static void lay(const struct strike_dev *d, void *place, uint64_t at)
{
	put_header(place, at + TABLE, true);
	put_table(d, (uint8_t *)place + TABLE, at + PAGE_SIZE, LEAST, at + PAGE_SIZE + LEAST);
}

static enum sl_err fetch(struct strike_dev *d, uint64_t at)
{
	return issue(d, at, 0);
}

static enum sl_err kick(struct strike_dev *d)
{
	uint8_t *mem = d->mem.va;
	put_header(mem, d->mem.iova.v + TABLE, true);
	put_table(d, mem + TABLE, brought_at(d), LEAST, brought_at(d) + LEAST);
	strike_wr(&d->io, GHC, 4, strike_rd(&d->io, GHC, 4) | GHC_IE);
	enum sl_err e = issue(d, d->mem.iova.v, UINT32_MAX);
	strike_wr(&d->io, GHC, 4, strike_rd(&d->io, GHC, 4) & ~GHC_IE);
	return e;
}

static void said(const struct strike_dev *d, char *buf, size_t n)
{
	fmt_print(buf, n, "IS %x", rd(d, PIS));
}

const struct strike_class strike_class_ahci = {.name = "AHCI",
					       .class = 0x010601,
					       .bar = 5,
					       .write_align = LEAST,
					       .write_most = MOST,
					       .read_align = 128,
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

/* HD Audio controllers as attackers: a verb is fetched from a ring (CORB) and its answer is written to
 * another (RIRB), each at any address aligned to 128 bytes. The verb asks a codec for its vendor, so nothing
 * is heard. High Definition Audio 1.0a §3.3, §4.4 */
#include "drivers/strike/strike.h"
#include "kernel/fmt.h"
#include "kernel/str.h"
#include "kernel/time.h"

enum { GCAP = 0x00, GCTL = 0x08, STATESTS = 0x0e, INTCTL = 0x20 };
enum { CORBBASE = 0x40, CORBWP = 0x48, CORBRP = 0x4a, CORBCTL = 0x4c, CORBSTS = 0x4d, CORBSIZE = 0x4e };
enum { RIRBBASE = 0x50, RIRBWP = 0x58, RINTCNT = 0x5a, RIRBCTL = 0x5c, RIRBSTS = 0x5d, RIRBSIZE = 0x5e };
#define GCAP_64OK  1u
#define GCTL_CRST  1u
#define INTCTL_ON  (3u << 30) /* GIE, CIE */
#define WP_RESET   0x8000u    /* also CORBRP's */
#define RUN        2u         /* of both rings */
#define RINTCTL    1u
#define RIRBOIC    4u /* an overrun is reported */
#define CORBSTS_W1 1u
#define RIRBSTS_W1 5u
#define SIZE_256   2u
#define COUNT_MOST 255u

#define GET_VENDOR 0xf0000u /* Get Parameter, vendor and device id, of the root node */
#define CODEC(i)   ((uint32_t)(i) << 28)
#define LEAST      16u /* a write begins at its second half */
#define ENTRY      8u  /* of the first answer, in the RIRB; of the first verb, in the CORB: half of it */

#define RESET_US  100000u
#define LOW_US    200u
#define CODECS_US 1000u /* §4.3: 521 us until all have reported */
#define STEP_US   1000u
#define ANSWER_US 2000u

static uint32_t rd(const struct strike_dev *d, uint32_t reg, unsigned bytes)
{
	return strike_rd(&d->io, reg, bytes);
}

static void wr(const struct strike_dev *d, uint32_t reg, unsigned bytes, uint32_t v)
{
	strike_wr(&d->io, reg, bytes, v);
}

static bool stop(const struct strike_dev *d)
{
	wr(d, CORBCTL, 1, 0);
	wr(d, RIRBCTL, 1, 0);
	return strike_wait(&d->io, CORBCTL, 1, RUN, 0, RESET_US) &&
	       strike_wait(&d->io, RIRBCTL, 1, RUN, 0, RESET_US);
}

/* §4.2.2 */
static bool reset(const struct strike_dev *d)
{
	if (!stop(d))
		return false;
	wr(d, GCTL, 4, 0);
	if (!strike_wait(&d->io, GCTL, 4, GCTL_CRST, 0, RESET_US))
		return false;
	delay_us(LOW_US);
	wr(d, GCTL, 4, GCTL_CRST);
	bool up = strike_wait(&d->io, GCTL, 4, GCTL_CRST, GCTL_CRST, RESET_US);
	delay_us(CODECS_US);
	return up;
}

/* Both rings from their start. Some controllers never acknowledge the reset of CORBRP, so its waits end
 * softly. */
static void rings(const struct strike_dev *d, uint64_t corb, uint64_t rirb)
{
	wr(d, CORBSIZE, 1, SIZE_256);
	wr(d, RIRBSIZE, 1, SIZE_256);
	strike_wr_addr(&d->io, CORBBASE, corb);
	strike_wr_addr(&d->io, RIRBBASE, rirb);
	wr(d, CORBWP, 2, 0);
	wr(d, CORBRP, 2, WP_RESET);
	(void)strike_wait(&d->io, CORBRP, 2, WP_RESET, WP_RESET, STEP_US);
	wr(d, CORBRP, 2, 0);
	(void)strike_wait(&d->io, CORBRP, 2, WP_RESET, 0, STEP_US);
	wr(d, RIRBWP, 2, WP_RESET);
	wr(d, CORBSTS, 1, CORBSTS_W1);
	wr(d, RIRBSTS, 1, RIRBSTS_W1);
}

/* Entry 1 of the CORB is fetched; its answer is written to entry 1 of the RIRB. SL_OK also when nothing came
 * of it. RIRBSTS says each time that an answer has come, and rings() clears it: a controller may count the
 * answers until then, and stop at RINTCNT. INTCTL alone decides whether an interrupt is sent. */
static enum sl_err go(const struct strike_dev *d, uint64_t corb, uint64_t rirb)
{
	if (!stop(d))
		return SL_TIMEOUT;
	rings(d, corb, rirb);
	wr(d, RINTCNT, 2, COUNT_MOST);
	wr(d, RIRBCTL, 1, RUN | RINTCTL | RIRBOIC);
	wr(d, CORBCTL, 1, RUN);
	wr(d, CORBWP, 2, 1);
	(void)strike_wait(&d->io, RIRBWP, 2, 0xff, 1, ANSWER_US);
	return stop(d) ? SL_OK : SL_TIMEOUT;
}

static void put_verb(const struct strike_dev *d, void *corb)
{
	((uint32_t *)corb)[1] = CODEC(d->unit) | GET_VENDOR;
}

static volatile uint32_t *answer(const struct strike_dev *d)
{
	return (volatile uint32_t *)(void *)(strike_brought(d) + ENTRY);
}

static uint64_t own_rirb(const struct strike_dev *d)
{
	return d->mem.iova.v + PAGE_SIZE;
}

static enum sl_err write(struct strike_dev *d, uint64_t at, uint32_t len)
{
	(void)len;
	put_verb(d, d->mem.va);
	return go(d, d->mem.iova.v, at);
}

static void bait(const struct strike_dev *d, void *place)
{
	put_verb(d, place);
}

static enum sl_err read(struct strike_dev *d, uint64_t at)
{
	*answer(d) = 0;
	return go(d, at, own_rirb(d));
}

static bool obeyed(const struct strike_dev *d)
{
	return *answer(d) == d->word;
}

/* A vendor that is read where it may be: what tells later that a verb was fetched. */
static enum sl_err open(struct strike_dev *d, const char **why)
{
	*why = "it has 32-bit addresses only";
	d->narrow = !(rd(d, GCAP, 2) & GCAP_64OK);
	if (d->narrow && (d->mem.iova.v + STRIKE_MEM) >> 32)
		return SL_UNSUPPORTED;
	*why = "it does not come out of its reset";
	if (!reset(d))
		return SL_TIMEOUT;
	uint32_t codecs = rd(d, STATESTS, 2) & 0x7fff;
	*why = "no codec is connected to it";
	if (!codecs)
		return SL_NOTFOUND;
	d->unit = (uint32_t)__builtin_ctz(codecs);
	*why = "its codec does not answer";
	enum sl_err e = write(d, own_rirb(d), LEAST);
	d->word = *answer(d);
	return e ? e : d->word && d->word != UINT32_MAX ? SL_OK : SL_DEVICE;
}

static void close(struct strike_dev *d)
{
	(void)stop(d);
	wr(d, GCTL, 4, 0);
}

static void lay(const struct strike_dev *d, void *place, uint64_t at)
{
	(void)at;
	put_verb(d, place);
}

static enum sl_err fetch(struct strike_dev *d, uint64_t at)
{
	return go(d, at, at + PAGE_SIZE);
}

static enum sl_err kick(struct strike_dev *d)
{
	put_verb(d, d->mem.va);
	wr(d, INTCTL, 4, INTCTL_ON);
	enum sl_err e = go(d, d->mem.iova.v, own_rirb(d));
	wr(d, INTCTL, 4, 0);
	return e;
}

static void said(const struct strike_dev *d, char *buf, size_t n)
{
	fmt_print(buf, n, "STS %x %x", rd(d, CORBSTS, 1), rd(d, RIRBSTS, 1));
}

const struct strike_class strike_class_hda = {.name = "HDA",
					      .class = 0x040300,
					      .also = 0x040380, /* with extensions of its vendor */
					      .write_align = 128,
					      .write_most = LEAST,
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

/* Intel gigabit controllers as attackers: a frame that the chip's own PHY returns. Its second part is read
 * from any address, or its second part is written to any address: 1 byte or more, of our choice. The 82574
 * has legacy descriptors (82574 datasheet §7.1, §7.2), the 82576 advanced ones (82576 §7.1.5,
 * §7.2.2). Registers by their names in these datasheets, chapters 10 and 8.
 *
 * Each frame is addressed to the controller itself and has the type of local experiments, so that nobody else
 * would take one that a PHY sends in spite of its loopback bit; one that returns none does not attack. */
#include "drivers/strike/strike.h"
#include "kernel/fmt.h"
#include "kernel/str.h"
#include "kernel/time.h"

enum { CTRL = 0x0, STATUS = 0x8, EEC = 0x10, MDIC = 0x20, ICR = 0xc0, ICS = 0xc8, IMS = 0xd0 };
enum { IMC = 0xd8, IVAR = 0xe4, RCTL = 0x100, TCTL = 0x400, RAL0 = 0x5400, RAH0 = 0x5404, MANC = 0x5820 };
enum { FWSM = 0x5b54, GPIE = 0x1514, EICS = 0x1520, EIMS = 0x1524, EIMC = 0x1528, EICR = 0x1580 };
enum { IVAR0 = 0x1700, SRRCTL = 0x280c };
enum { RDBAL = 0x2800, TDBAL = 0x3800, DLEN = 0x8, DH = 0x10, DT = 0x18, DCTL = 0x28 }; /* of a queue */
#define CTRL_FD             (1u << 0)
#define CTRL_MASTER_DISABLE (1u << 2)
#define CTRL_SLU            (1u << 6)
#define CTRL_SPEED          (3u << 8)
#define CTRL_1000           (2u << 8)
#define CTRL_FORCED         (3u << 11) /* FRCSPD, FRCDPLX */
#define CTRL_RST            (1u << 26)
#define STATUS_LU           (1u << 1)
#define STATUS_MASTER       (1u << 19)
#define EEC_AUTO_RD         (1u << 9)
#define RCTL_EN             (1u << 1)
#define RCTL_256            (3u << 16)
#define RCTL_SECRC          (1u << 26)
#define TCTL_EN             (1u << 1)
#define TCTL_REST           (1u << 3 | 0x0fu << 4 | 0x40u << 12) /* PSP, collision threshold and distance */
#define SRRCTL_1K           (1u << 25 | 1u)                      /* advanced, one buffer */
#define DCTL_ENABLE         (1u << 25)
#define MANC_SMBUS          1u
#define MANC_ASF            2u
#define MANC_TCO            (1u << 17)
#define MANC_BLOCKED        (1u << 18)
#define FWSM_MODE           0x0eu
#define FWSM_PASS_THROUGH   (2u << 1)
#define CAUSE               (1u << 20 | 1u << 7) /* receive queue 0, by MSI-X and by MSI */
#define IVAR_FIRST          0x08u                /* vector 0 for receive queue 0 */
#define IVAR0_FIRST         0x80u

#define MDIC_PHY   (1u << 21)
#define MDIC_WRITE (1u << 26)
#define MDIC_READY (1u << 28)
#define BMCR_LOOP  0x4140u /* register 0 of every PHY: loopback, 1000 Mb/s, full duplex */
#define BMCR_AUTO  0x1200u /* negotiates */

#define RESET_US  1000u /* nothing is accessed meanwhile */
#define LOADED_US 20000u
#define LINK_US   1000000u
#define MASTER_US 1000u
#define PHY_US    10000u
#define FRAME_US  5000u
#define TRIES     10u /* of a first frame, while the PHY's loopback comes up */
#define TRY_US    25000u

/* In the first page: both rings, the frame as it is sent. In the second: what of it is not for an attacked
 * address. */
#define RING     128u /* 8 descriptors */
#define FRAME    (2 * RING)
#define HEADER   16u  /* two addresses, a type, two bytes */
#define FIRST    256u /* bytes of a receive buffer */
#define FIRST_1K 1024u
#define MOST     256u /* to one address */
#define BRINGS   (FIRST - HEADER)
#define RX_GIVEN 4u

/* .unit */
#define BAD     1u /* a frame did not come back */
#define STARTED 2u

static uint32_t rd(const struct strike_dev *d, uint32_t reg)
{
	return strike_rd(&d->io, reg, 4);
}

static void wr(const struct strike_dev *d, uint32_t reg, uint32_t v)
{
	strike_wr(&d->io, reg, 4, v);
}

static bool advanced(const struct strike_dev *d)
{
	return d->class == &strike_class_igb;
}

static uint32_t first_of(const struct strike_dev *d)
{
	return advanced(d) ? FIRST_1K : FIRST;
}

/* No interrupts, and no cause of one. */
static void quiet(const struct strike_dev *d)
{
	wr(d, IMC, UINT32_MAX);
	(void)rd(d, ICR);
	if (advanced(d)) {
		wr(d, EIMC, UINT32_MAX);
		wr(d, EICR, UINT32_MAX);
	}
}

static bool stop(const struct strike_dev *d)
{
	wr(d, RCTL, 0);
	wr(d, TCTL, 0);
	if (advanced(d)) {
		wr(d, RDBAL + DCTL, rd(d, RDBAL + DCTL) & ~DCTL_ENABLE);
		wr(d, TDBAL + DCTL, rd(d, TDBAL + DCTL) & ~DCTL_ENABLE);
	}
	return !((rd(d, RCTL) | rd(d, TCTL)) & RCTL_EN);
}

static void phy(const struct strike_dev *d, uint32_t bmcr)
{
	wr(d, MDIC, MDIC_WRITE | MDIC_PHY | bmcr);
	(void)strike_wait(&d->io, MDIC, 4, MDIC_READY, MDIC_READY, PHY_US);
}

/* 82574 §4.6.3, 82576 §4.2.1.6: no request is under way when the reset begins. */
static bool reset(const struct strike_dev *d)
{
	quiet(d);
	(void)stop(d);
	wr(d, CTRL, rd(d, CTRL) | CTRL_MASTER_DISABLE);
	(void)strike_wait(&d->io, STATUS, 4, STATUS_MASTER, 0, MASTER_US);
	wr(d, CTRL, rd(d, CTRL) | CTRL_RST);
	delay_us(RESET_US);
	bool out = strike_wait(&d->io, CTRL, 4, CTRL_RST, 0, LOADED_US);
	(void)strike_wait(&d->io, EEC, 4, EEC_AUTO_RD, EEC_AUTO_RD, LOADED_US);
	quiet(d);
	return out;
}

/* A PHY without a cable gets no link until it loops. */
static bool start(struct strike_dev *d)
{
	if (!reset(d))
		return false;
	wr(d, CTRL, rd(d, CTRL) | CTRL_SLU);
	if (!(rd(d, STATUS) & STATUS_LU))
		phy(d, BMCR_AUTO);
	(void)strike_wait(&d->io, STATUS, 4, STATUS_LU, STATUS_LU, LINK_US);
	phy(d, BMCR_LOOP);
	wr(d, CTRL, (rd(d, CTRL) & ~CTRL_SPEED) | CTRL_SLU | CTRL_1000 | CTRL_FORCED | CTRL_FD);
	d->unit = STARTED;
	return true;
}

/* ---- a frame ---- */

static void put_tx(const struct strike_dev *d, uint64_t *desc, uint64_t at, uint32_t len, uint32_t of,
		   bool last)
{
	uint32_t cmd = len | 1u << 25 | 1u << 27 | (last ? 1u << 24 : 0); /* IFCS, RS, EOP */
	desc[0] = at;
	desc[1] = advanced(d) ? cmd | 3u << 20 | 1u << 29 | (uint64_t)of << 46 : cmd; /* data, DEXT, PAYLEN */
}

/* Everything in a page that the function has at base: a frame of which len bytes come from from, if that is
 * not 0, and whose parts are received at first and at second. */
static void put_frame(const struct strike_dev *d, uint8_t *page, uint64_t base, uint32_t size, uint64_t from,
		      uint64_t first, uint64_t second)
{
	uint64_t *tx = (uint64_t *)(void *)page, *rx = (uint64_t *)(void *)(page + RING);
	uint32_t own = from ? HEADER : size, low = rd(d, RAL0), high = rd(d, RAH0) & 0xffff;
	uint8_t *frame = page + FRAME;
	memset(page, 0, FRAME);
	for (uint32_t i = 0; i < size; i++)
		frame[i] = (uint8_t)(1 + (d->word + 3 * i) % 100);
	for (unsigned i = 0; i <= 6; i += 6) { /* to, from */
		memcpy(frame + i, &low, 4);
		memcpy(frame + i + 4, &high, 2);
	}
	frame[12] = 0x88; /* IEEE 802, local experimental EtherType 1 */
	frame[13] = 0xb5;
	put_tx(d, tx, base + FRAME, own, size, !from);
	if (from)
		put_tx(d, tx + 2, from, size - own, size, true);
	for (unsigned i = 0; i < RX_GIVEN; i++)
		rx[2 * i] = i == 1 ? second : first;
}

static void set_queue(const struct strike_dev *d, uint32_t queue, uint64_t at)
{
	strike_wr_addr(&d->io, queue, at);
	wr(d, queue + DLEN, RING);
	wr(d, queue + DH, 0);
	wr(d, queue + DT, 0);
}

/* Descriptor i of a ring in our memory is done; where that cannot be looked at, the hardware is past it. */
static bool sent(const struct strike_dev *d, const uint8_t *page, uint32_t i)
{
	const volatile uint64_t *tx = (const volatile uint64_t *)(const void *)page;
	return page ? tx[2 * i + 1] >> 32 & 1 : rd(d, TDBAL + DH) == i + 1;
}

static bool received(const struct strike_dev *d, const uint8_t *page, uint32_t i)
{
	if (!page)
		return rd(d, RDBAL + DH) == i + 1;
	const volatile uint64_t *rx = (const volatile uint64_t *)(const void *)(page + RING);
	return rx[2 * i + 1] >> (advanced(d) ? 0 : 32) & 1;
}

static void enable(const struct strike_dev *d)
{
	if (advanced(d)) {
		wr(d, SRRCTL, SRRCTL_1K);
		wr(d, RDBAL + DCTL, rd(d, RDBAL + DCTL) | DCTL_ENABLE);
		wr(d, TDBAL + DCTL, rd(d, TDBAL + DCTL) | DCTL_ENABLE);
	}
	wr(d, RCTL, RCTL_EN | RCTL_SECRC | (advanced(d) ? 0 : RCTL_256));
	wr(d, TCTL, TCTL_EN | TCTL_REST);
}

/* SL_OK also when nothing came of it. page: the rings, NULL where they are not ours to look at; last_out,
 * last_in: the descriptors that end the frame. */
static enum sl_err run(struct strike_dev *d, uint64_t base, const uint8_t *page, uint32_t last_out,
		       uint32_t last_in)
{
	bool out = false, in = false;
	if (d->unit & BAD && !start(d))
		return SL_TIMEOUT;
	quiet(d);
	set_queue(d, TDBAL, base);
	set_queue(d, RDBAL, base + RING);
	enable(d);
	wr(d, RDBAL + DT, RX_GIVEN);
	wr(d, TDBAL + DT, last_out + 1);
	for (struct deadline end = deadline_in(FRAME_US); !(out && in) && deadline_look(&end);) {
		out = sent(d, page, last_out);
		in = received(d, page, last_in);
	}
	d->word++; /* other bytes in the next frame */
	if (!out || (!page && !in))
		d->unit |= BAD;
	return stop(d) ? SL_OK : SL_TIMEOUT;
}

static uint64_t brought_at(const struct strike_dev *d)
{
	return d->mem.iova.v + PAGE_SIZE;
}

static enum sl_err write(struct strike_dev *d, uint64_t at, uint32_t len)
{
	uint32_t size = first_of(d) + (len < MOST ? len : MOST);
	put_frame(d, d->mem.va, d->mem.iova.v, size, 0, brought_at(d), at);
	return run(d, d->mem.iova.v, d->mem.va, 0, 1);
}

static enum sl_err read(struct strike_dev *d, uint64_t at)
{
	put_frame(d, d->mem.va, d->mem.iova.v, FIRST, at, brought_at(d), brought_at(d));
	return run(d, d->mem.iova.v, d->mem.va, 1, 0);
}

static void lay(const struct strike_dev *d, void *place, uint64_t at)
{
	put_frame(d, place, at, FIRST, 0, at + PAGE_SIZE, at + PAGE_SIZE);
}

/* An emulator loses the frame after a descriptor that was refused, so this one is sent a second time; its
 * reset would take half a second. A chip may stay where it is until it is reset: then it is, before a third.
 */
static enum sl_err fetch(struct strike_dev *d, uint64_t at)
{
	bool bad = d->unit & BAD;
	enum sl_err e = SL_OK;
	d->unit |= BAD;
	for (unsigned i = 0; i < 2 && !e && d->unit & BAD; i++) {
		d->unit &= ~BAD;
		e = run(d, at, NULL, 0, 0);
	}
	return !e && bad && d->unit & BAD ? run(d, at, NULL, 0, 0) : e;
}

/* ---- the controller ---- */

/* Traffic of a management controller passes through it, or it may not be reset because of one: MANC, FWSM. */
static bool managed(const struct strike_dev *d)
{
	uint32_t manc = rd(d, MANC), fwsm = rd(d, FWSM) & FWSM_MODE;
	bool passes = fwsm == FWSM_PASS_THROUGH || (manc & (MANC_SMBUS | MANC_ASF)) == MANC_SMBUS;
	return manc & MANC_BLOCKED || (manc & MANC_TCO && passes);
}

static bool returns_frames(struct strike_dev *d)
{
	volatile uint8_t *got = strike_brought(d) + HEADER;
	for (unsigned i = 0; i < TRIES; i++) {
		*got = 0;
		if (write(d, brought_at(d) + FIRST_1K, 1))
			return false;
		d->unit &= ~BAD; /* the PHY takes its time, and a reset would begin it anew */
		if (*got)
			return true;
		delay_us(TRY_US);
	}
	return false;
}

static enum sl_err open(struct strike_dev *d, const char **why)
{
	*why = "its registers do not answer";
	if (rd(d, STATUS) == UINT32_MAX)
		return SL_DEVICE;
	*why = "a management controller uses it";
	if (managed(d))
		return SL_BUSY;
	d->unit &= ~BAD;
	if (d->unit & STARTED && returns_frames(d)) /* open before: it needs no reset */
		return SL_OK;
	*why = "it does not come out of its reset";
	if (!start(d))
		return SL_TIMEOUT;
	*why = "a frame does not come back inside of it";
	if (returns_frames(d))
		return SL_OK;
	(void)reset(d);
	return SL_NOTFOUND;
}

static void close(struct strike_dev *d)
{
	(void)stop(d);
	phy(d, BMCR_AUTO);
	(void)reset(d);
}

/* It stays enabled: an 82574 paces its messages, and this one may have to wait. quiet() comes before the next
 * access. */
static enum sl_err kick(struct strike_dev *d)
{
	bool adv = advanced(d);
	quiet(d);
	wr(d, adv ? IVAR0 : IVAR, adv ? IVAR0_FIRST : IVAR_FIRST);
	if (adv)
		wr(d, GPIE, 1u << 4); /* Multiple_MSIX */
	wr(d, adv ? EIMS : IMS, adv ? 1 : CAUSE);
	wr(d, adv ? EICS : ICS, adv ? 1 : CAUSE);
	return SL_OK;
}

static void said(const struct strike_dev *d, char *buf, size_t n)
{
	fmt_print(buf, n, "DH %x %x", rd(d, TDBAL + DH), rd(d, RDBAL + DH));
}

#define INTEL 0x8086u

#define NIC                                                                                                  \
	.write_align = 1, .write_most = MOST, .read_align = 1, .brings_at = HEADER, .brings = BRINGS,        \
	.open = open, .close = close, .write = write, .read = read, .lay = lay, .fetch = fetch,              \
	.kick = kick, .said = said

/* 82574, 82583 */
const struct strike_class strike_class_e1000e = {
	.name = "e1000e",
	.ids = (const struct strike_id[]){{INTEL, 0x10d3}, {INTEL, 0x10f6}, {INTEL, 0x150c}, {0}},
	NIC};
/* 82576 */
const struct strike_class strike_class_igb = {.name = "igb",
					      .ids = (const struct strike_id[]){{INTEL, 0x10c9},
										{INTEL, 0x10e6},
										{INTEL, 0x10e7},
										{INTEL, 0x10e8},
										{INTEL, 0x1526},
										{INTEL, 0x150a},
										{INTEL, 0x1518},
										{INTEL, 0x150d},
										{0}},
					      NIC};

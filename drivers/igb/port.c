#include "drivers/igb/port.h"
#include "drivers/igb/chip.h"
#include "drivers/igb/regs.h"
#include "kernel/str.h"
#include "kernel/time.h"

#define INTEL         0x8086u
#define SLOTS         8u /* of a ring: 128 bytes, the least */
#define RING          (SLOTS * 16)
#define BUFFER        2048u
#define RCTL_MPE      BIT(4)                         /* neighbour solicitations go to groups */
#define TCTL_REST     (0x0full << 4 | 0x40ull << 12) /* collision threshold and distance */
#define PHY_NEGOTIATE 0x1200u
#define LEGACY_LEN    BITS(15, 0)
#define LEGACY_DD     BIT(32)
#define LEGACY_EOP    BIT(33)
#define LEGACY_ERRORS BITS(47, 40)

#define MASTER_US 100000u
#define RESET_US  10000u /* nothing is accessed for the first part of it */
#define PHY_US    10000u
#define LINK_US   5000000u
#define SENT_US   100000u

static uint32_t rd(const struct igb_port *port, uint32_t off)
{
	return igb_rd(&port->io, off);
}

static void wr(const struct igb_port *port, uint32_t off, uint64_t v)
{
	igb_wr(&port->io, off, v);
}

static bool wait(const struct igb_port *port, uint32_t off, uint64_t bits, uint64_t want, uint64_t us)
{
	struct deadline d = deadline_in(us);
	while (deadline_look(&d)) {
		uint32_t v = rd(port, off);
		if (v != UINT32_MAX && (v & bits) == want)
			return true;
	}
	return false;
}

bool igb_port_drives(uint16_t vendor, uint16_t device, bool *legacy)
{
	*legacy = device == 0x10d3 || device == 0x10f6 || device == 0x150c; /* 82574, 82583 */
	return vendor == INTEL && (*legacy || igb_chip_of_pf(device));
}

void igb_port_stop(struct igb_port *port)
{
	wr(port, IMC, UINT32_MAX);
	wr(port, RCTL, 0);
	wr(port, TCTL, 0);
	if (!port->legacy) {
		wr(port, RXDCTL, 0);
		wr(port, TXDCTL, 0);
	}
}

/* 82574 §4.6.3, 82576EB §4.2.1.6: no request is under way when the reset begins. */
static enum sl_err reset(struct igb_port *port)
{
	igb_port_stop(port);
	wr(port, CTRL, rd(port, CTRL) | CTRL_GIO_MASTER_DISABLE);
	if (!wait(port, STATUS, STATUS_GIO_MASTER, 0, MASTER_US))
		return SL_TIMEOUT;
	wr(port, CTRL, rd(port, CTRL) | CTRL_RST);
	delay_us(RESET_US);
	if (!wait(port, CTRL, CTRL_RST, 0, RESET_US))
		return SL_TIMEOUT;
	(void)wait(port, EECD, EECD_AUTO_RD, EECD_AUTO_RD, RESET_US); /* without an EEPROM it never is */
	wr(port, IMC, UINT32_MAX);
	(void)rd(port, ICR);
	return SL_OK;
}

static bool read_mac(struct igb_port *port)
{
	uint32_t low = rd(port, RAL(0)), high = rd(port, RAH(0));
	for (unsigned i = 0; i < 6; i++)
		port->mac[i] = (uint8_t)(i < 4 ? low >> 8 * i : high >> 8 * (i - 4));
	return (low || high & 0xffff) && !(low & 1);
}

enum sl_err igb_port_open(struct igb_port *port, struct domain *dom, iova_t at)
{
	struct {
		struct dma_buf *buf;
		uint64_t pages;
		unsigned perm;
	} part[] = {{&port->rings, 1, DOMAIN_RW},
		    {&port->send, 1, DOMAIN_R},
		    {&port->receive, SLOTS * BUFFER / PAGE_SIZE, DOMAIN_W}};
	if (rd(port, STATUS) == UINT32_MAX)
		return SL_DEVICE;
	enum sl_err e = reset(port);
	if (!e && !read_mac(port))
		e = SL_DEVICE;
	for (unsigned i = 0; i < ARRAY_LEN(part) && !e; i++) {
		e = dma_get(dom, at, part[i].pages * PAGE_SIZE, part[i].perm, part[i].buf);
		at = IOVA(at.v + part[i].pages * PAGE_SIZE);
	}
	return e;
}

enum sl_err igb_port_free(struct igb_port *port)
{
	struct dma_buf *part[] = {&port->rings, &port->send, &port->receive};
	enum sl_err e = SL_OK;
	for (unsigned i = 0; i < ARRAY_LEN(part); i++)
		if (part[i]->va && dma_put(part[i]))
			e = SL_BUSY;
	return e;
}

static volatile uint64_t *descriptor(const struct igb_port *port, unsigned ring, uint32_t i)
{
	return (volatile uint64_t *)port->rings.va + ring * RING / 8 + 2 * (i % SLOTS);
}

enum { TX, RX };

static void post(struct igb_port *port, uint32_t i)
{
	volatile uint64_t *desc = descriptor(port, RX, i);
	desc[0] = port->receive.iova.v + i % SLOTS * BUFFER;
	desc[1] = port->legacy ? 0 : RX_UNWRITTEN;
}

/* The registers of receive and transmit queue 0 have one layout. */
static void set_ring(struct igb_port *port, uint32_t base, unsigned ring)
{
	uint64_t at = port->rings.iova.v + ring * RING;
	wr(port, base, at & UINT32_MAX);
	wr(port, base + (RDBAH - RDBAL), at >> 32);
	wr(port, base + (RDLEN - RDBAL), RING);
	wr(port, base + (RDH - RDBAL), 0);
	wr(port, base + (RDT - RDBAL), 0);
}

enum sl_err igb_port_start(struct igb_port *port)
{
	port->sent = port->received = 0;
	for (uint32_t i = 0; i < SLOTS; i++)
		post(port, i);
	set_ring(port, TDBAL, TX);
	set_ring(port, RDBAL, RX);
	if (!port->legacy) {
		wr(port, SRRCTL, SRRCTL_ADVANCED | FPUT(SRRCTL_KIB, BUFFER / 1024));
		wr(port, RXDCTL, XDCTL_ENABLE);
		wr(port, TXDCTL, XDCTL_ENABLE);
	}
	wr(port, RCTL, RCTL_EN | RCTL_BAM | RCTL_MPE | RCTL_SECRC);
	wr(port, TCTL, TCTL_EN | TCTL_PSP | TCTL_REST);
	wr(port, RDT, SLOTS - 1);
	wr(port, CTRL, rd(port, CTRL) | CTRL_SLU);
	if (!(rd(port, STATUS) & STATUS_LU)) {
		wr(port, MDIC, PHY_NEGOTIATE | FPUT(MDIC_PHY, 1) | MDIC_OP_WRITE);
		(void)wait(port, MDIC, MDIC_READY, MDIC_READY, PHY_US);
	}
	return wait(port, STATUS, STATUS_LU, STATUS_LU, LINK_US) ? SL_OK : SL_TIMEOUT;
}

enum sl_err igb_port_send(struct igb_port *port, size_t n)
{
	volatile uint64_t *desc = descriptor(port, TX, port->sent);
	uint64_t cmd = n | TX_EOP | TX_IFCS | TX_RS;
	if (n > IGB_PORT_FRAME)
		return SL_RANGE;
	desc[0] = port->send.iova.v;
	desc[1] = port->legacy ? cmd : cmd | TX_DATA | TX_DEXT | FPUT(TX_PAYLEN, n);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	wr(port, TDT, ++port->sent % SLOTS);
	for (struct deadline d = deadline_in(SENT_US); deadline_look(&d);)
		if (desc[1] & LEGACY_DD) /* of both kinds of descriptor */
			return SL_OK;
	return SL_TIMEOUT;
}

size_t igb_port_receive(struct igb_port *port, uint8_t *out)
{
	for (unsigned i = 0; i < SLOTS; i++) {
		uint64_t v = descriptor(port, RX, port->received)[1];
		if (port->legacy ? !(v & LEGACY_DD) : !igb_rx_written(v))
			return 0;
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
		uint64_t n = port->legacy ? FGET(v, LEGACY_LEN) : FGET(v, RX_LEN);
		uint64_t whole = port->legacy ? LEGACY_EOP : RX_EOP,
			 errors = port->legacy ? LEGACY_ERRORS : RX_ERRORS;
		bool good = v & whole && !(v & errors) && n <= IGB_PORT_FRAME;
		if (good)
			memcpy(out, (const uint8_t *)port->receive.va + port->received % SLOTS * BUFFER, n);
		port->bad += !good;
		post(port, port->received);
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
		wr(port, RDT, port->received++ % SLOTS);
		if (good)
			return (size_t)n;
	}
	return 0;
}

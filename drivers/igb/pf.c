#include "drivers/igb/pf.h"
#include "drivers/igb/mailbox.h"
#include "drivers/igb/regs.h"
#include "kernel/fmt.h"
#include "kernel/str.h"
#include "kernel/time.h"

#define MASTER_US    80000u /* Linux: 800 tries of 100 us */
#define RESET_US     10000u
#define AUTO_READ_US 10000u
#define MDIC_US      10000u
#define LINK_US      10000000u
#define PHY_ADDRESS  1u
#define PHY_CONTROL  0u
#define PHY_RENEW    0x1200u /* negotiation on, and restarted: IEEE 802.3 §22.2.4.1 */
#define MULTICAST    0x01u   /* bits of an address's first byte */
#define LOCAL        0x02u

static uint32_t rd(const struct igb_pf *pf, uint32_t off)
{
	return igb_rd(&pf->io, off);
}

static void wr(const struct igb_pf *pf, uint32_t off, uint64_t v)
{
	igb_wr(&pf->io, off, v);
}

static void set(const struct igb_pf *pf, uint32_t off, uint64_t bits)
{
	wr(pf, off, rd(pf, off) | bits);
}

static void clear(const struct igb_pf *pf, uint32_t off, uint64_t bits)
{
	wr(pf, off, rd(pf, off) & ~bits);
}

static enum sl_err wait_bits(const struct igb_pf *pf, uint32_t off, uint64_t bits, uint64_t want, uint64_t us)
{
	struct deadline d = deadline_in(us);
	while (deadline_look(&d)) {
		uint32_t v = rd(pf, off);
		if (v != UINT32_MAX && (v & bits) == want)
			return SL_OK;
	}
	return SL_TIMEOUT;
}

static void mask_interrupts(const struct igb_pf *pf)
{
	wr(pf, IMC, UINT32_MAX);
	wr(pf, EIMC, UINT32_MAX);
	(void)rd(pf, ICR);
}

/* 82576EB §4.2.1.6: masters off first, so that no request is cut in half. A card without an EEPROM never
 * reports the end of its reading, which is no error. */
static enum sl_err reset(const struct igb_pf *pf)
{
	mask_interrupts(pf);
	set(pf, CTRL, CTRL_GIO_MASTER_DISABLE);
	enum sl_err e = wait_bits(pf, STATUS, STATUS_GIO_MASTER, 0, MASTER_US);
	if (e)
		return e;
	set(pf, CTRL, CTRL_RST);
	delay_us(RESET_US);
	e = wait_bits(pf, CTRL, CTRL_RST, 0, RESET_US);
	if (e)
		return e;
	(void)wait_bits(pf, EECD, EECD_AUTO_RD, EECD_AUTO_RD, AUTO_READ_US);
	mask_interrupts(pf);
	return SL_OK;
}

static void read_mac(struct igb_pf *pf)
{
	uint32_t low = rd(pf, RAL(0u)), high = rd(pf, RAH(0u));
	uint8_t m[6] = {(uint8_t)low,         (uint8_t)(low >> 8), (uint8_t)(low >> 16),
			(uint8_t)(low >> 24), (uint8_t)high,       (uint8_t)(high >> 8)};
	static const uint8_t none[6];
	memcpy(pf->mac, m, sizeof m);
	if (m[0] & MULTICAST || memcmp(m, none, sizeof m) == 0)
		memcpy(pf->mac, (const uint8_t[6]){LOCAL, 0, 0, 0x16, 0, 0}, sizeof m);
}

static void filters_off(const struct igb_pf *pf)
{
	for (unsigned i = 1; i < pf->chip->macs; i++)
		wr(pf, RAH(i), 0);
	for (unsigned i = 0; i < MTA_WORDS; i++)
		wr(pf, MTA(i), 0);
	for (unsigned i = 0; i < VLVF_ENTRIES; i++)
		wr(pf, VLVF(i), 0);
	for (unsigned i = 0; i < IGB_POOLS; i++) {
		wr(pf, VMOLR(i), VMOLR_STRCRC);
		wr(pf, VMVIR(i), 0);
	}
}

/* Frames that match no pool are dropped: VT_CTL.DIS_DEF. A VF whose ring is full loses its own frames and
 * blocks nobody: QDE. */
static void pools_on(const struct igb_pf *pf)
{
	filters_off(pf);
	wr(pf, MRQC, MRQC_VMDQ);
	wr(pf, VT_CTL, VT_CTL_DIS_DEF | VT_CTL_REPL);
	wr(pf, RPLOLR, RPLOLR_STRCRC);
	for (unsigned q = 0; pf->chip->dvmolr && q < pf->chip->queues; q++)
		wr(pf, DVMOLR(q), DVMOLR_STRCRC);
	wr(pf, QDE, BIT(pf->chip->queues) - 1);
	wr(pf, VFRE, 0);
	wr(pf, VFTE, 0);
	wr(pf, pf->chip->txswc, TXSWC_LOOPBACK | TXSWC_MAC_SPOOF | TXSWC_VLAN_SPOOF);
	wr(pf, RLPML, IGB_FRAME_MAX);
	wr(pf, GPIE, GPIE_MULTIPLE_MSIX);
	wr(pf, TCTL, rd(pf, TCTL) | TCTL_EN | TCTL_PSP);
	wr(pf, RCTL, RCTL_EN | RCTL_LPE | RCTL_BAM | RCTL_VFE | RCTL_SECRC);
}

enum sl_err igb_pf_open(struct igb_pf *pf)
{
	if (rd(pf, STATUS) == UINT32_MAX)
		return SL_DEVICE;
	enum sl_err e = reset(pf);
	if (e)
		return e;
	pf->vfs = IGB_VFS;
	pf->admitted = 0;
	read_mac(pf);
	pools_on(pf);
	clear(pf, CTRL, CTRL_GIO_MASTER_DISABLE);
	set(pf, CTRL_EXT, CTRL_EXT_PFRSTD);
	return SL_OK;
}

void igb_pf_close(struct igb_pf *pf)
{
	wr(pf, VFRE, 0);
	wr(pf, VFTE, 0);
	wr(pf, pf->chip->txswc, 0);
	clear(pf, RCTL, RCTL_EN);
	clear(pf, TCTL, TCTL_EN);
	mask_interrupts(pf);
	filters_off(pf);
	pf->admitted = 0;
}

/* Only of copper ports; the others' lasers need no negotiation that this driver would start. */
static enum sl_err renew(const struct igb_pf *pf)
{
	if (rd(pf, CTRL_EXT) & CTRL_EXT_LINK_MODE)
		return SL_OK;
	wr(pf, MDIC, PHY_RENEW | FPUT(MDIC_REG, PHY_CONTROL) | FPUT(MDIC_PHY, PHY_ADDRESS) | MDIC_OP_WRITE);
	enum sl_err e = wait_bits(pf, MDIC, MDIC_READY, MDIC_READY, MDIC_US);
	return e ? e : rd(pf, MDIC) & MDIC_ERROR ? SL_DEVICE : SL_OK;
}

enum sl_err igb_pf_link(struct igb_pf *pf, unsigned *mbit)
{
	static const unsigned speeds[] = {10, 100, 1000, 1000};
	clear(pf, CTRL, CTRL_FRCSPD | CTRL_FRCDPX);
	set(pf, CTRL, CTRL_SLU);
	enum sl_err e = renew(pf);
	if (!e)
		e = wait_bits(pf, STATUS, STATUS_LU, STATUS_LU, LINK_US);
	*mbit = speeds[FGET(rd(pf, STATUS), STATUS_SPEED)];
	return e;
}

/* All ones: the card does not answer. */
bool igb_pf_link_up(const struct igb_pf *pf)
{
	uint32_t status = rd(pf, STATUS);
	return status != UINT32_MAX && (status & STATUS_LU);
}

/* ---- what a VF may do */

void igb_pf_mac_of(const struct igb_pf *pf, unsigned vf, uint8_t mac[6])
{
	memcpy(mac, pf->mac, 6);
	mac[0] = (uint8_t)((mac[0] | LOCAL) & ~MULTICAST);
	mac[1] = (uint8_t)(mac[1] ^ (vf + 1));
}

/* RAH after RAL: the entry is valid once it is whole. From the end of the table, as Linux does. */
static void let_receive(const struct igb_pf *pf, unsigned vf)
{
	uint8_t m[6];
	unsigned at = pf->chip->macs - 1 - vf;
	igb_pf_mac_of(pf, vf, m);
	wr(pf, RAH(at), 0);
	wr(pf, RAL(at), (uint32_t)m[0] | (uint32_t)m[1] << 8 | (uint32_t)m[2] << 16 | (uint32_t)m[3] << 24);
	wr(pf, RAH(at), (uint32_t)m[4] | (uint32_t)m[5] << 8 | RAH_POOL(vf) | RAH_AV);
}

enum sl_err igb_pf_admit(struct igb_pf *pf, unsigned vf)
{
	if (vf >= pf->vfs)
		return SL_RANGE;
	let_receive(pf, vf);
	wr(pf, VMVIR(vf), 0);
	wr(pf, VMOLR(vf),
	   FPUT(VMOLR_RLPML, IGB_FRAME_MAX) | VMOLR_LPE | VMOLR_AUPE | VMOLR_ROMPE | VMOLR_BAM |
		   VMOLR_STRCRC);
	wr(pf, VFLRE, BIT(vf)); /* cleared by writing 1 */
	set(pf, VFRE, BIT(vf));
	set(pf, VFTE, BIT(vf));
	pf->admitted |= (uint8_t)BIT(vf);
	return SL_OK;
}

static void vfta(const struct igb_pf *pf, unsigned vid, bool on)
{
	uint32_t v = rd(pf, VFTA(vid / 32)), bit = (uint32_t)BIT(vid % 32);
	for (unsigned i = 0; i < pf->chip->vfta_writes; i++)
		wr(pf, VFTA(vid / 32), on ? v | bit : v & ~bit);
}

/* The entry that has the VLAN, else a free one. */
static unsigned vlvf_of(const struct igb_pf *pf, unsigned vid)
{
	unsigned empty = VLVF_ENTRIES;
	for (unsigned i = 0; i < VLVF_ENTRIES; i++) {
		uint32_t v = rd(pf, VLVF(i));
		if (v & VLVF_EN && FGET(v, VLVF_VID) == vid)
			return i;
		if (!(v & VLVF_EN) && empty == VLVF_ENTRIES)
			empty = i;
	}
	return empty;
}

enum sl_err igb_pf_vlan(struct igb_pf *pf, unsigned vf, unsigned vid, bool on)
{
	if (vf >= pf->vfs || !vid || vid > 4094)
		return SL_RANGE;
	unsigned at = vlvf_of(pf, vid);
	if (at == VLVF_ENTRIES)
		return on ? SL_NOSPACE : SL_OK;
	uint32_t v = rd(pf, VLVF(at));
	uint64_t pools = v & VLVF_EN ? FGET(v, VLVF_POOLS) : 0;
	pools = on ? pools | BIT(vf) : pools & ~BIT(vf);
	wr(pf, VLVF(at), pools ? VLVF_EN | FPUT(VLVF_POOLS, pools) | FPUT(VLVF_VID, vid) : 0);
	vfta(pf, vid, pools);
	return SL_OK;
}

static void leave_vlans(const struct igb_pf *pf, unsigned vf)
{
	for (unsigned i = 0; i < VLVF_ENTRIES; i++) {
		uint32_t v = rd(pf, VLVF(i));
		uint64_t pools = FGET(v, VLVF_POOLS), rest = pools & ~BIT(vf);
		if (!(v & VLVF_EN) || pools == rest)
			continue;
		wr(pf, VLVF(i), rest ? (v & ~VLVF_POOLS) | FPUT(VLVF_POOLS, rest) : 0);
		if (!rest)
			vfta(pf, (unsigned)FGET(v, VLVF_VID), false);
	}
}

unsigned igb_multicast_hash(const uint8_t mac[6])
{
	return (unsigned)mac[4] >> 4 | (unsigned)mac[5] << 4;
}

void igb_pf_multicast(struct igb_pf *pf, unsigned hash)
{
	set(pf, MTA(hash / 32 % MTA_WORDS), BIT(hash % 32));
}

static void expel(struct igb_pf *pf, unsigned vf)
{
	clear(pf, VFRE, BIT(vf));
	clear(pf, VFTE, BIT(vf));
	wr(pf, RAH(pf->chip->macs - 1 - vf), 0);
	leave_vlans(pf, vf);
	pf->admitted &= (uint8_t)~BIT(vf);
	wr(pf, VFLRE, BIT(vf));
	set(pf, CTRL_EXT, CTRL_EXT_PFRSTD); /* the VF waits for that before its first message */
}

unsigned igb_pf_spoofers(struct igb_pf *pf)
{
	return rd(pf, WVBR) & ((1u << IGB_POOLS) - 1);
}

/* ---- messages of VFs, of which nothing is believed */

static enum sl_err no(struct igb_pf *pf, unsigned vf, const char *what, unsigned long long value)
{
	fmt_print(pf->why, sizeof pf->why, "VF %u: %s (%llx)", vf, what, value);
	return SL_BADVAL;
}

static enum sl_err set_mac(struct igb_pf *pf, unsigned vf, const uint32_t *msg)
{
	uint8_t m[6];
	igb_pf_mac_of(pf, vf, m);
	if (FGET(msg[0], IGB_MBX_INFO))
		return no(pf, vf, "wants more addresses than its own", msg[0]);
	if (memcmp(m, &msg[1], sizeof m) != 0)
		return no(pf, vf, "wants an address that is not its own", msg[1]);
	return SL_OK;
}

static enum sl_err set_groups(struct igb_pf *pf, unsigned vf, const uint32_t *msg)
{
	uint64_t n = FGET(msg[0], IGB_MBX_INFO);
	if (n > IGB_MBX_HASHES)
		return no(pf, vf, "names more multicast hashes than a message has room for", n);
	for (unsigned i = 0; i < n; i++)
		igb_pf_multicast(pf, msg[1 + i / 2] >> 16 * (i % 2) & 0xfff);
	return SL_OK;
}

static enum sl_err obey(struct igb_pf *pf, unsigned vf, const uint32_t *msg)
{
	uint64_t info = FGET(msg[0], IGB_MBX_INFO), id = FGET(msg[0], IGB_MBX_ID);
	if (!(pf->admitted & BIT(vf)))
		return no(pf, vf, "sends a message before RESET", msg[0]);
	switch (id) {
	case IGB_MBX_SET_MAC:
		return set_mac(pf, vf, msg);
	case IGB_MBX_MULTICAST:
		return set_groups(pf, vf, msg);
	case IGB_MBX_VLAN:
		return igb_pf_vlan(pf, vf, msg[1], info & 1)
			       ? no(pf, vf, "names a VLAN that cannot be had", msg[1])
			       : SL_OK;
	case IGB_MBX_LPE:
		return msg[1] > IGB_FRAME_MAX ? no(pf, vf, "wants longer frames than there are", msg[1])
					      : SL_OK;
	default:
		return no(pf, vf, "sends a message that is not known or not allowed", msg[0]);
	}
}

/* RESET is answered with the VF's address; the others by the message's own first dword. */
static bool answer_one(struct igb_pf *pf, unsigned vf)
{
	uint32_t msg[IGB_MBX_DWORDS] = {0}, head;
	if (igb_mbx_take(&pf->io, vf, msg))
		return false;
	if (FGET(msg[0], IGB_MBX_ID) == IGB_MBX_RESET && igb_pf_admit(pf, vf) == SL_OK) {
		uint32_t say[3] = {(uint32_t)(IGB_MBX_RESET | IGB_MBX_ACK), 0, 0};
		igb_pf_mac_of(pf, vf, (uint8_t *)&say[1]);
		return igb_mbx_answer(&pf->io, vf, say, 3) == SL_OK;
	}
	bool good = obey(pf, vf, msg) == SL_OK;
	pf->refused += !good;
	head = (uint32_t)((msg[0] & (IGB_MBX_ID | IGB_MBX_INFO)) | IGB_MBX_CTS |
			  (good ? IGB_MBX_ACK : IGB_MBX_NACK));
	return igb_mbx_answer(&pf->io, vf, &head, 1) == SL_OK;
}

unsigned igb_pf_poll(struct igb_pf *pf)
{
	uint32_t gone = rd(pf, VFLRE), asks = rd(pf, MBVFICR);
	unsigned n = 0;
	if (gone == UINT32_MAX || asks == UINT32_MAX) /* gone from the bus */
		return 0;
	for (unsigned vf = 0; vf < pf->vfs; vf++) {
		if (gone & BIT(vf))
			expel(pf, vf);
		if (asks & MBVFICR_REQ(vf))
			n += answer_one(pf, vf);
	}
	pf->messages += n;
	return n;
}

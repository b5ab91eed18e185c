#include <string.h>
#include "tests/model/igb_model.h"
#include "drivers/igb/pf.h"
#include "drivers/igb/regs.h"

struct igb_model igb_model;

#define M    (&igb_model)
#define R(o) (M->reg[(o) / 4])

void igb_model_start(void)
{
	memset(M, 0, sizeof *M);
	R(RAL(0u)) = 0x33221100;
	R(RAH(0u)) = 0x80005544;
	R(STATUS) = (uint32_t)STATUS_GIO_MASTER;
	for (unsigned i = 0; i < IGB_MODEL_VFS; i++)
		M->vf[i].v2p = (uint32_t)V2PMAILBOX_RSTI;
}

/* ---- memory */

void igb_model_map(unsigned vf, struct dma_buf buf, unsigned perm)
{
	struct igb_model_vf *v = &M->vf[vf];
	v->range[v->ranges++] = (struct igb_model_range){buf, perm};
}

static void *reach(unsigned vf, uint64_t iova, uint64_t len, unsigned perm)
{
	for (unsigned i = 0; i < M->vf[vf].ranges; i++) {
		const struct igb_model_range *r = &M->vf[vf].range[i];
		uint64_t off = iova - r->buf.iova.v;
		if (off < r->buf.len && len <= r->buf.len - off && (r->perm & perm) == perm)
			return (uint8_t *)r->buf.va + off;
	}
	const struct dma_buf *o = &M->outside;
	if (o->va && iova - o->iova.v < o->len && len <= o->len - (iova - o->iova.v))
		return (uint8_t *)o->va + (iova - o->iova.v);
	if (!M->faults++) {
		M->fault_at = iova;
		M->fault_write = perm & DOMAIN_W && !(perm & DOMAIN_R);
	}
	return NULL;
}

/* ---- the PF's registers */

/* What the card keeps in its EEPROM is not there before it has been read again. */
static void reset_all(void)
{
	uint32_t master_off = R(CTRL) & (uint32_t)CTRL_GIO_MASTER_DISABLE;
	M->eeprom[0] = R(RAL(0u));
	M->eeprom[1] = R(RAH(0u));
	M->auto_read = 3;
	memset(M->reg, 0, sizeof M->reg);
	R(CTRL) = master_off;
	R(STATUS) = (uint32_t)STATUS_GIO_MASTER;
}

static void auto_read(void)
{
	if (M->no_auto_read || !M->auto_read || --M->auto_read)
		return;
	R(EECD) = (uint32_t)EECD_AUTO_RD;
	R(RAL(0u)) = M->eeprom[0];
	R(RAH(0u)) = M->eeprom[1];
}

static uint32_t pf_rd(void *ctx, uint32_t off)
{
	(void)ctx;
	M->unaligned += off % 4 != 0;
	if (M->gone)
		return UINT32_MAX;
	if (off >= PF_VMBMEM(0u) && off < PF_VMBMEM(IGB_MODEL_VFS))
		return M->vf[(off - 0x800) / 0x40].mem[off % 0x40 / 4];
	if (off >= P2VMAILBOX(0u) && off < P2VMAILBOX(IGB_MODEL_VFS))
		return M->vf[(off - 0xc00) / 4].p2v;
	if (off == EECD)
		auto_read();
	uint32_t v = R(off);
	if (off == WVBR || off == ICR)
		R(off) = 0;
	return v;
}

static void ctrl(uint32_t v)
{
	R(CTRL) = v;
	if (v & CTRL_GIO_MASTER_DISABLE && !M->no_master_end)
		R(STATUS) &= (uint32_t)~STATUS_GIO_MASTER;
	if (v & CTRL_RST)
		M->early_resets +=
			(R(IMC) & R(EIMC)) != UINT32_MAX || R(ICR) || R(STATUS) & STATUS_GIO_MASTER;
	if (v & CTRL_RST && !M->no_reset_end)
		reset_all();
}

static void p2v(unsigned vf, uint32_t v)
{
	struct igb_model_vf *s = &M->vf[vf];
	if (v & P2VMAILBOX_STS)
		s->v2p |= (uint32_t)V2PMAILBOX_PFSTS;
	if (v & P2VMAILBOX_ACK)
		s->v2p |= (uint32_t)V2PMAILBOX_PFACK;
	s->p2v = 0;
	if (v & P2VMAILBOX_PFU && !(s->v2p & V2PMAILBOX_VFU) && !M->vf_holds_lock)
		s->p2v = (uint32_t)P2VMAILBOX_PFU;
}

static void pf_wr(void *ctx, uint32_t off, uint32_t v)
{
	(void)ctx;
	M->unaligned += off % 4 != 0;
	if (off >= PF_VMBMEM(0u) && off < PF_VMBMEM(IGB_MODEL_VFS)) {
		M->vf[(off - 0x800) / 0x40].mem[off % 0x40 / 4] = v;
		return;
	}
	if (off >= P2VMAILBOX(0u) && off < P2VMAILBOX(IGB_MODEL_VFS)) {
		p2v((off - 0xc00) / 4, v);
		return;
	}
	if (off == CTRL) {
		ctrl(v);
		return;
	}
	if (off == VFLRE || off == MBVFICR) { /* cleared by writing 1 */
		R(off) &= ~v;
		return;
	}
	M->vfta_writes += off >= VFTA(0u) && off < VFTA(128u);
	R(off) = v;
	if (off == MDIC) {
		R(MDIC) |= (M->no_mdic ? 0 : (uint32_t)MDIC_READY) | (M->no_phy ? (uint32_t)MDIC_ERROR : 0);
		if (!M->no_phy && !M->no_link)
			R(STATUS) |= (uint32_t)(STATUS_LU | FPUT(STATUS_SPEED, 2));
	}
	if (off == CTRL_EXT && v & CTRL_EXT_PFRSTD)
		for (unsigned i = 0; i < IGB_MODEL_VFS; i++)
			M->vf[i].v2p = (uint32_t)((M->vf[i].v2p & ~V2PMAILBOX_RSTI) | V2PMAILBOX_RSTD);
}

struct igb_io igb_model_pf(void)
{
	return (struct igb_io){.rd = pf_rd, .wr = pf_wr};
}

/* ---- a VF's registers */

static uint32_t vf_rd(void *ctx, uint32_t off)
{
	struct igb_model_vf *v = ctx;
	M->unaligned += off % 4 != 0;
	if (M->gone)
		return UINT32_MAX;
	if (off >= VMBMEM && off < VMBMEM + 0x40)
		return v->mem[(off - VMBMEM) / 4];
	if (off == RDH || off == TDH)
		return off == RDH ? v->rdh : v->tdh;
	if (off != V2PMAILBOX)
		return v->reg[off / 4];
	uint32_t was = v->v2p;
	v->v2p &= (uint32_t) ~(V2PMAILBOX_PFSTS | V2PMAILBOX_PFACK | V2PMAILBOX_RSTD);
	return was;
}

/* 82576EB §4.5.9, §4.5.10: a ring is set up while its queue is off, and is empty when that is enabled. */
static void check_order(const struct igb_model_vf *v, uint32_t off, uint32_t val)
{
	bool send = off >= TDBAL && off <= TDWBAH, receive = off >= RDBAL && off <= RXDCTL;
	uint32_t head = send ? v->tdh : v->rdh, tail = v->reg[(send ? TDT : RDT) / 4];
	if (off == RXDCTL || off == TXDCTL)
		M->disorder += val & XDCTL_ENABLE && head != tail;
	else if ((send || receive) && off != TDT && off != RDT)
		M->disorder += (v->reg[(send ? TXDCTL : RXDCTL) / 4] & XDCTL_ENABLE) != 0;
}

static void vf_wr(void *ctx, uint32_t off, uint32_t val)
{
	struct igb_model_vf *v = ctx;
	unsigned n = (unsigned)(v - M->vf);
	M->unaligned += off % 4 != 0;
	check_order(v, off, val);
	if (off >= VMBMEM && off < VMBMEM + 0x40) {
		v->mem[(off - VMBMEM) / 4] = val;
	} else if (off == V2PMAILBOX) {
		v->v2p &= (uint32_t)~V2PMAILBOX_VFU;
		if (val & V2PMAILBOX_VFU && !(v->p2v & P2VMAILBOX_PFU) && !M->pf_holds_lock)
			v->v2p |= (uint32_t)V2PMAILBOX_VFU;
		if (val & V2PMAILBOX_REQ)
			R(MBVFICR) |= (uint32_t)MBVFICR_REQ(n);
	} else if (off == CTRL && val & CTRL_RST) {
		memset(v->reg, 0, sizeof v->reg);
		R(VFRE) &= ~(1u << n);
		R(VFTE) &= ~(1u << n);
		R(VFLRE) |= 1u << n;
		v->v2p = (uint32_t)V2PMAILBOX_RSTI;
	} else if (off == RDH) {
		v->rdh = val;
	} else if (off == TDH) {
		v->tdh = val;
	} else if ((off == RXDCTL || off == TXDCTL) && M->no_queue) {
		v->reg[off / 4] = (uint32_t)(val & ~XDCTL_ENABLE);
	} else {
		v->reg[off / 4] = val;
	}
}

struct igb_io igb_model_of(unsigned vf)
{
	return (struct igb_io){.rd = vf_rd, .wr = vf_wr, .ctx = &M->vf[vf]};
}

/* ---- frames */

static uint64_t at64(const struct igb_model_vf *v, uint32_t low)
{
	return v->reg[low / 4] | (uint64_t)v->reg[low / 4 + 1] << 32;
}

static void deliver(unsigned to, const uint8_t *p, uint32_t len)
{
	struct igb_model_vf *v = &M->vf[to];
	if (!(R(VFRE) & 1u << to) || !(v->reg[RXDCTL / 4] & XDCTL_ENABLE))
		return;
	if (v->rdh == v->reg[RDT / 4]) {
		M->lost++;
		return;
	}
	struct igb_desc *d = reach(to, at64(v, RDBAL) + 16 * v->rdh, 16, DOMAIN_RW);
	uint8_t *buf = d ? reach(to, d->address, len, DOMAIN_W) : NULL;
	if (buf)
		memcpy(buf, p, len);
	if (d)
		*d = (struct igb_desc){0xdeadbeef,
				       M->lie ? M->lie_word : RX_DD | RX_EOP | (uint64_t)len << 32};
	v->rdh = (v->rdh + 1) % PACKET_RING;
}

static bool member(unsigned vf, unsigned vid)
{
	for (unsigned i = 0; i < VLVF_ENTRIES; i++) {
		uint32_t e = R(VLVF(i));
		if (e & VLVF_EN && FGET(e, VLVF_VID) == vid && FGET(e, VLVF_POOLS) & BIT(vf) &&
		    R(VFTA(vid / 32)) >> vid % 32 & 1)
			return true;
	}
	return false;
}

static bool addressed(unsigned vf, const uint8_t *p)
{
	unsigned hash = (unsigned)p[4] >> 4 | (unsigned)p[5] << 4;
	if (memcmp(p, "\xff\xff\xff\xff\xff\xff", 6) == 0)
		return R(VMOLR(vf)) & VMOLR_BAM;
	if (p[0] & 1)
		return R(VMOLR(vf)) & VMOLR_ROMPE && R(MTA(hash / 32)) >> hash % 32 & 1;
	for (unsigned i = 0; i < 32; i++) {
		uint32_t mac[2] = {R(RAL(i)), R(RAH(i)) & 0xffff};
		if (R(RAH(i)) & RAH_AV && R(RAH(i)) & RAH_POOL(vf) && memcmp(p, mac, 6) == 0)
			return true;
	}
	return false;
}

static void switch_frame(unsigned from, const uint8_t *p, uint32_t len)
{
	bool tagged = p[12] == 0x81 && p[13] == 0;
	for (unsigned to = 0; to < IGB_MODEL_VFS; to++)
		if (to != from && addressed(to, p) &&
		    (tagged ? member(to, (p[14] & 15u) << 8 | p[15]) : (R(VMOLR(to)) & VMOLR_AUPE) != 0) &&
		    len + 4 <= FGET(R(VMOLR(to)), VMOLR_RLPML))
			deliver(to, p, len);
}

/* One descriptor: a part of a frame; its last one sends the frame. */
static void send_part(unsigned from, const struct igb_desc *d)
{
	struct igb_model_vf *v = &M->vf[from];
	const uint64_t must = TX_DATA | TX_IFCS | TX_DEXT;
	uint32_t len = d ? (uint32_t)FGET(d->word, TX_LEN) : 0;
	const uint8_t *p = d ? reach(from, d->address, len, DOMAIN_R) : NULL;
	if (!v->got)
		v->whole = d ? (uint32_t)FGET(d->word, TX_PAYLEN) : 0;
	if (!p || (d->word & must) != must || v->got + len > sizeof v->frame)
		v->spoilt = true;
	else
		memcpy(v->frame + v->got, p, len);
	v->got += len;
	if (d && !(d->word & TX_EOP))
		return;
	if (!v->spoilt && v->got == v->whole)
		switch_frame(from, v->frame, v->got);
	v->got = 0;
	v->spoilt = false;
}

static void send(unsigned from)
{
	struct igb_model_vf *v = &M->vf[from];
	if (!(R(VFTE) & 1u << from) || !(v->reg[TXDCTL / 4] & XDCTL_ENABLE))
		return;
	while (v->tdh != v->reg[TDT / 4]) {
		const struct igb_desc *d = reach(from, at64(v, TDBAL) + 16 * v->tdh, 16, DOMAIN_R);
		send_part(from, d);
		v->tdh = (v->tdh + 1) % PACKET_RING;
		uint64_t wb = at64(v, TDWBAL);
		uint32_t *head = d && d->word & TX_RS && wb & 1 ? reach(from, wb & ~3ull, 4, DOMAIN_W) : NULL;
		if (head) {
			*head = M->lie_head ? M->head : v->tdh;
			M->last_rs++;
		}
	}
}

void igb_model_run(void)
{
	for (unsigned i = 0; i < IGB_MODEL_VFS; i++)
		send(i);
}

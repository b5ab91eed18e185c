/* From a network card to VFs with rings. */
#include "apps/vf/igb.h"
#include "apps/vf/domain.h"
#include "apps/vf/msix.h"
#include "apps/vf/own_memory.h"
#include "kernel/cpu.h"
#include "kernel/fmt.h"
#include "kernel/log.h"
#include "kernel/str.h"
#include "pci/path.h"

_Static_assert(WINDOW_HOLE + PAGE_SIZE <= IGB_WINDOW_RECEIVE, "the hole");

static struct igb_own own[IGB_VFS];
static struct igb_pf card;

struct igb_pf *igb_card(void)
{
	return &card;
}

static void *state(unsigned place)
{
	memset(&own[place], 0, sizeof own[place]);
	return &own[place];
}

/* ---- the PF */

static enum sl_err choose(struct machine *m)
{
	PCI_EACH(f, &m->pci)
		if (!m->pf && f->vendor == IGB_VENDOR && f->cap_sriov && !f->pf && igb_chip_of_pf(f->device))
			m->pf = f;
	if (m->pf)
		return SL_OK;
	log_fail("igb", "use a card with an Intel 82576 or I350, or device=nvme",
		 "no network card with SR-IOV that can be used among the functions above");
	return SL_NOTFOUND;
}

static enum sl_err open_pf(struct machine *m)
{
	volatile void *regs;
	unsigned mbit;
	enum sl_err e = choose(m);
	if (!e)
		e = pci_power_on(m->pf);
	if (!e)
		e = function_reach(m->pf, NULL, &regs);
	if (e)
		return e;
	const struct igb_chip *chip = igb_chip_of_pf(m->pf->device);
	m->pf->vf_low = cpu_info()->hypervisor; /* QEMU up to 10.0.2 decodes 32 bits of a VF BAR */
	memset(&card, 0, sizeof card);
	card.chip = chip;
	card.io = igb_mmio(regs);
	e = m->pf->bar[0].size < PF_BYTES ? SL_NOSPACE : igb_pf_open(&card);
	m->pf_open = !e;
	if (e) {
		log_fail("igb", "power the machine off and on",
			 BDF_FMT " does not come back from its reset: %s", BDF_ARG(m->pf->bdf),
			 sl_err_text(e));
		return e;
	}
	log_line("igb", BDF_FMT " Intel %s was reset; this driver has never run on silicon",
		 BDF_ARG(m->pf->bdf), chip->name);
	e = igb_pf_link(&card, &mbit);
	if (e)
		log_fail("igb",
			 "connect the port to a switch; the card's VFs reach each other only with a link",
			 BDF_FMT " has no link: %s", BDF_ARG(m->pf->bdf), sl_err_text(e));
	else
		log_line("igb", BDF_FMT " link at %u Mbit/s", BDF_ARG(m->pf->bdf), mbit);
	return e;
}

static void close_pf(struct machine *m)
{
	if (m->pf_open)
		igb_pf_close(&card);
	m->pf_open = false;
	if (m->pf)
		m->pf->vf_low = false;
	m->pf = NULL;
}

/* ---- a VF's memory */

static enum sl_err get_memory(struct machine *m, struct vf *vf)
{
	struct igb_memory *d = &igb_own_of(vf)->mem;
	struct {
		struct dma_buf *buf;
		uint64_t at, len;
		unsigned perm;
	} parts[] = {
		{&d->rx_ring, IGB_WINDOW_RX_RING, IGB_RING_BYTES, DOMAIN_RW},
		{&d->tx_ring, IGB_WINDOW_TX_RING, IGB_RING_BYTES, DOMAIN_R},
		{&d->head, IGB_WINDOW_HEAD, PAGE_SIZE, DOMAIN_W},
		{&d->receive, IGB_WINDOW_RECEIVE, PACKET_HALF, DOMAIN_W},
		{&d->send, IGB_WINDOW_SEND, PACKET_HALF, DOMAIN_R},
	};
	enum sl_err e = SL_OK;
	for (unsigned i = 0; i < ARRAY_LEN(parts) && !e; i++)
		e = dma_get(vf->dom, window_at(m, parts[i].at), parts[i].len, parts[i].perm, parts[i].buf);
	if (!e)
		e = dma_again(&d->receive, window_at(m, IGB_WINDOW_AGAIN), DOMAIN_R, &d->again);
	vf->buffers = d->receive;
	return e;
}

static enum sl_err put_memory(struct vf *vf)
{
	struct igb_memory *d = &igb_own_of(vf)->mem;
	struct dma_buf *parts[] = {&d->rx_ring, &d->tx_ring, &d->head, &d->receive, &d->send};
	enum sl_err e = dma_again_end(&d->again);
	for (unsigned i = 0; i < ARRAY_LEN(parts); i++)
		if (e && parts[i] == &d->receive) /* the device can still read it */
			continue;
		else if (dma_put(parts[i]))
			e = SL_BUSY;
	return e;
}

static unsigned memory(const struct vf *vf, struct table_range *out)
{
	const struct igb_memory *d = &igb_own_of(vf)->mem;
	const struct table_range want[] = {{&d->rx_ring, DOMAIN_RW}, {&d->tx_ring, DOMAIN_R},
					   {&d->head, DOMAIN_W},     {&d->receive, DOMAIN_W},
					   {&d->again, DOMAIN_R},    {&d->send, DOMAIN_R}};
	_Static_assert(ARRAY_LEN(want) == VF_RANGES, "ranges");
	memcpy(out, want, sizeof want);
	return ARRAY_LEN(want);
}

/* ---- a VF */

/* The VF waits for its PF, which is driven here too. */
static void meanwhile(void *ctx)
{
	(void)ctx;
	(void)igb_pf_poll(&card);
}

static bool by_mail(const struct vf *vf)
{
	return igb_own_of(vf)->mbx.io.ctx;
}

enum sl_err igb_admit(struct vf *vf, uint8_t mac[6])
{
	struct igb_io io = igb_mmio(vf->regs);
	igb_vf_reset(&io);
	if (by_mail(vf))
		return igb_vf_introduce(&igb_own_of(vf)->mbx, mac);
	(void)igb_pf_poll(&card); /* its reset ended what it was allowed before */
	igb_pf_mac_of(&card, vf->index, mac);
	return igb_pf_admit(&card, vf->index);
}

enum sl_err igb_rings(struct vf *vf, const struct igb_memory *mem)
{
	struct igb_vf_cfg cfg = {.chip = card.chip,
				 .io = igb_mmio(vf->regs),
				 .regs = vf->regs,
				 .regs_len = vf->fn->bar[0].size,
				 .mem = *mem};
	if (cfg.regs_len < VF_BYTES)
		return SL_NOSPACE;
	enum sl_err e = igb_admit(vf, cfg.mac);
	return e ? e : igb_vf_open(igb_of(vf), &cfg);
}

static enum sl_err open_vf(struct machine *m, struct vf *vf)
{
	struct igb_own *o = igb_own_of(vf);
	if (m->cfg->mailbox)
		o->mbx = (struct igb_mbx_vf){.io = igb_mmio(vf->regs), .meanwhile = meanwhile};
	enum sl_err e = igb_rings(vf, &o->mem);
	if (e) {
		log_fail("igb", "power the machine off and on", BDF_FMT ": %s: %s", BDF_ARG(vf->fn->bdf),
			 o->mbx.dead ? "its PF does not answer its messages" : "its rings cannot be set up",
			 sl_err_text(e));
		return e;
	}
	vf_networks(vf, &o->vf.packet);
	return SL_OK;
}

static enum sl_err close_vf(struct machine *m, struct vf *vf)
{
	(void)m;
	if (vf->queue)
		igb_vf_close(igb_of(vf));
	vf_networks(vf, NULL);
	vf_msix_close(vf);
	return SL_OK;
}

static const char *describe(const struct vf *vf, char *buf, size_t n)
{
	fmt_print(buf, n, "%s, %u buffers each way%s", card.chip->name, PACKET_RING,
		  by_mail(vf) ? ", admitted by mailbox" : "");
	return buf;
}

enum sl_err igb_join(struct vf *vf, unsigned vid)
{
	return by_mail(vf) ? igb_vf_ask_vlan(&igb_own_of(vf)->mbx, vid)
			   : igb_pf_vlan(&card, vf->index, vid, true);
}

enum sl_err igb_group(struct vf *vf, const uint8_t mac[6])
{
	unsigned hash = igb_multicast_hash(mac);
	if (by_mail(vf))
		return igb_vf_ask_group(&igb_own_of(vf)->mbx, hash);
	igb_pf_multicast(&card, hash);
	return SL_OK;
}

const struct vf_kind igb_kind = {.name = "igb",
				 .service = VF_NETWORKS,
				 .vfs_max = IGB_VFS,
				 .pf_open = open_pf,
				 .pf_close = close_pf,
				 .state = state,
				 .memory_get = get_memory,
				 .memory_put = put_memory,
				 .memory = memory,
				 .vf_open = open_vf,
				 .vf_close = close_vf,
				 .describe = describe};

/* VFs that send and receive as attackers of stage isolate: who they are, how one sends an interrupt, and what
 * it can do without a domain. apps/proof/strike_packet.c has its accesses. */
#include "apps/proof/attackers.h"
#include "apps/proof/strike_packet.h"
#include "apps/vf/igb.h"
#include "apps/vf/msix.h"
#include "apps/work/frame.h"
#include "kernel/fmt.h"
#include "kernel/str.h"

#define BAIT_AT 2048u /* of its page: behind the ring */
_Static_assert(BAIT_AT >= IGB_RING_BYTES && BAIT_AT + FRAME_LEAST <= PAGE_SIZE,
	       "one page for ring and frame");

static struct igb_io io_of(const struct vf *vf)
{
	return igb_mmio(vf->regs);
}

enum sl_err packet_kick(struct machine *m, struct attacker *by)
{
	struct igb_io io = io_of(by->dev);
	(void)m;
	igb_vf_kick(&io);
	return SL_OK;
}

static struct attacker attacker_of(struct vf *vf, const struct strike_ops *self)
{
	return (struct attacker){.fn = vf->fn, .dom = &vf->dom, .ops = self, .dev = vf, .msix = &vf->msix};
}

/* What VFs began to send before they were disabled and enabled ends here: packet_works(). Whether they work
 * is seen when all are through. */
static void finish_frames(struct machine *m, const struct strike_ops *self)
{
	for (unsigned i = 0; i < m->vfs; i++) {
		struct attacker by = attacker_of(&m->vf[i], self);
		(void)packet_works(m, &by);
	}
}

static enum sl_err add(struct machine *m, struct attackers *all, const struct strike_ops *self, struct vf *vf)
{
	struct attacker by = attacker_of(vf, self);
	enum sl_err e = m->irqs_remapped && !vf->msix.vectors ? vf_msix_open(vf) : SL_OK;
	fmt_print(by.name, sizeof by.name, "VF%u", vf->index);
	m->kind->memory(vf, by.own);
	if (!e && !packet_works(m, &by))
		e = SL_DEVICE;
	return e ? e : attackers_add(m, all, &by);
}

enum sl_err packet_gather(struct machine *m, struct attackers *all, const struct strike_ops *self)
{
	enum sl_err e = SL_OK;
	if (!m->vfs || !m->vf[0].packet)
		return SL_OK;
	if (m->vfs == 1) {
		attackers_leave_out(all, m->vf[0].fn, "VF",
				    "no other VF is there that would send and take its frames");
		return SL_OK;
	}
	finish_frames(m, self);
	for (unsigned i = 0; i < m->vfs && !e; i++)
		e = add(m, all, self, &m->vf[i]);
	return e;
}

/* ---- without a domain */

static bool fetch_can(const struct attacker *by, const struct attack *a)
{
	(void)by;
	return !a->write && IS_ALIGNED(a->to, PAGE_SIZE);
}

/* A ring with one descriptor, and its frame. */
static void fetch_bait(const struct attacker *by, const struct attack *a, void *place)
{
	const uint8_t *mac = igb_of(by->dev)->packet.mac;
	struct frame f = {.len = FRAME_LEAST};
	struct igb_desc d = {a->to + BAIT_AT, IGB_TX_COMMAND | TX_RS | FRAME_LEAST * IGB_TX_LENGTHS};
	frame_fill((uint8_t *)place + BAIT_AT, &f, mac, mac);
	memcpy(place, &d, sizeof d);
}

static enum sl_err fetch_strike(struct machine *m, struct attacker *by, const struct attack *a, char *said,
				size_t n)
{
	struct vf *vf = by->dev;
	struct igb_io io = io_of(vf);
	uint8_t mac[6];
	(void)m;
	vf->provoked = true; /* until packet_works() has reset it */
	enum sl_err e = igb_admit(vf, mac);
	if (!e)
		e = igb_vf_fetch(&io, igb_card()->chip, IOVA(a->to), IOVA(a->to + PAGE_SIZE));
	fmt_print(said, n, "TDH %x", igb_rd(&io, TDH));
	return e;
}

const struct strike_ops strike_packet_fetch = {
	.how = "fetches a send descriptor", .can = fetch_can, .bait = fetch_bait, .strike = fetch_strike};

enum sl_err packet_release(struct machine *m, struct attacker *by, struct attacker *bare)
{
	struct vf *vf = by->dev;
	(void)m;
	igb_vf_close(igb_of(vf));
	vf_networks(vf, NULL);
	*bare = *by;
	bare->ops = &strike_packet_fetch;
	return SL_OK;
}

enum sl_err packet_restore(struct machine *m, struct attacker *by)
{
	struct vf *vf = by->dev;
	vf_networks(vf, &igb_of(vf)->packet);
	return packet_works(m, by) ? SL_OK : SL_DEVICE;
}

/* What the card lets through: broadcast and multicast, and frames that it should hold back. Frame by frame,
 * one VF after the other sending. */
#include "apps/work/packets.h"
#include "apps/vf/igb.h"
#include "apps/work/pattern.h"
#include "kernel/log.h"
#include "kernel/str.h"
#include "kernel/time.h"

#define ARRIVE_US 200000u /* for what has to arrive */
#define QUIET_US  5000u   /* for what must not */
#define LENGTH    128u
#define SOME_VLAN 200u /* the first half of the VFs is in it */
#define NO_VLAN   300u /* nobody is */
#define DAMAGED   BIT(31)

static const uint8_t everyone[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
static const uint8_t group[6] = {0x01, 0x00, 0x5e, 0x7f, 0x12, 0x34};
static const uint8_t other_group[6] = {0x01, 0x00, 0x5e, 0x7f, 0x12, 0xcb};

static struct {
	uint64_t frames;    /* that were sent */
	unsigned came_back; /* to their own sender */
	unsigned spoofed,
		strayed; /* false senders, and tags of a VLAN that the sender is not in, that arrived */
	uint64_t number;
} tally;

static bool in_some(const struct machine *m, unsigned vf)
{
	return vf < (m->vfs + 1) / 2;
}

static uint32_t all_but(const struct machine *m, unsigned vf)
{
	return (uint32_t)((BIT(m->vfs) - 1) & ~BIT(vf));
}

/* Which VFs have received that frame by now: BIT(vf), and DAMAGED if one received something else. */
static uint32_t who_has(struct machine *m, const struct frame *f, const uint8_t to[6], const uint8_t from[6])
{
	static uint8_t bytes[FRAME_MOST];
	uint32_t who = 0;
	for (unsigned v = 0; v < m->vfs; v++) {
		uint32_t len = packets_take(&m->vf[v], bytes);
		if (len)
			who |= (uint32_t)(frame_is(bytes, len, f, to, from) ? BIT(v) : DAMAGED);
	}
	return who;
}

/* Sends one frame, and sees where it arrives: at once when it is at all of `want`, and a little longer for
 * those that must not have it. */
static enum sl_err send_one(struct machine *m, unsigned by, const uint8_t to[6], const uint8_t from[6],
			    uint16_t vlan, uint32_t want, uint32_t *who)
{
	struct frame f = {.len = LENGTH, .vlan = vlan, .seed = pattern_seed(by, 0xbc, tally.number++)};
	*who = 0;
	frame_fill(packets_place(&m->vf[by]), &f, to, from);
	enum sl_err e = packets_send(&m->vf[by], f.len);
	if (e)
		return e;
	tally.frames++;
	struct deadline arrive = deadline_in(ARRIVE_US), quiet = deadline_in(QUIET_US);
	while ((*who & want) != want && deadline_look(&arrive))
		*who |= who_has(m, &f, to, from);
	while (deadline_look(&quiet))
		*who |= who_has(m, &f, to, from);
	return SL_OK;
}

/* A frame that has to arrive at `want` and nowhere else, but for the sender, if it is for many. */
static enum sl_err must(struct machine *m, unsigned by, const char *what, const uint8_t to[6], uint16_t vlan,
			uint32_t want)
{
	uint32_t who;
	enum sl_err e = send_one(m, by, to, m->vf[by].packet->mac, vlan, want, &who);
	if (e)
		return e;
	if (to[0] & 1 && who & BIT(by)) {
		tally.came_back++;
		who &= (uint32_t)~BIT(by);
	}
	if (who == want)
		return SL_OK;
	log_fail(
		"packets", "do not rely on this card to keep its VFs' traffic apart",
		"VF %u sent %s: it has to arrive at VFs %x (a bit each) and arrived at %x; something else came: %s",
		by, what, want, who & ~(uint32_t)DAMAGED, who & DAMAGED ? "yes" : "no");
	return SL_VERIFY;
}

/* A frame that a card with anti-spoof holds back; the count of those that arrived. */
static enum sl_err may(struct machine *m, unsigned by, unsigned to, const uint8_t from[6], uint16_t vlan,
		       unsigned *arrived)
{
	uint32_t who;
	enum sl_err e = send_one(m, by, m->vf[to].packet->mac, from, vlan, 0, &who);
	*arrived += (who & BIT(to)) != 0;
	if (!e && who & ~BIT(to)) {
		log_fail("packets", "do not rely on this card to keep its VFs' traffic apart",
			 "VF %u sent a frame to VF %u, and VFs %x received it or something else", by, to,
			 who);
		return SL_VERIFY;
	}
	return e;
}

static enum sl_err run_vf(struct machine *m, unsigned by)
{
	unsigned next = (by + 1) % m->vfs, in = by ? 0 : 1, out = m->vfs - 1;
	const uint8_t *mac = m->vf[next].packet->mac;
	enum sl_err e = must(m, by, "a broadcast", everyone, 0, all_but(m, by));
	if (!e)
		e = must(m, by, "to a group that all are in", group, 0, all_but(m, by));
	if (!e)
		e = must(m, by, "to a group that nobody is in", other_group, 0, 0);
	if (!e)
		e = must(m, by, "a tag of a VLAN that nobody is in", mac, NO_VLAN, 0);
	if (!e && in_some(m, by) && in_some(m, in))
		e = must(m, by, "in a VLAN that both are in", m->vf[in].packet->mac, SOME_VLAN,
			 (uint32_t)BIT(in));
	if (!e && in_some(m, by))
		e = must(m, by, "in a VLAN that the receiver is not in", m->vf[out].packet->mac, SOME_VLAN,
			 0);
	if (!e && !in_some(m, by))
		e = may(m, by, 0, m->vf[by].packet->mac, SOME_VLAN, &tally.strayed);
	if (!e)
		e = may(m, by, next, (const uint8_t[6]){0x02, 0xee, 0, 0, 0, (uint8_t)by}, 0, &tally.spoofed);
	return e;
}

static enum sl_err prepare(struct machine *m)
{
	enum sl_err e = SL_OK;
	for (unsigned v = 0; v < m->vfs && !e; v++) {
		e = igb_group(&m->vf[v], group);
		if (!e && in_some(m, v))
			e = igb_join(&m->vf[v], SOME_VLAN);
	}
	(void)igb_pf_spoofers(igb_card());
	return e;
}

static void say(struct machine *m)
{
	unsigned spoofers = igb_pf_spoofers(igb_card());
	log_line(
		"packets",
		"%llu more: broadcast and multicast reached all others and nobody twice (%u came back to their sender); frames with the tag of a VLAN that the receiver is not in were held back",
		(ull)tally.frames, tally.came_back);
	if (tally.spoofed || tally.strayed)
		log_line(
			"packets",
			"not held back by this card, though its anti-spoof is on: %u of %u frames with a false sender, %u with the tag of a VLAN that the sender is not in",
			tally.spoofed, m->vfs, tally.strayed);
	else
		log_line(
			"packets",
			"false senders, and tags of a VLAN that the sender is not in, were held back; the card names VFs %x (a bit each)",
			spoofers);
}

enum sl_err packets_rules(struct machine *m)
{
	memset(&tally, 0, sizeof tally);
	enum sl_err e = prepare(m);
	for (unsigned v = 0; v < m->vfs && !e; v++)
		e = run_vf(m, v);
	if (e) {
		log_fail("packets", "see the line above", "frames one by one: %s", sl_err_text(e));
		return e;
	}
	m->tally.verified += tally.frames;
	say(m);
	return SL_OK;
}

#include "drivers/igb/mailbox.h"
#include "drivers/igb/regs.h"
#include "kernel/time.h"

#define ANSWER_US     1000000u /* Linux: 2000 tries of 500 us */
#define RESET_US      1000000u /* RSTI/RSTD; Linux: 200 tries of 5 us, with the PF in another driver */
#define LOCK_US       10000u   /* Linux: 10 tries of 1 ms */
#define CLEAR_BY_READ (V2PMAILBOX_PFSTS | V2PMAILBOX_PFACK | V2PMAILBOX_RSTD)

static uint32_t look(struct igb_mbx_vf *m)
{
	uint32_t v = igb_rd(&m->io, V2PMAILBOX);
	m->seen |= (uint32_t)(v & CLEAR_BY_READ);
	return v;
}

/* Waits until a bit that is cleared by reading has been seen, and uses it up. */
static enum sl_err wait_seen(struct igb_mbx_vf *m, uint64_t bit, uint64_t us)
{
	struct deadline d = deadline_in(us);
	while (deadline_look(&d)) {
		if (m->meanwhile)
			m->meanwhile(m->ctx);
		(void)look(m);
		if (m->seen & bit) {
			m->seen &= (uint32_t)~bit;
			return SL_OK;
		}
	}
	return SL_TIMEOUT;
}

/* The lock has been taken if it is there when read back. */
static enum sl_err lock(struct igb_mbx_vf *m)
{
	struct deadline d = deadline_in(LOCK_US);
	while (deadline_look(&d)) {
		igb_wr(&m->io, V2PMAILBOX, V2PMAILBOX_VFU);
		if (look(m) & V2PMAILBOX_VFU)
			return SL_OK;
	}
	return SL_BUSY;
}

enum sl_err igb_mbx_reset_done(struct igb_mbx_vf *m)
{
	struct deadline d = deadline_in(RESET_US);
	m->dead = false;
	m->seen = 0;
	while (deadline_look(&d)) {
		if (m->meanwhile)
			m->meanwhile(m->ctx);
		uint32_t v = look(m);
		/* A function that is gone from the bus reads all ones. */
		if (v != UINT32_MAX && (m->seen & V2PMAILBOX_RSTD) && !(v & V2PMAILBOX_RSTI)) {
			m->seen = 0;
			return SL_OK;
		}
	}
	m->dead = true;
	return SL_TIMEOUT;
}

static enum sl_err exchange(struct igb_mbx_vf *m, uint32_t *msg, unsigned n, unsigned got)
{
	m->seen = 0;
	enum sl_err e = lock(m);
	if (e)
		return SL_TIMEOUT;
	for (unsigned i = 0; i < n; i++)
		igb_wr(&m->io, VMBMEM + 4 * i, msg[i]);
	igb_wr(&m->io, V2PMAILBOX, V2PMAILBOX_REQ); /* and drops the lock */
	e = wait_seen(m, V2PMAILBOX_PFACK, ANSWER_US);
	if (!e)
		e = wait_seen(m, V2PMAILBOX_PFSTS, ANSWER_US);
	if (!e)
		e = lock(m) ? SL_TIMEOUT : SL_OK;
	if (e)
		return e;
	for (unsigned i = 0; i < got; i++)
		msg[i] = igb_rd(&m->io, VMBMEM + 4 * i);
	igb_wr(&m->io, V2PMAILBOX, V2PMAILBOX_ACK);
	return SL_OK;
}

enum sl_err igb_mbx_ask(struct igb_mbx_vf *m, uint32_t *msg, unsigned n, unsigned got)
{
	uint64_t id = FGET(msg[0], IGB_MBX_ID);
	if (m->dead)
		return SL_TIMEOUT;
	enum sl_err e = exchange(m, msg, n, got ? got : 1);
	if (e) {
		m->dead = true;
		return e;
	}
	bool ack = msg[0] & IGB_MBX_ACK, nack = msg[0] & IGB_MBX_NACK;
	if (FGET(msg[0], IGB_MBX_ID) != id || ack == nack)
		return SL_BADVAL;
	return ack ? SL_OK : SL_DEVICE;
}

/* ---- the PF's side */

static enum sl_err lock_pf(const struct igb_io *pf, unsigned vf)
{
	struct deadline d = deadline_in(LOCK_US);
	while (deadline_look(&d)) {
		igb_wr(pf, P2VMAILBOX(vf), P2VMAILBOX_PFU);
		if (igb_rd(pf, P2VMAILBOX(vf)) & P2VMAILBOX_PFU)
			return SL_OK;
	}
	return SL_BUSY;
}

enum sl_err igb_mbx_take(const struct igb_io *pf, unsigned vf, uint32_t msg[IGB_MBX_DWORDS])
{
	igb_wr(pf, MBVFICR, MBVFICR_REQ(vf));
	enum sl_err e = lock_pf(pf, vf);
	for (unsigned i = 0; i < IGB_MBX_DWORDS && !e; i++)
		msg[i] = igb_rd(pf, PF_VMBMEM(vf) + 4 * i);
	if (!e)
		igb_wr(pf, P2VMAILBOX(vf), P2VMAILBOX_ACK); /* and drops the lock */
	return e;
}

enum sl_err igb_mbx_answer(const struct igb_io *pf, unsigned vf, const uint32_t *msg, unsigned n)
{
	enum sl_err e = lock_pf(pf, vf);
	for (unsigned i = 0; i < n && !e; i++)
		igb_wr(pf, PF_VMBMEM(vf) + 4 * i, msg[i]);
	if (!e)
		igb_wr(pf, P2VMAILBOX(vf), P2VMAILBOX_STS);
	return e;
}

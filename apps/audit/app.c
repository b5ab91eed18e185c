/* Stage audit: the proof where a device can be had for it, then the report. */
#include "apps/audit/app.h"
#include "apps/vf/stages.h"
#include "apps/bringup/groups.h"
#include "apps/bringup/faults.h"
#include "apps/proof/stages.h"
#include "apps/audit/json.h"
#include "apps/audit/report.h"
#include "apps/bringup/hardware.h"
#include "apps/machine.h"
#include "apps/proof/attackers.h"
#include "kernel/log.h"
#include "kernel/str.h"

#define PROOF_VFS 2u /* enough: each attacks the other */
#define PIECE     400u

static struct audit_result result; /* of the last audit_print() */

static void put_text(const char *text)
{
	log_text("%s", text);
}

/* Lines are longer than the log takes at once. */
static void put_line(void *ctx, const char *line, size_t n)
{
	(void)ctx;
	for (size_t at = 0; at < n; at += PIECE)
		log_text("%.*s", (int)(n - at < PIECE ? n - at : PIECE), line + at);
}

/* The report between its markers where json=1 asks for it; else its lines are only counted and summed. */
static unsigned print_json(bool shown, uint32_t *crc)
{
	if (!shown)
		return report_json(&result, audit_live(), NULL, NULL, crc);
	log_text("\nBEGIN SLUICE REPORT v=1\n");
	unsigned lines = report_json(&result, audit_live(), put_line, NULL, crc);
	log_text("END SLUICE REPORT lines=%u crc32=%08x\n\n", lines, *crc);
	return lines;
}

bool audit_print(struct machine *m)
{
	uint32_t crc;
	audit_read_routes(m);
	audit_run(audit_take(m), &result);
	if (!m->attacking || !audit_live()->attached) /* else: as it was during the proof */
		audit_take_live(m);
	log_text("\n");
	report_functions(&result, put_text);
	report_findings(&result, put_text);
	unsigned lines = print_json(m->cfg->json, &crc);
	report_page(&result, lines, crc, put_text);
	m->audit.done = true;
	m->audit.words = result.verdict.proof;
	m->audit.errors = report_count(&result, AUDIT_ERROR);
	m->audit.warnings = report_count(&result, AUDIT_WARNING);
	m->audit.against = result.verdict.against != 0;
	m->audit.unjudged = result.unjudged.all;
	return result.verdict.ok;
}

/* ---- the proof ---- */

/* What there is to do DMA with, as stage_pf() chooses it. */
static enum audit_proof can_prove(const struct machine *m)
{
	bool nvme = false;
	if (m->cfg->access == ACCESS_READ)
		return AUDIT_PROOF_READ_ONLY;
	if (m->cfg->iommu != CONFIG_IOMMU_ON)
		return AUDIT_PROOF_OFF;
	if (!m->translating)
		return AUDIT_PROOF_NO_UNIT;
	if (config_wants_igb(m->cfg))
		return AUDIT_PROOF_DONE;
	PCI_EACH(f, &m->pci)
		nvme |= f->class == PCI_CLASS_NVME && !f->pf;
	if ((nvme && m->cfg->scratch[0]) || attackers_there(m))
		return AUDIT_PROOF_DONE;
	return nvme ? AUDIT_PROOF_NOT_NAMED : AUDIT_PROOF_NO_DEVICE;
}

/* VFs that the PF has room for; asking for more would end the proof. */
static unsigned room_for_vfs(struct machine *m)
{
	audit_read_routes(m);
	const struct audit_in *in = audit_take(m);
	for (unsigned i = 0; m->pf && i < in->pfs; i++)
		if (bdf_eq(in->pf[i].pf, m->pf->bdf)) {
			struct audit_room r;
			audit_room(in, &in->pf[i], &r);
			return r.vfs;
		}
	return 0;
}

static enum sl_err prove(struct machine *m)
{
	enum sl_err e = stage_pf(m);
	if (e)
		return e;
	unsigned room = room_for_vfs(m);
	m->no_vfs = !room;
	m->vfs_most = room < PROOF_VFS ? room : PROOF_VFS;
	e = stage_sriov(m);
	if (!e && m->vfs)
		e = stage_groups(m);
	if (!e)
		e = stage_domains(m);
	if (!e)
		audit_take_live(m);
	return e ? e : stage_isolate(m);
}

enum audit_proof audit_proof_after(const struct machine *m, enum sl_err e)
{
	if (e == SL_VERIFY && m->tally.refused != m->tally.cases)
		return AUDIT_PROOF_DONE;
	return !e ? AUDIT_PROOF_DONE : e == SL_END ? AUDIT_PROOF_NO_DEVICE : AUDIT_PROOF_BROKEN;
}

enum sl_err stage_audit(struct machine *m)
{
	m->audit.proof = (uint8_t)can_prove(m);
	if (m->audit.proof == AUDIT_PROOF_DONE) {
		m->attacking = true;
		m->audit.proof = (uint8_t)audit_proof_after(m, prove(m));
		faults_say(m);
	}
	hardware_say(m, m->attacking);
	if (audit_print(m))
		return SL_OK;
	log_fail("audit", "the findings marked E above have a remedy each", "the verdict: %s (%u errors)",
		 result.verdict.text, m->audit.errors);
	bool run = m->failed_stage || m->audit.proof == AUDIT_PROOF_BROKEN;
	return m->audit.against || run ? SL_VERIFY : SL_UNSUPPORTED;
}

void undo_audit(struct machine *m)
{
	if (!m->attacking)
		return;
	undo_domains(m);
	undo_sriov(m);
	undo_pf(m);
	m->attacking = m->no_vfs = false;
	m->vfs_most = 0;
}

/* What the cases of the proof come to, and the verdict of the whole. */
#include "apps/audit/rules.h"
#include "kernel/fmt.h"
#include "kernel/str.h"

enum verdict { PROOF_PASS, PROOF_FAIL, PROOF_BROKEN, PROOF_NOT_RUN };

static enum verdict judge_proof(const struct audit_in *in)
{
	if (cases_count(&in->cases, CASE_SUCCEEDED) || cases_count(&in->cases, CASE_NOT_PROVED))
		return PROOF_FAIL;
	if (in->proof == AUDIT_PROOF_BROKEN)
		return PROOF_BROKEN;
	return in->proof == AUDIT_PROOF_DONE && cases_count(&in->cases, CASE_REFUSED) ? PROOF_PASS
										      : PROOF_NOT_RUN;
}

static void proof_words(enum verdict proof, const struct audit_verdict *v, char *text, size_t n)
{
	size_t at = 0;
	switch (proof) {
	case PROOF_PASS:
		at = (size_t)fmt_print(text, n, "%u refused", v->refused);
		if (v->not_enforced && at < n)
			at += (size_t)fmt_print(text + at, n - at, ", %u not enforced", v->not_enforced);
		if (v->not_tried && at < n)
			fmt_print(text + at, n - at, ", %u not tried", v->not_tried);
		return;
	case PROOF_FAIL:
		fmt_print(text, n, "%u of %u NOT refused", v->tried - v->refused, v->tried);
		return;
	case PROOF_BROKEN:
		fmt_print(text, n, "the proof broke off after %u cases",
			  v->tried + v->not_enforced + v->not_tried);
		return;
	case PROOF_NOT_RUN:
	default:
		fmt_print(text, n, "%s", "no DMA was tried");
	}
}

void verdict_make(const struct audit_in *in, struct audit_verdict *out)
{
	static const char *const names[] = {"pass", "fail", "broken", "not run"};
	enum verdict proof = judge_proof(in);
	char words[80];
	out->proof = names[proof];
	out->refused = cases_count(&in->cases, CASE_REFUSED);
	out->tried = out->refused + cases_count(&in->cases, CASE_SUCCEEDED) +
		     cases_count(&in->cases, CASE_NOT_PROVED);
	out->not_enforced = cases_count(&in->cases, CASE_NOT_ENFORCED);
	out->not_tried = cases_count(&in->cases, CASE_NOT_TRIED);
	out->ok = !out->errors && (proof == PROOF_PASS || proof == PROOF_NOT_RUN);
	out->proved = out->ok && proof == PROOF_PASS;
	bool dmar = audit_table(in, "DMAR");
	proof_words(proof, out, words, sizeof words);
	fmt_print(out->text, sizeof out->text, "%s; %s",
		  out->against ? "not safe to assign devices to others"
		  : !dmar && audit_table(in, "IVRS") && proof == PROOF_NOT_RUN
			  ? "AMD's units are not judged, only their table"
		  : !dmar && audit_table(in, "VIOT") ? "virtio-iommu is not audited"
		  : !out->ok                         ? "not all of this machine could be judged"
		  : !out->proved                     ? "nothing in tables and registers against it"
		  : out->warnings                    ? "usable, with warnings"
						     : "fit to assign devices to others",
		  words);
}

/* A serial log with a report, as a broken line or a stranger could have made it: it is refused with a
 * sentence, or the audit comes to an end over it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "tools/replay/host.h"
#include "tools/replay/machine.h"
#include "tools/replay/record.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

/* Each line that follows from the record is JSON. */
static void line(void *ctx, const char *text, size_t n)
{
	json_error_t error;
	json_t *o = json_loadb(text, n, JSON_REJECT_DUPLICATES, &error);
	if (!o || n > REPORT_LINE + 1 || !record_keep(ctx, o))
		abort();
	json_decref(o);
}

static void judge(struct record *r)
{
	static struct pci pci;
	static struct machine_complaints said;
	static struct audit_result result;
	const struct audit_table *mcfg = audit_table(r->in, "MCFG");
	uint32_t crc;
	if (r->in->fns && machine_scan(&pci, r->cfg, mcfg->data, &said) != SL_OK)
		return;
	if (!r->in->fns && pci.cfg) /* of the input before */
		return;
	r->in->pci = &pci;
	audit_run(r->in, &result);
	if (report_json(&result, NULL, line, r->said, &crc) == 0)
		abort();
}

static void try_log(const char *text, size_t n)
{
	static struct record r;
	bool ok = record_read(&r, text, n);
	if (ok == (r.error[0] != 0))
		abort();
	if (ok)
		judge(&r);
	record_free(&r);
}

/* The input's lines between right markers. */
int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static char text[16384];
	static bool ready;
	uint32_t crc = 0;
	unsigned lines = 0;
	if (!ready && !host_init())
		abort();
	ready = true;
	try_log((const char *)p, n);
	if (n == 0 || n > sizeof(text) / 2 || p[n - 1] != '\n')
		return 0;
	size_t at = (size_t)snprintf(text, sizeof(text), "BEGIN SLUICE REPORT v=1\n");
	for (const uint8_t *end = p + n; p < end;) {
		const uint8_t *stop = memchr(p, '\n', (size_t)(end - p));
		size_t len = (size_t)(stop - p) + 1;
		if (*p == '{' && (len < 2 || p[len - 2] != '\r')) {
			memcpy(text + at, p, len);
			at += len;
			crc = record_crc32(crc, p, len);
			lines++;
		}
		p += len;
	}
	at += (size_t)snprintf(text + at, sizeof(text) - at, "END SLUICE REPORT lines=%u crc32=%08x\n", lines,
			       crc);
	try_log(text, at);
	return 0;
}

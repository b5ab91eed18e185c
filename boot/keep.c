#include "boot/keep.h"
#include "kernel/report_lines.h"
#include "kernel/fmt.h"
#include "kernel/str.h"

#define CFG_BYTES 0x1000u
#define CFG_OLD   0x100u

static void put_run(struct jsonl *j, const struct keep *k)
{
	jsonl_start(j, "run");
	jsonl_add(j, ",\"v\":1,\"app\":\"keep\"");
	jsonl_text(j, "cpu", k->cpu);
	jsonl_text(j, "vendor", k->vendor);
	jsonl_text(j, "secure_boot", boot_secure_name(k->boot->secure_boot));
	jsonl_text(j, "firmware", k->boot->firmware);
	jsonl_end(j);
	identity_report(j, &k->boot->identity);
}

static void put_tables(struct jsonl *j, const struct acpi *a)
{
	static const char *const wanted[] = {"DMAR", "MCFG", "APIC", "IVRS", "SRAT", "HPET", "SPCR"};
	for (unsigned i = 0; i < ARRAY_LEN(wanted); i++) {
		const struct acpi_table *t = acpi_find(a, wanted[i], 0);
		if (t)
			report_table(j, wanted[i], t->phys, t->data);
	}
}

static uint32_t read_at(const struct keep *k, const struct boot_func *f, unsigned off)
{
	return k->read(k->acpi, f->seg, f->rid, off);
}

/* Without a PCI Express capability a function has 256 bytes. Some show them again behind that, and behind a
 * bridge to PCI a read there is a master abort: PCIe §7.2.2, PCI Express to PCI/PCI-X Bridge §2.3. */
static unsigned space_bytes(const struct keep *k, const struct boot_func *f)
{
	unsigned at = 0x34; /* Capabilities Pointer; bit 4 of Status says that there is one */
	if ((read_at(k, f, 0x0c) >> 16 & 0x7f) == 2)
		at = 0x14; /* CardBus */
	at = read_at(k, f, 4) >> 20 & 1 ? read_at(k, f, at) & 0xfc : 0;
	for (unsigned n = 0; at >= 0x40 && n < (CFG_OLD - 0x40) / 4; n++) {
		uint32_t v = read_at(k, f, at);
		if ((v & 0xff) == 0x10)
			return CFG_BYTES;
		at = v >> 8 & 0xfc;
	}
	return CFG_OLD;
}

struct space {
	const struct keep *k;
	const struct boot_func *f;
	unsigned serial; /* privacy=1: where it is not to be shown */
};

static uint32_t space_read(void *ctx, unsigned off)
{
	const struct space *s = ctx;
	return s->serial && off - s->serial < REPORT_SERIAL_BYTES ? 0 : read_at(s->k, s->f, off);
}

static void put_functions(struct jsonl *j, const struct keep *k)
{
	for (uint32_t i = 0; i < k->entry->funcs; i++) {
		const struct boot_func *f = &k->entry->func[i];
		bdf_t fn = {f->seg, f->rid};
		jsonl_start(j, "fn");
		jsonl_add(j, ",\"bdf\":\"" BDF_FMT "\",\"bme_entry\":%u", BDF_ARG(fn), f->command >> 2 & 1);
		report_nvme(j, fn, k->boot->nvme, k->boot->identity.privacy ? 0 : k->boot->nvmes);
		jsonl_end(j);
		struct space s = {k, f, 0};
		unsigned bytes = space_bytes(k, f);
		if (k->boot->identity.privacy && bytes == CFG_BYTES)
			s.serial = report_serial_at(space_read, &s);
		report_space(j, fn, bytes, space_read, &s);
	}
}

unsigned keep_report(const struct keep *k, jsonl_put *put, void *ctx, uint32_t *crc)
{
	static const char begin[] = "BEGIN SLUICE REPORT v=1\n";
	static struct jsonl j;
	char end[64];
	memset(&j, 0, sizeof j);
	j.put = put;
	j.ctx = ctx;
	put(ctx, begin, sizeof begin - 1);
	put_run(&j, k);
	put_tables(&j, k->acpi);
	report_memory(&j, k->region, k->boot->region_count);
	for (uint32_t i = 0; i < k->entry->units; i++)
		vtd_regs_line(&j, i, k->entry->unit[i].base, (uint16_t)k->entry->unit[i].seg, "entry",
			      &k->entry->unit[i].regs);
	for (uint32_t i = 0; i < k->entry->amds; i++) {
		const struct boot_amd *u = &k->entry->amd[i];
		amdvi_regs_line(&j, u->number, u->base, (bdf_t){u->seg, u->rid}, "entry", &u->regs);
	}
	put_functions(&j, k);
	int n = fmt_print(end, sizeof end, "END SLUICE REPORT lines=%u crc32=%08x\n", j.lines, j.crc);
	put(ctx, end, (size_t)n);
	*crc = j.crc;
	return j.lines;
}

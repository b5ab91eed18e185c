#include "boot/keep.h"
#include "kernel/bdf.h"
#include "kernel/fmt.h"
#include "kernel/str.h"

#define TABLE_CHUNK 480u
#define CFG_CHUNK   256u
#define CFG_BYTES   0x1000u
#define CFG_OLD     0x100u

const char *keep_secure_boot(uint32_t secure_boot)
{
	static const char *const names[] = {
		[BOOT_NO] = "off", [BOOT_YES] = "on", [BOOT_UNKNOWN] = "unknown", [BOOT_SETUP] = "setup"};
	return secure_boot < ARRAY_LEN(names) ? names[secure_boot] : "unknown";
}

static void put_run(struct jsonl *j, const struct keep *k)
{
	jsonl_start(j, "run");
	jsonl_add(j, ",\"v\":1,\"app\":\"keep\"");
	jsonl_text(j, "cpu", k->cpu);
	jsonl_text(j, "vendor", k->vendor);
	jsonl_text(j, "secure_boot", keep_secure_boot(k->boot->secure_boot));
	jsonl_text(j, "firmware", k->boot->firmware);
	jsonl_end(j);
}

static void put_tables(struct jsonl *j, const struct acpi *a)
{
	static const char *const wanted[] = {"DMAR", "MCFG", "APIC", "IVRS", "SRAT", "HPET", "SPCR"};
	for (unsigned i = 0; i < ARRAY_LEN(wanted); i++) {
		const struct acpi_table *t = acpi_find(a, wanted[i], 0);
		for (size_t off = 0; t && off < t->data.n; off += TABLE_CHUNK) {
			struct span chunk = span_sub(t->data, off, TABLE_CHUNK);
			jsonl_start(j, "table");
			jsonl_add(j, ",\"sig\":\"%s\",\"addr\":\"0x%llx\",\"len\":%zu,\"off\":%zu", wanted[i],
				  (ull)t->phys, t->data.n, off);
			jsonl_bytes(j, chunk.p, chunk.n);
			jsonl_end(j);
		}
	}
}

static void put_memory(struct jsonl *j, const struct keep *k)
{
	for (uint32_t i = 0; i < k->boot->region_count; i++) {
		const struct boot_region *r = &k->region[i];
		jsonl_start(j, "mem");
		jsonl_add(j, ",\"start\":\"0x%llx\",\"pages\":%llu,\"type\":%u,\"attr\":\"0x%llx\"",
			  (ull)r->base, (ull)r->pages, r->type, (ull)r->attr);
		jsonl_end(j);
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

/* Zeros at the end of a piece are left out, and so is a piece of zeros or of nothing (all ones). */
static void put_space(struct jsonl *j, const struct keep *k, const struct boot_func *f, bdf_t fn)
{
	unsigned end = space_bytes(k, f);
	for (unsigned off = 0; off < end; off += CFG_CHUNK) {
		uint8_t bytes[CFG_CHUNK];
		size_t n = 0;
		bool some = false;
		for (unsigned i = 0; i < CFG_CHUNK; i += 4) {
			uint32_t v = read_at(k, f, off + i);
			some |= v != UINT32_MAX;
			for (unsigned b = 0; b < 4; b++) {
				bytes[i + b] = (uint8_t)(v >> 8 * b);
				if (bytes[i + b])
					n = i + b + 1;
			}
		}
		if (!n || !some)
			continue;
		jsonl_start(j, "cfg");
		jsonl_add(j, ",\"bdf\":\"" BDF_FMT "\",\"off\":%u", BDF_ARG(fn), off);
		jsonl_bytes(j, bytes, n);
		jsonl_end(j);
	}
}

static void put_functions(struct jsonl *j, const struct keep *k)
{
	for (uint32_t i = 0; i < k->entry->funcs; i++) {
		const struct boot_func *f = &k->entry->func[i];
		bdf_t fn = {f->seg, f->rid};
		jsonl_start(j, "fn");
		jsonl_add(j, ",\"bdf\":\"" BDF_FMT "\",\"bme_entry\":%u", BDF_ARG(fn), f->command >> 2 & 1);
		jsonl_end(j);
		put_space(j, k, f, fn);
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
	put_memory(&j, k);
	for (uint32_t i = 0; i < k->entry->units; i++)
		vtd_regs_line(&j, i, k->entry->unit[i].base, (uint16_t)k->entry->unit[i].seg, "entry",
			      &k->entry->unit[i].regs);
	put_functions(&j, k);
	int n = fmt_print(end, sizeof end, "END SLUICE REPORT lines=%u crc32=%08x\n", j.lines, j.crc);
	put(ctx, end, (size_t)n);
	*crc = j.crc;
	return j.lines;
}

#include "kernel/report_lines.h"
#include "boot/boot_info.h"

#define TABLE_CHUNK 480u
#define CFG_CHUNK   256u
#define ECAP_FIRST  0x100u
#define ECAP_MOST   48u
#define ECAP_DSN    3u

void report_table(struct jsonl *j, const char *sig, uint64_t addr, struct span table)
{
	for (size_t off = 0; off < table.n; off += TABLE_CHUNK) {
		struct span chunk = span_sub(table, off, TABLE_CHUNK);
		jsonl_start(j, "table");
		jsonl_add(j, ",\"sig\":\"%s\",\"addr\":\"0x%llx\",\"len\":%zu,\"off\":%zu", sig, (ull)addr,
			  table.n, off);
		jsonl_bytes(j, chunk.p, chunk.n);
		jsonl_end(j);
	}
}

void report_memory(struct jsonl *j, const struct boot_region *region, uint32_t n)
{
	for (uint32_t i = 0; i < n;) {
		const struct boot_region *r = &region[i];
		uint64_t pages = r->pages;
		for (i++; i < n && region[i].type == r->type && region[i].attr == r->attr &&
			  region[i].base == r->base + pages * PAGE_SIZE;
		     i++)
			pages += region[i].pages;
		jsonl_start(j, "mem");
		jsonl_add(j, ",\"start\":\"0x%llx\",\"pages\":%llu,\"type\":%u,\"attr\":\"0x%llx\"",
			  (ull)r->base, (ull)pages, r->type, (ull)r->attr);
		jsonl_end(j);
	}
}

void report_nvme(struct jsonl *j, bdf_t fn, const struct boot_nvme *nvme, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		if (nvme[i].seg == fn.seg && nvme[i].rid == fn.rid) {
			jsonl_text(j, "serial", nvme[i].serial);
			jsonl_text(j, "model", nvme[i].model);
			return;
		}
}

/* The list as in PCIe §7.6.3; it may be any bytes. */
unsigned report_serial_at(uint32_t (*read)(void *ctx, unsigned off), void *ctx)
{
	unsigned at = ECAP_FIRST;
	for (unsigned n = 0; at >= ECAP_FIRST && at <= 0x1000 - 12 && n < ECAP_MOST; n++) {
		uint32_t header = read(ctx, at);
		if ((header & 0xffff) == ECAP_DSN && header != UINT32_MAX)
			return at + 4;
		at = header >> 20 & 0xffc;
	}
	return 0;
}

void report_space(struct jsonl *j, bdf_t fn, unsigned size, uint32_t (*read)(void *ctx, unsigned off),
		  void *ctx)
{
	for (unsigned off = 0; off < size; off += CFG_CHUNK) {
		uint8_t bytes[CFG_CHUNK];
		size_t n = 0;
		bool some = false;
		for (unsigned i = 0; i < CFG_CHUNK; i += 4) {
			uint32_t v = read(ctx, off + i);
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

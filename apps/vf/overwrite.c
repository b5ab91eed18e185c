#include "apps/vf/overwrite.h"
#include "apps/vf/batch.h"
#include "kernel/fmt.h"
#include "kernel/log.h"
#include "kernel/span.h"

#define CHUNKS 2u /* read: LBA 1 has the header of a GPT, and blocks have up to 4 KiB */

static const struct mark {
	uint16_t at;
	const char *bytes, *what;
} marks[] = {
	{54, "FAT1", "a FAT file system"},       {82, "FAT32", "a FAT file system"},
	{3, "EXFAT   ", "an exFAT file system"}, {3, "NTFS    ", "an NTFS file system"},
	{0, "XFSB", "an XFS file system"},       {0, "LUKS\xba\xbe", "a LUKS volume"},
	{512, "LABELONE", "an LVM volume"},
};

static bool has(struct span d, size_t at, const char *bytes)
{
	size_t i = 0;
	while (bytes[i] && at + i < d.n && span_u8(d, at + i) == (uint8_t)bytes[i])
		i++;
	return !bytes[i];
}

/* Two bytes could be anything, so fields with few values count too. */
static bool has_ext(struct span d)
{
	const size_t super = 1024;
	return d.n >= super + 80 && span_u16(d, super + 56) == 0xef53 && span_u32(d, super + 24) <= 6 &&
	       span_u32(d, super + 76) <= 1;
}

/* UEFI §5.3: the header, and those of its entries that were read. */
static bool has_gpt(struct span d, uint32_t block, unsigned *entries)
{
	*entries = 0;
	if (!has(d, block, "EFI PART") || d.n < block + 88ull)
		return false;
	uint64_t at = span_u64(d, block + 72);
	uint32_t n = span_u32(d, block + 80), size = span_u32(d, block + 84);
	if (at >= d.n / block || size < 16)
		return true;
	for (uint64_t i = at * block; n && i + 16 <= d.n; i += size, n--)
		*entries += span_u64(d, i) || span_u64(d, i + 8);
	return true;
}

/* UEFI §5.2.1: four entries whose status is 0 or 80h. 0: there is no table. */
static unsigned mbr_entries(struct span d)
{
	unsigned n = 0;
	if (d.n < 512 || span_u16(d, 510) != 0xaa55)
		return 0;
	for (size_t at = 446; at < 510; at += 16) {
		if (span_u8(d, at) & 0x7f)
			return 0;
		n += span_u8(d, at + 4) && span_u32(d, at + 12);
	}
	return n;
}

void overwrite_what(const uint8_t *p, size_t n, uint32_t block, char *out, size_t size)
{
	const struct span d = {p, n};
	unsigned entries;
	out[0] = 0;
	if (has_gpt(d, block, &entries)) {
		fmt_print(out, size, entries ? "a GPT with %u partitions or more" : "a GPT", entries);
		return;
	}
	for (size_t i = 0; i < ARRAY_LEN(marks); i++)
		if (has(d, marks[i].at, marks[i].bytes)) {
			fmt_print(out, size, "%s", marks[i].what);
			return;
		}
	if (has_ext(d))
		fmt_print(out, size, "an ext2, ext3 or ext4 file system");
	else if ((entries = mbr_entries(d)))
		fmt_print(out, size, "an MBR with %u partitions", entries);
}

/* The first chunks of the namespace. Where VFs share one, the VF with the first part reads them. */
static enum sl_err look(struct machine *m, struct vf *vf, const struct block_store *s)
{
	char what[64], who[128];
	if (s->first_lba)
		return SL_OK;
	for (unsigned v = 0; v < m->vfs; v++)
		m->vf[v].batch.n = m->vf[v].batch.done = 0;
	vf->batch.n = CHUNKS;
	for (unsigned i = 0; i < CHUNKS; i++)
		vf->batch.req[i] = vf_request(vf, s, BLOCK_READ, i, i);
	enum sl_err e = batch_start(vf);
	if (!e)
		e = batch_finish(m);
	if (!e && !m->cfg->overwrite)
		e = batch_status(vf);
	if (e)
		return e;
	overwrite_what(vf_buffer(vf, 0), CHUNKS * CHUNK, s->block, what, sizeof what);
	if (!what[0])
		return SL_OK;
	m->kind->describe(vf, who, sizeof who);
	if (m->cfg->overwrite) {
		log_warn("medium", BDF_FMT ", %s: it has %s, which is overwritten (overwrite=1)",
			 BDF_ARG(vf->fn->bdf), who, what);
		return SL_OK;
	}
	log_fail(
		"medium",
		"name another controller with scratch=, or, when all on its namespaces may be destroyed, set overwrite=1",
		BDF_FMT ", %s: it has %s, so nothing was written", BDF_ARG(vf->fn->bdf), who, what);
	return SL_EXISTS;
}

enum sl_err overwrite_check(struct machine *m)
{
	enum sl_err e = SL_OK;
	for (unsigned v = 0; v < m->vfs && !e; v++) {
		struct vf *vf = &m->vf[v];
		e = look(m, vf, vf->data);
		if (!e && vf->pi)
			e = look(m, vf, vf->pi);
	}
	return e;
}

/* Blocks and entries in words: the same on the console and in tools/replay. */
#include "iommu/ivrs/ivrs.h"
#include "kernel/fmt.h"

#define RID_FMT    "%02x:%02x.%u"
#define RID_ARG(r) (unsigned)(r) >> 8, (unsigned)(r) >> 3 & 31, (unsigned)(r)&7

static int ivmd_text(const struct ivrs_ivmd *m, char *buf, size_t n)
{
	char whom[48];
	bool out = m->flags & IVRS_EXCLUSION;
	if (m->type == IVRS_IVMD_RANGE)
		fmt_print(whom, sizeof whom, RID_FMT "-" RID_FMT, RID_ARG(m->first), RID_ARG(m->last));
	else if (m->type == IVRS_IVMD_ALL)
		fmt_print(whom, sizeof whom, "every function");
	else
		fmt_print(whom, sizeof whom, "%s" RID_FMT, m->type == IVRS_IVMD_UNIT ? "all below unit " : "",
			  RID_ARG(m->first));
	return fmt_print(buf, n, "IVMD type %xh: 0x%llx, 0x%llx bytes, segment %u, for %s; flags:%s%s%s%s",
			 m->type, (ull)m->start, (ull)m->len, m->seg, whom,
			 m->flags & IVRS_UNITY ? " unity" : "", m->flags & IVRS_READ ? " read" : "",
			 m->flags & IVRS_WRITE ? " write" : "", out ? " exclusion" : "");
}

int ivrs_block_text(const struct ivrs_block *b, char *buf, size_t n)
{
	struct ivrs_ivhd h;
	struct ivrs_ivmd m;
	char more[64] = "";
	if (ivrs_is_ivmd(b->type) && ivrs_ivmd(b, &m) == SL_OK)
		return ivmd_text(&m, buf, n);
	if (!ivrs_is_ivhd(b->type) || ivrs_ivhd(b, &h) != SL_OK)
		return fmt_print(buf, n, "type %xh, %u bytes", b->type, b->len);
	if (h.has_efr)
		fmt_print(more, sizeof more, ", EFR 0x%llx, EFR2 0x%llx", (ull)h.efr, (ull)h.efr2);
	return fmt_print(buf, n,
			 "IVHD type %xh: unit " BDF_FMT " at 0x%llx, capability 0x%x, flags 0x%x, %s 0x%x%s",
			 h.type, BDF_ARG(h.unit), (ull)h.base, h.cap, h.flags,
			 h.has_efr ? "attributes" : "features", h.features, more);
}

/* Only letters, digits and signs pass unchanged, so that no byte of a table controls a terminal. */
static void printable(struct span s, char *buf, size_t room)
{
	size_t i = 0;
	for (; i < s.n && i < room - 1 && s.p[i]; i++)
		buf[i] = s.p[i] >= 0x20 && s.p[i] < 0x7f ? (char)s.p[i] : '.';
	buf[i] = 0;
}

static int hid_text(const struct ivrs_entry *e, char *buf, size_t n)
{
	char hid[9], uid[40] = "";
	struct span id = ivrs_hid_uid(e);
	printable(span_sub(e->bytes, IVRS_HID_NAME, 8), hid, sizeof hid);
	if (span_u8(e->bytes, IVRS_HID_FORMAT) == 2)
		printable(id, uid, sizeof uid);
	else if (span_u8(e->bytes, IVRS_HID_FORMAT) == 1)
		fmt_print(uid, sizeof uid, "%llu", (ull)span_le(id, 0, id.n < 8 ? id.n : 8));
	return fmt_print(buf, n, "ACPI device %s%s%s as " RID_FMT, hid, uid[0] ? " " : "", uid,
			 RID_ARG(e->id));
}

int ivrs_entry_text(const struct ivrs_entry *e, char *buf, size_t n)
{
	char more[48] = "";
	const char *from = e->type == IVRS_RANGE_END ? "        to "
			   : ivrs_is_range(e->type)  ? "range from "
						     : "";
	switch (e->type) {
	case IVRS_ALIAS_SELECT:
	case IVRS_ALIAS_RANGE:
		fmt_print(more, sizeof more, ", whose requests are those of " RID_FMT, RID_ARG(e->source));
		break;
	case IVRS_EXT_SELECT:
	case IVRS_EXT_RANGE:
		fmt_print(more, sizeof more, ", ATS %s", e->ext & IVRS_ATS_DIS ? "forbidden" : "allowed");
		break;
	case IVRS_SELECT:
	case IVRS_RANGE:
	case IVRS_RANGE_END:
		break;
	case IVRS_SPECIAL:
		return fmt_print(buf, n, "%s %u as " RID_FMT ", data 0x%x",
				 e->variety == IVRS_IOAPIC ? "I/O APIC"
				 : e->variety == IVRS_HPET ? "HPET"
							   : "other device",
				 e->handle, RID_ARG(e->source), e->data);
	case IVRS_HID:
		return hid_text(e, buf, n);
	default:
		return fmt_print(buf, n,
				 e->type == IVRS_ALL                            ? "every function"
				 : e->type == IVRS_PAD4 || e->type == IVRS_PAD8 ? "padding"
										: "type %xh",
				 e->type);
	}
	return fmt_print(buf, n, "%s" RID_FMT "%s", from, RID_ARG(e->id), more);
}

#include "kernel/smbios.h"
#include "kernel/fmt.h"
#include "kernel/str.h"

#define TYPE_SYSTEM 1
#define TYPE_END    127
#define HEADER      4u /* DSP0134 §6.1.2: type, length of the formatted part, handle */
#define UUID_AT     8u
#define UUID_BYTES  16u

static const struct {
	const char *key;
	uint8_t type, at, serial;
} fields[] = {
#define FIELD(name, key, type, at, priv) {key, type, at, priv},
	SMBIOS_FIELDS(FIELD)
#undef FIELD
};

const char *smbios_key(unsigned field)
{
	return field < ARRAY_LEN(fields) ? fields[field].key : NULL;
}

static bool sum_zero(struct span s)
{
	uint8_t sum = 0;
	for (size_t i = 0; i < s.n; i++)
		sum = (uint8_t)(sum + s.p[i]);
	return sum == 0;
}

static bool begins(struct span s, const char *anchor, size_t n)
{
	return span_has(s, 0, n) && memcmp(s.p, anchor, n) == 0;
}

enum sl_err smbios_entry(struct span e, struct smbios_table *out)
{
	bool three = begins(e, "_SM3_", 5);
	if (!three && !begins(e, "_SM_", 4))
		return SL_BADVAL;
	uint8_t len = span_u8(e, three ? 6 : 5);
	if (len < (three ? 0x18 : 0x1e) || !span_has(e, 0, len) || !sum_zero(span_sub(e, 0, len)))
		return SL_CHECKSUM;
	*out = three ? (struct smbios_table){span_u64(e, 0x10), span_u32(e, 0x0c), UINT32_MAX}
		     : (struct smbios_table){span_u32(e, 0x18), span_u16(e, 0x16), span_u16(e, 0x1c)};
	if (out->len > SMBIOS_MOST)
		out->len = SMBIOS_MOST;
	return out->addr && out->len ? SL_OK : SL_NOTFOUND;
}

/* Bytes of the strings with the two NULs that end them; 0: they have no end. */
static size_t strings_size(struct span s)
{
	for (size_t i = 0; i + 1 < s.n; i++)
		if (!s.p[i] && !s.p[i + 1])
			return i + 2;
	return 0;
}

/* The string of that number, from 1 on. */
static struct span string(struct span s, unsigned number)
{
	for (size_t at = 0; number && at < s.n && s.p[at];) {
		size_t n = 0;
		while (at + n < s.n && s.p[at + n])
			n++;
		if (--number == 0)
			return span_sub(s, at, n);
		at += n + 1;
	}
	return (struct span){s.p, 0};
}

static void take_text(char out[SMBIOS_TEXT], struct span s)
{
	while (s.n && s.p[0] <= ' ')
		s = span_sub(s, 1, s.n - 1);
	if (s.n > SMBIOS_TEXT - 1)
		s.n = SMBIOS_TEXT - 1;
	while (s.n && s.p[s.n - 1] <= ' ')
		s.n--;
	for (size_t i = 0; i < s.n; i++)
		out[i] = s.p[i] >= ' ' && s.p[i] < 0x7f ? (char)s.p[i] : '?';
	out[s.n] = 0;
}

/* The first three fields are little-endian: DSP0134 §7.2.1. Only zeros or only ones stand for none. */
static void take_uuid(char out[37], struct span s)
{
	unsigned zeros = 0, ones = 0;
	if (s.n < UUID_BYTES)
		return;
	for (size_t i = 0; i < UUID_BYTES; i++) {
		zeros += s.p[i] == 0;
		ones += s.p[i] == 0xff;
	}
	if (zeros == UUID_BYTES || ones == UUID_BYTES)
		return;
	size_t n = (size_t)fmt_print(out, 37, "%08x-%04x-%04x-%02x%02x-", span_u32(s, 0), span_u16(s, 4),
				     span_u16(s, 6), s.p[8], s.p[9]);
	for (size_t i = 10; i < UUID_BYTES; i++, n += 2)
		fmt_print(out + n, 37 - n, "%02x", s.p[i]);
}

static void take(struct span formatted, struct span strings, struct smbios *out)
{
	uint8_t type = span_u8(formatted, 0);
	for (unsigned i = 0; i < ARRAY_LEN(fields); i++)
		if (fields[i].type == type)
			take_text(out->text[i], string(strings, span_u8(formatted, fields[i].at)));
	if (type == TYPE_SYSTEM)
		take_uuid(out->uuid, span_sub(formatted, UUID_AT, UUID_BYTES));
}

void smbios_read(struct span table, uint32_t count, struct smbios *out)
{
	bool seen[4] = {false}; /* types that are read */
	*out = (struct smbios){0};
	for (; count && span_has(table, 0, HEADER); count--) {
		uint8_t type = span_u8(table, 0), len = span_u8(table, 1);
		if (type == TYPE_END || len < HEADER || !span_has(table, 0, len))
			return;
		struct span strings = span_sub(table, len, table.n);
		size_t n = strings_size(strings);
		if (!n)
			return;
		if (type < ARRAY_LEN(seen) && !seen[type]) {
			take(span_sub(table, 0, len), span_sub(strings, 0, n), out);
			seen[type] = true;
		}
		table = span_sub(strings, n, strings.n);
	}
}

void smbios_make_private(struct smbios *s)
{
	for (unsigned i = 0; i < ARRAY_LEN(fields); i++)
		if (fields[i].serial)
			s->text[i][0] = 0;
	s->uuid[0] = 0;
}

/* The words for a finding. */
#include "iommu/tables/finding.h"
#include "kernel/fmt.h"

#define DUMP_BYTES 16

const char *table_finding_name(const struct table_finding *f)
{
	return f->rules->names[f->rule];
}

enum table_severity table_finding_severity(const struct table_finding *f)
{
	return (enum table_severity)f->rules->severities[f->rule];
}

const struct table_rule_text *table_finding_words(const struct table_finding *f)
{
	return &f->rules->texts[f->rule];
}

const char *table_severity_name(enum table_severity s)
{
	static const char *const severity[] = {"firmware bug", "setup choice", "note"};
	return s < ARRAY_LEN(severity) ? severity[s] : "note";
}

int table_finding_key(const struct table_finding *f, char *buf, size_t n)
{
	const char *name = table_finding_name(f);
	switch ((enum table_key)f->rules->keys[f->rule]) {
	case TABLE_KEY_OFF:
		return fmt_print(buf, n, "%s@0x%zx", name, f->off);
	case TABLE_KEY_OFF_HEX:
		return fmt_print(buf, n, "%s@0x%zx:0x%llx", name, f->off, (ull)f->value);
	case TABLE_KEY_OFF_DEC:
		return fmt_print(buf, n, "%s@0x%zx:%llu", name, f->off, (ull)f->value);
	case TABLE_KEY_TYPE_LEN:
		return fmt_print(buf, n, "%s@0x%zx:type%llu:len%llu", name, f->off, (ull)f->value,
				 (ull)f->value2);
	case TABLE_KEY_SEGMENT:
		return fmt_print(buf, n, "%s:segment%llu", name, (ull)f->value);
	case TABLE_KEY_DEC:
		return fmt_print(buf, n, "%s:%llu", name, (ull)f->value);
	case TABLE_KEY_FUNCTION:
		return fmt_print(buf, n, "%s:" BDF_FMT, name, BDF_ARG(f->fn));
	case TABLE_KEY_NAME:
		break;
	}
	return fmt_print(buf, n, "%s", name);
}

static void function_text(const struct table_finding *f, char *buf, size_t n)
{
	buf[0] = 0;
	if (f->has_fn)
		fmt_print(buf, n, " (" BDF_FMT ")", BDF_ARG(f->fn));
}

int table_finding_text(const struct table_finding *f, char *buf, size_t n)
{
	char key[96], fn[24];
	table_finding_key(f, key, sizeof(key));
	function_text(f, fn, sizeof(fn));
	return fmt_print(buf, n, "%s %s: %s%s", table_severity_name(table_finding_severity(f)), key,
			 table_finding_words(f)->what, fn);
}

/* Only letters and digits pass unchanged, so that no byte of a table controls a terminal. */
static void printable(struct span s, char *buf)
{
	size_t i;
	for (i = 0; i < s.n; i++)
		buf[i] = s.p[i] >= 0x20 && s.p[i] < 0x7f ? (char)s.p[i] : '.';
	buf[i] = 0;
}

int table_finding_report(struct span table, const struct table_finding *f, char *buf, size_t n)
{
	char key[96], fn[24], oem[8], model[12], dump[3 * DUMP_BYTES + 1] = "";
	const struct table_rule_text *words = table_finding_words(f);
	table_finding_key(f, key, sizeof(key));
	function_text(f, fn, sizeof(fn));
	printable(span_sub(table, 10, 6), oem);
	printable(span_sub(table, 16, 8), model);
	for (size_t i = 0; i < f->bytes.n && i < DUMP_BYTES; i++)
		fmt_print(dump + 3 * i, sizeof(dump) - 3 * i, " %02x", f->bytes.p[i]);
	return fmt_print(
		buf, n,
		"%s table (OEM \"%s\", table \"%s\", OEM revision 0x%x), offset 0x%zx, bytes%s%s%s: %s: %s.%s%s",
		f->rules->table, oem, model, span_u32(table, 24), f->off, dump,
		f->bytes.n > DUMP_BYTES ? " ..." : "", fn, key, words->what, words->ask[0] ? " " : "",
		words->ask);
}

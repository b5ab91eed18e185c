#include "tests/unit/support_tables.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "tests/unit/test.h"

/* ---- what a machine has besides its table ---- */

static bool get(void *ctx, unsigned i, bdf_t *fn, uint32_t *class)
{
	const struct fake *m = ctx;
	if (i >= m->n)
		return false;
	*fn = m->f[i].fn;
	*class = m->f[i].class;
	return true;
}

static bool bridge(void *ctx, bdf_t fn, uint8_t *sec, uint8_t *sub)
{
	const struct fake *m = ctx;
	for (unsigned i = 0; i < m->n; i++)
		if (bdf_eq(m->f[i].fn, fn) && m->f[i].sec) {
			*sec = m->f[i].sec;
			*sub = m->f[i].sub;
			return true;
		}
	return false;
}

static bdf_t itself(void *ctx, bdf_t fn)
{
	(void)ctx;
	return fn;
}

void keys_add(struct keys *k, const char *key)
{
	assert_true(k->n < KEYS_MAX);
	snprintf(k->key[k->n++], sizeof(k->key[0]), "%s", key);
}

static int by_text(const void *a, const void *b)
{
	return strcmp(a, b);
}

void keys_same(const char *what, struct keys *want, struct keys *got)
{
	bool ok = want->n == got->n;
	qsort(want->key, want->n, sizeof(want->key[0]), by_text);
	qsort(got->key, got->n, sizeof(got->key[0]), by_text);
	for (unsigned i = 0; ok && i < want->n; i++)
		ok = !strcmp(want->key[i], got->key[i]);
	if (ok)
		return;
	for (unsigned i = 0; i < want->n; i++)
		print_error("%s: want %s\n", what, want->key[i]);
	for (unsigned i = 0; i < got->n; i++)
		print_error("%s: got  %s\n", what, got->key[i]);
	fail();
}

size_t tables_read_file(const char *path, uint8_t *p, size_t max)
{
	FILE *f = fopen(path, "rb");
	assert_non_null(f);
	size_t n = fread(p, 1, max, f);
	fclose(f);
	return n;
}

static void function_line(struct fake *m, const char *line)
{
	unsigned b, d, f, x, y;
	if (sscanf(line, "with function %x:%x.%x %x", &b, &d, &f, &x) == 4) {
		m->f[m->n].fn = bdf_make(0, b, d, f);
		m->f[m->n++].class = x;
	}
	if (sscanf(line, "with bridge %x:%x.%x %x %x", &b, &d, &f, &x, &y) == 5) {
		m->f[m->n].fn = bdf_make(0, b, d, f);
		m->f[m->n].class = 0x060400;
		m->f[m->n].sec = (uint8_t)x;
		m->f[m->n++].sub = (uint8_t)y;
	}
}

static void context_line(struct fake *m, struct table_facts *known, struct keys *want, const char *line)
{
	static struct dmar_topo topo;
	static struct table_functions functions;
	unsigned long long base, last;
	unsigned x;
	char key[96];
	function_line(m, line);
	if (m->n) {
		topo = (struct dmar_topo){m, bridge, itself};
		functions = (struct table_functions){m, get};
		known->topo = &topo;
		known->functions = &functions;
	}
	if (sscanf(line, "with ioapic %u", &x) == 1) {
		known->ioapics_known = true;
		known->ioapic[x] = true;
	}
	if (sscanf(line, "with phys %u", &x) == 1)
		known->phys_bits = (uint8_t)x;
	if (sscanf(line, "with memory %llx %llx %u", &base, &last, &x) == 3) {
		m->region[m->map.count++] =
			(struct boot_region){.base = base, .pages = (last + 1 - base) >> 12, .type = x};
		m->map.region = m->region;
		known->memory = table_memory_at;
		known->memory_ctx = &m->map;
	}
	if (sscanf(line, "expect %95s", key) == 1)
		keys_add(want, key);
}

void own_read(const char *dir, struct own *o, const char *name)
{
	char path[512], line[256];
	memset(o, 0, sizeof(*o));
	snprintf(path, sizeof(path), "%s/%s", dir, name);
	FILE *f = fopen(path, "r");
	assert_non_null(f);
	while (fgets(line, sizeof(line), f))
		context_line(&o->machine, &o->known, &o->want, line);
	fclose(f);
	snprintf(path + strlen(path) - 4, 5, ".bin");
	o->n = tables_read_file(path, o->bytes, sizeof(o->bytes));
}

#include "boot/config.h"
#include "kernel/addr.h"
#include "kernel/fmt.h"
#include "kernel/str.h"
#include "kernel/uart.h"

struct cursor {
	const char *source;
	uint32_t line, col;
};

struct word {
	const char *p;
	size_t n;
	uint32_t col;
};

static void fail(struct config *cfg, const struct cursor *at, uint32_t col, const char *fmt, ...)
	PRINTF_LIKE(4, 5);

static void fail(struct config *cfg, const struct cursor *at, uint32_t col, const char *fmt, ...)
{
	struct config_error *e = &cfg->error;
	if (e->line)
		return;
	e->line = at->line;
	e->col = col;
	fmt_print(e->source, sizeof e->source, "%s", at->source);
	va_list ap;
	va_start(ap, fmt);
	fmt_vprint(e->text, sizeof e->text, fmt, ap);
	va_end(ap);
}

static bool is(struct word w, const char *s)
{
	return w.n == strlen(s) && memcmp(w.p, s, w.n) == 0;
}

/* For messages: a word as a C string, cut and with unprintable bytes as '?'. */
struct shown {
	char s[40];
};

static struct shown show(struct word w)
{
	struct shown r;
	size_t n = w.n < sizeof r.s - 1 ? w.n : sizeof r.s - 1;
	for (size_t i = 0; i < n; i++)
		r.s[i] = w.p[i] > ' ' && w.p[i] < 0x7f ? w.p[i] : '?';
	r.s[n] = 0;
	return r;
}

static void number(struct config *cfg, const struct cursor *at, const char *key, struct word v, uint32_t min,
		   uint32_t max, uint32_t *out)
{
	uint64_t x = 0;
	bool good = v.n > 0 && v.n <= 10;
	for (size_t i = 0; good && i < v.n; i++) {
		good = v.p[i] >= '0' && v.p[i] <= '9';
		x = x * 10 + (uint64_t)(v.p[i] - '0');
	}
	if (!good)
		fail(cfg, at, v.col, "%s=%s is not a number (want %u to %u)", key, show(v).s, min, max);
	else if (x < min || x > max)
		fail(cfg, at, v.col, "%s=%s is out of range (want %u to %u)", key, show(v).s, min, max);
	else
		*out = (uint32_t)x;
}

static void choice(struct config *cfg, const struct cursor *at, const char *key, struct word v,
		   const char *const *names, unsigned n, uint32_t *out)
{
	char list[96] = "";
	for (unsigned i = 0; i < n; i++) {
		if (is(v, names[i])) {
			*out = i;
			return;
		}
		size_t used = strlen(list);
		fmt_print(list + used, sizeof list - used, "%s%s", i ? ", " : "", names[i]);
	}
	fail(cfg, at, v.col, "%s=%s is not known (want one of: %s)", key, show(v).s, list);
}

static void text(struct config *cfg, const struct cursor *at, const char *key, struct word v, char *out,
		 size_t size)
{
	bool good = v.n < size;
	for (size_t i = 0; good && i < v.n; i++)
		good = v.p[i] > ' ' && v.p[i] < 0x7f;
	if (!good) {
		fail(cfg, at, v.col, "%s=%s is too long or not plain ASCII (at most %u characters)", key,
		     show(v).s, (unsigned)size - 1);
		return;
	}
	memcpy(out, v.p, v.n);
	out[v.n] = 0;
}

/* The address of a unit's registers, "0xfed90000": whole pages. 0 when it is none. */
static uint64_t unit_address(struct word v)
{
	uint64_t x = 0;
	if (v.n < 3 || v.n > 18 || v.p[0] != '0' || (v.p[1] != 'x' && v.p[1] != 'X'))
		return 0;
	for (size_t i = 2; i < v.n; i++) {
		char c = v.p[i] >= 'A' && v.p[i] <= 'F' ? (char)(v.p[i] + 'a' - 'A') : v.p[i];
		if ((c < '0' || c > '9') && (c < 'a' || c > 'f'))
			return 0;
		x = x << 4 | (uint64_t)(c <= '9' ? c - '0' : c - 'a' + 10);
	}
	return IS_ALIGNED(x, PAGE_SIZE) ? x : 0;
}

/* What follows "on," in iommu=on,igfx_off,skip=0xfed90000 */
static void unit_option(struct config *cfg, const struct cursor *at, struct word v)
{
	static const char skip[] = "skip=";
	size_t n = sizeof skip - 1;
	if (is(v, "igfx_off")) {
		cfg->iommu_igfx_off = 1;
		return;
	}
	uint64_t base =
		v.n > n && memcmp(v.p, skip, n) == 0 ? unit_address((struct word){v.p + n, v.n - n, 0}) : 0;
	if (!base)
		fail(cfg, at, v.col,
		     "iommu: %s is not known (want igfx_off, or skip= and the address of a unit: "
		     "skip=0xfed90000)",
		     show(v).s);
	else if (cfg->iommu_skips == CONFIG_SKIPS)
		fail(cfg, at, v.col, "iommu: %s is one more than %u units can be left alone", show(v).s,
		     CONFIG_SKIPS);
	else
		cfg->iommu_skip[cfg->iommu_skips++] = base;
}

/* Cuts what stands before the next comma off. */
static struct word comma(struct word *rest)
{
	struct word w = *rest;
	for (w.n = 0; w.n < rest->n && rest->p[w.n] != ',';)
		w.n++;
	size_t used = w.n < rest->n ? w.n + 1 : w.n;
	*rest = (struct word){rest->p + used, rest->n - used, rest->col + (uint32_t)used};
	return w;
}

static void iommu(struct config *cfg, const struct cursor *at, struct word v)
{
	static const char *const modes[] = {"off", "on", "pt"};
	cfg->iommu_igfx_off = cfg->iommu_skips = 0;
	choice(cfg, at, "iommu", comma(&v), modes, ARRAY_LEN(modes), &cfg->iommu);
	while (v.n)
		unit_option(cfg, at, comma(&v));
}

/* Whole pages: a request's buffer begins on one. */
static void block(struct config *cfg, const struct cursor *at, struct word v)
{
	number(cfg, at, "block", v, PAGE_SIZE, 32 * PAGE_SIZE, &cfg->block);
	if (!IS_ALIGNED(cfg->block, PAGE_SIZE)) {
		fail(cfg, at, v.col, "block=%s is not a multiple of 4096", show(v).s);
		cfg->block = PAGE_SIZE;
	}
}

static bool starts(struct word w, const char *s)
{
	return w.n >= strlen(s) && memcmp(w.p, s, strlen(s)) == 0;
}

/* 0xHEX, at most 64 bits. */
static bool hex(struct word w, uint64_t *out)
{
	bool good = starts(w, "0x") && w.n > 2 && w.n <= 18;
	*out = 0;
	for (size_t i = 2; good && i < w.n; i++) {
		char c = w.p[i];
		good = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
		*out = *out << 4 | (uint64_t)(c <= '9' ? c - '0' : c - 'a' + 10);
	}
	return good;
}

/* com1 to com4, a port, or registers in memory a byte or a doubleword apart. */
static bool console_of(struct word v, struct acpi_uart *out)
{
	static const char *const coms[] = {"com1", "com2", "com3", "com4"};
	*out = (struct acpi_uart){.stride = 1};
	for (unsigned i = 0; i < ARRAY_LEN(coms); i++)
		if (is(v, coms[i])) {
			out->addr = uart_coms[i];
			return true;
		}
	size_t prefix = starts(v, "mmio32:") ? 7 : starts(v, "mmio:") ? 5 : 0;
	out->mmio = prefix != 0;
	out->stride = prefix == 7 ? 4 : 1;
	struct word number = {v.p + prefix, v.n - prefix, v.col};
	return hex(number, &out->addr) && out->addr && (out->mmio || out->addr <= 0xfff8) &&
	       IS_ALIGNED(out->addr, out->stride);
}

/* A list with commas; it replaces an earlier one. */
static void consoles(struct config *cfg, const struct cursor *at, struct word v)
{
	cfg->consoles = 0;
	for (bool more = true; more;) {
		size_t n = 0;
		while (n < v.n && v.p[n] != ',')
			n++;
		struct word one = {v.p, n, v.col};
		more = n < v.n;
		if (cfg->consoles == CONFIG_CONSOLES) {
			fail(cfg, at, v.col, "console= names more than %u UARTs", CONFIG_CONSOLES);
			return;
		}
		if (!console_of(one, &cfg->console[cfg->consoles])) {
			fail(cfg, at, v.col,
			     "console=%s is not known (want com1 to com4, a port such as 0x2f8, "
			     "mmio:0xADDRESS or mmio32:0xADDRESS)",
			     show(one).s);
			return;
		}
		cfg->consoles++;
		v = (struct word){v.p + n + more, v.n - n - more, v.col + (uint32_t)(n + more)};
	}
}

/* Of a VF's queue pairs the first alone has an interrupt. */
static void exclude(struct config *cfg, const struct cursor *at, struct word v)
{
	if (cfg->mode != RING_POLL && cfg->queues > 1)
		fail(cfg, at, v.col, "mode=irq and mode=adaptive work with queues=1 only");
}

static void option(struct config *cfg, const struct cursor *at, struct word k, struct word v)
{
	static const char *const apps[] = {"demo", "isolate", "mapcost", "bench", "bursts",
					   "insn", "shell",   "accel",   "audit", "tour"};
	static const char *const orders[] = {"random", "seq"};
	static const char *const modes[] = {"poll", "irq", "adaptive"};
	static const char *const doorbells[] = {"mmio", "shadow"};
	static const char *const accesses[] = {"write", "read"};
	static const char *const devices[] = {"nvme", "qat"};
	static const char *const terms[] = {"screen", "dumb"};
	static const char *const gens[] = {"2", "4"};
	static const char *const ends[] = {"halt", "reboot", "shutdown", "qemu"};
	static const char *const bauds[] = {"9600", "19200", "38400", "57600", "115200"};
	static const uint32_t baud[] = {9600, 19200, 38400, 57600, 115200};
	uint32_t i = UINT32_MAX;
	if (is(k, "app")) {
		choice(cfg, at, "app", v, apps, ARRAY_LEN(apps), &i);
		if (i < ARRAY_LEN(apps))
			fmt_print(cfg->app, sizeof cfg->app, "%s", apps[i]);
	} else if (is(k, "access")) {
		choice(cfg, at, "access", v, accesses, ARRAY_LEN(accesses), &cfg->access);
	} else if (is(k, "device")) {
		choice(cfg, at, "device", v, devices, ARRAY_LEN(devices), &cfg->device);
	} else if (is(k, "term")) {
		choice(cfg, at, "term", v, terms, ARRAY_LEN(terms), &cfg->term);
	} else if (is(k, "gen")) {
		choice(cfg, at, "gen", v, gens, ARRAY_LEN(gens), &i);
		if (i < ARRAY_LEN(gens))
			cfg->gen = 2 + 2 * i;
	} else if (is(k, "vfs")) {
		number(cfg, at, "vfs", v, 1, 64, &cfg->vfs);
	} else if (is(k, "queues")) {
		number(cfg, at, "queues", v, 1, 3, &cfg->queues);
		exclude(cfg, at, v);
	} else if (is(k, "qd")) {
		number(cfg, at, "qd", v, 1, 256, &cfg->qd);
	} else if (is(k, "seconds")) {
		number(cfg, at, "seconds", v, 1, 86400, &cfg->seconds);
	} else if (is(k, "mode")) {
		choice(cfg, at, "mode", v, modes, ARRAY_LEN(modes), &cfg->mode);
		exclude(cfg, at, v);
	} else if (is(k, "passes")) {
		number(cfg, at, "passes", v, 1, 1000000, &cfg->passes);
	} else if (is(k, "ops")) {
		number(cfg, at, "ops", v, 1, 1000000000, &cfg->ops);
	} else if (is(k, "iommu")) {
		iommu(cfg, at, v);
	} else if (is(k, "doorbell")) {
		choice(cfg, at, "doorbell", v, doorbells, ARRAY_LEN(doorbells), &cfg->doorbell);
	} else if (is(k, "json")) {
		number(cfg, at, "json", v, 0, 1, &cfg->json);
	} else if (is(k, "keep")) {
		number(cfg, at, "keep", v, 0, 1, &cfg->keep);
	} else if (is(k, "ms")) {
		number(cfg, at, "ms", v, 1, 60000, &cfg->ms);
	} else if (is(k, "batch")) {
		number(cfg, at, "batch", v, 0, 256, &cfg->batch);
	} else if (is(k, "block")) {
		block(cfg, at, v);
	} else if (is(k, "writes")) {
		number(cfg, at, "writes", v, 0, 100, &cfg->writes);
	} else if (is(k, "order")) {
		choice(cfg, at, "order", v, orders, ARRAY_LEN(orders), &cfg->order);
	} else if (is(k, "seed")) {
		number(cfg, at, "seed", v, 1, UINT32_MAX, &cfg->seed);
	} else if (is(k, "scratch")) {
		text(cfg, at, "scratch", v, cfg->scratch, sizeof cfg->scratch);
	} else if (is(k, "baud")) {
		choice(cfg, at, "baud", v, bauds, ARRAY_LEN(bauds), &i);
		if (i < ARRAY_LEN(baud))
			cfg->baud = baud[i];
	} else if (is(k, "console")) {
		consoles(cfg, at, v);
	} else if (is(k, "end")) {
		choice(cfg, at, "end", v, ends, ARRAY_LEN(ends), &cfg->end);
	} else {
		fail(cfg, at, k.col,
		     "%s is not a key (keys: app access device gen vfs queues qd seconds mode passes ops "
		     "iommu "
		     "doorbell json keep ms "
		     "batch block writes order seed scratch baud console term end)",
		     show(k).s);
	}
}

/* One "key=value", blanks around it already gone. */
static void entry(struct config *cfg, const struct cursor *at, struct word w)
{
	size_t eq = 0;
	while (eq < w.n && w.p[eq] != '=')
		eq++;
	if (eq == w.n || eq == 0) {
		fail(cfg, at, w.col, "%s: expected key=value", show(w).s);
		return;
	}
	struct word k = {w.p, eq, w.col}, v = {w.p + eq + 1, w.n - eq - 1, w.col + (uint32_t)eq + 1};
	while (k.n && (k.p[k.n - 1] == ' ' || k.p[k.n - 1] == '\t'))
		k.n--;
	while (v.n && (*v.p == ' ' || *v.p == '\t'))
		v.p++, v.n--, v.col++;
	option(cfg, at, k, v);
}

static bool blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == 0;
}

/* Where the text of a line ends: at '#' or at the newline. */
static size_t line_length(const char *p, size_t n, size_t *next)
{
	size_t end = 0, len;
	while (end < n && p[end] != '\n')
		end++;
	*next = end < n ? end + 1 : end;
	for (len = 0; len < end && p[len] != '#'; len++)
		;
	return len;
}

void config_defaults(struct config *cfg)
{
	*cfg = (struct config){.app = "demo",
			       .vfs = 4,
			       .queues = 1,
			       .qd = 32,
			       .seconds = 5,
			       .mode = RING_POLL,
			       .passes = 1,
			       .ops = 10000,
			       .iommu = CONFIG_IOMMU_ON,
			       .ms = 100,
			       .block = PAGE_SIZE,
			       .seed = 1,
			       .end = END_HALT};
}

bool config_wants_qat(const struct config *cfg)
{
	return cfg->device == DEVICE_QAT || strcmp(cfg->app, "accel") == 0;
}

enum sl_err config_parse(struct config *cfg, const char *source, const char *p, size_t len, bool words)
{
	if (len >= 3 && memcmp(p, "\xef\xbb\xbf", 3) == 0) /* a byte order mark some editors leave */
		p += 3, len -= 3;
	struct cursor at = {source, 1, 1};
	for (size_t next; len; p += next, len -= next, at.line++) {
		size_t end = line_length(p, len, &next);
		for (size_t i = 0; i < end;) {
			while (i < end && blank(p[i]))
				i++;
			size_t from = i;
			i = words ? i : end;
			while (words && i < end && !blank(p[i]))
				i++;
			size_t to = i;
			while (to > from && blank(p[to - 1]))
				to--;
			if (to > from)
				entry(cfg, &at, (struct word){p + from, to - from, (uint32_t)from + 1});
		}
	}
	return cfg->error.line ? SL_CONFIG : SL_OK;
}

#include "boot/config.h"
#include "kernel/addr.h"
#include "kernel/fmt.h"
#include "kernel/str.h"
#include "kernel/uart.h"

struct cursor {
	const char *source;
	uint32_t line;
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
	uint64_t x = 0; /* too large, it stays so */
	bool good = v.n > 0;
	for (size_t i = 0; good && i < v.n; i++) {
		good = v.p[i] >= '0' && v.p[i] <= '9';
		x = x > UINT32_MAX ? x : x * 10 + (uint64_t)(v.p[i] - '0');
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
	char list[128] = "";
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

static bool starts(struct word w, const char *s)
{
	return w.n >= strlen(s) && memcmp(w.p, s, strlen(s)) == 0;
}

/* 0xHEX, at most 64 bits. */
static bool hex(struct word w, uint64_t *out)
{
	bool good = (starts(w, "0x") || starts(w, "0X")) && w.n > 2 && w.n <= 18;
	*out = 0;
	for (size_t i = 2; good && i < w.n; i++) {
		char c = w.p[i] >= 'A' && w.p[i] <= 'F' ? (char)(w.p[i] + 'a' - 'A') : w.p[i];
		good = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
		*out = *out << 4 | (uint64_t)(c <= '9' ? c - '0' : c - 'a' + 10);
	}
	return good;
}

/* The address of a unit's registers, "0xfed90000": whole pages. 0 when it is none. */
static uint64_t unit_address(struct word v)
{
	uint64_t x;
	return hex(v, &x) && IS_ALIGNED(x, PAGE_SIZE) ? x : 0;
}

/* What follows "on," in iommu=on,igfx_off,skip=0xfed90000 */
static void unit_option(struct config *cfg, const struct cursor *at, struct word v)
{
	size_t n = strlen("skip=");
	if (is(v, "igfx_off")) {
		cfg->iommu_igfx_off = 1;
		return;
	}
	uint64_t base = starts(v, "skip=") ? unit_address((struct word){v.p + n, v.n - n, 0}) : 0;
	if (!base)
		fail(cfg, at, v.col,
		     "iommu: %s is not known (want igfx_off, or skip= and the address of a unit: skip=0xfed90000)",
		     show(v).s);
	else if (cfg->iommu_skips == CONFIG_SKIPS)
		fail(cfg, at, v.col, "iommu: %s is one too many: at most %u units can be left as they are",
		     show(v).s, CONFIG_SKIPS);
	else
		cfg->iommu_skip[cfg->iommu_skips++] = base;
}

/* Cuts off n bytes, and what stands before them. */
static struct word cut(struct word *rest, size_t before, size_t n)
{
	struct word w = {rest->p + before, n, rest->col + (uint32_t)before};
	*rest = (struct word){w.p + n, rest->n - before - n, w.col + (uint32_t)n};
	return w;
}

/* Cuts off what stands before the next comma, with the comma. */
static struct word comma(struct word *rest)
{
	size_t n = 0;
	while (n < rest->n && rest->p[n] != ',')
		n++;
	struct word w = cut(rest, 0, n < rest->n ? n + 1 : n);
	w.n = n;
	return w;
}

/* A key: how its value is read, into which member, and what it may be. */
struct option {
	const char *key;
	void (*read)(struct config *cfg, const struct cursor *at, const struct option *o, struct word v);
	size_t member;
	uint32_t min, max; /* of a number */
	const char *const *names;
	unsigned count; /* of names */
};

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

static bool add_console(struct config *cfg, const struct cursor *at, struct word v)
{
	if (cfg->consoles == CONFIG_CONSOLES) {
		fail(cfg, at, v.col, "console= names more than %u UARTs", CONFIG_CONSOLES);
		return false;
	}
	if (!console_of(v, &cfg->console[cfg->consoles])) {
		fail(cfg, at, v.col,
		     "console=%s is not known (want com1 to com4, a port such as 0x2f8, mmio:0xADDRESS or mmio32:0xADDRESS)",
		     show(v).s);
		return false;
	}
	cfg->consoles++;
	return true;
}

/* A list with commas; it replaces an earlier one. */
static void read_console(struct config *cfg, const struct cursor *at, const struct option *o, struct word v)
{
	(void)o;
	cfg->consoles = 0;
	for (bool more = true; more;) {
		size_t n = v.n;
		struct word one = comma(&v);
		more = add_console(cfg, at, one) && one.n < n;
	}
}

static uint32_t *member(struct config *cfg, const struct option *o)
{
	return (uint32_t *)(void *)((char *)cfg + o->member);
}

static void read_number(struct config *cfg, const struct cursor *at, const struct option *o, struct word v)
{
	number(cfg, at, o->key, v, o->min, o->max, member(cfg, o));
}

/* Whole pages: a request's buffer begins on one. */
static void read_pages(struct config *cfg, const struct cursor *at, const struct option *o, struct word v)
{
	uint32_t *bytes = member(cfg, o);
	number(cfg, at, o->key, v, o->min, o->max, bytes);
	if (!IS_ALIGNED(*bytes, PAGE_SIZE)) {
		fail(cfg, at, v.col, "%s=%s is not a multiple of 4096", o->key, show(v).s);
		*bytes = o->min;
	}
}

/* The member becomes the number of the name, from 0. */
static void read_choice(struct config *cfg, const struct cursor *at, const struct option *o, struct word v)
{
	choice(cfg, at, o->key, v, o->names, o->count, member(cfg, o));
}

/* The member becomes the number that the name is. */
static void read_digits(struct config *cfg, const struct cursor *at, const struct option *o, struct word v)
{
	uint32_t i = UINT32_MAX;
	choice(cfg, at, o->key, v, o->names, o->count, &i);
	if (i < o->count)
		number(cfg, at, o->key, v, 0, UINT32_MAX, member(cfg, o));
}

/* A word of printable ASCII, kept as it is. */
static void read_text(struct config *cfg, const struct cursor *at, const struct option *o, struct word v,
		      char *out, size_t room)
{
	bool good = v.n < room;
	for (size_t i = 0; good && i < v.n; i++)
		good = v.p[i] > ' ' && v.p[i] < 0x7f;
	if (!good) {
		fail(cfg, at, v.col, "%s=%s is too long or not plain ASCII (at most %u characters)", o->key,
		     show(v).s, (unsigned)room - 1);
		return;
	}
	memcpy(out, v.p, v.n);
	out[v.n] = 0;
}

static void read_scratch(struct config *cfg, const struct cursor *at, const struct option *o, struct word v)
{
	read_text(cfg, at, o, v, cfg->scratch, sizeof cfg->scratch);
}

static void read_address(struct config *cfg, const struct cursor *at, const struct option *o, struct word v)
{
	read_text(cfg, at, o, v, cfg->address, sizeof cfg->address);
}

static void read_peer(struct config *cfg, const struct cursor *at, const struct option *o, struct word v)
{
	read_text(cfg, at, o, v, cfg->peer, sizeof cfg->peer);
}

static void read_log(struct config *cfg, const struct cursor *at, const struct option *o, struct word v)
{
	read_text(cfg, at, o, v, cfg->log, sizeof cfg->log);
}

static void read_iommu(struct config *cfg, const struct cursor *at, const struct option *o, struct word v)
{
	cfg->iommu_igfx_off = cfg->iommu_skips = 0;
	read_choice(cfg, at, o, comma(&v));
	while (v.n)
		unit_option(cfg, at, comma(&v));
}

/* Hexadecimal digits, at most as many as fit into max; what follows them stays in *w. */
static bool hex_part(struct word *w, uint32_t max, uint32_t *out)
{
	size_t n = 0;
	*out = 0;
	for (; n < w->n && *out <= max; n++) {
		char c = w->p[n] >= 'A' && w->p[n] <= 'F' ? (char)(w->p[n] + 'a' - 'A') : w->p[n];
		if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f')))
			break;
		*out = *out << 4 | (uint32_t)(c <= '9' ? c - '0' : c - 'a' + 10);
	}
	bool good = n && *out <= max;
	w->p += n;
	w->n -= n;
	return good;
}

static bool skip(struct word *w, char c)
{
	if (!w->n || *w->p != c)
		return false;
	w->p++;
	w->n--;
	return true;
}

/* "00:1f.2", "0000:00:1f.2" */
static bool function_of(struct word w, bdf_t *out)
{
	uint32_t seg = 0, bus, dev, fn;
	if (!hex_part(&w, 0xffff, &bus) || !skip(&w, ':') || !hex_part(&w, 0xff, &dev))
		return false;
	if (skip(&w, ':')) {
		seg = bus;
		bus = dev;
		if (!hex_part(&w, 0xff, &dev))
			return false;
	}
	bool good = skip(&w, '.') && hex_part(&w, 7, &fn) && !w.n && bus <= 0xff && dev <= 0x1f;
	if (good)
		*out = bdf_make(seg, bus, dev, fn);
	return good;
}

/* A word, or a list of functions; it replaces an earlier one. */
static void read_prove(struct config *cfg, const struct cursor *at, const struct option *o, struct word v)
{
	cfg->provers = 0;
	for (unsigned i = 0; i < o->count; i++)
		if (is(v, o->names[i])) {
			cfg->prove = i;
			return;
		}
	cfg->prove = PROVE_LISTED;
	do {
		struct word one = comma(&v);
		if (cfg->provers == CONFIG_PROVERS)
			fail(cfg, at, one.col, "prove= names more than %u functions", CONFIG_PROVERS);
		else if (!function_of(one, &cfg->prover[cfg->provers]))
			fail(cfg, at, one.col,
			     "prove=%s is not known (want safe, all, none, or functions such as 00:1f.2,00:1b.0)",
			     show(one).s);
		else
			cfg->provers++;
	} while (v.n && !cfg->error.line);
}

/* "rping", "ib_send_lat:18516", or a list of them; it replaces an earlier one. */
static void read_client(struct config *cfg, const struct cursor *at, const struct option *o, struct word v)
{
	static const char *const names[] = {CONFIG_CLIENTS(CONFIG_WORD)};
	cfg->clients = 0;
	for (bool more = true; more && !cfg->error.line;) {
		size_t n = v.n;
		struct word rest = comma(&v), name = {rest.p, 0, rest.col};
		more = rest.n < n;
		if (cfg->clients == CONFIG_PROGRAMS) {
			fail(cfg, at, rest.col, "client= names more than %u programs", CONFIG_PROGRAMS);
			return;
		}
		struct config_client *c = &cfg->client[cfg->clients++];
		while (name.n < rest.n && rest.p[name.n] != ':')
			name.n++;
		bool port = name.n < rest.n;
		struct word digits = cut(&rest, name.n + port, rest.n - name.n - port);
		c->port = 0;
		choice(cfg, at, o->key, name, names, ARRAY_LEN(names), &c->program);
		if (port)
			number(cfg, at, "client: port", digits, 1, UINT16_MAX, &c->port);
	}
}

#define LIST(key, list, ...) static const char *const key##_words[] = {list(CONFIG_WORD)};
#define NONE(...)
CONFIG_KEYS(LIST, LIST, LIST, NONE, NONE, NONE)

#define KEY(name, function)            .key = #name, .read = (function), .member = offsetof(struct config, name)
#define NAMES(name, function)          {KEY(name, function), .names = name##_words, .count = ARRAY_LEN(name##_words)},
#define WORDS(name, ...)               NAMES(name, read_choice)
#define EXTEND(name, ...)              NAMES(name, read_##name)
#define DIGITS(name, ...)              NAMES(name, read_digits)
#define NUMBER(name, least, most, ...) {KEY(name, read_number), .min = (least), .max = (most)},
#define PAGES(name, least, most, ...)  {KEY(name, read_pages), .min = (least), .max = (most)},
#define OTHER(name, ...)               {KEY(name, read_##name)},

static const struct option options[] = {CONFIG_KEYS(WORDS, EXTEND, DIGITS, NUMBER, PAGES, OTHER)};

/* Sets an option. Of a VF's queue pairs only the first has an interrupt. */
static void set(struct config *cfg, const struct cursor *at, const struct option *o, struct word v)
{
	if (v.n && (*v.p == '"' || *v.p == '\'')) {
		fail(cfg, at, v.col, "%s=%s: remove the quotation marks", o->key, show(v).s);
		return;
	}
	o->read(cfg, at, o, v);
	if (cfg->mode != WAIT_POLL && cfg->queues > 1)
		fail(cfg, at, v.col, "mode=irq and mode=adaptive work with queues=1 only");
}

/* Notes a key that the text has had before. What may be overwritten must not depend on which line is last. */
static void note_again(struct config *cfg, const struct cursor *at, const struct option *o, struct word k)
{
	uint64_t bit = BIT(o - options);
	if (!(cfg->seen & bit)) {
		cfg->seen |= bit;
	} else if (o->member == offsetof(struct config, scratch)) {
		fail(cfg, at, k.col,
		     "a second scratch=: keep the line of the one controller that may be overwritten");
	} else if (cfg->repeats < CONFIG_REPEATS) {
		struct config_repeat *r = &cfg->repeat[cfg->repeats++];
		r->line = at->line;
		fmt_print(r->source, sizeof r->source, "%s", at->source);
		fmt_print(r->key, sizeof r->key, "%s", o->key);
	}
}

static void option(struct config *cfg, const struct cursor *at, struct word k, struct word v)
{
	char list[256] = "";
	for (unsigned i = 0; i < ARRAY_LEN(options); i++) {
		if (is(k, options[i].key)) {
			note_again(cfg, at, &options[i], k);
			set(cfg, at, &options[i], v);
			return;
		}
		size_t used = strlen(list);
		fmt_print(list + used, sizeof list - used, " %s", options[i].key);
	}
	fail(cfg, at, k.col, "%s is not a key (keys:%s)", show(k).s, list);
}

static bool blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == 0;
}

/* One "key=value", blanks around it already gone: the key has a byte that is none. */
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
	while (blank(k.p[k.n - 1]))
		k.n--;
	while (v.n && blank(*v.p))
		v.p++, v.n--, v.col++;
	option(cfg, at, k, v);
}

/* Cuts a line off, with its newline. What is returned ends at '#' or at the newline. */
static struct word next_line(struct word *rest)
{
	size_t n = 0;
	while (n < rest->n && rest->p[n] != '\n')
		n++;
	struct word line = cut(rest, 0, n < rest->n ? n + 1 : n);
	for (line.n = 0; line.n < n && line.p[line.n] != '#';)
		line.n++;
	line.col = 1;
	return line;
}

/* Cuts off what stands between blanks, or all but the blanks around it. Of no length: nothing is left. */
static struct word next_word(struct word *line, bool words)
{
	size_t from = 0;
	while (from < line->n && blank(line->p[from]))
		from++;
	size_t n = words ? 0 : line->n - from;
	while (words && from + n < line->n && !blank(line->p[from + n]))
		n++;
	struct word w = cut(line, from, n);
	while (w.n && blank(w.p[w.n - 1]))
		w.n--;
	return w;
}

#define DEFAULT(name, list, value, ...)               .name = (value),
#define DEFAULT_NUMBER(name, least, most, value, ...) .name = (value),

void config_defaults(struct config *cfg)
{
	*cfg = (struct config){CONFIG_KEYS(DEFAULT, DEFAULT, NONE, DEFAULT_NUMBER, DEFAULT_NUMBER, NONE)};
}

/* Text in which every other byte is 0, as some editors of Windows save it, with or without its mark. */
static bool is_utf16(const char *p, size_t len)
{
	return len >= 2 &&
	       (memcmp(p, "\xff\xfe", 2) == 0 || memcmp(p, "\xfe\xff", 2) == 0 || (!p[0] != !p[1]));
}

static void end_word(struct config *cfg, struct word w)
{
	static const char *const ends[] = {CONFIG_ENDS(CONFIG_WORD)};
	for (unsigned i = 0; starts(w, "end=") && i < ARRAY_LEN(ends); i++)
		if (is((struct word){w.p + 4, w.n - 4, 0}, ends[i]))
			cfg->end = i;
}

/* The end= of a text with a mistake, wherever it stands, so that an unattended machine ends its run: in
 * UTF-16, or on a line with other options. */
static void find_end(struct config *cfg, const char *p, size_t len)
{
	char word[16];
	struct word w = {word, 0, 0};
	bool comment = false;
	for (size_t i = 0; i <= len; i++) {
		char c = i < len ? p[i] : '\n';
		if (c == 0 || c & 0x80) /* of UTF-16 */
			continue;
		if (blank(c) || c == '\n' || c == '#') {
			end_word(cfg, w);
			w.n = 0;
			comment = c == '#' || (comment && c != '\n');
		} else if (!comment && w.n < sizeof word) {
			word[w.n++] = c;
		}
	}
}

static void parse_lines(struct config *cfg, const char *source, const char *p, size_t len, bool words)
{
	struct word rest = {p, len, 1}, line, w;
	struct cursor at = {source, 1};
	if (is_utf16(p, len)) {
		fail(cfg, &at, 1, "the file is UTF-16 text: save it as plain text (ASCII or UTF-8)");
		return;
	}
	for (; rest.n; at.line++) {
		line = next_line(&rest);
		while ((w = next_word(&line, words)).n)
			entry(cfg, &at, w);
	}
}

enum sl_err config_parse(struct config *cfg, const char *source, const char *p, size_t len, bool words)
{
	bool failed = cfg->error.line != 0;
	if (len >= 3 && memcmp(p, "\xef\xbb\xbf", 3) == 0) /* a byte order mark some editors leave */
		p += 3, len -= 3;
	cfg->seen = 0;
	if (len > CONFIG_FILE_MAX) {
		fail(cfg, &(struct cursor){source, 1}, 1,
		     "the file is longer than %u bytes: what follows them is not read", CONFIG_FILE_MAX);
		len = CONFIG_FILE_MAX;
	}
	parse_lines(cfg, source, p, len, words);
	if (cfg->error.line && !failed)
		find_end(cfg, p, len);
	return cfg->error.line ? SL_CONFIG : SL_OK;
}

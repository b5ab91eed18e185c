/* clang-format off */
/* sluice.cfg: what each option means, values of up to SIZE bytes, keys of up to KEY, in every state of the options before
 * CHECKS: nothing outside is read or written; each option keeps to its range, also where a value is wrong; a key finds its own option or there is an error
 * SOURCES:
 * UNWIND: 13 --unwindset step.0:9,look_up.0:45,option.0:45,ended.0:13,choice.0:14,memcmp.0:13,strlen.0:14 --object-bits 11
 * CASES: 16
 * EDIT: boot/config.c | char list[128] | char list[3] | the list in a message is cut short
 * EDIT: boot/config.c | char list[256] | char list[3] | likewise
 * EDIT: boot/config.h | char scratch[24] | char scratch[6] | room for a short serial number
 * EDIT: boot/config.h | char address[96] | char address[6] | likewise
 * EDIT: boot/config.h | char log[72] | char log[6] | likewise
 * EDIT: boot/config.c | while (v.n)\n\t\tunit_option | if (v.n)\n\t\tunit_option | one step of a list, from any state
 * EDIT: boot/config.c | for (bool more = true; more;) | for (bool more = true; more; more = false) | likewise
 * EDIT: boot/config.c | for (bool more = true; more && !cfg->error.line;) | for (bool more = true; more; more = false) | likewise
 * EDIT: boot/config.c | \tcfg->clients = 0;\n\tfor | \tfor | likewise
 * EDIT: boot/config.c | \tcfg->provers = 0;\n\tfor | \tfor | likewise
 * EDIT: boot/config.c | \t} while (v.n && !cfg->error.line); | \t} while (0); | likewise
 * EDIT: boot/config.c | else if (!function_of(one, &cfg->prover | else if (!some_function(one, &cfg->prover | an address is read by itself
 * EDIT: boot/config.c | static void read_prove( | static bool some_function(struct word w, bdf_t *out);\nstatic void read_prove( | likewise
 * EDIT: boot/config.c | \t\t\tset(cfg, at, &options[i], v) | \t\t\tfound(cfg, at, &options[i], v) | a key is looked up by itself
 * EDIT: boot/config.c | static void option( | static void found(struct config *cfg, const struct cursor *at, const struct option *o, struct word v);\nstatic void option( | likewise
 * SEED: boot/config.c | else if (x < min || x > max) | else if (x < min) | a number above its range is taken
 * SEED: boot/config.c | bool good = v.n < room; | bool good = v.n <= room; | a serial number takes the place of the NUL behind it
 * SEED: boot/config.c | if (cfg->consoles == CONFIG_CONSOLES) { | if (cfg->consoles > CONFIG_CONSOLES) { | one console more is kept than there is room for
 * SEED: boot/config.c | else if (cfg->iommu_skips == CONFIG_SKIPS) | else if (cfg->iommu_skips > CONFIG_SKIPS) | so is one unit
 * SEED: boot/config.c | if (cfg->clients == CONFIG_PROGRAMS) { | if (cfg->clients > CONFIG_PROGRAMS) { | so is one program of client=
 * SEED: boot/config.c | if (cfg->provers == CONFIG_PROVERS) | if (cfg->provers > CONFIG_PROVERS) | so is one function that may attack
 * SEED: boot/config.c | (out->mmio || out->addr <= 0xfff8) | (out->mmio || out->addr <= 0xffff) | a UART's ports go beyond the last
 * SEED: boot/config.c | *bytes = o->min; | ; | a block that is no whole page stays
 * SEED: boot/config.c | if (cfg->mode != WAIT_POLL && cfg->queues > 1) | if (cfg->mode == WAIT_IRQ && cfg->queues > 1) | interrupts go with several queues
 * SEED: boot/options.h | WORDS(access, CONFIG_ACCESSES, | WORDS(access, CONFIG_MODES, | an option takes the names of another
 * SEED: boot/config.c | return w.n == strlen(s) && memcmp | return w.n <= strlen(s) && memcmp | a key or a value may be cut short
 */
/* clang-format on */
#include "boot/config.c"
#include "tests/prove/prove.h"

#define KEY     8
#define KEY_LEN (CASE - 7)
#define SIZE    12

const uint16_t uart_coms[4] = {0x3f8, 0x2f8, 0x3e8, 0x2e8};

/* What fmt.h promises, with any text. */
int fmt_vprint(char *buf, size_t n, const char *fmt, va_list ap)
{
	(void)fmt, (void)ap;
	assert(n && __CPROVER_w_ok(buf, n));
	buf[0] = (char)any_u8();
	buf[n - 1] = 0;
	return (int)any_u32();
}

int fmt_print(char *buf, size_t n, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	int wanted = fmt_vprint(buf, n, fmt, ap);
	va_end(ap);
	return wanted;
}

/* What function_of() may do, which step() calls. */
static bool some_function(struct word w, bdf_t *out)
{
	(void)w;
	assert(__CPROVER_w_ok(out, sizeof *out));
	out->rid = (uint16_t)any_u32();
	return any_u32() & 1;
}

static bool ended(const char *s, size_t n)
{
	bool end = false;
	for (size_t i = 0; i < n; i++)
		end = end || !s[i];
	return end;
}

static bool uart_ok(const struct acpi_uart *u)
{
	return u->addr && (u->stride == 1 || (u->stride == 4 && u->mmio)) &&
	       (u->addr & (u->stride - 1u)) == 0 && (u->mmio || u->addr <= 0xfff8);
}

static bool client_ok(const struct config *c, unsigned i)
{
	return i >= c->clients || c->error.line ||
	       (c->client[i].program <= CLIENT_SEND_LAT && c->client[i].port <= UINT16_MAX);
}

static bool sound(const struct config *c)
{
	return c->vfs >= 1 && c->vfs <= 64 && c->queues >= 1 && c->queues <= 3 && c->qd >= 1 &&
	       c->qd <= 256 && c->seconds >= 1 && c->seconds <= 86400 && c->passes >= 1 &&
	       c->passes <= 1000000 && c->ops >= 1 && c->ops <= 1000000000 && c->ms >= 1 && c->ms <= 60000 &&
	       c->batch <= 256 && c->writes <= 100 && c->seed >= 1 && c->block >= 4096 &&
	       c->block <= 131072 && (c->block & 4095) == 0 && c->device <= DEVICE_DSA && c->mailbox <= 1 &&
	       c->app <= APP_RDMA && c->tables <= TABLES_SCALABLE && c->access <= ACCESS_READ &&
	       c->mode <= WAIT_ADAPTIVE && (c->mode == WAIT_POLL || c->queues == 1 || c->error.line) &&
	       c->end <= END_QEMU && c->term <= TERM_DUMB && c->order <= ORDER_SEQ &&
	       c->doorbell <= DOORBELL_SHADOW && c->iommu <= CONFIG_IOMMU_PT && c->json <= 1 &&
	       c->keep <= 1 && c->menu <= 60 && c->screen <= 1 && c->remember <= 1 && c->privacy <= 1 &&
	       c->overwrite <= 1 && c->usb <= USB_OFF && c->prove <= PROVE_LISTED &&
	       c->provers <= CONFIG_PROVERS && c->iommu_igfx_off <= 1 &&
	       (c->gen == 0 || c->gen == 2 || c->gen == 4) &&
	       (c->baud == 0 || c->baud == 9600 || c->baud == 19200 || c->baud == 38400 || c->baud == 57600 ||
		c->baud == 115200) &&
	       c->iommu_skips <= CONFIG_SKIPS && c->consoles <= CONFIG_CONSOLES &&
	       c->clients <= CONFIG_PROGRAMS && ended(c->scratch, sizeof c->scratch) &&
	       ended(c->address, sizeof c->address) && ended(c->log, sizeof c->log);
}

static unsigned picked = ARRAY_LEN(options);

static void found(struct config *cfg, const struct cursor *at, const struct option *o, struct word v)
{
	(void)cfg, (void)at, (void)v;
	assert(picked == ARRAY_LEN(options));
	picked = (unsigned)(o - options);
}

static bool same(struct word k, const char *name)
{
	size_t n = strlen(name);
	return k.n == n && memcmp(k.p, name, n) == 0;
}

static void look_up(struct config *cfg, const struct cursor *at, struct word v)
{
	uint8_t key[KEY];
	struct word k = {(const char *)key + KEY - KEY_LEN, KEY_LEN, any_u32()};
	unsigned its = ARRAY_LEN(options);
	for (unsigned o = 0; o < ARRAY_LEN(options); o++)
		its = its == ARRAY_LEN(options) && same(k, options[o].key) ? o : its;
	option(cfg, at, k, v);
	assert(picked == its && (its < ARRAY_LEN(options) || cfg->error.line));
}

static void cut_one(struct word v)
{
	struct word rest = v, w = comma(&rest);
	assert(w.p == v.p && w.n <= v.n && rest.p + rest.n == v.p + v.n);
	assert(rest.n == v.n - w.n - (w.n < v.n) && (rest.n < v.n || !v.n));
	assert(w.n == v.n || v.p[w.n] == ',');
}

/* CASE 0 to 5: a sixth of the options each; 6: one step of a list, a function's address; 7 to 15: how a key
 * of 0 to 8 bytes is looked up. */
static void step(struct config *cfg, const struct cursor *at, struct word v)
{
	bdf_t fn;
	unsigned which = any_u32();
	for (unsigned o = CASE; CASE < 6 && o < ARRAY_LEN(options); o += 6)
		if (which == o)
			set(cfg, at, &options[o], v);
	if (CASE < 6)
		return;
	if (CASE >= 7)
		look_up(cfg, at, v);
	else if (which == 0)
		(void)add_console(cfg, at, v);
	else if (which == 1)
		unit_option(cfg, at, v);
	else if (which == 2)
		cut_one(v);
	else if (which == 3 && function_of(v, &fn))
		assert(v.n >= 5);
}

int main(void)
{
	struct config cfg;
	struct cursor at = {"x", any_u32()};
	ANY_SPAN(bytes, SIZE);
	struct word v = {(const char *)bytes.p, bytes.n, any_u32()};
	unsigned i = any_u32(), j = any_u32();
	assume(at.line && sound(&cfg) && i < CONFIG_SKIPS && i < CONFIG_CONSOLES);
	assume(i >= cfg.consoles || uart_ok(&cfg.console[i]));
	assume(j < CONFIG_PROGRAMS && client_ok(&cfg, j));
	assume(i >= cfg.iommu_skips || (cfg.iommu_skip[i] && (cfg.iommu_skip[i] & 0xfff) == 0));
	step(&cfg, &at, v);
	assert(sound(&cfg));
	assert(client_ok(&cfg, j));
	assert(i >= cfg.consoles || uart_ok(&cfg.console[i]));
	assert(i >= cfg.iommu_skips || (cfg.iommu_skip[i] && (cfg.iommu_skip[i] & 0xfff) == 0));
	return 0;
}

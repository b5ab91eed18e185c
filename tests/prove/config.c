/* clang-format off */
/* sluice.cfg: how a text of any content is cut, one step from any state: lines, words and options of up to SIZE bytes
 * CHECKS: nothing outside is read; each step takes something off; it leaves out blanks and comments alone; columns are right
 * SOURCES: kernel/str.c
 * UNWIND: 12
 * EDIT: boot/config.c | static void option(struct config *cfg, | static void option_seen(struct config *cfg, const struct cursor *at, struct word k, struct word v);\n#define option option_seen\nstatic inline void option_itself(struct config *cfg, | what an option means is for unit tests
 * SEED: boot/config.c | while (eq < w.n && w.p[eq] | while (w.p[eq] | a word without = is read past its end
 * SEED: boot/config.c | n < rest->n ? n + 1 : n);\n\tfor ( | n);\n\tfor ( | a newline is not taken off: the text does not end
 * SEED: boot/config.c | while (v.n && blank(*v.p)) | while (blank(*v.p)) | blanks before a value are skipped past its end
 * SEED: boot/config.c | rest->col + (uint32_t)before} | rest->col} | blanks before a word are not counted
 */
/* clang-format on */
#include "boot/config.c"
#include "tests/prove/prove.h"

#define SIZE 10

/* What fmt.h promises, with any text. */
int fmt_vprint(char *buf, size_t n, const char *fmt, va_list ap)
{
	(void)fmt, (void)ap;
	assert(n && __CPROVER_w_ok(buf, n));
	return (int)any_u32();
}

int fmt_print(char *buf, size_t n, const char *fmt, ...)
{
	(void)fmt;
	assert(n && __CPROVER_w_ok(buf, n));
	return (int)any_u32();
}

static struct span bytes_of(struct word w)
{
	return (struct span){(const uint8_t *)w.p, w.n};
}

/* b begins where it says in a, which its column agrees with, and ends inside. */
static bool part(struct word b, struct word a)
{
	return inside(bytes_of(b), bytes_of(a)) && b.col - a.col == (uint32_t)(b.p - a.p);
}

static unsigned seen;
static struct word key, value;

static void option_seen(struct config *cfg, const struct cursor *at, struct word k, struct word v)
{
	(void)cfg, (void)at;
	seen++;
	key = k;
	value = v;
}

static void one_line(struct word text, size_t i)
{
	struct word rest = text, line = next_line(&rest);
	size_t used = text.n - rest.n;
	assert(used && rest.p == text.p + used && line.p == text.p && line.n <= used && line.col == 1);
	assert(!rest.n || text.p[used - 1] == '\n');
	assert(i + 1 >= used || text.p[i] != '\n');
	assert(i >= line.n || (text.p[i] != '#' && text.p[i] != '\n'));
	assert(line.n == used || text.p[line.n] == '#' || (line.n == used - 1 && text.p[line.n] == '\n'));
}

static void one_word(struct word line, bool words, size_t i)
{
	struct word rest = line, w = next_word(&rest, words);
	assert(part(w, line) && part(rest, line) && rest.p + rest.n == line.p + line.n);
	if (!w.n) {
		assert(!rest.n && blank(line.p[i]));
		return;
	}
	size_t from = (size_t)(w.p - line.p), end = from + w.n;
	assert(rest.p >= w.p + w.n && !blank(w.p[0]) && !blank(w.p[w.n - 1]));
	assert((i >= from && (i < end || words)) || blank(line.p[i]));
	if (words)
		assert(rest.p == w.p + w.n && (i < from || i >= end || !blank(line.p[i])));
	else
		assert(!rest.n);
}

static void one_option(struct word w)
{
	struct config cfg;
	struct cursor at = {"x", any_u32()};
	assume(at.line);
	cfg.error.line = 0;
	entry(&cfg, &at, w);
	assert(seen + (cfg.error.line != 0) == 1);
	if (cfg.error.line)
		assert(cfg.error.line == at.line && cfg.error.col == w.col);
	else
		assert(key.p == w.p && part(key, w) && part(value, w) && key.n && !blank(key.p[key.n - 1]) &&
		       value.p > key.p + key.n - 1 && value.p + value.n == w.p + w.n &&
		       (!value.n || !blank(value.p[0])));
}

int main(void)
{
	ANY_SPAN(bytes, SIZE);
	struct word text = {(const char *)bytes.p, bytes.n, any_u32()};
	size_t i = any_size();
	unsigned kind = any_u32();
	assume(i < text.n && text.col <= 1u << 30);
	if (kind == 0)
		one_line(text, i);
	else if (kind == 1)
		one_word(text, any_bool(), i);
	else if (!blank(text.p[0]) && !blank(text.p[text.n - 1]))
		one_option(text);
	return 0;
}

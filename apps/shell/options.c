/* What can stand in sluice.cfg, and what this run has: from boot/options.h. */
#include "apps/shell/command.h"
#include "kernel/fmt.h"
#include "kernel/log.h"
#include "kernel/str.h"

enum kind { WORD, VALUE, TEXT, UNSEEN }; /* of a member of struct config */

struct option {
	const char *key, *help;
	const char *values; /* a comma and a blank behind each */
	const char *unset;  /* the default in words; NULL: it is the number initial */
	uint32_t initial;
	uint16_t member;
	uint8_t kind;
};

#define LISTED(name, word) word ", "
#define OPTION(name, what, k)                                                                                \
	.key = #name, .help = (what), .member = offsetof(struct config, name), .kind = (k)
#define OTHER_KIND(name)               (sizeof(((struct config *)0)->name[0]) == 1 ? TEXT : UNSEEN)
#define WORDS(name, list, first, help) {OPTION(name, help, WORD), .values = list(LISTED), .initial = (first)},
#define EXTEND(name, list, first, extra, help)                                                               \
	{OPTION(name, help, WORD), .values = list(LISTED) extra ", ", .initial = (first)},
#define DIGITS(name, list, none, help) {OPTION(name, help, VALUE), .values = list(LISTED), .unset = (none)},
#define NUMBER(name, least, most, first, help)                                                               \
	{OPTION(name, help, VALUE), .values = #least " to " #most ", ", .initial = (first)},
#define PAGES(name, least, most, first, help)                                                                \
	{OPTION(name, help, VALUE), .values = #least " to " #most " in steps of 4096, ", .initial = (first)},
#define OTHER(name, all, none, help)                                                                         \
	{OPTION(name, help, OTHER_KIND(name)), .values = all ", ", .unset = (none)},

static const struct option options[] = {CONFIG_KEYS(WORDS, EXTEND, DIGITS, NUMBER, PAGES, OTHER)};

/* A value as it stands in sluice.cfg. */
struct shown {
	char s[32];
};

static struct shown show_number(const struct option *o, uint32_t value)
{
	struct shown out;
	const char *word = o->values;
	int n = 0;
	if (o->kind != WORD) {
		fmt_print(out.s, sizeof out.s, "%u", value);
		return out;
	}
	for (; value; word++)
		value -= *word == ' ';
	while (word[n] != ',')
		n++;
	fmt_print(out.s, sizeof out.s, "%.*s", n, word);
	return out;
}

/* Empty: the option is not set, or has more than one value. */
static struct shown show_value(const struct option *o, const struct config *cfg)
{
	const char *member = (const char *)cfg + o->member;
	struct shown out = {""};
	uint32_t value;
	if (o->kind == TEXT)
		fmt_print(out.s, sizeof out.s, "%s", member[0] ? config_serial(cfg, member) : "");
	if (o->kind > VALUE)
		return out;
	memcpy(&value, member, sizeof value);
	return o->unset && !value ? out : show_number(o, value);
}

static void print_option(const struct option *o, const struct config *cfg)
{
	log_text("%s=%s\n   %s\n   %.*s (default: %s)\n", o->key, show_value(o, cfg).s, o->help,
		 (int)strlen(o->values) - 2, o->values, o->unset ? o->unset : show_number(o, o->initial).s);
}

static bool cmd_options(struct machine *m, unsigned n, char **word)
{
	const struct config *cfg = m->cfg;
	if (n > 2)
		return false;
	for (unsigned i = 0; i < ARRAY_LEN(options); i++) {
		const struct option *o = &options[i];
		if (n == 2 && strcmp(word[1], o->key) == 0) {
			print_option(o, cfg);
			return true;
		}
		if (n == 1)
			log_text("  %s=%-*s %s\n", o->key, 16 - (int)strlen(o->key), show_value(o, cfg).s,
				 o->help);
	}
	if (n == 2)
		log_text("%s is no option; options lists all\n", word[1]);
	return true;
}

const struct command options_commands[] = {
	{"options", "[KEY]", "the options of sluice.cfg, and what this run has", "options vfs", NULL,
	 TAKES_NOTHING, false, false, cmd_options},
	{0},
};

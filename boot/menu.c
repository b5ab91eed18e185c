#include "boot/menu.h"
#include "kernel/fmt.h"
#include "kernel/str.h"

enum { AS_CONFIGURED, EDIT = 6, ENTRIES };

static const struct {
	const char *words, *text;
	bool overwrites; /* nothing to do without scratch= */
} entries[ENTRIES] = {
	[AS_CONFIGURED] = {"", "start as configured", false},
	{"app=audit", "audit    what makes it unsafe to assign this machine's devices to others", false},
	{"app=tour", "tour     the demo with explanations", true},
	{"app=demo", "demo     VFs that work, and DMA attacks on them", true},
	{"app=isolate", "isolate  every forbidden DMA by every function that can do DMA", false},
	{"app=shell", "console  lspci, groups, iommu, walk ...", false},
	[EDIT] = {"", "edit options", false},
};

void menu_start(struct menu *m, const struct config *cfg)
{
	*m = (struct menu){.cfg = cfg, .seconds = cfg->menu, .counting = true};
}

static void edit(struct menu *m, const char *words, const char *says)
{
	m->state = MENU_EDIT;
	fmt_print(m->line, sizeof m->line, "%s", words);
	fmt_print(m->says, sizeof m->says, "%s", says);
	m->len = m->at = (unsigned)strlen(m->line);
}

static void choose(struct menu *m)
{
	char words[MENU_LINE];
	if (m->chosen == EDIT) {
		edit(m, "", "options, as in sluice.cfg, with blanks between them");
	} else if (entries[m->chosen].overwrites && !m->cfg->scratch[0] && !config_wants_qat(m->cfg)) {
		fmt_print(words, sizeof words, "%s scratch=", entries[m->chosen].words);
		edit(m, words, "serial number of the NVMe controller to use; ITS NAMESPACES ARE OVERWRITTEN");
	} else {
		fmt_print(m->line, sizeof m->line, "%s", entries[m->chosen].words);
		m->state = MENU_DONE;
	}
}

static void list_key(struct menu *m, unsigned key)
{
	if (key == MENU_UP)
		m->chosen = (m->chosen + ENTRIES - 1) % ENTRIES;
	else if (key == MENU_DOWN)
		m->chosen = (m->chosen + 1) % ENTRIES;
	else if (key == MENU_ENTER)
		choose(m);
	else if (key >= '1' && key < '1' + ENTRIES) {
		m->chosen = key - '1';
		choose(m);
	}
}

/* The line over the options as they are: as if it stood on the command line. */
static void check(struct menu *m)
{
	const struct config_error *e = &m->tried.error;
	m->tried = *m->cfg;
	if (config_parse(&m->tried, "menu", m->line, m->len, true) == SL_OK)
		m->state = MENU_DONE;
	else
		fmt_print(m->says, sizeof m->says, "%s:%u:%u: %s", e->source, e->line, e->col, e->text);
}

static void take_out(struct menu *m, unsigned at)
{
	memmove(m->line + at, m->line + at + 1, m->len - at);
	m->len--;
}

static void edit_key(struct menu *m, unsigned key)
{
	if (key == MENU_ENTER)
		check(m);
	else if (key == MENU_ESCAPE)
		m->state = MENU_LIST;
	else if (key == MENU_LEFT)
		m->at -= m->at > 0;
	else if (key == MENU_RIGHT)
		m->at += m->at < m->len;
	else if (key == MENU_HOME)
		m->at = 0;
	else if (key == MENU_END)
		m->at = m->len;
	else if (key == MENU_BACKSPACE && m->at)
		take_out(m, --m->at);
	else if (key == MENU_DELETE && m->at < m->len)
		take_out(m, m->at);
	else if (key >= ' ' && key < MENU_DELETE && m->len + 1 < MENU_LINE) {
		memmove(m->line + m->at + 1, m->line + m->at, m->len + 1 - m->at);
		m->line[m->at++] = (char)key;
		m->len++;
	}
}

void menu_key(struct menu *m, unsigned key)
{
	m->counting = false;
	m->seconds = MENU_IDLE;
	if (m->state == MENU_LIST)
		list_key(m, key);
	else if (m->state == MENU_EDIT)
		edit_key(m, key);
}

void menu_tick(struct menu *m)
{
	m->seconds -= m->seconds > 0;
	if (!m->seconds && m->state != MENU_DONE) {
		m->line[0] = 0;
		m->state = MENU_DONE;
	}
}

/* What is asked for or wrong, folded to rows. */
static bool says_row(const struct menu *m, unsigned row, char out[MENU_WIDTH + 1])
{
	size_t from = (size_t)row * (MENU_WIDTH - 2);
	if (from >= strlen(m->says) && row)
		return false;
	fmt_print(out, MENU_WIDTH + 1, "  %.*s", (int)MENU_WIDTH - 2, m->says + from);
	return true;
}

bool menu_row(const struct menu *m, unsigned row, char out[MENU_WIDTH + 1], bool *marked)
{
	*marked = false;
	out[0] = 0;
	if (m->state == MENU_EDIT)
		return says_row(m, row, out);
	if (row >= ENTRIES)
		return false;
	*marked = row == m->chosen;
	fmt_print(out, MENU_WIDTH + 1, row == AS_CONFIGURED ? "%c %u  %s: app=%s" : "%c %u  %s",
		  *marked ? '>' : ' ', row + 1, entries[row].text, config_app_name(m->cfg));
	return true;
}

void menu_last_row(const struct menu *m, unsigned width, char out[MENU_WIDTH + 1])
{
	if (width > MENU_WIDTH)
		width = MENU_WIDTH;
	if (m->state == MENU_EDIT) {
		/* The cursor is a '_' in the line, because not every console has one that can be placed. */
		unsigned room = width > 8 ? width - 4 : 4, from = m->at + 1 > room ? m->at + 1 - room : 0;
		fmt_print(out, width + 1, "> %.*s_%s", (int)(m->at - from), m->line + from, m->line + m->at);
	} else if (m->counting) {
		fmt_print(out, width + 1, "starts in %u s; any key stops that", m->seconds);
	} else {
		fmt_print(out, width + 1, "arrows and Enter, or a number");
	}
	size_t n = strlen(out); /* over what stood there before */
	memset(out + n, ' ', width - n);
	out[width] = 0;
}

/* lspci -t. */
#include <stdarg.h>
#include "kernel/fmt.h"
#include "kernel/log.h"
#include "pci/regs.h"
#include "pci/show_text.h"

/* ---- the tree ---- */

#define TREE_WIDTH 160u
#define TREE_DEPTH 24u

struct tree {
	const struct pci *pci;
	const struct show *how;
	char line[TREE_WIDTH + 1];
	unsigned depth;
};

static unsigned PRINTF_LIKE(3, 4) add(struct tree *t, unsigned at, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	int n = fmt_vprint(t->line + at, TREE_WIDTH + 1 - at, fmt, ap);
	va_end(ap);
	return n < 0 ? at : at + (unsigned)n > TREE_WIDTH ? TREE_WIDTH : at + (unsigned)n;
}

/* The line is done, with the name of its last function; branches that continue below stay as a bar. */
static void flush(struct tree *t, unsigned at, const struct pci_func *f)
{
	t->line[at] = 0;
	log_text("%s", t->line);
	if (f && t->how->verbose) {
		log_text("  ");
		show_names(f->vendor, f->device, t->how);
	}
	log_text("\n");
	for (unsigned i = 0; i < at; i++)
		t->line[i] = t->line[i] == '+' || t->line[i] == '|' ? '|' : ' ';
}

static void tree_below(struct tree *t, const struct pci_func *bridge, unsigned at);

static void tree_function(struct tree *t, const struct pci_func *f, unsigned at)
{
	at = add(t, at, "%02x.%x", bdf_dev(f->bdf), bdf_fn(f->bdf));
	if (!f->is_bridge || t->depth >= TREE_DEPTH) {
		flush(t, at, f);
		return;
	}
	uint8_t sec = fn_rd8(f, CFG_SEC), sub = fn_rd8(f, CFG_SUB);
	at = sec == sub ? add(t, at, "-[%02x]-", sec) : add(t, at, "-[%02x-%02x]-", sec, sub);
	t->depth++;
	tree_below(t, f, at);
	t->depth--;
}

static const struct pci_func *next_on(const struct tree *t, const struct pci_func *parent, int bus,
				      const struct pci_func *f)
{
	for (f = f ? TAILQ_NEXT(f, link) : TAILQ_FIRST(&t->pci->funcs); f; f = TAILQ_NEXT(f, link))
		if (f->parent == parent && (f->bdf.seg << 8 | bdf_bus(f->bdf)) == bus)
			return f;
	return NULL;
}

static void tree_bus(struct tree *t, const struct pci_func *parent, int bus, unsigned at)
{
	const struct pci_func *f = next_on(t, parent, bus, NULL), *next;
	if (!f) {
		flush(t, at, NULL);
		return;
	}
	bool only = !next_on(t, parent, bus, f);
	for (; f; f = next) {
		next = next_on(t, parent, bus, f);
		tree_function(t, f, add(t, at, only ? "--" : next ? "+-" : "\\-"));
	}
}

/* The lowest bus (with its segment above it) below a bridge, or among the roots, that is above from; -1 when
 * there is none. */
static int bus_after(const struct tree *t, const struct pci_func *bridge, int from)
{
	int found = bridge ? bridge->bdf.seg << 8 | fn_rd8(bridge, CFG_SEC) : -1;
	if (found <= from)
		found = -1;
	PCI_EACH(f, t->pci) {
		int bus = f->bdf.seg << 8 | bdf_bus(f->bdf);
		if (f->parent == bridge && bus > from && (found < 0 || bus < found))
			found = bus;
	}
	return found;
}

static void tree_below(struct tree *t, const struct pci_func *bridge, unsigned at)
{
	int bus = bus_after(t, bridge, -1);
	at = add(t, at, "-");
	if (bus_after(t, bridge, bus) < 0) {
		tree_bus(t, bridge, bus, bridge ? at : add(t, at, "[%04x:%02x]-", bus >> 8, bus & 0xff));
		return;
	}
	for (int next; bus >= 0; bus = next) {
		next = bus_after(t, bridge, bus);
		unsigned k = add(t, at, "%c-[%04x:%02x]-", next < 0 ? '\\' : '+', bus >> 8, bus & 0xff);
		tree_bus(t, bridge, bus, k);
	}
}

void show_tree(const struct pci *pci, const struct show *how)
{
	struct tree t = {.pci = pci, .how = how};
	tree_below(&t, NULL, 0);
}

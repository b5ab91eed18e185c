#include "apps/shell/names.h"
#include "apps/shell/words.h"
#include "kernel/fmt.h"
#include "kernel/log.h"

const char *function_name(bdf_t fn, char name[NAME_SIZE])
{
	fmt_print(name, NAME_SIZE, BDF_FMT, BDF_ARG(fn));
	return fn.seg ? name : name + 5;
}

struct pci_func *function_named(const struct machine *m, const char *word)
{
	bdf_t fn;
	struct pci_func *f = word_bdf(word, &fn) ? pci_find(&m->pci, fn) : NULL;
	if (!f)
		log_text("%s: there is no such function; lspci lists all\n", word);
	return f;
}

bool need_translation(const struct machine *m)
{
	if (!m->translating)
		log_text("translation is not on: %s\n",
			 m->cfg->iommu ? "the lines before the first prompt say why" : "iommu=off");
	return m->translating;
}

struct pci_func *pf_with_vfs(const struct machine *m)
{
	PCI_EACH(f, &m->pci)
		if (f->pf)
			return f->pf;
	return NULL;
}

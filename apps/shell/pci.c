/* Commands about PCI functions. */
#include "apps/shell/command.h"
#include "apps/shell/names.h"
#include "apps/shell/output.h"
#include "apps/bringup/groups.h"
#include "apps/shell/work.h"
#include "kernel/log.h"
#include "kernel/str.h"
#include "pci/groups.h"
#include "pci/show.h"
#include "pci/sriov.h"

struct lspci {
	struct show how;
	bool tree, chosen; /* chosen: not all functions */
	unsigned x;
	struct word_slot slot;
	struct word_id id;
};

/* A letter of an option; -s and -d take a value. */
static bool letter(struct lspci *l, char c)
{
	struct show *h = &l->how;
	switch (c) {
	case 't':
		l->tree = true;
		return true;
	case 'n':
		return ++h->numbers <= 2;
	case 'v':
		return ++h->verbose <= 3;
	case 'x':
		return ++l->x <= 4;
	case 'D':
		h->segments = true;
		return true;
	}
	return false;
}

/* Options as pciutils takes them, several letters in one word too; a word without - is a slot. */
static bool options(struct lspci *l, unsigned n, char **word)
{
	for (unsigned i = 1; i < n; i++) {
		const char *w = word[i];
		bool good = true;
		if (strcmp(w, "-s") == 0 || strcmp(w, "-d") == 0) {
			if (++i == n)
				return false;
			l->chosen = true;
			good = w[1] == 's' ? word_slot(word[i], &l->slot) : word_id(word[i], &l->id);
		} else if (*w != '-') {
			l->chosen = true;
			good = word_slot(w, &l->slot);
		} else {
			for (good = *++w; *w && good; w++)
				good = letter(l, *w);
		}
		if (!good)
			return false;
	}
	static const unsigned bytes[] = {0, 64, 64, 256, 4096};
	l->how.bytes = bytes[l->x];
	return !l->tree || !l->chosen;
}

static bool wanted(const struct lspci *l, const struct pci_func *f)
{
	return word_slot_has(&l->slot, f->bdf) && (l->id.vendor < 0 || l->id.vendor == f->vendor) &&
	       (l->id.device < 0 || l->id.device == f->device) &&
	       (l->id.class < 0 || (uint32_t)l->id.class == f->class >> 8);
}

static bool cmd_lspci(struct machine *m, unsigned n, char **word)
{
	struct lspci l = {.slot = {-1, -1, -1, -1}, .id = {-1, -1, -1}};
	if (!options(&l, n, word))
		return false;
	output_as_it_is();
	if (l.tree) {
		show_tree(&m->pci, &l.how);
		return true;
	}
	PCI_EACH(f, &m->pci)
		l.how.segments |= f->bdf.seg != 0;
	PCI_EACH(f, &m->pci)
		if (wanted(&l, f))
			show_function(f, &l.how);
	return true;
}

static bool cmd_groups(struct machine *m, unsigned n, char **word)
{
	const struct pci_func *f = n == 2 ? function_named(m, word[1]) : NULL;
	if (n > 2)
		return false;
	if (f)
		groups_print_of(m, f);
	else if (n == 1)
		groups_print(m);
	return true;
}

static void print_pf(const struct machine *m, const struct pci_func *pf)
{
	struct sriov s;
	char name[NAME_SIZE];
	if (sriov_read(&m->pci, pf, &s))
		return;
	log_text("%s: %u of %u VFs on; offset %u, stride %u; bus numbers reach for %u, addresses for %u\n",
		 function_name(pf->bdf, name), s.vf_enable ? s.num_vfs : 0, s.total_vfs, s.offset, s.stride,
		 s.reach, pf->vf_room);
}

static void switch_on(struct machine *m, struct pci_func *pf, const char *number)
{
	struct sriov s;
	uint32_t vfs;
	char name[NAME_SIZE];
	if (!word_decimal(number, 0xffff, &vfs)) {
		log_text("numvfs=%s is not a number\n", number);
		return;
	}
	if (!vfs) {
		log_text("numvfs=0: say off instead\n");
		return;
	}
	enum sl_err e = sriov_enable(&m->pci, pf, (uint16_t)vfs, &s);
	if (e) {
		log_text("no VFs: %s\n", sl_err_text(e));
		return;
	}
	groups_compute(&m->pci);
	print_pf(m, pf);
	for (uint16_t i = 0; i < s.num_vfs; i++) {
		const struct pci_func *vf = sriov_vf(&m->pci, pf, i);
		log_text("   VF %u: %s, group %u, in no domain: it reaches nothing\n", i,
			 function_name(vf->bdf, name), groups_of(vf));
	}
}

static void switch_off(struct machine *m, struct pci_func *pf)
{
	char name[NAME_SIZE];
	enum sl_err e = sriov_disable(&m->pci, pf);
	if (e == SL_NOTFOUND)
		log_text("%s has no VFs on\n", function_name(pf->bdf, name));
	else if (e)
		log_text("%s: %s\n", function_name(pf->bdf, name), sl_err_text(e));
	else
		log_text("%s: VFs off, NumVFs and VF BARs put back\n", function_name(pf->bdf, name));
	groups_compute(&m->pci);
}

static bool cmd_sriov(struct machine *m, unsigned n, char **word)
{
	unsigned pfs = 0;
	if (n == 1) {
		PCI_EACH(f, &m->pci)
			if (f->cap_sriov) {
				print_pf(m, f);
				pfs++;
			}
		if (!pfs)
			log_text("no function has SR-IOV\n");
		return true;
	}
	const char *number = n == 3 ? word_after(word[2], "numvfs=") : NULL;
	bool off = n == 3 && strcmp(word[2], "off") == 0;
	if (n != 3 || (!number && !off))
		return false;
	if (!work_idle())
		return true;
	struct pci_func *pf = function_named(m, word[1]);
	if (!pf)
		return true;
	if (!pf->cap_sriov)
		log_text("%s has no SR-IOV\n", word[1]);
	else if (off)
		switch_off(m, pf);
	else if (need_translation(m)) /* else VFs could do DMA to anywhere */
		switch_on(m, pf, number);
	return true;
}

const struct command pci_commands[] = {
	{"lspci", "[-t] [-n|-nn] [-v|-vv|-vvv] [-x|-xxx|-xxxx] [-D] [BDF | -s SLOT] [-d V:D]",
	 "the PCI functions, as pciutils shows them", "lspci -vv -s 01:00.0",
	 "-n -nn -t -tv -v -vv -vvv -x -xxx -xxxx -s -d -D", TAKES_FUNCTION, false, false, cmd_lspci},
	{"groups", "[BDF]", "which functions cannot be isolated from each other, and why", "groups 01:00.0",
	 NULL, TAKES_FUNCTION, false, false, cmd_groups},
	{"sriov", "[BDF numvfs=N | BDF off]", "VFs: how many each PF can have; enable, disable",
	 "sriov 01:00.0 numvfs=2", "numvfs= off", TAKES_PF, false, false, cmd_sriov},
	{0},
};

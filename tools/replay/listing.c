#include "listing.h"
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include "machine.h"
#include "pci/acs.h"
#include "pci/groups.h"
#include "pci/regs.h"

#define FUNCTIONS 4096u
#define LISTS     4u
#define NO_GROUP  UINT_MAX

#define CLASS_IOMMU 0x0806

enum { KIND_UNKNOWN = 0xfe }; /* beside enum pci_port_type */
enum { HDR_OF_VF = 0x7f };    /* as kernels print it: the register of a VF reads all ones */

struct entry {
	bdf_t bdf;
	unsigned domain; /* Linux's, of which bdf has 16 bits */
	uint16_t vendor, device;
	uint32_t class;
	uint8_t hdr, kind, sec, sub;
	bool described, buses; /* ids and class are known; buses below a bridge too */
	unsigned group[LISTS]; /* NO_GROUP: not in that list */
};

struct listing {
	struct entry *e;
	size_t n;
	unsigned lists;
	unsigned open;   /* group of a script's listing whose members come; NO_GROUP */
	unsigned domain; /* of the function that lspci's words are about; */
	bdf_t about;
	bool lspci; /* there is one */
};

/* ---- reading ---- */

static struct entry *entry_of(struct listing *l, unsigned domain, bdf_t bdf)
{
	for (size_t i = 0; i < l->n; i++)
		if (l->e[i].domain == domain && l->e[i].bdf.rid == bdf.rid)
			return &l->e[i];
	if (l->n == FUNCTIONS)
		return NULL;
	struct entry *e = &l->e[l->n++];
	*e = (struct entry){.bdf = bdf, .domain = domain, .kind = KIND_UNKNOWN};
	for (unsigned i = 0; i < LISTS; i++)
		e->group[i] = NO_GROUP;
	return e;
}

/* "0000:3b:00.1" or "3b:00.1" at the start of text; how many characters it has, 0 when it is none. */
static int name_at(const char *text, unsigned *domain, bdf_t *bdf)
{
	unsigned bus, dev, fn;
	int n = 0;
	if (sscanf(text, "%8x:%2x:%2x.%1x%n", domain, &bus, &dev, &fn, &n) != 4 || n == 0) {
		*domain = 0;
		n = 0;
		if (sscanf(text, "%2x:%2x.%1x%n", &bus, &dev, &fn, &n) != 3 || n == 0)
			return 0;
	}
	if (dev > 31 || fn > 7)
		return 0;
	*bdf = bdf_make(*domain & 0xffff, bus, dev, fn);
	return n;
}

static bool member(struct listing *l, unsigned domain, bdf_t bdf, unsigned group)
{
	struct entry *e = entry_of(l, domain, bdf);
	if (!e)
		return false;
	if (!l->lists)
		l->lists = 1;
	e->group[l->lists - 1] = group;
	return true;
}

/* A bridge is known by its class, where nothing says more. */
static void describe(struct entry *e, unsigned class, unsigned vendor, unsigned device)
{
	e->class = class;
	e->vendor = (uint16_t)vendor;
	e->device = (uint16_t)device;
	e->hdr = class >> 8 == 0x0604;
	e->described = true;
}

/* "3: 0000:00:1f.0 1f:00.2(0601 8086:8d47)" */
static bool read_group(struct listing *l, const char *line)
{
	unsigned group, domain;
	bdf_t bdf;
	int n = 0;
	if (sscanf(line, "%u:%n", &group, &n) != 1 || n == 0 || line[n] != ' ')
		return false;
	for (line += n; (line = strchr(line, ' '));) {
		n = name_at(++line, &domain, &bdf);
		if (n == 0 || !member(l, domain, bdf, group))
			continue;
		struct entry *e = entry_of(l, domain, bdf);
		unsigned class, vendor, device;
		if (sscanf(line + n, "(%4x %4x:%4x)", &class, &vendor, &device) == 3)
			describe(e, class << 8, vendor, device);
	}
	return true;
}

static uint8_t kind_named(const char *text)
{
	static const struct {
		const char *name;
		uint8_t kind;
	} kinds[] = {
		{"conventional PCI endpoint", PCI_PORT_CONVENTIONAL},
		{"conventional PCI bridge", PCI_PORT_CONVENTIONAL},
		{"PCIe Endpoint", PCI_PORT_ENDPOINT},
		{"PCIe Legacy Endpoint", PCI_PORT_LEGACY_ENDPOINT},
		{"PCIe Root Port", PCI_PORT_ROOT},
		{"PCIe Switch Upstream Port", PCI_PORT_UPSTREAM},
		{"PCIe Switch Downstream Port", PCI_PORT_DOWNSTREAM},
		{"PCIe to PCI/PCI-X bridge", PCI_PORT_PCIE_TO_PCI},
		{"PCI/PCI-X to PCIe bridge", PCI_PORT_PCI_TO_PCIE},
		{"PCIe Root Complex Integrated Endpoint", PCI_PORT_RC_ENDPOINT},
		{"PCIe Root Complex Event Collector", PCI_PORT_RC_EVENTS},
	};
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		if (strstr(text, kinds[i].name))
			return kinds[i].kind;
	return KIND_UNKNOWN;
}

/* "0000:00:1c.0 8086:a110 01 0x060400 [PCIe Root Port] 15-15" */
static bool read_function(struct listing *l, const char *line)
{
	unsigned domain, vendor, device, hdr, class, sec = 0, sub = 0;
	bdf_t bdf;
	int n = name_at(line, &domain, &bdf), k = 0;
	if (n == 0 || sscanf(line + n, " %4x:%4x %2x 0x%6x%n", &vendor, &device, &hdr, &class, &k) != 4)
		return false;
	struct entry *e = entry_of(l, domain, bdf);
	if (!e)
		return true;
	line += n + k;
	e->kind = kind_named(line);
	const char *buses = strrchr(line, ' ');
	if (hdr == 1 && buses && sscanf(buses, " %2x-%2x", &sec, &sub) == 2) {
		e->sec = (uint8_t)sec;
		e->sub = (uint8_t)sub;
	}
	describe(e, class, vendor, device);
	e->hdr = (uint8_t)hdr;
	e->buses = true;
	return true;
}

static bool read_path(struct listing *l, const char *line)
{
	unsigned group, domain;
	bdf_t bdf;
	int n = 0;
	const char *at = strstr(line, "iommu_groups/");
	if (!at || sscanf(at, "iommu_groups/%u/devices/%n", &group, &n) != 1 || n == 0)
		return false;
	return name_at(at + n, &domain, &bdf) && member(l, domain, bdf, group);
}

/* "dmar0 50 0000:97:00.4 0807 8086:0b23" */
static bool read_unit(struct listing *l, const char *line)
{
	unsigned group, domain, class = 0, vendor = 0, device = 0;
	bdf_t bdf;
	int n = 0;
	if (sscanf(line, "dmar%*u %u %n", &group, &n) != 1 || n == 0 || !name_at(line + n, &domain, &bdf) ||
	    !member(l, domain, bdf, group))
		return false;
	struct entry *e = entry_of(l, domain, bdf);
	if (sscanf(line + n, "%*s %4x %4x:%4x", &class, &vendor, &device) == 3)
		describe(e, class << 8, vendor, device);
	return true;
}

/* ---- a kernel's log ---- */

/* The name that ends right before `at`, as in "[    0.1] pci 0000:00:1c.0: ..."; from the blank before it. */
static int name_before(const char *line, const char *at, unsigned *domain, bdf_t *bdf)
{
	const char *from = at;
	while (from > line && from[-1] != ' ')
		from--;
	int n = name_at(from, domain, bdf);
	return n && from + n == at ? n : 0;
}

static bool read_log_group(struct listing *l, const char *line)
{
	static const char now[] = ": Adding to iommu group ", gone[] = ": Removing from iommu group ",
			  old[] = "Adding device ";
	unsigned group, domain;
	bdf_t bdf;
	int n = 0;
	const char *at = strstr(line, now);
	if (at && name_before(line, at, &domain, &bdf) && sscanf(at + sizeof(now) - 1, "%u", &group) == 1)
		return member(l, domain, bdf, group);
	if ((at = strstr(line, gone)) && name_before(line, at, &domain, &bdf))
		return member(l, domain, bdf, NO_GROUP);
	at = strstr(line, old);
	if (at && (n = name_at(at + sizeof(old) - 1, &domain, &bdf)) &&
	    sscanf(at + sizeof(old) - 1 + n, " to group %u", &group) == 1)
		return member(l, domain, bdf, group);
	return false;
}

/* "pci 0000:00:1c.0: [8086:a110] type 01 class 0x060400 PCIe Root Port" */
static bool read_log_function(struct listing *l, const char *line)
{
	unsigned domain, vendor, device, hdr, class;
	bdf_t bdf;
	const char *at = strstr(line, ": [");
	if (!at || !name_before(line, at, &domain, &bdf) ||
	    sscanf(at, ": [%4x:%4x] type %2x class 0x%6x", &vendor, &device, &hdr, &class) != 4)
		return false;
	struct entry *e = entry_of(l, domain, bdf);
	if (!e)
		return true;
	describe(e, class, vendor, device);
	e->hdr = (uint8_t)hdr;
	e->kind = kind_named(at);
	e->buses = true;
	return true;
}

/* "pci 0000:00:1c.0: PCI bridge to [bus 15-16]"; the last one counts, as buses may be given anew. */
static bool read_log_bridge(struct listing *l, const char *line)
{
	static const char words[] = ": PCI bridge to [bus ";
	unsigned domain, sec, sub;
	bdf_t bdf;
	const char *at = strstr(line, words);
	if (!at || !name_before(line, at, &domain, &bdf))
		return false;
	int n = sscanf(at + sizeof(words) - 1, "%2x-%2x", &sec, &sub);
	struct entry *e = n < 1 ? NULL : entry_of(l, domain, bdf);
	if (e) {
		e->sec = (uint8_t)sec;
		e->sub = (uint8_t)(n == 2 ? sub : sec);
	}
	return true;
}

/* ---- what scripts print ---- */

/* "[0604]: Intel Corporation ... [8086:a110] (rev f1)", as lspci -nn has it behind the name of the class. */
static void describe_by_names(struct entry *e, const char *text)
{
	unsigned class = 0, vendor, device, v, d;
	const char *at = strstr(text, "]: ");
	bool ids = false;
	if (!at || at - text < 5 || sscanf(at - 5, "[%4x]:", &class) != 1)
		return;
	for (; (at = strchr(at, '[')); at++) {
		int n = 0;
		if (sscanf(at, "[%4x:%4x]%n", &v, &d, &n) == 2 && n == 11) {
			vendor = v;
			device = d;
			ids = true;
		}
	}
	if (ids)
		describe(e, class << 8, vendor, device);
}

/* The name in the line that comes first, whatever marks stand before it ("[R] [8086:191f] 00:00.0 Host
 * bridge"). */
static bool read_member(struct listing *l, const char *text)
{
	for (const char *word = text; *word; word += strcspn(word, " \t")) {
		unsigned domain;
		bdf_t bdf;
		word += strspn(word, " \t");
		int n = name_at(word, &domain, &bdf);
		if (n && (word[n] == 0 || strchr(" \t:\r", word[n]))) {
			if (!member(l, domain, bdf, l->open))
				return true;
			describe_by_names(entry_of(l, domain, bdf), word + n);
			return true;
		}
		if (*word != '[' && strncmp(word, "Device", 6) != 0 && *word != '*' && *word != '-')
			return false;
	}
	return false;
}

/* lspci -v: a function's line, and below it "\tIOMMU group: 3" or "\tFlags: bus master, fast devsel, IOMMU
 * group 3".
 */
static bool read_lspci(struct listing *l, const char *line)
{
	const char *at = line[0] == '\t' ? strstr(line, "IOMMU group") : NULL;
	unsigned group;
	int n = line[0] == '\t' ? 0 : name_at(line, &l->domain, &l->about);
	l->lspci = l->lspci ? n || line[0] == '\t' : n && line[n] == ' ';
	if (!l->lspci || !at || sscanf(at, "IOMMU group%*[ :]%u", &group) != 1)
		return false;
	return member(l, l->domain, l->about, group);
}

/* "IOMMU Group 3:" opens a group; members stand below it, or one behind it. */
static bool read_script(struct listing *l, const char *line)
{
	const char *at = strstr(line, "Group");
	unsigned group;
	int n = 0;
	at = at ? at : strstr(line, "group");
	size_t before = at ? (size_t)(at - line) : 0;
	if (at &&
	    (strspn(line, " \t#*") == before || !strncasecmp(line + strspn(line, " \t#*"), "iommu", 5)) &&
	    sscanf(at + 5, "%*[ :]%u%n", &group, &n) == 1 && n) {
		l->open = group;
		at += 5 + n;
		at += strspn(at, ":");
		(void)read_member(l, at);
		return true;
	}
	return l->open != NO_GROUP && read_member(l, line);
}

struct listing *listing_read(const char *text, size_t n)
{
	struct listing *l = calloc(1, sizeof(*l));
	if (!l || !(l->e = calloc(FUNCTIONS, sizeof(*l->e)))) {
		listing_free(l);
		return NULL;
	}
	l->open = NO_GROUP;
	for (const char *end = text + n; text < end;) {
		static char line[16384];
		const char *stop = memchr(text, '\n', (size_t)(end - text));
		size_t len = (size_t)((stop ? stop : end) - text);
		size_t keep = len < sizeof(line) - 1 ? len : sizeof(line) - 1;
		memcpy(line, text, keep);
		line[keep] = 0;
		text += len + 1;
		if (!strncmp(line, "## groups", 9) && l->lists < LISTS)
			l->lists++;
		else if (!read_function(l, line) && !read_path(l, line) && !read_unit(l, line) &&
			 !read_log_group(l, line) && !read_log_function(l, line) &&
			 !read_log_bridge(l, line) && !read_lspci(l, line) && !read_group(l, line))
			read_script(l, line);
	}
	for (size_t i = 0; i < l->n; i++)
		for (unsigned k = 0; k < LISTS; k++)
			if (l->e[i].group[k] != NO_GROUP)
				return l;
	listing_free(l);
	return NULL;
}

void listing_free(struct listing *l)
{
	if (l)
		free(l->e);
	free(l);
}

unsigned listing_lists(const struct listing *l)
{
	return l->lists;
}

/* ---- a machine out of a description ---- */

/* One list, while it is worked on. */
struct view {
	const struct listing *l;
	unsigned list;
};

static bool same_slot(const struct entry *a, const struct entry *b)
{
	return a->domain == b->domain && (a->bdf.rid & ~7u) == (b->bdf.rid & ~7u);
}

static unsigned group_in(struct view v, const struct entry *e)
{
	return e->group[v.list];
}

static bool together(struct view v, const struct entry *a, const struct entry *b)
{
	return group_in(v, a) != NO_GROUP && group_in(v, a) == group_in(v, b);
}

/* The bridge that leads to its bus; NULL on a root bus. Bus numbers ascend on the way down: a description
 * that has a bridge lead to its own bus, or to one above it, has no end otherwise. */
static const struct entry *above(struct view v, const struct entry *e)
{
	for (size_t i = 0; i < v.l->n; i++) {
		const struct entry *b = &v.l->e[i];
		if (b->sec > bdf_bus(b->bdf) && b->domain == e->domain && b->sec == bdf_bus(e->bdf))
			return b;
	}
	return NULL;
}

static bool several(struct view v, const struct entry *e)
{
	for (size_t i = 0; i < v.l->n; i++)
		if (&v.l->e[i] != e && same_slot(&v.l->e[i], e))
			return true;
	return bdf_fn(e->bdf) != 0;
}

/* Whether Linux has it in one group with another function of its device. */
static bool with_sibling(struct view v, const struct entry *e)
{
	for (size_t i = 0; i < v.l->n; i++)
		if (&v.l->e[i] != e && same_slot(&v.l->e[i], e) && together(v, &v.l->e[i], e))
			return true;
	return false;
}

/* Whether Linux has it in one group with a function right below it. */
static bool with_child(struct view v, const struct entry *e)
{
	for (size_t i = 0; e->sec && i < v.l->n; i++)
		if (v.l->e[i].domain == e->domain && bdf_bus(v.l->e[i].bdf) == e->sec &&
		    together(v, &v.l->e[i], e))
			return true;
	return false;
}

static bool leads_to_bridges(struct view v, const struct entry *e)
{
	for (size_t i = 0; e->sec && i < v.l->n; i++)
		if (v.l->e[i].hdr == 1 && v.l->e[i].domain == e->domain && bdf_bus(v.l->e[i].bdf) == e->sec)
			return true;
	return false;
}

/* What kind of function it is, where the description does not say: by its place; on a root bus, functions of
 * one device that Linux holds apart are integrated endpoints. */
static uint8_t kind_of(struct view v, const struct entry *e)
{
	if (e->kind != KIND_UNKNOWN)
		return e->kind;
	const struct entry *up = above(v, e);
	uint8_t over = up ? kind_of(v, up) : PCI_PORT_RC_EVENTS;
	bool conventional = over == PCI_PORT_CONVENTIONAL || over == PCI_PORT_PCIE_TO_PCI;
	if (e->hdr != 1 && !up)
		return several(v, e) && !with_sibling(v, e) ? PCI_PORT_RC_ENDPOINT : PCI_PORT_CONVENTIONAL;
	if (e->hdr != 1 || conventional)
		return conventional ? PCI_PORT_CONVENTIONAL : PCI_PORT_ENDPOINT;
	if (!up)
		return e->class & 0xff ? PCI_PORT_CONVENTIONAL : PCI_PORT_ROOT; /* subtractive decode */
	if (over == PCI_PORT_UPSTREAM)
		return PCI_PORT_DOWNSTREAM;
	return leads_to_bridges(v, e) || !with_child(v, e) ? PCI_PORT_UPSTREAM : PCI_PORT_PCIE_TO_PCI;
}

/* Whether it has to have ACS for Linux's groups to come out. */
static bool wants_acs(struct view v, const struct entry *e, uint8_t kind)
{
	switch (kind) {
	case PCI_PORT_ROOT:
	case PCI_PORT_DOWNSTREAM:
		return !with_child(v, e) && !with_sibling(v, e);
	case PCI_PORT_ENDPOINT:
	case PCI_PORT_LEGACY_ENDPOINT:
	case PCI_PORT_UPSTREAM:
		return several(v, e) && !with_sibling(v, e);
	case PCI_PORT_RC_ENDPOINT:
		return several(v, e) && !with_sibling(v, e) && e->vendor != PCI_VENDOR_INTEL;
	default:
		return false;
	}
}

static void put(uint8_t *p, unsigned n, uint64_t v)
{
	for (unsigned i = 0; i < n; i++)
		p[i] = (uint8_t)(v >> 8 * i);
}

enum { PCIE_AT = 0x40, ACS_AT = ECAP_FIRST };

/* Header, PCI Express capability and ACS; nothing else is known of it. */
static bool fill(struct view v, const struct entry *e, struct replay *cfg, bool *acs, bool *guessed)
{
	uint8_t bytes[ACS_AT + 12] = {0}, kind = kind_of(v, e);
	*acs = wants_acs(v, e, kind);
	*guessed = e->kind == KIND_UNKNOWN;
	put(bytes + CFG_ID, 2, e->vendor);
	put(bytes + CFG_ID + 2, 2, e->device);
	put(bytes + CFG_CLASS_REV + 1, 3, e->class);
	bytes[CFG_HDR_TYPE] = (uint8_t)(e->hdr | (several(v, e) ? HDR_MFD : 0));
	if (e->hdr == 1) {
		bytes[CFG_SEC - 1] = bdf_bus(e->bdf);
		bytes[CFG_SEC] = e->sec;
		bytes[CFG_SUB] = e->sub;
	}
	if (kind != PCI_PORT_CONVENTIONAL) {
		put(bytes + CFG_STATUS, 2, STATUS_CAP);
		bytes[CFG_CAP_PTR] = PCIE_AT;
		bytes[PCIE_AT] = CAP_ID_PCIE;
		put(bytes + PCIE_AT + PCIE_CAP, 2, FPUT(PCIE_VER, 2) | FPUT(PCIE_TYPE, kind));
	}
	if (*acs) {
		put(bytes + ACS_AT, 4, FPUT(ECAP_ID, ECAP_ID_ACS) | FPUT(ECAP_VER, 1));
		put(bytes + ACS_AT + ACS_CAP, 2, ACS_ISOLATE);
	}
	return replay_put(cfg, e->bdf, 0, bytes, sizeof(bytes));
}

static bool has_bytes(const struct replay *cfg, bdf_t fn)
{
	bdf_t bdf;
	for (size_t i = 0; replay_function(cfg, i, &bdf); i++)
		if (bdf_eq(bdf, fn))
			return true;
	return false;
}

/* Intel's Primary to Sideband Bridge, 00:1f.1, which firmware hides. */
static bool is_p2sb(const struct entry *e)
{
	return e->vendor == PCI_VENDOR_INTEL && e->bdf.rid == 0xf9 && e->class >> 8 == 0x0580;
}

/* Below a port there is only device 0 (PCIe §7.3.1): other numbers are VFs. */
static bool is_vf(struct view v, const struct entry *e)
{
	const struct entry *up = above(v, e);
	uint8_t kind = up ? kind_of(v, up) : PCI_PORT_RC_EVENTS;
	if (e->hdr == HDR_OF_VF)
		return true;
	return (kind == PCI_PORT_ROOT || kind == PCI_PORT_DOWNSTREAM) && bdf_dev(e->bdf) != 0;
}

static const char *left_out(struct view v, const struct entry *e)
{
	if (e->domain > 0xffff)
		return "behind a Volume Management Device (VMD): Linux has a domain of its own for these, the machine has not";
	if (is_p2sb(e))
		return "firmware hides it; Linux uncovers it for a moment, and its group's number is given again";
	if (e->described && is_vf(v, e))
		return "a VF: it is found by its PF's registers, which the listing does not have";
	return NULL;
}

bool listing_fill(const struct listing *l, unsigned i, struct replay *cfg)
{
	struct view v = {l, i};
	unsigned filled = 0, ports = 0, others = 0, kinds = 0;
	for (size_t k = 0; k < l->n; k++) {
		const struct entry *e = &l->e[k];
		bool acs, guessed;
		if (!e->described || left_out(v, e) || has_bytes(cfg, e->bdf))
			continue;
		if (!fill(v, e, cfg, &acs, &guessed))
			return false;
		filled++;
		ports += acs && e->hdr == 1;
		others += acs && e->hdr != 1;
		kinds += guessed;
	}
	if (filled)
		printf("made of the listing: %u functions, without capabilities of their own\n"
		       "taken so that Linux's groups can come out: %u ports and %u other functions have ACS, %u functions are of the kind that their place says\n",
		       filled, ports, others, kinds);
	return true;
}

/* ---- comparison ---- */

static struct pci_func *found(const struct pci *pci, const struct entry *e)
{
	return e->domain <= 0xffff ? pci_find(pci, e->bdf) : NULL;
}

/* The listing describes another function there than the one that was recorded. */
static bool is_another(const struct pci *pci, const struct entry *e)
{
	const struct pci_func *f = found(pci, e);
	return f && !f->pf && e->described && (f->vendor != e->vendor || f->device != e->device);
}

static bool compared(struct view v, const struct pci *pci, const struct entry *e)
{
	return group_in(v, e) != NO_GROUP && !left_out(v, e) && found(pci, e) && !is_another(pci, e);
}

static void print_names(struct view v, const struct pci *pci, unsigned linux_group, unsigned ours)
{
	unsigned n = 0;
	for (size_t i = 0; i < v.l->n; i++) {
		const struct entry *e = &v.l->e[i];
		bool in = linux_group != NO_GROUP ? group_in(v, e) == linux_group
						  : compared(v, pci, e) && found(pci, e)->group == ours;
		if (!in)
			continue;
		printf("%s%04x:%02x:%02x.%x",
		       n % 6 ? " "
		       : n   ? "\n  "
			     : "  ",
		       e->domain, bdf_bus(e->bdf), bdf_dev(e->bdf), bdf_fn(e->bdf));
		n++;
	}
	printf("\n");
}

static bool differs(unsigned n, const char *what, const char *rule)
{
	printf("difference %u: %s\n  rule: %s\n", n, what, rule ? rule : "NONE: this is not explained");
	return !rule;
}

/* Ours joins what Linux holds apart. */
static const char *rule_joined(const struct pci *pci, const struct replay *cfg, unsigned ours)
{
	struct group_reason r;
	for (unsigned n = 0; groups_reason(pci, ours, n, &r) == SL_OK; n++) {
		if (machine_is_guess(cfg, pci, &r))
			return "the dump does not have the ACS of these functions (sudo lspci -D -xxxx)";
		if (r.why == GROUP_PORT && r.at->port_type == PCI_PORT_ROOT && r.at->cap_acs &&
		    r.missing == ACS_SV)
			return "the root port's ACS lacks Source Validation, which Linux does not ask for";
		if (r.stricter && r.at->cap_acs)
			return "the port's ACS lacks bits that Linux takes as hard-wired (docs/groups.md)";
		if (r.stricter)
			return "requests may go from port to port inside this switch: Linux does not see that path (docs/groups.md, rule 6)";
		if (r.why == GROUP_PORT && groups_old_pch_port(r.at))
			return "the chipset's ports isolate by registers of their own, which Linux sets and Sluice does not (docs/groups.md, Quirks)";
	}
	return NULL;
}

/* Linux joins what ours holds apart. */
static const char *rule_split(struct view v, const struct pci *pci, unsigned group)
{
	bool integrated = true, spread = false, bridge = false, buses = true, moved = false;
	const struct entry *first = NULL;
	for (size_t i = 0; i < v.l->n; i++) {
		const struct entry *e = &v.l->e[i];
		if (group_in(v, e) != group || !compared(v, pci, e))
			continue;
		const struct pci_func *f = found(pci, e);
		integrated = integrated && f->vendor == PCI_VENDOR_INTEL &&
			     f->port_type == PCI_PORT_RC_ENDPOINT && (!first || same_slot(first, e));
		spread = spread || (first && bdf_bus(first->bdf) != bdf_bus(e->bdf));
		bridge = bridge || (f->is_bridge && f->sec == 0);
		buses = buses && e->buses;
		moved = moved ||
			(e->buses && f->is_bridge && e->sec && (e->sec != f->sec || e->sub != f->sub));
		first = first ? first : e;
	}
	if (moved)
		return "the listing has other buses below a bridge of this group than the dump: they are not of the same start of the machine";
	if (integrated)
		return "Intel's integrated endpoints are isolated by VT-d's rule for them; Linux has that since 5.8 (docs/groups.md, Quirks)";
	if (!buses && spread && bridge)
		return "the listing does not tell which buses are behind the bridges of this group";
	return NULL;
}

static unsigned compare_ours(struct view v, struct pci *pci, const struct replay *cfg, unsigned *n)
{
	unsigned bad = 0, last = 0;
	PCI_EACH(f, pci)
		last = f->group > last ? f->group : last;
	for (unsigned g = 1; g <= last; g++) {
		unsigned is = NO_GROUP;
		bool many = false;
		for (size_t i = 0; i < v.l->n; i++) {
			const struct entry *e = &v.l->e[i];
			if (!compared(v, pci, e) || found(pci, e)->group != g)
				continue;
			many = many || (is != NO_GROUP && is != group_in(v, e));
			is = group_in(v, e);
		}
		if (!many)
			continue;
		bad += differs(++*n, "one group here, several in Linux:", rule_joined(pci, cfg, g));
		print_names(v, pci, NO_GROUP, g);
	}
	return bad;
}

static unsigned compare_linux(struct view v, struct pci *pci, unsigned *n)
{
	unsigned bad = 0;
	for (size_t i = 0; i < v.l->n; i++) {
		const struct entry *e = &v.l->e[i];
		bool many = false, seen = false;
		if (!compared(v, pci, e))
			continue;
		for (size_t k = 0; k < v.l->n; k++) {
			const struct entry *o = &v.l->e[k];
			if (!compared(v, pci, o) || !together(v, o, e))
				continue;
			seen = seen || k < i;
			many = many || found(pci, o)->group != found(pci, e)->group;
		}
		if (!many || seen)
			continue;
		bad += differs(++*n, "one group in Linux, several here:", rule_split(v, pci, group_in(v, e)));
		print_names(v, pci, group_in(v, e), 0);
	}
	return bad;
}

/* Why a function is in Linux's list alone: none when there is no rule, NULL when it is here too. */
static const char *absent_rule(struct view v, const struct pci *pci, const struct entry *e, const char *none)
{
	static const char no_bytes[] = "nothing is recorded of it, and the listing does not describe it";
	static const char another[] =
		"another function was there when the dump was taken: they are not of the same start of the machine";
	static const char no_first[] =
		"the listing does not describe function 0 of its device, without which a bus walk does not look for others";
	if (group_in(v, e) == NO_GROUP || compared(v, pci, e))
		return NULL;
	const char *rule = left_out(v, e);
	if (rule)
		return rule;
	if (is_another(pci, e))
		return another;
	if (!e->described)
		return no_bytes;
	for (size_t i = 0; i < v.l->n; i++)
		if (same_slot(&v.l->e[i], e) && bdf_fn(v.l->e[i].bdf) == 0 && v.l->e[i].described)
			return none;
	return no_first;
}

/* Functions that only Linux's list has; those with the same rule are one difference. */
static unsigned compare_sets(struct view v, const struct pci *pci, unsigned *n)
{
	static const char none[] = "";
	const char *said[8] = {NULL}, *rule;
	unsigned bad = 0, rules = 0;
	for (size_t i = 0; i < v.l->n; i++) {
		const struct entry *e = &v.l->e[i];
		unsigned k = 0, count = 0;
		if (!(rule = absent_rule(v, pci, e, none)))
			continue;
		while (k < rules && said[k] != rule)
			k++;
		if (k < rules || rules == ARRAY_LEN(said))
			continue;
		said[rules++] = rule;
		for (k = 0; k < v.l->n; k++)
			count += absent_rule(v, pci, &v.l->e[k], none) == rule;
		char what[96];
		snprintf(what, sizeof(what),
			 "%u functions in Linux's list alone, the first %04x:%02x:%02x.%x", count, e->domain,
			 bdf_bus(e->bdf), bdf_dev(e->bdf), bdf_fn(e->bdf));
		bad += differs(++*n, what, rule == none ? NULL : rule);
	}
	return bad;
}

/* Functions that Linux has in no group: not a difference, as only what is under a unit has one; the IOMMU
 * itself has none. */
static void print_without_group(struct view v, const struct pci *pci)
{
	unsigned n = 0, iommus = 0;
	const struct pci_func *first = NULL;
	PCI_EACH(f, pci) {
		bool in = false;
		for (size_t k = 0; k < v.l->n && !in; k++)
			in = group_in(v, &v.l->e[k]) != NO_GROUP && found(pci, &v.l->e[k]) == f;
		if (in)
			continue;
		first = first ? first : f;
		iommus += f->class >> 8 == CLASS_IOMMU;
		n++;
	}
	if (n)
		printf("not in Linux's list: %u functions, the first " BDF_FMT
		       "; %u of them are IOMMUs, which have no group\n",
		       n, BDF_ARG(first->bdf), iommus);
}

unsigned listing_compare(const struct listing *l, unsigned i, struct pci *pci, const struct replay *cfg)
{
	struct view v = {l, i};
	unsigned n = 0, same = 0, bad;
	for (size_t k = 0; k < l->n; k++)
		same += compared(v, pci, &l->e[k]);
	bad = compare_sets(v, pci, &n) + compare_ours(v, pci, cfg, &n) + compare_linux(v, pci, &n);
	print_without_group(v, pci);
	printf("against Linux's list %u: %u functions compared, %u differences, %u without a rule\n", i + 1,
	       same, n, bad);
	return bad;
}

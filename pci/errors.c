#include "pci/errors.h"
#include "kernel/fmt.h"
#include "kernel/str.h"
#include "pci/regs.h"

#define STATUS  (DEVSTA_CED | DEVSTA_NFED | DEVSTA_FED | DEVSTA_URD)
#define REFUSED (UNCOR_UR | UNCOR_CA | UNCOR_ACSV)

static bool is_root(const struct pci_func *f)
{
	return f->port_type == PCI_PORT_ROOT || f->port_type == PCI_PORT_RC_EVENTS;
}

/* An unsupported request that is advisory counts as correctable in Device Status. */
static bool advisory(const struct pci_func *f, const struct pci_errors *e)
{
	return f->cap_aer ? e->cor & COR_ANFE
			  : e->devsta & DEVSTA_CED && !(e->devsta & (DEVSTA_NFED | DEVSTA_FED));
}

/* Without AER there is only Device Status: a non-fatal error beside an unsupported request is the latter. */
static enum pci_error_class class_of(const struct pci_func *f, const struct pci_errors *e)
{
	if (e->gone || e->uncor & ~REFUSED || e->root & ROOT_FATAL ||
	    (!f->cap_aer && e->devsta & DEVSTA_FED) ||
	    (!f->cap_aer && e->devsta & DEVSTA_NFED && !(e->devsta & DEVSTA_URD)))
		return PCI_ERROR_LOST;
	if (advisory(f, e) && !(e->root & ROOT_UNCOR))
		return PCI_ERROR_CORRECTED;
	if (e->uncor || e->root & ROOT_UNCOR || e->devsta & (DEVSTA_NFED | DEVSTA_FED | DEVSTA_URD))
		return PCI_ERROR_REFUSED;
	return e->cor || e->root || e->devsta ? PCI_ERROR_CORRECTED : PCI_ERROR_NONE;
}

/* No capability reads all ones. */
static bool gone(const struct pci_func *f)
{
	return fn_rd32(f, f->cap_pcie) == UINT32_MAX;
}

static void take_aer(struct pci_func *f, struct pci_errors *e)
{
	unsigned c = f->cap_aer;
	uint32_t uncor = fn_rd32(f, c + AER_UNCOR), cor = fn_rd32(f, c + AER_COR);
	e->uncor = uncor & ~f->told_uncor;
	e->cor = cor & ~f->told_cor;
	e->fatal = e->uncor & fn_rd32(f, c + AER_SEVERITY);
	for (unsigned i = 0; i < 4 && e->uncor; i++)
		e->header[i] = fn_rd32(f, c + AER_HEADER + 4 * i);
	if (e->uncor)
		fn_wr32(f, c + AER_UNCOR, uncor);
	if (e->cor)
		fn_wr32(f, c + AER_COR, cor);
	f->told_uncor = e->uncor ? fn_rd32(f, c + AER_UNCOR) & uncor : uncor;
	f->told_cor = e->cor ? fn_rd32(f, c + AER_COR) & cor : cor;
}

static void take_root(struct pci_func *f, struct pci_errors *e)
{
	unsigned c = f->cap_aer;
	uint32_t root = (uint32_t)(fn_rd32(f, c + AER_ROOT) & ROOT_STATUS);
	e->root = root & ~(uint32_t)f->told_root;
	if (e->root) {
		e->source = fn_rd32(f, c + AER_SOURCE);
		fn_wr32(f, c + AER_ROOT, root);
		root &= fn_rd32(f, c + AER_ROOT);
	}
	f->told_root = (uint8_t)root;
}

void pci_errors_take(struct pci_func *f, struct pci_errors *e)
{
	memset(e, 0, sizeof *e);
	if (!f->cap_pcie)
		return;
	e->gone = gone(f);
	if (e->gone) {
		e->class = f->told_gone ? PCI_ERROR_NONE : PCI_ERROR_LOST;
		f->told_gone = true;
		return;
	}
	f->told_gone = false;
	unsigned sta = f->cap_pcie + PCIE_DEVSTA;
	uint16_t status = (uint16_t)(fn_rd16(f, sta) & STATUS);
	e->devsta = (uint16_t)(status & ~f->told_sta);
	if (f->cap_aer)
		take_aer(f, e);
	if (f->cap_aer && is_root(f))
		take_root(f, e);
	if (e->devsta) { /* after AER, of which some bits show here */
		fn_wr16(f, sta, status);
		status &= fn_rd16(f, sta);
	}
	f->told_sta = (uint8_t)status;
	e->class = class_of(f, e);
}

struct name {
	uint64_t bit;
	const char *text;
};

/* PCIe §7.8.4.2, §7.8.4.5 */
static const struct name uncor_names[] = {{BIT(4), "Data Link Protocol Error"},
					  {BIT(5), "Surprise Down Error"},
					  {BIT(12), "Poisoned TLP Received"},
					  {BIT(13), "Flow Control Protocol Error"},
					  {BIT(14), "Completion Timeout"},
					  {UNCOR_CA, "Completer Abort"},
					  {BIT(16), "Unexpected Completion"},
					  {BIT(17), "Receiver Overflow"},
					  {BIT(18), "Malformed TLP"},
					  {BIT(19), "ECRC Error"},
					  {UNCOR_UR, "Unsupported Request Error"},
					  {UNCOR_ACSV, "ACS Violation"},
					  {BIT(22), "Uncorrectable Internal Error"},
					  {BIT(23), "MC Blocked TLP"},
					  {BIT(24), "AtomicOp Egress Blocked"},
					  {BIT(25), "TLP Prefix Blocked Error"},
					  {BIT(26), "Poisoned TLP Egress Blocked"}};
static const struct name cor_names[] = {{BIT(0), "Receiver Error"},
					{BIT(6), "Bad TLP"},
					{BIT(7), "Bad DLLP"},
					{BIT(8), "REPLAY_NUM Rollover"},
					{BIT(12), "Replay Timer Timeout"},
					{COR_ANFE, "Advisory Non-Fatal Error"},
					{BIT(14), "Corrected Internal Error"},
					{BIT(15), "Header Log Overflow"}};
static const struct name sta_names[] = {{DEVSTA_CED, "correctable error"},
					{DEVSTA_NFED, "non-fatal error"},
					{DEVSTA_FED, "fatal error"},
					{DEVSTA_URD, "unsupported request"}};

/* Appends the names of bits; bits without one as a number. */
static size_t names(const char *before, uint64_t bits, const struct name *name, size_t count, char *buf,
		    size_t n, size_t at)
{
	for (size_t i = 0; i < count && at < n; i++) {
		if (!(bits & name[i].bit))
			continue;
		at += (size_t)fmt_print(buf + at, n - at, "%s%s", before, name[i].text);
		before = ", ";
		bits &= ~name[i].bit;
	}
	if (bits && at < n)
		at += (size_t)fmt_print(buf + at, n - at, "%s0x%llx", before, (ull)bits);
	return at;
}

int pci_errors_text(const struct pci_errors *e, char *buf, size_t n)
{
	size_t at = 0;
	if (e->gone)
		return fmt_print(buf, n, "its configuration space reads all ones: it is gone from the bus");
	if (n)
		*buf = 0;
	at = names("", e->uncor, uncor_names, ARRAY_LEN(uncor_names), buf, n, at);
	if (e->uncor && at < n)
		at += (size_t)fmt_print(buf + at, n - at, " (%s), header %08x %08x %08x %08x",
					e->fatal ? "fatal" : "non-fatal", e->header[0], e->header[1],
					e->header[2], e->header[3]);
	at = names(at ? "; " : "", e->cor, cor_names, ARRAY_LEN(cor_names), buf, n, at);
	at = names(at ? "; Device Status: " : "Device Status: ", e->devsta, sta_names, ARRAY_LEN(sta_names),
		   buf, n, at);
	if (e->root && at < n)
		at += (size_t)fmt_print(buf + at, n - at,
					"%sRoot Error Status 0x%x, sources %04x (ERR_COR) and %04x",
					at ? "; " : "", e->root, (unsigned)FGET(e->source, SOURCE_COR),
					(unsigned)FGET(e->source, SOURCE_UNCOR));
	return (int)at;
}

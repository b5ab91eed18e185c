/* Errors recorded by a function or port: Device Status (PCIe §7.5.3.5) and Advanced Error Reporting (§7.8.4).
 * Nothing is unmasked and no message is enabled: the status bits are set regardless. */
#pragma once
#include "pci/pci.h"

/* In rising order. */
enum pci_error_class {
	PCI_ERROR_NONE,
	PCI_ERROR_CORRECTED, /* a link repaired it, or it is advisory: PCIe §6.2.3.2.4 */
	PCI_ERROR_REFUSED,   /* a request was refused: Unsupported Request, Completer Abort, ACS Violation */
	PCI_ERROR_LOST, /* data or a function is lost: all other errors, and a function that no longer answers
			 */
};

struct pci_errors {
	enum pci_error_class class;
	bool gone; /* its registers read all ones */
	uint16_t devsta;
	uint32_t uncor, cor, root; /* Uncorrectable, Correctable, Root Error Status: new bits only */
	bool fatal;                /* some of uncor is fatal by Uncorrectable Error Severity */
	uint32_t header[4];        /* of the request that the first of uncor is about */
	uint32_t source;           /* Error Source Identification, with root */
};

/* Reads the bits set since the last call and clears them; a bit that does not clear is reported once. A
 * function without a PCI Express capability has none. */
void pci_errors_take(struct pci_func *fn, struct pci_errors *out);

/* "Surprise Down Error (fatal); Device Status: fatal error", "" for none. Returns the length; n or
 * more: the text was cut. */
int pci_errors_text(const struct pci_errors *e, char *buf, size_t n);

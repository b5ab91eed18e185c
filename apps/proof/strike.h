/* How each class of function makes an access to a chosen address. A class is a struct strike_ops in its file
 * strike_NAME.c; apps/proof/classes.def lists those that stage isolate looks for. What a class reports about
 * its accesses is shown but not trusted: attack.c decides. */
#pragma once
#include "apps/proof/attack.h"

struct attackers;
struct strike_class;

/* Errors of these functions: the device could not be driven. A NULL is a function that the class does not
 * need or does not have, as said at each. */
struct strike_ops {
	const char *how;      /* as text: "copies of any length" */
	uint32_t least, most; /* bytes of its shortest write, and of its longest access */
	bool any_data;        /* it writes bytes of our choice, so it can send any interrupt by DMA */
	bool either_way;      /* which of its first two accesses comes first, a read or a write, is its own
				 business: both are refused at the same page for the same reason */

	const struct strike_class *class; /* drivers/strike/strike.h: what drives it; NULL: another driver */
	/* True for a function of the class. NULL: those that attack are named by scratch=. */
	bool (*drives)(const struct strike_ops *self, const struct pci_func *fn);
	/* Stage isolate: adds each function of the class that can attack (attackers_add()). NULL: none. */
	enum sl_err (*open)(struct machine *m, struct attackers *all, const struct strike_ops *self);
	/* Undoes open(), also after an error, when the attackers' pages are gone. NULL: nothing to undo. */
	void (*close)(void);
	/* Adds registers of every function of the class that is open, by guard_regs(): those that are not
	 * written during an attack, and whose reading changes nothing. NULL: none. */
	void (*guard)(struct machine *m);

	/* True when this attacker can make that access at all. */
	bool (*can)(const struct attacker *by, const struct attack *a);
	/* Before each access: nothing of an earlier case is left in the function or on its medium, and
	 * strike_fill_old() stands where a read leaves what it gets. NULL: there is no such place. */
	enum sl_err (*prepare)(struct machine *m, struct attacker *by, const struct attack *a);
	enum sl_err (*strike)(struct machine *m, struct attacker *by, const struct attack *a, char *said,
			      size_t n);
	/* What it says some time after the strike. NULL: nothing more. */
	void (*after)(const struct attacker *by, char *said, size_t n);
	/* What a read brought: words, those that it did not touch as strike_old() has them. Returns how many
	 * bytes of the secret all of it would be; 0: could not be looked at. NULL: what a read brings cannot
	 * be seen, so a read is refused by its record alone and has no control. */
	uint32_t (*leaked)(struct machine *m, struct attacker *by, const struct attack *a, uint64_t *words);
	/* For a class whose reads bring nothing back: it can only be seen to do what it has read. bait()
	 * writes into place, which it would reach at a->to, what it does then; obeyed() is true when it has
	 * done that since the last strike. Both NULL: reads are seen by leaked(), or not at all. */
	void (*bait)(const struct attacker *by, const struct attack *a, void *place);
	bool (*obeyed)(const struct attacker *by);
	/* It does what it is allowed as before; puts it right for the cases that follow. NULL: nothing to
	 * see. */
	bool (*healthy)(struct machine *m, struct attacker *by);
	/* The control of an attack with own_control: true when it worked where it is allowed. */
	bool (*control)(struct machine *m, struct attacker *by, const struct attack *a);
	/* Makes it send an interrupt on vector 0 of its MSI-X. NULL: it cannot be made to. */
	enum sl_err (*kick)(struct machine *m, struct attacker *by);

	/* Attacks without a domain: release() ends what keeps it from being detached and gives *bare, the
	 * attacker that it is then; it does DMA only when *bare strikes. restore(), after it was attached
	 * again, makes it what it was. Both NULL: not without a domain. */
	enum sl_err (*release)(struct machine *m, struct attacker *by, struct attacker *bare);
	enum sl_err (*restore)(struct machine *m, struct attacker *by);
};

/* Those that stage isolate looks for. .dev of NVMe VFs: struct vf with a controller that is open; of PFs:
 * struct nvme_ctrl that is open; of edu: struct edu_attacker; of others: as in their files. */
#define CLASS(ops, ...) extern const struct strike_ops ops;
#include "apps/proof/classes.def"
/* .dev: struct nvme_io of a controller that no driver has open: it is made to fetch a command from any
 * address, and would put a completion into the page after it. */
extern const struct strike_ops strike_nvme_fetch;
extern const struct strike_ops strike_message; /* .dev: struct attacker of the function; message_attacker() */
extern const struct strike_ops strike_msix;    /* any function with .msix whose class has kick() */

/* The same function attacking by its own MSI-X or MSI, as a writer of 4 bytes to any address. False when it
 * has neither, or cannot be made to send one. */
bool message_attacker(struct attacker *by, struct attacker *out);

/* Word i of what stands where a read will leave what it gets, and a page (CHUNK) of it. */
uint64_t strike_old(unsigned i);
void strike_fill_old(void *page);

/* Attackers that drivers/strike drives: the code that all of its classes share. */
#pragma once
#include "apps/proof/attackers.h"
#include "drivers/strike/strike.h"

/* For a struct strike_ops with .class, whose .dev is a struct controller. */
bool controller_drives(const struct strike_ops *self, const struct pci_func *fn);
/* Adds every function of the class that can attack, each in its own domain; says of each other one why it
 * does not. */
enum sl_err controllers_open(struct machine *m, struct attackers *all, const struct strike_ops *self);
void controllers_close(void);
bool controller_can(const struct attacker *by, const struct attack *a);
enum sl_err controller_strike(struct machine *m, struct attacker *by, const struct attack *a, char *said,
			      size_t n);
enum sl_err controller_prepare(struct machine *m, struct attacker *by, const struct attack *a);
uint32_t controller_leaked(struct machine *m, struct attacker *by, const struct attack *a, uint64_t *words);
void controller_bait(const struct attacker *by, const struct attack *a, void *place);
bool controller_obeyed(const struct attacker *by);
bool controller_healthy(struct machine *m, struct attacker *by);
enum sl_err controller_kick(struct machine *m, struct attacker *by);
enum sl_err controller_release(struct machine *m, struct attacker *by, struct attacker *bare);
enum sl_err controller_restore(struct machine *m, struct attacker *by);

#define CONTROLLER_OPS_BOTH                                                                                  \
	.drives = controller_drives, .open = controllers_open, .close = controllers_close,                   \
	.can = controller_can, .strike = controller_strike, .healthy = controller_healthy,                   \
	.kick = controller_kick, .release = controller_release, .restore = controller_restore
#define CONTROLLER_OPS        CONTROLLER_OPS_BOTH, .bait = controller_bait, .obeyed = controller_obeyed
/* For a class that brings what it reads. */
#define CONTROLLER_OPS_BRINGS CONTROLLER_OPS_BOTH, .prepare = controller_prepare, .leaked = controller_leaked

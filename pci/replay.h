/* Configuration space from a text dump in the form of `lspci -xxxx`, for host tests. */
#pragma once
#include "pci/cfg.h"

struct replay;

/* Reads a dump; NULL when the file can not be read or has no function. The caller ends it with replay_free().
 *
 * It is a copy that can be written to where a real function can: Command, MSI and MSI-X enable, BARs, SR-IOV
 * and ACS control, Device Control 2. The dump does not tell how large a BAR is: one with an address takes the
 * largest size that the address is a multiple of, at most 1 MiB; one without is not there. Bytes beyond a
 * short dump read all ones. */
struct replay *replay_load(const char *path);
const struct pci_cfg *replay_cfg(const struct replay *r);
void replay_free(struct replay *r);

/* Function number i of the dump; false past the last. */
bool replay_function(const struct replay *r, size_t i, bdf_t *out);

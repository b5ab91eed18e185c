/* Configuration space from bytes that were recorded: a text dump in the form of `lspci -xxxx`, or whatever a
 * caller puts in. For the host: tests and tools/replay. */
#pragma once
#include "pci/cfg.h"

struct replay;

/* Reads a dump; NULL when the file cannot be read or has no function. The caller ends it with replay_free().
 *
 * It is a copy that can be written to where a real function can: Command, power state, MSI and MSI-X enable,
 * BARs, SR-IOV and ACS control, Device Control 2. The dump does not tell how large a BAR is: one with an
 * address takes the largest size that the address is a multiple of, at most 1 MiB; one without is not there.
 * Bytes beyond a short dump read all ones; with 64 bytes, which is all that lspci sees without root, there is
 * no capability list. Functions of a domain above ffff (Linux has those for what is behind a VMD) are left
 * out. */
struct replay *replay_load(const char *path);
const struct pci_cfg *replay_cfg(const struct replay *r);
void replay_free(struct replay *r);

/* Function number i of the dump; false past the last. */
bool replay_function(const struct replay *r, size_t i, bdf_t *out);
/* How many bytes of it were recorded, from the first to the last: 64, 256, 4096. */
size_t replay_bytes(const struct replay *r, size_t i);

/* The same, filled by the caller: replay_new(), then bytes and sizes in any order, then replay_ready(). NULL
 * when out of memory. Bytes that are not set read as rest. With sizes a function has the BARs that
 * replay_bar() names; without, sizes are guessed as for a dump. */
struct replay *replay_new(uint8_t rest, bool sizes);
/* A copy, as it is now; NULL when out of memory. */
struct replay *replay_copy(const struct replay *r);
/* n bytes of a function from off on. False when they do not fit into 4096, or out of memory. */
bool replay_put(struct replay *r, bdf_t fn, size_t off, const uint8_t *p, size_t n);
/* BAR n (0 to 5) is size bytes, a power of two; vf: that of one VF in the SR-IOV capability. False when that
 * cannot be, or nothing was put in for the function. */
bool replay_bar(struct replay *r, bdf_t fn, unsigned n, bool vf, uint64_t size);
/* Writes are dropped, as pci_cfg.read_only has it: the machine's answers to a reader that does not write. */
void replay_read_only(struct replay *r, bool on);
/* After the last byte: allows writes where a real function does. */
void replay_ready(struct replay *r);

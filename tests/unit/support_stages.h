/* What the tests of stages share: a machine with VFs whose memory is here, and the console's text. */
#pragma once
#include "apps/machine.h"
#include "tests/unit/support_said.h"

#define WINDOW       0x2000000000ull
#define BLOCK_PHYS   0x100000000ull /* of VF 0's block; the others' follow it */
#define STAGES_VFS   12u
#define STAGES_FIRST 0x101 /* requester ID of VF 0 */

extern struct machine mach;
extern struct boot_info boot;
extern struct pci_func vf_fn[STAGES_VFS];
extern uint8_t block[STAGES_VFS][PAGE_2M], readonly[STAGES_VFS][PAGE_SIZE];

/* An empty machine with translation on, with that many VFs in a domain, and nothing said yet. What lies in
 * block and readonly stays. */
void stages_start(unsigned vfs, struct domain *dom);
/* For what a test makes up: the call number stages_fail_at, counted from stages_start() on, fails with
 * SL_DEVICE. 0: none does. */
extern unsigned stages_calls, stages_fail_at;
enum sl_err stages_call(void);

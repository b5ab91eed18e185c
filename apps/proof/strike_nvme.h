/* What NVMe controllers as attackers share. */
#pragma once
#include "apps/proof/attack.h"
#include "drivers/nvme/ctrl.h"

/* Get Log Page for 4 bytes, Identify for more, to any address: neither writes to a medium. */
enum sl_err strike_nvme_admin(struct nvme_ctrl *c, const struct attack *a, char *said, size_t n) MUST_CHECK;
/* An admin command, which makes an interrupt on vector 0. */
enum sl_err strike_nvme_kick(struct nvme_ctrl *c) MUST_CHECK;
/* A sum of the registers up to ACQ, for guard_regs(); of: struct nvme_io. Reading them changes nothing. */
uint64_t strike_nvme_regs(const void *of);

/* Virtio devices: drivers/strike/virtio.c */
#include "apps/proof/strike_controller.h"

const struct strike_ops strike_vrng = {.how = "random bytes; it does not read",
				       .least = 4,
				       .most = 256,
				       .class = &strike_class_vrng,
				       CONTROLLER_OPS_BOTH};

const struct strike_ops strike_vblk = {.how = "reads of a sector beyond the medium, which touch none",
				       .least = 1,
				       .most = 1,
				       .class = &strike_class_vblk,
				       CONTROLLER_OPS};

/* SATA controllers with a drive: drivers/strike/ahci.c */
#include "apps/proof/strike_controller.h"

const struct strike_ops strike_ahci = {.how = "IDENTIFY, which touches no medium",
				       .least = 2,
				       .most = 508,
				       .class = &strike_class_ahci,
				       CONTROLLER_OPS};

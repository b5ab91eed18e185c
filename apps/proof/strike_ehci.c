/* USB 2.0 controllers, with a device: drivers/strike/ehci.c */
#include "apps/proof/strike_controller.h"

const struct strike_ops strike_ehci = {.how = "fetches a transfer of no bytes",
				       .least = 32,
				       .most = 32,
				       .class = &strike_class_ehci,
				       CONTROLLER_OPS};

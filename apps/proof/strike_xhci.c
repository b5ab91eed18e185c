/* USB controllers, with or without devices: drivers/strike/xhci.c */
#include "apps/proof/strike_controller.h"

const struct strike_ops strike_xhci = {
	.how = "events and commands that do nothing; no USB device is spoken to",
	.least = 256,
	.most = 256,
	.class = &strike_class_xhci,
	CONTROLLER_OPS};

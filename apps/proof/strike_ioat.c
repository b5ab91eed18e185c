/* I/OAT engines: drivers/strike/ioat.c */
#include "apps/proof/strike_controller.h"

const struct strike_ops strike_ioat = {.how = "copies of any length (never run on silicon)",
				       .least = 1,
				       .most = 2048,
				       .class = &strike_class_ioat,
				       CONTROLLER_OPS_BRINGS};

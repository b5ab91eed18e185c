/* Data Streaming Accelerators: drivers/strike/dsa.c */
#include "apps/proof/strike_controller.h"

const struct strike_ops strike_dsa = {.how = "copies of any length (never run on silicon)",
				      .least = 1,
				      .most = 2048,
				      .class = &strike_class_dsa,
				      CONTROLLER_OPS_BRINGS};

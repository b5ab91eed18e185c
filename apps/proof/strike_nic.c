/* Intel gigabit controllers: drivers/strike/nic.c */
#include "apps/proof/strike_controller.h"

const struct strike_ops strike_e1000e = {.how = "frames that come back inside of it; nothing is sent",
					 .least = 1,
					 .most = 256,
					 .class = &strike_class_e1000e,
					 CONTROLLER_OPS_BRINGS};

const struct strike_ops strike_igb = {.how = "frames that come back inside of it; nothing is sent",
				      .least = 1,
				      .most = 256,
				      .class = &strike_class_igb,
				      CONTROLLER_OPS_BRINGS};

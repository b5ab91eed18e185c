/* HD Audio controllers with a codec: drivers/strike/hda.c */
#include "apps/proof/strike_controller.h"

const struct strike_ops strike_hda = {.how = "a verb and its answer; nothing is heard",
				      .least = 16,
				      .most = 16,
				      .class = &strike_class_hda,
				      CONTROLLER_OPS};

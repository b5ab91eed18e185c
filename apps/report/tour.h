/* app=tour: what is explained before a stage. */
#pragma once
#include "apps/machine.h"

/* The paragraph of the stage, where it has one, and a pause. SL_STOPPED after Ctrl-C. */
enum sl_err tour_page(const struct machine *m, const char *stage) MUST_CHECK;

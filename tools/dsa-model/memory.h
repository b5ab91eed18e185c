/* Places of capabilities in configuration space, and what only the function's set-up asks of memory.c.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
#include "dsa.h"

enum { CAP_EXPRESS = 0x80, CAP_ATS = 0x100, CAP_PASID = 0x110, CAP_PRI = 0x120 };

/* QEMU has ATS, PASID and page requests for devices: from 11.1 on. */
bool dsa_has_ats(void);

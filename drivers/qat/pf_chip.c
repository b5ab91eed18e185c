#include "drivers/qat/pf.h"

const struct qat_pf_chip qat_pf_c62x = {
	.gen = 2,
	.fw = {.device = 0x01000000, .rsa = 256},
	.engines = 10,
	.accels = 5,
	.admin = 0x3ff,
	.ae = 0x20000,
	.reset = 0x30a0c,
	.clocks = 0x30a50,
	.misc = 0x30a04,
	.fcu_control = 0x308c0,
	.fcu_status = 0x308c4,
	.fcu_low = 0x308cc,
	.fcu_high = 0x308d0,
	.fcu_loaded = 0x308c4,
	.fcu_shift = 22,
	.admin_high = 0x3a574,
	.admin_low = 0x3a578,
	.arb = 0x30000,
	.threads = 0x30180,
	.maps = true,
	.thread = {0x12222aaa, 0x11222aaa, 0x12222aaa, 0x11222aaa, 0x12222aaa, 0x11222aaa, 0x12222aaa,
		   0x11222aaa, 0x12222aaa, 0x11222aaa},
	.fuses = 0x40,
	.straps = 0x2ec,
	.misc_bytes = 0x3a738,
	.rings_bytes = 0x301a8,
};

/* Ring pairs 0 and 2 of a VF compress, by engines 0 to 3; 1 and 3 are for symmetric crypto, by engines 4
 * to 7. Engine 8 is for messages. */
static const struct qat_fw_object objects[] = {
	{"qat_4xxx_sym.bin", 0x0f0}, {"qat_4xxx_dc.bin", 0x00f}, {"qat_4xxx_admin.bin", 0x100}};

const struct qat_pf_chip qat_pf_4xxx = {
	.gen = 4,
	.fw = {.device = 0x08000000, .rsa = 384, .object = objects, .objects = ARRAY_LEN(objects)},
	.engines = 9,
	.accels = 1,
	.admin = 0x100,
	.ae = 0x600000,
	.reset = 0x640938,
	.clocks = 0x640964,
	.misc = 0x640aa0,
	.fcu_control = 0x641000,
	.fcu_status = 0x641004,
	.fcu_low = 0x641014,
	.fcu_high = 0x641018,
	.fcu_loaded = 0x641010,
	.fcu_mask = 0x641008,
	.admin_high = 0x500574,
	.admin_low = 0x500578,
	.arb = 0x0,
	.threads = 0x400,
	.power = true,
	.thread = {0x55, 0x55, 0x55, 0x55, 0xaaaaaaa, 0xaaaaaaa, 0xaaaaaaa, 0xaaaaaaa, 0},
	.fuses = 0x2c8,
	.misc_bytes = 0x641020,
	.rings_bytes = 0x180000,
};

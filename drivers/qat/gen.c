#include "drivers/qat/gen.h"

static const struct qat_gen gens[] = {
	{.name = "C62x",
	 .pf = 0x37c8,
	 .vf = 0x37c9,
	 .number = 2,
	 .banks = 1,
	 .rings = 16,
	 .base_shift = 6,
	 .stride = 0x1000,
	 .pair_is_fixed = true,
	 .pair = {[QAT_SYM] = {true, 0, 2, 10}, [QAT_DC] = {true, 0, 6, 14}}},
	{.name = "4xxx",
	 .pf = 0x4940,
	 .vf = 0x4941,
	 .number = 4,
	 .banks = 4,
	 .rings = 2,
	 .config = 0x1000,
	 .stride = 0x2000},
};

const struct qat_gen *qat_gen_of_vf(uint16_t device)
{
	for (size_t i = 0; i < ARRAY_LEN(gens); i++)
		if (gens[i].vf == device)
			return &gens[i];
	return NULL;
}

const struct qat_gen *qat_gen_of_pf(uint16_t device)
{
	for (size_t i = 0; i < ARRAY_LEN(gens); i++)
		if (gens[i].pf == device)
			return &gens[i];
	return NULL;
}

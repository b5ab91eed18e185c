#include "apps/proof/standin.h"
#include "apps/work/pattern.h"
#include "kernel/addr.h"

#define SECRET pattern_seed(1000, 1, 1)

static _Alignas(PAGE_SIZE) uint8_t kernel_data[PAGE_SIZE];

__asm__(".pushsection .text, \"ax\", @progbits\n"
	".balign 4096\n"
	"kernel_text_page: .fill 4096, 1, 0xcc\n"
	".popsection\n");
extern const uint8_t kernel_text_page[PAGE_SIZE];

uint8_t *standin_data(void)
{
	return kernel_data;
}

const uint8_t *standin_text(void)
{
	return kernel_text_page;
}

void standin_fill(void)
{
	pattern_fill(kernel_data, PAGE_SIZE, SECRET);
}

bool standin_whole(void)
{
	return pattern_check(kernel_data, PAGE_SIZE, SECRET);
}

/* What a function reaches, read from tables that the builder made for a model of a unit. */
#include "iommu/vtd/backend.h"
#include "apps/vf/own_memory.h"
#include "kernel/pmm.h"
#include "tests/model/vtd_model.h"
#include "tests/unit/support.h"
#include "tests/unit/test.h"

#define RAM_BASE  0x40000000ull
#define RAM_BYTES (8 * PAGE_2M)
#define W         0x1000000000ull
#define P         0x2000000000ull
#define FN        ((bdf_t){0, 0x0100})

static struct model_machine mc;
static struct iommu mmu;
static struct domain *dom;

static const struct dma_buf large = {.iova = {W}, .phys = {P}, .len = PAGE_2M};
static const struct dma_buf small = {.iova = {W + PAGE_2M}, .phys = {P + PAGE_1G}, .len = 3 * PAGE_SIZE};
static const struct dma_buf last = {
	.iova = {BIT(39) - PAGE_SIZE}, .phys = {P + 3 * PAGE_1G}, .len = PAGE_SIZE};

static void start(uint64_t cap)
{
	static phys_t ram;
	if (!ram.v) {
		ram = support_ram(RAM_BYTES, RAM_BASE);
		assert_int_equal(pmm_add(ram, RAM_BYTES / PAGE_SIZE), SL_OK);
	}
	model_machine_init(&mc, ram, RAM_BYTES);
	model_machine_unit(&mc, MODEL_VER, cap, MODEL_ECAP, MODEL_ALL);
	struct dmar_topo topo = model_machine_topo(&mc);
	struct iommu_regs regs = model_machine_regs(&mc);
	assert_int_equal(vtd_init(&mmu, (struct span){mc.dmar, mc.len}, &topo, &regs), SL_OK);
	assert_int_equal(iommu_enable(&mmu), SL_OK);
	assert_int_equal(domain_create(&mmu, "test", &dom), SL_OK);
}

static void map(const struct dma_buf *b, unsigned perm)
{
	assert_int_equal(domain_map(dom, b->iova, b->phys, b->len, perm), SL_OK);
}

static enum sl_err exact(unsigned n, const struct dma_buf *a, unsigned a_perm, const struct dma_buf *b,
			 unsigned b_perm, const struct dma_buf *c, unsigned c_perm)
{
	const struct table_range want[] = {{a, a_perm}, {b, b_perm}, {c, c_perm}};
	return tables_exact(&mmu, FN, want, n);
}

static void run(uint64_t cap)
{
	start(cap);
	assert_int_equal(tables_absent(&mmu, FN), SL_OK);
	assert_int_equal(tables_exact(&mmu, FN, NULL, 0), SL_VERIFY); /* nothing, but not by a table */
	assert_int_equal(domain_attach(dom, FN), SL_OK);
	assert_int_equal(tables_absent(&mmu, FN), SL_VERIFY);
	assert_int_equal(tables_exact(&mmu, FN, NULL, 0), SL_OK);
	map(&large, DOMAIN_RW);
	map(&small, DOMAIN_R);
	map(&last, DOMAIN_W);
	assert_int_equal(exact(3, &large, DOMAIN_RW, &small, DOMAIN_R, &last, DOMAIN_W), SL_OK);
	/* one too few, one too many, other permissions, other memory, another length, another place */
	assert_int_equal(exact(2, &large, DOMAIN_RW, &small, DOMAIN_R, &last, DOMAIN_W), SL_VERIFY);
	assert_int_equal(exact(3, &large, DOMAIN_RW, &small, DOMAIN_RW, &last, DOMAIN_W), SL_VERIFY);
	assert_int_equal(exact(3, &large, DOMAIN_R, &small, DOMAIN_R, &last, DOMAIN_W), SL_VERIFY);
	struct dma_buf other = small;
	other.phys.v += PAGE_SIZE;
	assert_int_equal(exact(3, &large, DOMAIN_RW, &other, DOMAIN_R, &last, DOMAIN_W), SL_VERIFY);
	other = small;
	other.len += PAGE_SIZE;
	assert_int_equal(exact(3, &large, DOMAIN_RW, &other, DOMAIN_R, &last, DOMAIN_W), SL_VERIFY);
	other.len = 2 * PAGE_SIZE;
	assert_int_equal(exact(3, &large, DOMAIN_RW, &other, DOMAIN_R, &last, DOMAIN_W), SL_VERIFY);
	other = large;
	other.len = PAGE_SIZE; /* less than the page that maps it */
	assert_int_equal(exact(3, &other, DOMAIN_RW, &small, DOMAIN_R, &last, DOMAIN_W), SL_VERIFY);
	assert_int_equal(domain_unmap(dom, last.iova, last.len), SL_OK);
	assert_int_equal(exact(3, &large, DOMAIN_RW, &small, DOMAIN_R, &last, DOMAIN_W), SL_VERIFY);
	assert_int_equal(exact(2, &large, DOMAIN_RW, &small, DOMAIN_R, NULL, 0), SL_OK);
	assert_int_equal(domain_detach(dom, FN), SL_OK);
	assert_int_equal(tables_absent(&mmu, FN), SL_OK);
	assert_int_equal(domain_unmap(dom, large.iova, large.len + small.len), SL_OK);
	assert_int_equal(domain_destroy(dom), SL_OK);
	assert_int_equal(model_machine_complaints(&mc), 0);
	model_machine_fini(&mc);
}

static void test_48_bits(void **state)
{
	(void)state;
	run(MODEL_CAP);
}

static void test_39_bits(void **state)
{
	(void)state;
	run(0x00d2008c22260206);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_48_bits), cmocka_unit_test(test_39_bits)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

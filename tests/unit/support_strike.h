/* One controller of drivers/strike under the model of a unit, for tests of its class: a domain with memory of
 * its own, two pages that it may read and write, one that it may only read. What a model accesses goes
 * through reach(), which counts what the unit refuses. */
#pragma once
#include <string.h>
#include "drivers/strike/strike.h"
#include "kernel/pmm.h"
#include "tests/unit/support.h"
#include "tests/unit/support_iommu.h"
#include "tests/unit/test.h"

#ifndef W
#define W 0x1000000000ull
#endif
#define TARGET (W + 0x10000) /* two pages that it may read and write */
#define RDONLY (W + 0x20000)
#define HOLE   (W + 0x30000)
#define FN     ((bdf_t){0, 0x00fa})

static struct model_unit *unit;
static struct domain *dom;
static struct strike_dev dev;
static struct dma_buf target, rdonly;
static unsigned refused;
static uint64_t first_refused; /* its address */
static bool first_write, taken;

static bool reach(void *ctx, uint64_t at, void *data, size_t n, bool write)
{
	uint8_t *p = data;
	(void)ctx;
	for (size_t part; n; at += part, p += part, n -= part) {
		uint64_t phys;
		part = PAGE_SIZE - at % PAGE_SIZE < n ? PAGE_SIZE - at % PAGE_SIZE : n;
		if (model_dma(unit, FN.rid, at, write, &phys)) {
			if (!refused++) {
				first_refused = ALIGN_DOWN(at, PAGE_SIZE);
				first_write = write;
			}
			return false;
		}
		memcpy(write ? phys_va(PHYS(phys)) : p, write ? p : phys_va(PHYS(phys)), part);
	}
	return true;
}

/* It has the registers io once the caller sets them. */
static void strike_start(const struct strike_class *class)
{
	support_clock_step = 50;
	unit = one_unit(MODEL_CAP, MODEL_ECAP);
	assert_int_equal(domain_create(&mmu, "strike", &dom), SL_OK);
	dev = (struct strike_dev){.class = class};
	assert_int_equal(dma_get(dom, IOVA(W), STRIKE_MEM, DOMAIN_RW, &dev.mem), SL_OK);
	assert_int_equal(dma_get(dom, IOVA(TARGET), 2 * PAGE_SIZE, DOMAIN_RW, &target), SL_OK);
	assert_int_equal(dma_get(dom, IOVA(RDONLY), PAGE_SIZE, DOMAIN_R, &rdonly), SL_OK);
	assert_int_equal(domain_attach(dom, FN), SL_OK);
	refused = 0;
}

static void strike_end(void)
{
	if (taken)
		dev.class->close(&dev);
	taken = false;
	if (iommu_domain_of(&mmu, FN))
		assert_int_equal(domain_detach(dom, FN), SL_OK);
	assert_int_equal(dma_put(&rdonly), SL_OK);
	assert_int_equal(dma_put(&target), SL_OK);
	assert_int_equal(dma_put(&dev.mem), SL_OK);
	assert_int_equal(dma_put(&dev.more), SL_OK);
	assert_int_equal(domain_destroy(dom), SL_OK);
	machine_end();
}

static inline enum sl_err take_and_open(const char **why)
{
	enum sl_err e = dev.class->take ? dev.class->take(&dev, why) : SL_OK;
	taken = dev.class->take && !e;
	return e ? e : dev.class->open(&dev, why);
}

static inline void must_open(void)
{
	const char *why = NULL;
	enum sl_err e = take_and_open(&why);
	if (e)
		fail_msg("%s: %s: %s", dev.class->name, sl_err_name(e), why);
}

static bool is_zero(const void *p, size_t n)
{
	const uint8_t *b = p;
	for (size_t i = 0; i < n; i++)
		if (b[i])
			return false;
	return true;
}

/* Between the files that make up vtd_backend. */
#pragma once
#include "iommu/backend.h"
#include "iommu/vtd/backend.h"

enum sl_err vtd_enable(struct iommu *mmu) MUST_CHECK;
enum iommu_unit_state vtd_state(const struct iommu *mmu, unsigned unit, const char **why);
enum sl_err vtd_unit_listed(const struct iommu *mmu, bdf_t fn, unsigned *unit) MUST_CHECK;
enum sl_err vtd_reserved_next(struct iommu *mmu, bdf_t fn, struct iommu_reserved *at) MUST_CHECK;

/* Interrupt remapping: iommu/vtd/irq.c */
const char *vtd_irq_opt_out(const struct iommu *mmu);
const char *vtd_irq_lacks(const struct iommu *mmu, unsigned unit, bool x2apic);
enum sl_err vtd_irq_enable(struct iommu *mmu, unsigned unit, unsigned entries, bool x2apic) MUST_CHECK;
void vtd_irq_info(const struct iommu *mmu, unsigned unit, struct iommu_irq_info *out);
uint32_t vtd_irq_apics(const struct iommu *mmu, unsigned unit);
enum sl_err vtd_irq_take(struct iommu *mmu, const struct iommu_irq *irq, uint16_t *index) MUST_CHECK;
void vtd_irq_give(struct iommu *mmu, const struct iommu_irq *irq);
enum sl_err vtd_irq_set(struct iommu *mmu, const struct iommu_irq *irq, unsigned i, uint8_t vector,
			uint32_t apic) MUST_CHECK;
enum sl_err vtd_irq_clear(struct iommu *mmu, const struct iommu_irq *irq) MUST_CHECK;
struct iommu_msi vtd_irq_message(const struct iommu_irq *irq, unsigned i);

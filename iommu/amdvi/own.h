/* Between the files that make up amdvi_backend. */
#pragma once
#include "iommu/amdvi/backend.h"
#include "iommu/backend.h"

enum sl_err amdvi_enable(struct iommu *mmu) MUST_CHECK;
enum iommu_unit_state amdvi_state(const struct iommu *mmu, unsigned unit, const char **why);
enum sl_err amdvi_unit_listed(const struct iommu *mmu, bdf_t fn, unsigned *unit) MUST_CHECK;
enum sl_err amdvi_reserved_next(struct iommu *mmu, bdf_t fn, struct iommu_reserved *at) MUST_CHECK;

/* Interrupt remapping: iommu/amdvi/irq.c */
const char *amdvi_irq_opt_out(const struct iommu *mmu);
const char *amdvi_irq_lacks(const struct iommu *mmu, unsigned unit, bool x2apic);
enum sl_err amdvi_irq_enable(struct iommu *mmu, unsigned unit, unsigned entries, bool x2apic) MUST_CHECK;
void amdvi_irq_info(const struct iommu *mmu, unsigned unit, struct iommu_irq_info *out);
uint32_t amdvi_irq_apics(const struct iommu *mmu, unsigned unit);
enum sl_err amdvi_irq_take(struct iommu *mmu, const struct iommu_irq *irq, uint16_t *index) MUST_CHECK;
void amdvi_irq_give(struct iommu *mmu, const struct iommu_irq *irq);
enum sl_err amdvi_irq_set(struct iommu *mmu, const struct iommu_irq *irq, unsigned i, uint8_t vector,
			  uint32_t apic) MUST_CHECK;
enum sl_err amdvi_irq_clear(struct iommu *mmu, const struct iommu_irq *irq) MUST_CHECK;
struct iommu_msi amdvi_irq_message(const struct iommu_irq *irq, unsigned i);

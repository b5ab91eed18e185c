/* Each field typed a second time as (high, low) from VT-d §11.4, §9 and §6.5.2, and compared with the masks
 * that the driver uses. */
#include "iommu/vtd/unit.h"
#include "tests/unit/test.h"

struct golden {
	const char *name;
	uint64_t mask;
	unsigned hi, lo;
};
#define G(f, hi, lo)                                                                                         \
	{                                                                                                    \
#f, f, hi, lo                                                                                \
	}

/* clang-format off */
static const struct golden fields[] = {
	G(VER_MAX, 7, 4), G(VER_MIN, 3, 0),
	G(CAP_ND, 2, 0), G(CAP_RWBF, 4, 4), G(CAP_PLMR, 5, 5), G(CAP_PHMR, 6, 6), G(CAP_CM, 7, 7), G(CAP_SAGAW, 12, 8),
	G(CAP_MGAW, 21, 16), G(CAP_ZLR, 22, 22), G(CAP_FRO, 33, 24), G(CAP_SSLPS, 37, 34), G(CAP_PSI, 39, 39),
	G(CAP_NFR, 47, 40), G(CAP_MAMV, 53, 48), G(CAP_DWD, 54, 54), G(CAP_DRD, 55, 55), G(CAP_FS1GP, 56, 56),
	G(CAP_PI, 59, 59), G(CAP_FS5LP, 60, 60), G(CAP_ECMDS, 61, 61), G(CAP_ESIRTPS, 62, 62), G(CAP_ESRTPS, 63, 63),
	G(ECAP_C, 0, 0), G(ECAP_QI, 1, 1), G(ECAP_DT, 2, 2), G(ECAP_IR, 3, 3), G(ECAP_EIM, 4, 4), G(ECAP_PT, 6, 6),
	G(ECAP_SC, 7, 7), G(ECAP_IRO, 17, 8), G(ECAP_MHMV, 23, 20), G(ECAP_NEST, 26, 26), G(ECAP_PRS, 29, 29),
	G(ECAP_SRS, 31, 31), G(ECAP_PSS, 39, 35), G(ECAP_PASID, 40, 40), G(ECAP_SMTS, 43, 43), G(ECAP_SSADS, 45, 45),
	G(ECAP_SSTS, 46, 46), G(ECAP_FSTS, 47, 47), G(ECAP_SMPWCS, 48, 48), G(ECAP_ADMS, 52, 52),
	G(GCMD_TE, 31, 31), G(GCMD_SRTP, 30, 30), G(GCMD_WBF, 27, 27), G(GCMD_QIE, 26, 26), G(GCMD_IRE, 25, 25),
	G(GCMD_SIRTP, 24, 24), G(GCMD_CFI, 23, 23),
	G(RTADDR_RTA, 63, 12), G(RTADDR_TTM, 11, 10),
	G(CCMD_ICC, 63, 63), G(CCMD_CIRG, 62, 61), G(CCMD_CAIG, 60, 59), G(CCMD_FM, 33, 32), G(CCMD_SID, 31, 16),
	G(CCMD_DID, 15, 0),
	G(IOTLB_IVT, 63, 63), G(IOTLB_IIRG, 61, 60), G(IOTLB_IAIG, 58, 57), G(IOTLB_DR, 49, 49), G(IOTLB_DW, 48, 48),
	G(IOTLB_DID, 47, 32), G(IVA_ADDR, 63, 12), G(IVA_IH, 6, 6), G(IVA_AM, 5, 0),
	G(FSTS_PFO, 0, 0), G(FSTS_PPF, 1, 1), G(FSTS_IQE, 4, 4), G(FSTS_ICE, 5, 5), G(FSTS_ITE, 6, 6), G(FSTS_FRI, 15, 8),
	G(FECTL_IM, 31, 31), G(FECTL_IP, 30, 30),
	G(FRCD_F, 63, 63), G(FRCD_T1, 62, 62), G(FRCD_AT, 61, 60), G(FRCD_PV, 59, 40), G(FRCD_FR, 39, 32), G(FRCD_PP, 31, 31),
	G(FRCD_EXE, 30, 30), G(FRCD_PRIV, 29, 29), G(FRCD_T2, 28, 28), G(FRCD_SID, 15, 0), G(FRCD_FI, 63, 12),
	G(PMEN_EPM, 31, 31), G(PMEN_PRS, 0, 0),
	G(IQH_QH, 18, 4), G(IQT_QT, 18, 4), G(IQA_IQA, 63, 12), G(IQA_DW, 11, 11), G(IQA_QS, 2, 0),
	G(IQERCD_ICESID, 63, 48), G(IQERCD_ITESID, 47, 32), G(IQERCD_IQEI, 3, 0),
	G(IRTA_IRTA, 63, 12), G(IRTA_EIME, 11, 11), G(IRTA_S, 3, 0),
	G(ROOT_P, 0, 0), G(ROOT_CTP, 63, 12),
	G(CTX_P, 0, 0), G(CTX_FPD, 1, 1), G(CTX_TT, 3, 2), G(CTX_SSPTPTR, 63, 12), G(CTX_AW, 2, 0), G(CTX_DID, 23, 8),
	G(SS_R, 0, 0), G(SS_W, 1, 1), G(SS_PS, 7, 7), G(SS_ADDR, 51, 12),
	G(DESC_TYPE, 3, 0), G(DESC_G, 5, 4), G(DESC_DID, 31, 16), G(CC_SID, 47, 32), G(CC_FM, 49, 48),
	G(IOTLB_DESC_DW, 6, 6), G(IOTLB_DESC_DR, 7, 7), G(IOTLB_DESC_AM, 5, 0), G(IOTLB_DESC_IH, 6, 6),
	G(IOTLB_DESC_ADDR, 63, 12),
	G(IEC_INDEX, 4, 4), G(IEC_IM, 31, 27), G(IEC_IIDX, 47, 32),
	G(IRTE_P, 0, 0), G(IRTE_FPD, 1, 1), G(IRTE_DM, 2, 2), G(IRTE_RH, 3, 3), G(IRTE_TM, 4, 4), G(IRTE_DLM, 7, 5),
	G(IRTE_AVAIL, 11, 8), G(IRTE_IM, 15, 15), G(IRTE_V, 23, 16), G(IRTE_DST, 63, 32), G(IRTE_DST8, 47, 40),
	G(IRTE_SID, 15, 0), G(IRTE_SQ, 17, 16), G(IRTE_SVT, 19, 18),
	G(WAIT_IF, 4, 4), G(WAIT_SW, 5, 5), G(WAIT_FN, 6, 6), G(WAIT_DATA, 63, 32), G(WAIT_ADDR, 63, 2),
};
/* clang-format on */

static void test_fields(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
		uint64_t want = 0;
		for (unsigned b = fields[i].lo; b <= fields[i].hi; b++)
			want |= 1ull << b;
		if (fields[i].mask != want)
			fail_msg("%s is 0x%llx, the specification has bits %u:%u", fields[i].name,
				 (ull)fields[i].mask, fields[i].hi, fields[i].lo);
	}
	assert_int_equal(GCMD_ONESHOT, (uint32_t)~0x96ffffffu); /* the constant of VT-d §11.4.4.1 */
}

static void test_offsets(void **state)
{
	(void)state;
	const struct {
		unsigned have, want;
	} r[] = {
		{VTD_VER.off, 0x00},    {VTD_CAP.off, 0x08},    {VTD_ECAP.off, 0x10},
		{VTD_GCMD.off, 0x18},   {VTD_GSTS.off, 0x1c},   {VTD_RTADDR.off, 0x20},
		{VTD_CCMD.off, 0x28},   {VTD_FSTS.off, 0x34},   {VTD_FECTL.off, 0x38},
		{VTD_FEDATA.off, 0x3c}, {VTD_FEADDR.off, 0x40}, {VTD_FEUADDR.off, 0x44},
		{VTD_PMEN.off, 0x64},   {VTD_IQH.off, 0x80},    {VTD_IQT.off, 0x88},
		{VTD_IQA.off, 0x90},    {VTD_IQERCD.off, 0xb0}, {VTD_IRTA.off, 0xb8},
	};
	for (size_t i = 0; i < ARRAY_LEN(r); i++)
		assert_int_equal(r[i].have, r[i].want);
}

/* Fields that are full to their last bit, and those that mean N - 1. */
static void test_extremes(void **state)
{
	(void)state;
	struct vtd_unit u = {.cap = 0x3ffull << 24 | 0xffull << 40 | 0x3full << 16 | 6,
			     .ecap = 0x3ffull << 8};
	assert_int_equal(vtd_fault_offset(&u), 0x3ff0);
	assert_int_equal(vtd_fault_records(&u), 256);
	assert_int_equal(vtd_mgaw(&u), 64);
	assert_int_equal(vtd_domains(&u), 65536);
	assert_int_equal(vtd_unit_window(&u), 0x5000); /* 0x3ff0 + 256 * 16, in pages */
	u.cap = 0x22ull << 24;
	assert_int_equal(vtd_unit_window(&u), 0x4000); /* now the IOTLB registers at 0x3ff0 are the last */
	u.ecap = 0;
	assert_int_equal(vtd_unit_window(&u), 0x1000);
	assert_int_equal(vtd_domains(&u), 16);
	u.cap = 7; /* ND: reserved */
	assert_int_equal(vtd_domains(&u), 65536);
}

static void test_entries(void **state)
{
	(void)state;
	struct vtd_ctx c = vtd_ctx_make(PHYS(0x123456789000), 4, 0xabcd);
	assert_int_equal(c.lo, 0x123456789001);
	assert_int_equal(c.hi, 0xabcd02);
	struct vtd_root r = vtd_root_make(PHYS(0x123456789000));
	assert_int_equal(r.lo, 0x123456789001);
	assert_int_equal(r.hi, 0);
	struct vtd_desc d = vtd_desc_cc(0x1234, 0x5678);
	assert_int_equal(d.lo, 0x567812340031);
	assert_int_equal(d.hi, 0);
	d = vtd_desc_iotlb_page(0x1234, IOVA(0x40001000), 0, true, IOTLB_DESC_DR | IOTLB_DESC_DW);
	assert_int_equal(d.lo, 0x123400f2);
	assert_int_equal(d.hi, 0x40001040);
	d = vtd_desc_iec(0x1230, 4);
	assert_int_equal(d.lo, 0x123020000014);
	assert_int_equal(d.hi, 0);
	d = vtd_desc_iec_all();
	assert_int_equal(d.lo, 4);
	assert_int_equal(d.hi, 0);
	struct vtd_irte i = vtd_irte_make(0x3b01, 0x41, 0x12, false);
	assert_int_equal(i.lo, 0x120000410001);
	assert_int_equal(i.hi, 0x43b01);
	i = vtd_irte_make(0x3b01, 0x41, 0x12345678, true);
	assert_int_equal(i.lo, 0x1234567800410001);
	d = vtd_desc_wait(PHYS(0x12340), 7);
	assert_int_equal(d.lo, 0x700000025);
	assert_int_equal(d.hi, 0x12340);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fields),
		cmocka_unit_test(test_offsets),
		cmocka_unit_test(test_extremes),
		cmocka_unit_test(test_entries),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

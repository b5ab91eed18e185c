/* Stage firmware of a QAT card: what the PF can reach while its firmware is loaded and after that, and what
 * is put back. The card's registers and its bring-up are made up here; tests/unit/test_qat_fw.c has the real
 * one. */
#include <string.h>
#include "apps/bringup/faults.h"
#include "apps/vf/qat.h"
#include "drivers/qat/pf.h"
#include "kernel/mmio.h"
#include "tests/unit/support_domain.h"
#include "tests/unit/test.h"

#define C62X_PF 0x37c8
#define GEN4_PF 0x4940

static struct pci_func pf_fn;
static uint8_t admin[QAT_PF_ADMIN], chunk[QAT_PF_CHUNK], regs[0x1000];
static unsigned live, starts, stops, chunk_puts;
static const struct qat_pf_chip *chip_is;
static enum sl_err first_says, second_says; /* of the two files */
static bool runs, admin_is_mapped, chunk_is_mapped;
static enum sl_err chunk_says; /* when it is put */

static uint32_t cfg_rd(void *ctx, bdf_t fn, uint16_t off, unsigned bytes)
{
	(void)ctx, (void)fn, (void)bytes;
	return off;
}

static const struct pci_cfg cfg = {.rd = cfg_rd};

/* ---- the card ---- */

enum sl_err qat_pf_masks(const struct qat_pf_chip *chip, uint32_t fuses, uint32_t straps, uint32_t *accels,
			 uint32_t *engines)
{
	assert_ptr_equal(chip, chip_is);
	assert_true(fuses == chip->fuses &&
		    straps == chip->straps); /* what is read is the register's offset */
	*accels = *engines = 1;
	return stages_call();
}

enum sl_err qat_pf_bars(const struct qat_pf_chip *chip, uint32_t fuses, const uint64_t bytes[6],
			unsigned *misc, unsigned *rings)
{
	(void)chip, (void)fuses;
	assert_true(bytes[1] == sizeof regs && bytes[0] == 0);
	*misc = 1;
	*rings = 2;
	return stages_call();
}

bool qat_pf_runs(const struct qat_pf *pf)
{
	assert_true(pf->chip == chip_is && pf->engines == 1);
	return runs;
}

enum sl_err qat_pf_start(struct qat_pf *pf, const struct qat_fw *fw, const struct qat_image *mmp)
{
	(void)fw, (void)mmp;
	assert_ptr_equal(pf->chunk.va, chunk);
	assert_ptr_equal(pf->admin.va, admin);
	starts++;
	return stages_call();
}

void qat_pf_stop(struct qat_pf *pf)
{
	assert_ptr_equal(pf->admin.va, admin);
	assert_true(admin_is_mapped && connected);
	stops++;
}

enum sl_err qat_fw_read(struct span file, const struct qat_fw_chip *chip, struct qat_fw *out,
			const char **why)
{
	(void)out;
	assert_int_equal(file.n, 64);
	assert_int_equal(chip->revision, 5);
	if (first_says)
		*why = "the first is bad";
	return first_says;
}

enum sl_err qat_fw_read_mmp(struct span file, const struct qat_fw_chip *chip, struct qat_image *out,
			    const char **why)
{
	(void)out;
	assert_int_equal(file.n, 65);
	assert_int_equal(chip->revision, 5);
	if (second_says)
		*why = "the second is bad";
	return second_says;
}

volatile void *mmio_map(phys_t phys, uint64_t len)
{
	(void)phys, (void)len;
	return stages_call() ? NULL : regs;
}

/* ---- its domain ---- */

void faults_watch(struct machine *m, bdf_t fn)
{
	assert_ptr_equal(m, &mach);
	assert_int_equal(fn.rid, pf_fn.bdf.rid);
}

enum sl_err dma_get(struct domain *dom, iova_t iova, uint64_t len, unsigned perm, struct dma_buf *out)
{
	assert_ptr_equal(dom, the_domain);
	assert_int_equal(perm, DOMAIN_RW);
	enum sl_err e = stages_call();
	if (e)
		return e;
	bool of_admin = len == QAT_PF_ADMIN;
	assert_true(of_admin ? iova.v == WINDOW : len == QAT_PF_CHUNK && iova.v >= WINDOW + QAT_PF_ADMIN);
	live++;
	*(of_admin ? &admin_is_mapped : &chunk_is_mapped) = true;
	*out = (struct dma_buf){of_admin ? admin : chunk, iova, PHYS(0x1000), len, dom};
	return SL_OK;
}

enum sl_err dma_put(struct dma_buf *buf)
{
	if (!buf->va)
		return SL_OK;
	bool of_admin = buf->va == admin;
	chunk_puts += !of_admin;
	if (!of_admin && chunk_says)
		return chunk_says;
	live--;
	*(of_admin ? &admin_is_mapped : &chunk_is_mapped) = false;
	*buf = (struct dma_buf){0};
	return SL_OK;
}

/* ---- the tests ---- */

static int set_up(void **s)
{
	(void)s;
	stages_start(0, NULL);
	domain_regs = regs;
	domain_fn = &pf_fn;
	pf_fn = (struct pci_func){.bdf = {0, 0x100}, .cfg = &cfg, .device = C62X_PF, .revision = 5};
	pf_fn.bar[1] = pf_fn.bar[2] = (struct pci_bar){.addr = 0xfe000000, .size = sizeof regs};
	mach.pf = &pf_fn;
	memset(boot.file, 0, sizeof boot.file);
	domains = connected = live = starts = stops = chunk_puts = 0;
	runs = admin_is_mapped = chunk_is_mapped = false;
	chunk_says = first_says = second_says = SL_OK;
	chip_is = &qat_pf_c62x;
	return 0;
}

static void with_files(void)
{
	unsigned first = chip_is == &qat_pf_c62x ? BOOT_QAT_C62X : BOOT_QAT_4XXX;
	boot.file[first].len = 64;
	boot.file[first + 1].len = 65;
}

/* All is put back, and the PF reaches nothing. */
static void stop(void)
{
	qat_firmware_stop(&mach);
	assert_true(!live && !domains && !connected);
	assert_null(qat_pf_memory(&mach));
}

/* The buffer for images is the card's only while they are loaded: after that the PF reaches the page of its
 * messages, and nothing else. */
static void test_loaded(void **s)
{
	(void)s;
	with_files();
	for (unsigned i = 0; i < 2; i++) { /* the second run of a machine knows nothing of the first */
		starts = stops = 0;
		said_clear();
		assert_int_equal(qat_firmware_start(&mach), SL_OK);
		assert_said("firmware: 1 images of 129 bytes");
		assert_true(starts == 1 && admin_is_mapped && !chunk_is_mapped);
		assert_ptr_equal(qat_pf_memory(&mach)->va, admin);
		stop();
		assert_int_equal(stops, 1);
	}
}

/* Firmware that runs already is left as it is, also at the end; the buffer for images is unmapped, as the PF
 * would reach it for as long as the run takes. */
static void test_runs_already(void **s)
{
	(void)s;
	runs = true;
	assert_int_equal(qat_firmware_start(&mach), SL_OK);
	assert_said("the card's firmware is running already: it is left as it is");
	assert_true(starts == 0 && admin_is_mapped && !chunk_is_mapped);
	assert_ptr_equal(qat_pf_memory(&mach)->va, admin);
	stop();
	assert_int_equal(stops, 0);
}

/* With files on the boot volume, firmware that runs is replaced. */
static void test_replaced(void **s)
{
	(void)s;
	runs = true;
	with_files();
	assert_int_equal(qat_firmware_start(&mach), SL_OK);
	assert_int_equal(starts, 1);
	stop();
}

/* Neither files nor firmware. */
static void test_no_files(void **s)
{
	(void)s;
	assert_int_equal(qat_firmware_start(&mach), SL_NOTFOUND);
	assert_said("FAIL qat: the firmware file EFI/sluice/");
	stop();
	assert_int_equal(starts + stops, 0);
}

/* One of the two files is missing, or not what it has to be: it is named. */
static void test_bad_files(void **s)
{
	(void)s;
	with_files();
	boot.file[BOOT_QAT_C62X + 1].len = 0;
	assert_int_equal(qat_firmware_start(&mach), SL_NOTFOUND);
	assert_said("EFI/sluice/qat_c62x_mmp.bin cannot be used: it is missing or cannot be read");
	stop();
	with_files();
	first_says = SL_BADVAL;
	assert_int_equal(qat_firmware_start(&mach), SL_BADVAL);
	assert_said("EFI/sluice/qat_c62x.bin cannot be used: the first is bad");
	stop();
	first_says = SL_OK;
	second_says = SL_VERIFY;
	assert_int_equal(qat_firmware_start(&mach), SL_VERIFY);
	assert_said("EFI/sluice/qat_c62x_mmp.bin cannot be used: the second is bad");
	stop();
	assert_int_equal(starts + stops, 0);
}

/* Registers in I/O space, or without an address, are not used. */
static void test_no_registers(void **s)
{
	(void)s;
	with_files();
	pf_fn.bar[2].addr = 0;
	assert_int_equal(qat_firmware_start(&mach), SL_NOSPACE);
	assert_said("0000:01:00.0 has no engines or registers that can be used");
	stop();
	pf_fn.bar[0] = (struct pci_bar){.addr = 0x1000, .size = 0x20, .io = true};
	assert_int_equal(qat_firmware_start(&mach), SL_NOSPACE); /* qat_pf_bars() has seen 0 bytes */
	stop();
}

/* Which bank has which service is known of firmware for gen4 that was loaded here, until it is stopped. */
static void test_pairs(void **s)
{
	struct qat_pair pair[QAT_SERVICES];
	(void)s;
	with_files();
	assert_int_equal(qat_firmware_start(&mach), SL_OK);
	assert_false(qat_firmware_pairs(pair));
	stop();
	pf_fn.device = GEN4_PF;
	chip_is = &qat_pf_4xxx;
	with_files();
	assert_int_equal(qat_firmware_start(&mach), SL_OK);
	assert_true(qat_firmware_pairs(pair));
	assert_true(pair[QAT_SYM].there && pair[QAT_SYM].bank == 1 && pair[QAT_SYM].rx == 1);
	assert_true(pair[QAT_DC].there && pair[QAT_DC].bank == 0 && pair[QAT_DC].rx == 1);
	assert_true(!pair[QAT_SYM].tx && !pair[QAT_DC].tx);
	stop();
	assert_false(qat_firmware_pairs(pair));
	boot.file[BOOT_QAT_4XXX].len = 0;
	runs = true;
	assert_int_equal(qat_firmware_start(&mach), SL_OK);
	assert_false(qat_firmware_pairs(pair));
	stop();
}

/* Whichever call fails, what was made is put back, and a card that was touched is stopped. */
static void test_any_call_fails(void **s)
{
	(void)s;
	with_files();
	assert_int_equal(qat_firmware_start(&mach), SL_OK);
	unsigned calls = stages_calls;
	assert_int_equal(calls, 9); /* masks, BARs, two of them mapped, domain, two buffers, connect, start */
	stop();
	for (unsigned at = 1; at <= calls; at++) {
		starts = stops = stages_calls = 0;
		stages_fail_at = at;
		assert_int_not_equal(qat_firmware_start(&mach), SL_OK);
		assert_int_equal(stages_calls, at);
		stop();
		assert_int_equal(stops, at == calls);
	}
}

/* A buffer that a unit may still translate to is not freed: that ends the stage. The other one is freed. A
 * later run does not touch the buffer, whose domain is gone. */
static void test_buffer_lost(void **s)
{
	(void)s;
	runs = true;
	chunk_says = SL_TIMEOUT;
	assert_int_equal(qat_firmware_start(&mach), SL_TIMEOUT);
	qat_firmware_stop(&mach);
	assert_said("0000:01:00.0 was not put back cleanly");
	assert_true(chunk_is_mapped && !admin_is_mapped && !connected);
	chunk_puts = stages_calls = 0;
	stages_fail_at = 1;
	assert_int_equal(qat_firmware_start(&mach), SL_DEVICE);
	qat_firmware_stop(&mach);
	assert_int_equal(chunk_puts, 0);
}

#define TEST(f) cmocka_unit_test_setup(f, set_up)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_loaded),   TEST(test_runs_already),   TEST(test_replaced),
		TEST(test_no_files), TEST(test_bad_files),      TEST(test_no_registers),
		TEST(test_pairs),    TEST(test_any_call_fails), TEST(test_buffer_lost),
	};
	return cmocka_run_group_tests_name("qat_card", tests, NULL, NULL);
}

#include <stdio.h>
#include <string.h>
#include "boot/config.h"
#include "tests/unit/test.h"

static struct config cfg;

static enum sl_err parse(const char *text)
{
	config_defaults(&cfg);
	return config_parse(&cfg, "sluice.cfg", text, strlen(text), false);
}

static void test_defaults(void **state)
{
	(void)state;
	assert_int_equal(parse(""), SL_OK);
	assert_int_equal(cfg.app, APP_AUDIT); /* which only reads */
	assert_int_equal(cfg.vfs, 4);
	assert_int_equal(cfg.qd, 32);
	assert_int_equal(cfg.seconds, 5);
	assert_int_equal(cfg.ops, 10000);
	assert_int_equal(cfg.baud, 0); /* as firmware has set it */
	assert_int_equal(cfg.consoles, 0);
	assert_int_equal(cfg.end, END_HALT);
	assert_int_equal(cfg.mode, WAIT_POLL);
	assert_int_equal(cfg.device, DEVICE_NVME);
	assert_int_equal(cfg.term, TERM_SCREEN);
	assert_int_equal(cfg.gen, 0);
	assert_true(!cfg.keep && !cfg.json);
	assert_int_equal(cfg.prove, PROVE_SAFE);
	assert_string_equal(cfg.scratch, ""); /* nothing may be written unless the configuration says so */
}

static void test_values(void **state)
{
	(void)state;
	assert_int_equal(
		parse("\xef\xbb\xbf# a comment\r\n  vfs = 8  # eight\r\n\nqd=64\nseconds=2\nscratch=S/N-1_x\n"
		      "baud=9600\nend=shutdown\napp=bursts\nmode=adaptive\ndevice=qat\ngen=4\nvfs=7\n"
		      "iommu=pt\nterm=dumb\njson=1\nkeep=1\nms=50\nblock=8192\nwrites=30\norder=seq\nseed=9\nbatch=4\nops=500"),
		SL_OK);
	assert_int_equal(cfg.vfs, 7); /* the later one counts */
	assert_int_equal(cfg.repeats, 1);
	assert_string_equal(cfg.repeat[0].key, "vfs");
	assert_string_equal(cfg.repeat[0].source, "sluice.cfg");
	assert_int_equal(cfg.repeat[0].line, 13);
	assert_int_equal(cfg.qd, 64);
	assert_int_equal(cfg.seconds, 2);
	assert_int_equal(cfg.baud, 9600);
	assert_int_equal(cfg.end, END_SHUTDOWN);
	assert_int_equal(cfg.mode, WAIT_ADAPTIVE);
	assert_int_equal(cfg.iommu, CONFIG_IOMMU_PT);
	assert_true(cfg.json && cfg.keep && cfg.ms == 50 && cfg.block == 8192 && cfg.writes == 30);
	assert_true(cfg.order == ORDER_SEQ && cfg.seed == 9 && cfg.batch == 4 && cfg.ops == 500);
	assert_int_equal(cfg.app, APP_BURSTS);
	assert_int_equal(cfg.device, DEVICE_QAT);
	assert_int_equal(cfg.term, TERM_DUMB);
	assert_int_equal(cfg.gen, 4);
	assert_string_equal(cfg.scratch, "S/N-1_x");
}

static void test_client(void **state)
{
	(void)state;
	assert_int_equal(parse(""), SL_OK);
	assert_true(!cfg.clients && cfg.client[0].program == CLIENT_RPING && !cfg.client[0].port);
	assert_int_equal(parse("client=ib_read_bw,ib_write_lat:18517,rping"), SL_OK);
	assert_int_equal(cfg.clients, 3);
	assert_int_equal(cfg.client[0].program, CLIENT_READ_BW);
	assert_int_equal(cfg.client[1].program, CLIENT_WRITE_LAT);
	assert_int_equal(cfg.client[1].port, 18517);
	assert_int_equal(cfg.client[2].program, CLIENT_RPING);
	assert_true(!cfg.client[0].port && !cfg.client[2].port);
	assert_int_equal(parse("client=rping:7175\nclient=ib_send_lat"), SL_OK); /* the later one counts */
	assert_true(cfg.clients == 1 && cfg.client[0].program == CLIENT_SEND_LAT && !cfg.client[0].port);
	assert_int_equal(parse("client=rping,rping,rping,rping,rping,rping,rping,rping"), SL_OK);
	assert_int_equal(cfg.clients, CONFIG_PROGRAMS);
}

static void test_iommu(void **state)
{
	(void)state;
	assert_int_equal(parse("iommu=on,igfx_off,skip=0xfed90000,skip=0XFEDA0000"), SL_OK);
	assert_int_equal(cfg.iommu, CONFIG_IOMMU_ON);
	assert_int_equal(cfg.iommu_igfx_off, 1);
	assert_int_equal(cfg.iommu_skips, 2);
	assert_int_equal(cfg.iommu_skip[0], 0xfed90000);
	assert_int_equal(cfg.iommu_skip[1], 0xfeda0000);
	assert_int_equal(parse("iommu=on,skip=0x1000\niommu=pt"),
			 SL_OK); /* the later one counts, all of it */
	assert_int_equal(cfg.iommu, CONFIG_IOMMU_PT);
	assert_true(!cfg.iommu_igfx_off && !cfg.iommu_skips);
}

static void test_prove(void **state)
{
	(void)state;
	assert_int_equal(parse("prove=none"), SL_OK);
	assert_int_equal(cfg.prove, PROVE_NONE);
	assert_int_equal(parse("prove=all"), SL_OK);
	assert_int_equal(cfg.prove, PROVE_ALL);
	assert_int_equal(parse("prove=all\nprove=00:1f.2,0001:aB:00.7\nvfs=3"), SL_OK);
	assert_true(cfg.prove == PROVE_LISTED && cfg.provers == 2 && cfg.vfs == 3);
	assert_true(cfg.prover[0].seg == 0 && cfg.prover[0].rid == 0x00fa);
	assert_true(cfg.prover[1].seg == 1 && cfg.prover[1].rid == 0xab07);
	assert_int_equal(parse("prove=00:1f.2\nprove=ff:1f.7,00:00.0,1:2.3,0:0.0,0:0.1,0:0.2,0:0.3,0:0.4"),
			 SL_OK);
	assert_int_equal(cfg.provers, CONFIG_PROVERS); /* the later one counts, all of it */
	assert_int_equal(cfg.prover[0].rid, 0xffff);
	assert_int_equal(parse("prove=00:1f.2\nprove=safe"), SL_OK);
	assert_true(cfg.prove == PROVE_SAFE && cfg.provers == 0);
	assert_int_equal(parse("scratch=x"), SL_OK); /* neither says anything about the other */
	assert_int_equal(cfg.prove, PROVE_SAFE);
}

static void test_words(void **state)
{
	(void)state;
	const char *line = "sluice.efi vfs=2  end=qemu";
	config_defaults(&cfg);
	assert_int_equal(config_parse(&cfg, "command line", line, strlen(line), true), SL_CONFIG);
	assert_int_equal(cfg.error.col, 1); /* "sluice.efi" is not an option, and that is reported */
	assert_int_equal(cfg.vfs, 2);
	assert_int_equal(cfg.end, END_QEMU);
}

static const struct {
	const char *text;
	uint32_t line, col;
	const char *says;
} bad[] = {
	{"vfs=abc", 1, 5, "vfs=abc is not a number"},
	{"\n\n  vfs =  12x", 3, 10, "vfs=12x is not a number"},
	{"vfs=0", 1, 5, "out of range"},
	{"vfs=65", 1, 5, "out of range"},
	{"vfs=99999999999", 1, 5, "out of range"},
	{"vfs=18446744073709551620", 1, 5, "vfs=18446744073709551620 is out of range (want 1 to 64)"},
	{"vfs=4294967300", 1, 5, "out of range"},
	{"vfs=\"4\"", 1, 5, "vfs=\"4\": remove the quotation marks"},
	{"scratch='a'", 1, 9, "scratch='a': remove the quotation marks"},
	{"scratch=a\nvfs=2\n scratch=a", 3, 2, "a second scratch=: keep the line"},
	{"vfs=", 1, 5, "not a number"},
	{"qd=257", 1, 4, "out of range"},
	{"seconds=-1", 1, 9, "not a number"},
	{"end=explode", 1, 5, "want one of: halt, reboot, shutdown, qemu"},
	{"device=abacus", 1, 8, "want one of: nvme, qat"},
	{"gen=3", 1, 5, "want one of: 2, 4"},
	{"app=tetris", 1, 5, "want one of: demo, isolate, mapcost, bench, bursts, insn, shell, accel, audit"},
	{"prove=", 1, 7, "prove= is not known (want safe, all, none, or functions such as"},
	{"prove=most", 1, 7, "prove=most is not known"},
	{"prove=1f.2", 1, 7, "is not known"},
	{"prove=00:1f.8", 1, 7, "is not known"},
	{"prove=00:20.0", 1, 7, "is not known"},
	{"prove=100:1f.2", 1, 7, "is not known"},
	{"prove=00:1f.2x", 1, 7, "is not known"},
	{"prove=00:1f", 1, 7, "is not known"},
	{"prove=10000:00:1f.2", 1, 7, "is not known"},
	{"prove=0:100:1f.2", 1, 7, "is not known"},
	{"prove=00:1f.2,safe", 1, 15, "prove=safe is not known"},
	{"prove=00:1f.2,,00:1f.3", 1, 15, "prove= is not known"},
	{"prove=0:0.0,0:0.1,0:0.2,0:0.3,0:0.4,0:0.5,0:0.6,0:0.7,0:1.0", 1, 55, "more than 8 functions"},
	{"iommu=maybe", 1, 7, "want one of: off, on, pt"},
	{"iommu=maybe,igfx_off", 1, 7, "iommu=maybe is not known"},
	{"iommu=on,gfx", 1, 10, "gfx is not known (want igfx_off, or skip="},
	{"iommu=on,,igfx_off", 1, 10, "is not known (want igfx_off"},
	{"iommu=on,skip=", 1, 10, "skip= is not known"},
	{"iommu=on,skip=0x", 1, 10, "skip=0x is not known"},
	{"iommu=on,skip=fed90000", 1, 10, "is not known"},
	{"iommu=on,skip=0xfed90001", 1, 10, "is not known"},
	{"iommu=on,skip=0xfed9g000", 1, 10, "is not known"},
	{"iommu=on,skip=0x1fed9000000000000", 1, 10, "is not known"},
	{"iommu=on,skip=0x1000,skip=0x2000,skip=0x3000,skip=0x4000,skip=0x5000", 1, 58, "at most 4 units"},
	{"mode=sleep", 1, 6, "want one of: poll, irq, adaptive"},
	{"queues=2\nmode=irq", 2, 6, "mode=irq and mode=adaptive work with queues=1 only"},
	{"mode=adaptive\nqueues=3", 2, 8, "mode=irq and mode=adaptive work with queues=1 only"},
	{"passes=0", 1, 8, "out of range"},
	{"block=5000", 1, 7, "not a multiple of 4096"},
	{"block=262144", 1, 7, "out of range"},
	{"order=up", 1, 7, "want one of: random, seq"},
	{"writes=101", 1, 8, "out of range"},
	{"baud=1200", 1, 6, "9600"},
	{"client=ib_tetris", 1, 8, "client=ib_tetris is not known (want one of: rping, ib_write_bw, "},
	{"client=ib_tetris", 1, 8, "ib_read_lat, ib_send_lat)"},
	{"client=rping,", 1, 14, "client= is not known"},
	{"client=rping,ib_read_bw:", 1, 25, "client: port= is not a number (want 1 to 65535)"},
	{"client=rping:65536", 1, 14, "is out of range (want 1 to 65535)"},
	{"client=rping,rping,rping,rping,rping,rping,rping,rping,rping", 1, 56, "names more than 8 programs"},
	{"console=com5", 1, 9, "console=com5 is not known (want com1 to com4, a port"},
	{"console=com1,com2,com3,com4,0x100", 1, 29, "names more than 4 UARTs"},
	{"console=com1,", 1, 14, "console= is not known"},
	{"console=0xfff9", 1, 9, "is not known"}, /* its registers would not be ports */
	{"console=mmio32:0xfe000002", 1, 9, "is not known"},
	{"console=mmio:0x12345678123456789", 1, 9, "is not known"},
	{"vf=1", 1, 1, "vf is not a key"},
	{"just words", 1, 1, "expected key=value"},
	{"=3", 1, 1, "expected key=value"},
	{"scratch=a b", 1, 9, "not plain ASCII"},
	{"scratch=0123456789012345678901234567", 1, 9, "at most 23"},
	{"scratch=\x1b[2J", 1, 9, "scratch=?[2J"},
};

static void test_errors(void **state)
{
	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(bad); i++) {
		assert_int_equal(parse(bad[i].text), SL_CONFIG);
		assert_int_equal(cfg.error.line, bad[i].line);
		assert_int_equal(cfg.error.col, bad[i].col);
		assert_non_null(strstr(cfg.error.text, bad[i].says));
	}
}

/* What comes after an error still counts, and the first error is the one told. */
static void test_goes_on(void **state)
{
	(void)state;
	assert_int_equal(parse("vfs=abc\nqd=x\nend=qemu\n"), SL_CONFIG);
	assert_int_equal(cfg.error.line, 1);
	assert_int_equal(cfg.end, END_QEMU);
	assert_int_equal(cfg.vfs, 4);
}

/* A machine that nobody watches ends its run although the text has a mistake. */
static void test_end_of_wrong_text(void **state)
{
	static const struct {
		const char *text;
		size_t n;
		uint32_t end;
	} text[] = {
		{"end=qemu app=audit", 18, END_QEMU},
		{"app=audit end=reboot # end=qemu", 31, END_REBOOT},
		{"vfs=x\n# end=qemu\n", 17, END_HALT},
		{"vfs=x end=qemux\nxend=qemu\nend=\n", 31, END_HALT},
		{"vfs=x end=shutdownshutdown", 26, END_HALT},
		{"vfs=x #\nend=shutdown", 20, END_SHUTDOWN},
		{"\xff\xfe"
		 "e\0n\0d\0=\0q\0e\0m\0u\0\n",
		 20, END_QEMU},
		{"\xfe\xff\0e\0n\0d\0=\0q\0e\0m\0u", 18, END_QEMU},
		{"vfs=x end=qem", 12, END_HALT},
	};
	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(text); i++) {
		char *exact = test_malloc(text[i].n);
		memcpy(exact, text[i].text, text[i].n);
		config_defaults(&cfg);
		assert_int_equal(config_parse(&cfg, "x", exact, text[i].n, false), SL_CONFIG);
		assert_int_equal(cfg.end, text[i].end);
		test_free(exact);
	}
}

/* Texts one after the other: a later one may set what an earlier one has, also scratch=; an error stays. */
static void test_sources(void **state)
{
	(void)state;
	config_defaults(&cfg);
	assert_int_equal(config_parse(&cfg, "the EFI file", "scratch=a\nvfs=2", 15, false), SL_OK);
	assert_int_equal(config_parse(&cfg, "sluice.cfg", "scratch=b\nvfs=3", 15, false), SL_OK);
	assert_string_equal(cfg.scratch, "b");
	assert_true(cfg.vfs == 3 && !cfg.repeats);
	assert_int_equal(config_parse(&cfg, "sluice.cfg", "vfs=x", 5, false), SL_CONFIG);
	assert_int_equal(config_parse(&cfg, "command line", "end=qemu vfs=5", 14, true), SL_CONFIG);
	assert_string_equal(cfg.error.source, "sluice.cfg");
	assert_true(cfg.end == END_QEMU && cfg.vfs == 5);
	assert_int_equal(
		config_parse(&cfg, "x", "qd=1 qd=2 vfs=1 vfs=1 ms=1 ms=1 seed=1 seed=1 qd=3", 51, true),
		SL_CONFIG);
	assert_int_equal(cfg.repeats, CONFIG_REPEATS);
	assert_string_equal(cfg.repeat[3].key, "seed");
	assert_int_equal(cfg.qd, 3);
}

/* 64 KiB are read; one byte more is an error, and what stands in it is not read. */
static void test_long(void **state)
{
	(void)state;
	size_t n = CONFIG_FILE_MAX + 1;
	char *text = test_malloc(n);
	memset(text, '\n', n);
	memcpy(text + n - 6, "\nvfs=7", 6);
	config_defaults(&cfg);
	assert_int_equal(config_parse(&cfg, "x", text + 1, n - 1, false), SL_OK);
	assert_int_equal(cfg.vfs, 7);
	config_defaults(&cfg);
	assert_int_equal(config_parse(&cfg, "x", text, n, false), SL_CONFIG);
	assert_non_null(strstr(cfg.error.text, "the file is longer than 65536 bytes"));
	assert_int_equal(cfg.error.line, 1);
	assert_int_equal(cfg.vfs, 4);
	test_free(text);
}

/* What is not said has this value, and each number goes from here to there. */
static void test_ranges(void **state)
{
	(void)state;
	static const struct {
		const char *key;
		const uint32_t *value;
		uint32_t unsaid;
		uint64_t min, max;
	} number[] = {
		{"vfs", &cfg.vfs, 4, 1, 64},
		{"queues", &cfg.queues, 1, 1, 3},
		{"qd", &cfg.qd, 32, 1, 256},
		{"seconds", &cfg.seconds, 5, 1, 86400},
		{"passes", &cfg.passes, 1, 1, 1000000},
		{"ops", &cfg.ops, 10000, 1, 1000000000},
		{"json", &cfg.json, 0, 0, 1},
		{"keep", &cfg.keep, 0, 0, 1},
		{"ms", &cfg.ms, 100, 1, 60000},
		{"batch", &cfg.batch, 0, 0, 256},
		{"block", &cfg.block, 4096, 4096, 131072},
		{"writes", &cfg.writes, 0, 0, 100},
		{"menu", &cfg.menu, 0, 0, 60},
		{"seed", &cfg.seed, 1, 1, UINT32_MAX},
	};
	char text[64];
	for (unsigned i = 0; i < ARRAY_LEN(number); i++) {
		config_defaults(&cfg);
		assert_int_equal(*number[i].value, number[i].unsaid);
		for (int64_t off = -1; off <= 1; off++) {
			int64_t low = (int64_t)number[i].min + off, high = (int64_t)number[i].max + off;
			snprintf(text, sizeof text, "%s=%lld", number[i].key, (long long)low);
			if (off <= 0 || number[i].key[0] != 'b') {
				assert_int_equal(parse(text), off < 0 ? SL_CONFIG : SL_OK);
				assert_int_equal(*number[i].value, off < 0 ? number[i].unsaid : low);
			}
			snprintf(text, sizeof text, "%s=%lld", number[i].key, (long long)high);
			if (off >= 0 || number[i].key[0] != 'b') {
				assert_int_equal(parse(text), off > 0 ? SL_CONFIG : SL_OK);
				assert_int_equal(*number[i].value, off > 0 ? number[i].unsaid : high);
			}
		}
	}
	assert_int_equal(parse("batch=1"), SL_OK);
	assert_int_equal(parse("batch=255"), SL_OK);
	assert_int_equal(parse("block=8192"), SL_OK);
	assert_int_equal(parse("block=126976"), SL_OK);
}

/* Each word of each list gives what it says. */
static void test_choices(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		const uint32_t *value;
		uint32_t want;
	} word[] = {
		{"baud=9600", &cfg.baud, 9600},
		{"baud=19200", &cfg.baud, 19200},
		{"baud=38400", &cfg.baud, 38400},
		{"baud=57600", &cfg.baud, 57600},
		{"baud=115200", &cfg.baud, 115200},
		{"gen=2", &cfg.gen, 2},
		{"gen=4", &cfg.gen, 4},
		{"iommu=off", &cfg.iommu, CONFIG_IOMMU_OFF},
		{"iommu=on", &cfg.iommu, CONFIG_IOMMU_ON},
		{"order=random", &cfg.order, ORDER_RANDOM},
		{"order=seq", &cfg.order, ORDER_SEQ},
		{"mode=poll", &cfg.mode, WAIT_POLL},
		{"mode=irq", &cfg.mode, WAIT_IRQ},
		{"mode=adaptive", &cfg.mode, WAIT_ADAPTIVE},
		{"device=nvme", &cfg.device, DEVICE_NVME},
		{"term=screen", &cfg.term, TERM_SCREEN},
		{"usb=auto", &cfg.usb, USB_AUTO},
		{"usb=on", &cfg.usb, USB_ON},
		{"usb=off", &cfg.usb, USB_OFF},
		{"end=halt", &cfg.end, END_HALT},
		{"end=reboot", &cfg.end, END_REBOOT},
		{"tables=auto", &cfg.tables, 0},
		{"tables=legacy", &cfg.tables, 1},
		{"tables=scalable", &cfg.tables, 2},
		{"doorbell=mmio", &cfg.doorbell, 0},
		{"doorbell=shadow", &cfg.doorbell, 1},
	};
	static const char *const apps[] = {"demo", "isolate", "mapcost", "bench", "bursts",
					   "insn", "shell",   "accel",   "audit", "tour"};
	char text[32];
	for (unsigned i = 0; i < ARRAY_LEN(word); i++) {
		assert_int_equal(parse(word[i].text), SL_OK);
		assert_int_equal(*word[i].value, word[i].want);
	}
	assert_int_equal(parse("doorbell=bell"), SL_CONFIG);
	assert_int_equal(parse("mode=poll\nqueues=3"), SL_OK);
	assert_int_equal(parse("mode=irq\nqueues=1"), SL_OK);
	for (unsigned i = 0; i < ARRAY_LEN(apps); i++) {
		snprintf(text, sizeof text, "app=%s", apps[i]);
		assert_int_equal(parse(text), SL_OK);
		assert_int_equal(cfg.app, i);
		assert_string_equal(config_app_name(&cfg), apps[i]);
		assert_int_equal(config_wants_qat(&cfg), strcmp(apps[i], "accel") == 0);
	}
	assert_int_equal(parse("device=qat"), SL_OK);
	assert_true(config_wants_qat(&cfg));
	assert_int_equal(parse("block=5000\n"), SL_CONFIG);
	assert_int_equal(cfg.block, 4096);
}

/* Serial numbers of up to 23 characters, blanks of every kind around everything, a last line without an end;
 * what cannot be shown is shown as '?'. Memory behind the text is never read. */
static void test_text(void **state)
{
	(void)state;
	assert_int_equal(parse("scratch=01234567890123456789012"), SL_OK);
	assert_string_equal(cfg.scratch, "01234567890123456789012");
	assert_int_equal(parse("scratch=012345678901234567890123"), SL_CONFIG);
	assert_string_equal(cfg.scratch, "");
	assert_int_equal(parse("scratch=a~!"), SL_OK);
	assert_int_equal(parse("scratch=a\x7f"), SL_CONFIG);
	assert_non_null(strstr(cfg.error.text, "scratch=a? is"));
	assert_int_equal(parse("scratch=a\x1f"), SL_CONFIG);
	assert_int_equal(parse("vfs\t =\t 3 \t\r"), SL_OK);
	assert_int_equal(cfg.vfs, 3);
	assert_int_equal(parse("vfs=3\n=\n"), SL_CONFIG);
	assert_int_equal(cfg.error.line, 2);
	assert_int_equal(parse(" \t x"), SL_CONFIG);
	assert_int_equal(cfg.error.col, 4);
	assert_int_equal(parse("# vfs=3\nqd=7#qd=8"), SL_OK);
	assert_true(cfg.vfs == 4 && cfg.qd == 7);
	assert_int_equal(parse("vfs=00000000000000000000003"), SL_OK);
	assert_int_equal(cfg.vfs, 3);
	assert_int_equal(parse("vfs=:"), SL_CONFIG);
	assert_int_equal(parse("vfs=/"), SL_CONFIG);
	assert_string_equal(cfg.error.source, "sluice.cfg");
	char many[64];
	memset(many, 'x', sizeof many); /* 39 of them are shown */
	many[sizeof many - 1] = 0;
	assert_int_equal(parse(many), SL_CONFIG);
	assert_int_equal(strspn(cfg.error.text, "x"), 39);
	static const char wide[] = "\xff\xfe\166\0f\0s\0", narrow[] = "\xfe\xff\0v\0f\0s";
	config_defaults(&cfg);
	assert_int_equal(config_parse(&cfg, "x", wide, sizeof wide, false), SL_CONFIG);
	assert_string_equal(cfg.error.text,
			    "the file is UTF-16 text: save it as plain text (ASCII or UTF-8)");
	assert_true(cfg.error.line == 1 && cfg.error.col == 1);
	config_defaults(&cfg);
	assert_int_equal(config_parse(&cfg, "x", narrow, sizeof narrow, true), SL_CONFIG);
	assert_string_equal(cfg.error.text,
			    "the file is UTF-16 text: save it as plain text (ASCII or UTF-8)");
	config_defaults(&cfg);
	assert_int_equal(config_parse(&cfg, "x", wide + 2, 6, false), SL_CONFIG); /* without a mark */
	assert_non_null(strstr(cfg.error.text, "UTF-16"));
	static const char line[] = "\xef\xbb\xbfvfs=7 qd=9";
	for (size_t n = 0; n < sizeof line; n++) {
		char *copy = test_malloc(n + 1), *exact = test_malloc(n ? n : 1);
		memcpy(copy, line, n);
		memcpy(exact, line, n);
		for (unsigned words = 0; words < 2; words++) {
			config_defaults(&cfg);
			enum sl_err e = config_parse(&cfg, "x", exact, n, words);
			assert_int_equal(e, n == 3 || n == 8 || n == 9 || (words && n == 13) ? SL_OK
					    : n == 0                                         ? SL_OK
											     : SL_CONFIG);
		}
		test_free(copy);
		test_free(exact);
	}
}

static void test_console(void **state)
{
	(void)state;
	assert_int_equal(parse("console=com2,0x2e8,mmio:0xfe034000,mmio32:0x10ff000000"), SL_OK);
	assert_int_equal(cfg.consoles, 4);
	assert_true(cfg.console[0].addr == 0x2f8 && !cfg.console[0].mmio);
	assert_true(cfg.console[1].addr == 0x2e8 && !cfg.console[1].mmio);
	assert_true(cfg.console[2].addr == 0xfe034000 && cfg.console[2].mmio && cfg.console[2].stride == 1);
	assert_true(cfg.console[3].addr == 0x10ff000000 && cfg.console[3].mmio && cfg.console[3].stride == 4);
	assert_int_equal(parse("console=com2\nconsole=com1"), SL_OK); /* the later one counts */
	assert_true(cfg.consoles == 1 && cfg.console[0].addr == 0x3f8);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_defaults),
					   cmocka_unit_test(test_values),
					   cmocka_unit_test(test_iommu),
					   cmocka_unit_test(test_client),
					   cmocka_unit_test(test_prove),
					   cmocka_unit_test(test_words),
					   cmocka_unit_test(test_errors),
					   cmocka_unit_test(test_goes_on),
					   cmocka_unit_test(test_ranges),
					   cmocka_unit_test(test_choices),
					   cmocka_unit_test(test_text),
					   cmocka_unit_test(test_console),
					   cmocka_unit_test(test_long),
					   cmocka_unit_test(test_sources),
					   cmocka_unit_test(test_end_of_wrong_text)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Every option of sluice.cfg, once: its key, values, default and meaning. These lists generate the enums, the
 * parser and its messages (boot/config.c), `options` in the console (apps/shell/options.c) and ./run.sh
 * --help; tools/check_docs.py compares docs/options.md with them. A list of words: X(enumerator, word),
 * counted from 0. */
#pragma once

/* clang-format off */
#define CONFIG_APPS(X) \
	X(APP_DEMO, "demo") X(APP_ISOLATE, "isolate") X(APP_MAPCOST, "mapcost") X(APP_BENCH, "bench") \
	X(APP_BURSTS, "bursts") X(APP_INSN, "insn") X(APP_SHELL, "shell") X(APP_ACCEL, "accel") \
	X(APP_AUDIT, "audit") X(APP_TOUR, "tour") X(APP_ECHO, "echo") X(APP_RDMA, "rdma")
/* read: nothing is written to configuration space or to a unit (app=audit). */
#define CONFIG_ACCESSES(X)  X(ACCESS_WRITE, "write") X(ACCESS_READ, "read")
#define CONFIG_DEVICES(X)   X(DEVICE_NVME, "nvme") X(DEVICE_QAT, "qat") X(DEVICE_IGB, "igb") X(DEVICE_DSA, "dsa")
/* How a core waits for its rings: apps/vf/wait.h */
#define CONFIG_MODES(X)     X(WAIT_POLL, "poll") X(WAIT_IRQ, "irq") X(WAIT_ADAPTIVE, "adaptive")
#define CONFIG_IOMMUS(X)    X(CONFIG_IOMMU_OFF, "off") X(CONFIG_IOMMU_ON, "on") X(CONFIG_IOMMU_PT, "pt")
/* In the order of enum vtd_want: iommu/vtd/backend.h */
#define CONFIG_TABLES(X)    X(TABLES_AUTO, "auto") X(TABLES_LEGACY, "legacy") X(TABLES_SCALABLE, "scalable")
/* How the device is notified of new requests: by a register, or in memory where the controller supports
 * it. */
#define CONFIG_DOORBELLS(X) X(DOORBELL_MMIO, "mmio") X(DOORBELL_SHADOW, "shadow")
#define CONFIG_ORDERS(X)    X(ORDER_RANDOM, "random") X(ORDER_SEQ, "seq")
/* The terminal on the serial line: 80x24 that knows carriage return and backspace, or anything. */
#define CONFIG_TERMS(X)     X(TERM_SCREEN, "screen") X(TERM_DUMB, "dumb")
/* USB keyboards: with a screen, always, never. */
#define CONFIG_USBS(X)      X(USB_AUTO, "auto") X(USB_ON, "on") X(USB_OFF, "off")
#define CONFIG_ENDS(X)      X(END_HALT, "halt") X(END_REBOOT, "reboot") X(END_SHUTDOWN, "shutdown") X(END_QEMU, "qemu")
/* Who may attack without scratch=: apps/proof/attackers.h. PROVE_LISTED is no word, but a list of functions. */
#define CONFIG_PROVES(X)    X(PROVE_SAFE, "safe") X(PROVE_ALL, "all") X(PROVE_NONE, "none")
/* Programs whose client the first VF is; read by read_client(). */
#define CONFIG_CLIENTS(X) \
	X(CLIENT_RPING, "rping") X(CLIENT_WRITE_BW, "ib_write_bw") X(CLIENT_READ_BW, "ib_read_bw") \
	X(CLIENT_SEND_BW, "ib_send_bw") X(CLIENT_ATOMIC_BW, "ib_atomic_bw") X(CLIENT_WRITE_LAT, "ib_write_lat") \
	X(CLIENT_READ_LAT, "ib_read_lat") X(CLIENT_SEND_LAT, "ib_send_lat")
/* Words that are numbers; the option's value is that number, 0 while not set. */
#define CONFIG_GENS(X)      X(GEN_C62X, "2") X(GEN_4XXX, "4")
#define CONFIG_BAUDS(X) \
	X(BAUD_9600, "9600") X(BAUD_19200, "19200") X(BAUD_38400, "38400") X(BAUD_57600, "57600") X(BAUD_115200, "115200")

/* WORDS(key, list, default, help)                  one of the list's words
 * EXTEND(key, list, default, more values, help)    the same, read by read_KEY() of boot/config.c
 * DIGITS(key, list, default in words, help)        one of the list's words, and the number that it is
 * NUMBER(key, least, most, default, help)
 * PAGES(key, least, most, default, help)           a number of bytes, whole pages
 * OTHER(key, values, default in words, help)       read by read_KEY() of boot/config.c */
#define CONFIG_KEYS(WORDS, EXTEND, DIGITS, NUMBER, PAGES, OTHER) \
	WORDS(app, CONFIG_APPS, APP_AUDIT, "what to run") \
	WORDS(access, CONFIG_ACCESSES, ACCESS_WRITE, "app=audit: read writes to no device and no IOMMU") \
	WORDS(device, CONFIG_DEVICES, DEVICE_NVME, "whose VFs: an NVMe controller's, a QuickAssist card's or a network card's; or a DSA, which has none") \
	DIGITS(gen, CONFIG_GENS, "the first card found", "device=qat: the card's generation: 2 is C62x, 4 is 4xxx") \
	NUMBER(vfs, 1, 64, 4, "virtual functions to enable") \
	NUMBER(queues, 1, 3, 1, "queue pairs of each VF in the timed phase") \
	NUMBER(qd, 1, 256, 32, "requests in flight on each VF in the timed phase") \
	NUMBER(seconds, 1, 86400, 5, "length of the timed phase") \
	WORDS(mode, CONFIG_MODES, WAIT_POLL, "how a core waits for completions") \
	NUMBER(passes, 1, 1000000, 1, "app=isolate: how often it goes through all its cases") \
	NUMBER(ops, 1, 1000000000, 10000, "device=qat: operations of each service on each VF; igb: frames from each to each; dsa: of each kind on each queue; rdma: of each of client=") \
	NUMBER(mailbox, 0, 1, 0, "device=igb: 1: VFs ask their PF by messages") \
	OTHER(address, "IPv4 or IPv6 with /BITS, or both with a comma", "10.0.0.1/24,fd00::1/64", "log=: whose log it is; app=echo, rdma: of the first VF") \
	OTHER(peer, "an address", "none", "app=rdma: programs of client= serve there, and the first VF is their client") \
	OTHER(client, "rping, ib_write_bw, ib_read_bw, ib_send_bw, ib_atomic_bw, ib_write_lat, ib_read_lat, ib_send_lat, with :PORT behind it, or up to 8 with commas", "rping", "app=rdma: what serves at peer=, one after the other") \
	OTHER(log, "udp:ADDRESS, with :PORT behind it", "none", "sends the log as syslog by a network card that nothing else uses") \
	EXTEND(iommu, CONFIG_IOMMUS, CONFIG_IOMMU_ON, "on,igfx_off, on,skip=0xADDRESS", "translation; units to leave as they are") \
	WORDS(tables, CONFIG_TABLES, TABLES_AUTO, "which tables VT-d units read; auto: legacy mode where they have it") \
	NUMBER(ats, 0, 1, 0, "device=dsa: 1: it keeps translations itself and may ask for pages; it is trusted then") \
	WORDS(doorbell, CONFIG_DOORBELLS, DOORBELL_MMIO, "how a VF's controller learns of new requests") \
	NUMBER(json, 0, 1, 0, "1: print lines of JSON too") \
	NUMBER(keep, 0, 1, 0, "1: the loader writes its report to EFI/sluice/report.txt") \
	NUMBER(remember, 0, 1, 1, "0: nothing is written to the UEFI variable SluiceRun") \
	NUMBER(privacy, 0, 1, 0, "1: no serial numbers and UUID in log, report and RESULT") \
	NUMBER(ms, 1, 60000, 100, "app=bench: length of one repeat in milliseconds") \
	NUMBER(batch, 0, 256, 0, "app=bench: completions to wait for before resending") \
	PAGES(block, 4096, 131072, 4096, "app=bench: bytes of a request") \
	NUMBER(writes, 0, 100, 0, "app=bench: percentage of writes") \
	WORDS(order, CONFIG_ORDERS, ORDER_RANDOM, "app=bench: order of the blocks") \
	NUMBER(seed, 1, 4294967295, 1, "app=bench: seed of the random order") \
	OTHER(scratch, "a serial number", "none", "the NVMe controller whose namespaces may be overwritten") \
	NUMBER(overwrite, 0, 1, 0, "1: scratch= may overwrite a partition table or a file system") \
	EXTEND(prove, CONFIG_PROVES, PROVE_SAFE, "BDF", "who may attack in app=isolate and app=audit, besides scratch=") \
	DIGITS(baud, CONFIG_BAUDS, "firmware's rate", "rate of the serial console") \
	OTHER(console, "com1 to com4, 0xPORT, mmio:0xADDRESS, mmio32:0xADDRESS", "all that answer", "UARTs of the console") \
	NUMBER(menu, 0, 60, 0, "seconds that the menu waits for a key; 0: no menu") \
	NUMBER(screen, 0, 1, 1, "0: nothing is shown on the screen") \
	WORDS(term, CONFIG_TERMS, TERM_SCREEN, "the terminal: dumb gets plain lines") \
	WORDS(usb, CONFIG_USBS, USB_AUTO, "app=shell: USB keyboards; auto: when there is a screen") \
	WORDS(end, CONFIG_ENDS, END_HALT, "how the run ends")
/* clang-format on */

#define CONFIG_ENUM(name, word) name,
#define CONFIG_WORD(name, word) word,

enum config_app { CONFIG_APPS(CONFIG_ENUM) };
enum config_access { CONFIG_ACCESSES(CONFIG_ENUM) };
enum config_device { CONFIG_DEVICES(CONFIG_ENUM) };
enum wait_mode { CONFIG_MODES(CONFIG_ENUM) };
enum config_iommu { CONFIG_IOMMUS(CONFIG_ENUM) };
enum config_tables { CONFIG_TABLES(CONFIG_ENUM) };
enum config_doorbell { CONFIG_DOORBELLS(CONFIG_ENUM) };
enum config_order { CONFIG_ORDERS(CONFIG_ENUM) };
enum config_prove { CONFIG_PROVES(CONFIG_ENUM) PROVE_LISTED };
enum config_clients { CONFIG_CLIENTS(CONFIG_ENUM) };
enum config_term { CONFIG_TERMS(CONFIG_ENUM) };
enum config_usb { CONFIG_USBS(CONFIG_ENUM) };
enum config_end { CONFIG_ENDS(CONFIG_ENUM) };

/* One list of errors, each with a printable name and a text. A function that can fail returns enum sl_err;
 * the place where an error arises logs it once, callers pass it on, and the failed stage explains what it
 * means. */
#pragma once
#include "kernel/bits.h"

#define SL_ERRORS(X)                                                                                         \
	X(OK, "ok")                                                                                          \
	X(END, "no more entries")                                                                            \
	X(TRUNC, "structure runs past its end")                                                              \
	X(BADVAL, "reserved or impossible value")                                                            \
	X(CHECKSUM, "checksum does not match")                                                               \
	X(NOTFOUND, "not there")                                                                             \
	X(UNSUPPORTED, "not supported")                                                                      \
	X(RANGE, "address or number out of range")                                                           \
	X(NOSPACE, "no room left")                                                                           \
	X(NOMEM, "out of memory")                                                                            \
	X(BUSY, "in use")                                                                                    \
	X(EXISTS, "already there")                                                                           \
	X(TIMEOUT, "hardware did not answer in time")                                                        \
	X(DEVICE, "device reported an error")                                                                \
	X(VERIFY, "data is not what was expected")                                                           \
	X(CONFIG, "configuration is wrong")                                                                  \
	X(STOPPED, "stopped by Ctrl-C")                                                                      \
	X(NMI, "a non-maskable interrupt that no core sent")                                                 \
	X(MCE, "a machine check")                                                                            \
	X(AER, "an uncorrectable PCI Express error")

#define SL_ERR_ENUM(n, text) SL_##n,
enum sl_err { SL_ERRORS(SL_ERR_ENUM) SL_ERR_COUNT };

/* "TIMEOUT"; "?" for a value outside the list. */
const char *sl_err_name(enum sl_err e);
/* "hardware did not answer in time". */
const char *sl_err_text(enum sl_err e);

/* The name of a PCI function: segment and requester id (bus 15:8, device 7:3, function 2:0; with ARI the low
 * byte is one function number, PCIe §6.13). Printed as 0000:3b:00.1 everywhere. */
#pragma once
#include "kernel/bits.h"

typedef struct {
	uint16_t seg;
	uint16_t rid;
} bdf_t;

static inline bdf_t bdf_make(unsigned seg, unsigned bus, unsigned dev, unsigned fn)
{
	return (bdf_t){(uint16_t)seg, (uint16_t)((bus & 0xff) << 8 | (dev & 0x1f) << 3 | (fn & 7))};
}

static inline uint8_t bdf_bus(bdf_t b)
{
	return (uint8_t)(b.rid >> 8);
}

static inline uint8_t bdf_devfn(bdf_t b)
{
	return (uint8_t)b.rid;
}

static inline uint8_t bdf_dev(bdf_t b)
{
	return (uint8_t)(b.rid >> 3 & 0x1f);
}

static inline uint8_t bdf_fn(bdf_t b)
{
	return (uint8_t)(b.rid & 7);
}

static inline bool bdf_eq(bdf_t a, bdf_t b)
{
	return a.seg == b.seg && a.rid == b.rid;
}

#define BDF_FMT    "%04x:%02x:%02x.%x"
#define BDF_ARG(b) (b).seg, bdf_bus(b), bdf_dev(b), bdf_fn(b)

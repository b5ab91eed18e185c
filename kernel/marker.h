/* Marks for tools/insncount, which counts instructions: 8-byte NOPs that mark positions in the run. Every
 * x86-64 processor ignores them. */
#pragma once

enum marker {
	MARK_FIRST = 13,  /* the first completion on a VF */
	MARK_BEGIN = 14,  /* the measured loop begins */
	MARK_END = 15,    /* the measured loop ends */
	MARK_WAIT = 254,  /* a wait for the device begins */
	MARK_GO_ON = 255, /* and ends */
};

/* id: a constant. Also keeps the compiler from moving memory accesses across it. */
#define MARKER(id) __asm__ volatile(".byte 0x0f,0x1f,0x84,0x00,%c0,0x55,0x4c,0x53" : : "i"(id) : "memory")

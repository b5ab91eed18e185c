/* Firmware of a few instructions for test_insn.py: protected mode, then the markers of kernel/marker.h around code
 * whose instructions and MMIO accesses can be counted by eye. 64 KiB, which
 * end at 4 GiB. */
#define AT(label) (0xffff0000 + (label) - start)
.macro marker id
	.byte 0x0f, 0x1f, 0x84, 0x00, \id, 0x55, 0x4c, 0x53
.endm

.code16
start:
	cli
	lgdtl %cs:(gdtr - start)
	mov %cr0, %eax
	or $1, %al
	mov %eax, %cr0
	ljmpl $8, $AT(flat)
.code32
flat:
	mov $16, %eax
	mov %eax, %ds
	mov %eax, %es
	marker 99               /* nobody's: not counted, without effect */
	marker 15               /* an end without a beginning: no section */
	marker 14
	mov $1000, %ecx         /* 1 */
1:	nop                     /* 3000 */
	dec %ecx
	jnz 1b
	marker 15
	marker 14
	mov $0xfee00020, %ebx   /* 1: the local APIC, whose registers are MMIO */
	mov (%ebx), %eax        /* 2, 1 access; in the middle of a block */
	mov (%ebx), %edx        /* 3, 2 */
	mov 0xffff0000, %eax        /* 4: memory */
	mov %eax, %edx          /* 5 */
	marker 254
	mov $7, %ecx            /* waits: 1 */
2:	mov (%ebx), %eax        /* 21, 7 accesses */
	dec %ecx
	jnz 2b
	marker 255
	nop                     /* 6 */
	marker 15
	marker 13
	nop
	marker 13               /* only the first counts */
	mov $0x20, %al          /* isa-debug-exit: status 65 */
	out %al, $0xf4
	hlt

.balign 8
gdt:	.quad 0, 0x00cf9b000000ffff, 0x00cf93000000ffff
gdtr:	.word gdtr - gdt - 1
	.long AT(gdt)

.org 0xfff0
.code16
	.byte 0xe9              /* jmp start */
	.word start - . - 2
.org 0x10000

/* Where the other cores start: copied to a page below 1 MiB, entered in real mode with CS = page / 16. A core goes on only
 * if it is the one that is expected (ap_claim holds its APIC id; it takes the id away), so that one that comes too late
 * does nothing. Then protected mode, long mode with the tables of paging_low_root(), and into the kernel.
 * Intel SDM vol. 3 §9.4, §10.9. */
	.section .rodata
	.balign	16
	.globl	ap_start, ap_data, ap_end
	.set	AT, ap_start

	.code16
ap_start:
	cli
	cld
	movw	%cs, %ax
	movw	%ax, %ds
	xorl	%esi, %esi
	movw	%ax, %si
	shll	$4, %esi		/* the page's address, for the rest of the way */
	lgdtl	(ap_gdtr - AT)
	movl	(ap_cr0 - AT), %eax
	andl	$0x7fffffff, %eax	/* no paging yet; the caches are on from here */
	movl	%eax, %cr0
	ljmpl	*(ap_far32 - AT)

	.code32
ap_32:
	movw	$0x10, %ax
	movw	%ax, %ds
	movw	%ax, %es
	movw	%ax, %ss
	xorl	%eax, %eax
	cpuid
	cmpl	$0xb, %eax
	jb	1f
	movl	$0xb, %eax		/* the x2APIC id, where this leaf is there */
	xorl	%ecx, %ecx
	cpuid
	movl	%edx, %eax
	testl	%ebx, %ebx
	jnz	2f
1:	movl	$1, %eax
	cpuid
	movl	%ebx, %eax
	shrl	$24, %eax
2:	movl	$-1, %ecx
	lock cmpxchgl %ecx, (ap_claim - AT)(%esi)
	jne	ap_park
	movl	(ap_cr4 - AT)(%esi), %eax
	movl	%eax, %cr4
	movl	(ap_cr3 - AT)(%esi), %eax
	movl	%eax, %cr3
	movl	$0xc0000080, %ecx	/* EFER: LME, NXE */
	rdmsr
	orl	$0x900, %eax
	wrmsr
	movl	(ap_cr0 - AT)(%esi), %eax
	movl	%eax, %cr0
	ljmpl	*(ap_far64 - AT)(%esi)
ap_park:
	cli
	hlt
	jmp	ap_park

	.code64
ap_64:
	movl	%esi, %esi
	movq	(ap_stack - AT)(%rsi), %rsp
	movq	(ap_core - AT)(%rsi), %rdi
	movq	(ap_entry - AT)(%rsi), %rax
	xorl	%ebp, %ebp
	pushq	%rbp			/* ends every backtrace, and aligns as a call does */
	jmpq	*%rax

/* struct ap_data */
	.balign	16
ap_data:
ap_stack: .quad	0
ap_core: .quad	0
ap_entry: .quad	0
ap_claim: .long	-1
ap_cr0:	.long	0
ap_cr3:	.long	0
ap_cr4:	.long	0
ap_far32: .long	ap_32 - AT		/* the page's address is added */
	.word	0x08, 0
ap_far64: .long	ap_64 - AT
	.word	0x18, 0
	.word	0
ap_gdtr: .word	4 * 8 - 1
	.long	ap_gdt - AT
ap_gdt:	.quad	0
	.quad	0x00cf9b000000ffff	/* 08: 32-bit code */
	.quad	0x00cf93000000ffff	/* 10: data */
	.quad	0x00af9b000000ffff	/* 18: 64-bit code */
ap_end:

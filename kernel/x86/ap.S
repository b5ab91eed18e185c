/* Where the other cores start, all at once: copied to a page below 1 MiB, entered in real mode with CS = page / 16. The
 * next pages have a struct ap_slot for each core that was called (kernel/x86/smp_hw.c). A core looks for the one with its
 * APIC id, says there that it came, and waits for the number that core 0 gives it. One that is not among them, that comes
 * too late or that is not wanted halts here. Then protected mode, long mode with the tables of paging_low_root(), and into
 * the kernel. Intel SDM vol. 3 §9.4, §10.9. */
	.set	AP_AWAITED, 0
	.set	AP_CAME, 1
	.set	AP_GO, 16
	.set	SLOTS, 4096		/* from here on */
	.set	CORE_STACK, 16		/* in struct core */

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
2:	movl	(ap_slots - AT)(%esi), %ecx
	leal	SLOTS(%esi), %edi
3:	testl	%ecx, %ecx
	jz	ap_park
	cmpl	(%edi), %eax
	je	4f
	addl	$8, %edi
	decl	%ecx
	jmp	3b
4:	movl	$AP_AWAITED, %eax
	movl	$AP_CAME, %ecx
	lock cmpxchgl %ecx, 4(%edi)
	jne	ap_park
5:	pause
	movl	4(%edi), %ebx
	cmpl	$AP_CAME, %ebx
	je	5b
	subl	$AP_GO, %ebx		/* the core's index */
	jb	ap_park
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
	imull	(ap_core_size - AT)(%rsi), %ebx
	movq	(ap_cores - AT)(%rsi), %rdi
	addq	%rbx, %rdi
	movq	CORE_STACK(%rdi), %rsp
	movq	(ap_entry - AT)(%rsi), %rax
	xorl	%ebp, %ebp
	pushq	%rbp			/* ends every backtrace, and aligns as a call does */
	jmpq	*%rax

/* struct ap_data */
	.balign	16
ap_data:
ap_cores: .quad	0
ap_entry: .quad	0
ap_core_size: .long 0
ap_slots: .long	0
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

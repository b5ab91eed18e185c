/* One stub a vector: pushes an error code where the processor does not, and the vector; then all registers. The layout is
 * struct trap_frame. */
	.text
trap_common:
	pushq	%r15
	pushq	%r14
	pushq	%r13
	pushq	%r12
	pushq	%r11
	pushq	%r10
	pushq	%r9
	pushq	%r8
	pushq	%rbp
	pushq	%rdi
	pushq	%rsi
	pushq	%rdx
	pushq	%rcx
	pushq	%rbx
	pushq	%rax
	cld
	movq	%rsp, %rdi
	xorl	%ebp, %ebp
	call	trap_handle		/* comes back from interrupts and from an NMI that another core asked for */
	popq	%rax
	popq	%rbx
	popq	%rcx
	popq	%rdx
	popq	%rsi
	popq	%rdi
	popq	%rbp
	popq	%r8
	popq	%r9
	popq	%r10
	popq	%r11
	popq	%r12
	popq	%r13
	popq	%r14
	popq	%r15
	addq	$16, %rsp
	iretq

	.macro stub vector
	.balign 16
trap_stub_\vector:
	.if !(\vector == 8 || (\vector >= 10 && \vector <= 14) || \vector == 17 || \vector == 21 || \vector == 29 || \vector == 30)
	pushq	$0
	.endif
	pushq	$\vector
	jmp	trap_common
	.endm

	.altmacro
	.macro stubs from, to
	stub %\from
	.if \to - \from
	stubs %(\from + 1), \to
	.endif
	.endm
	.globl trap_stubs
	.balign 16
trap_stubs:
	stubs 0, 15
	stubs 16, 31

/* External interrupts, 32 to 255 */
	.set	vector, 32
	.rept	224
	.balign	16
	pushq	$0
	pushq	$vector
	jmp	trap_common
	.set	vector, vector + 1
	.endr

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
	call	trap_handle
	ud2				/* exceptions are final */

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

/* Interrupts that nobody asked for (a line the firmware left on): dropped. */
	.globl trap_ignore
	.balign 16
trap_ignore:
	iretq

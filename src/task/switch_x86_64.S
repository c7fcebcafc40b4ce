/* SPDX-License-Identifier: MIT */
/* switch_x86_64.S - the context switch, System V ABI: the six callee-saved registers. The SSE and
 * x87 control words are not saved (11.1 against 2.1 ns): a task that changes rounding restores it
 * before it suspends.
 *
 * Each path keeps calls and returns in pairs, because the processor predicts returns by a stack of
 * its own: one unpaired jump makes every later return of the chain miss (measured: a yield through
 * three frames costs 36 ns with `pop; jmp` at the end of weir__switch, 8.6 ns with `ret`).
 *   weir__switch       call ... ret        (all tasks suspend in the same place: predicted)
 *   weir__switch_start call ... jmp, the call is paired by
 *   weir__switch_load  jmp ... ret          when the task ended without suspending */
#if defined(__x86_64__)
    .text
    .globl weir__switch
    .hidden weir__switch
    .type weir__switch, @function
    .p2align 5
weir__switch:
    .cfi_startproc
    endbr64
    pushq %rbp
    .cfi_adjust_cfa_offset 8
    .cfi_rel_offset %rbp, 0
    pushq %rbx
    .cfi_adjust_cfa_offset 8
    .cfi_rel_offset %rbx, 0
    pushq %r12
    .cfi_adjust_cfa_offset 8
    .cfi_rel_offset %r12, 0
    pushq %r13
    .cfi_adjust_cfa_offset 8
    .cfi_rel_offset %r13, 0
    pushq %r14
    .cfi_adjust_cfa_offset 8
    .cfi_rel_offset %r14, 0
    pushq %r15
    .cfi_adjust_cfa_offset 8
    .cfi_rel_offset %r15, 0
    movq %rsp, (%rdi)
    movq %rsi, %rsp
    popq %r15
    .cfi_adjust_cfa_offset -8
    .cfi_restore %r15
    popq %r14
    .cfi_adjust_cfa_offset -8
    .cfi_restore %r14
    popq %r13
    .cfi_adjust_cfa_offset -8
    .cfi_restore %r13
    popq %r12
    .cfi_adjust_cfa_offset -8
    .cfi_restore %r12
    popq %rbx
    .cfi_adjust_cfa_offset -8
    .cfi_restore %rbx
    popq %rbp
    .cfi_adjust_cfa_offset -8
    .cfi_restore %rbp
    ret
    .cfi_endproc
    .size weir__switch, . - weir__switch

/* weir__switch_start(save_sp, sp): save as above, then run weir__task_first_run on the fresh stack
 * sp (a multiple of 16). Unwinding stops at its return address: rip is undefined there, and
 * rbp is 0. */
    .globl weir__switch_start
    .hidden weir__switch_start
    .type weir__switch_start, @function
    .p2align 5
weir__switch_start:
    .cfi_startproc
    endbr64
    pushq %rbp
    .cfi_adjust_cfa_offset 8
    pushq %rbx
    .cfi_adjust_cfa_offset 8
    pushq %r12
    .cfi_adjust_cfa_offset 8
    pushq %r13
    .cfi_adjust_cfa_offset 8
    pushq %r14
    .cfi_adjust_cfa_offset 8
    pushq %r15
    .cfi_adjust_cfa_offset 8
    movq %rsp, (%rdi)
    .cfi_undefined %rip
    movq %rsi, %rsp
    xorl %ebp, %ebp
    leaq .Lbottom(%rip), %rax
    pushq %rax
    jmp weir__task_first_run
    .cfi_endproc
    .size weir__switch_start, . - weir__switch_start

    .type bottom_of_stack, @function
bottom_of_stack:
    .cfi_startproc
    .cfi_undefined %rip
    nop /* unwinders look at the address before the return address */
.Lbottom:
    ud2
    .cfi_endproc
    .size bottom_of_stack, . - bottom_of_stack

/* weir__switch_load(load_sp), jumped to: leave a stack for good. */
    .globl weir__switch_load
    .hidden weir__switch_load
    .type weir__switch_load, @function
    .p2align 5
weir__switch_load:
    .cfi_startproc
    .cfi_undefined %rip
    movq %rdi, %rsp
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbx
    popq %rbp
    ret
    .cfi_endproc
    .size weir__switch_load, . - weir__switch_load

/* IBT yes, shadow stacks no: this file does not say SHSTK, so a process with it never turns
 * them on. */
    .section .note.gnu.property, "a"
    .p2align 3
    .long 4, 16, 5
    .asciz "GNU"
    .long 0xc0000002, 4, 1, 0
#endif
    .section .note.GNU-stack, "", %progbits

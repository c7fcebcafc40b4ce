/* SPDX-License-Identifier: MIT */
/* switch_aarch64.S - the context switch, AAPCS64: x19-x30 and d8-d15. */
#if defined(__aarch64__)
    .text
    .globl weir__switch
    .hidden weir__switch
    .type weir__switch, %function
    .p2align 5
weir__switch:
    .cfi_startproc
    hint #34 /* bti c */
    stp x29, x30, [sp, #-160]!
    .cfi_def_cfa_offset 160
    .cfi_offset x29, -160
    .cfi_offset x30, -152
    stp x19, x20, [sp, #16]
    .cfi_offset x19, -144
    .cfi_offset x20, -136
    stp x21, x22, [sp, #32]
    .cfi_offset x21, -128
    .cfi_offset x22, -120
    stp x23, x24, [sp, #48]
    .cfi_offset x23, -112
    .cfi_offset x24, -104
    stp x25, x26, [sp, #64]
    .cfi_offset x25, -96
    .cfi_offset x26, -88
    stp x27, x28, [sp, #80]
    .cfi_offset x27, -80
    .cfi_offset x28, -72
    stp d8, d9, [sp, #96]
    stp d10, d11, [sp, #112]
    stp d12, d13, [sp, #128]
    stp d14, d15, [sp, #144]
    mov x9, sp
    str x9, [x0]
    mov sp, x1
    ldp x19, x20, [sp, #16]
    ldp x21, x22, [sp, #32]
    ldp x23, x24, [sp, #48]
    ldp x25, x26, [sp, #64]
    ldp x27, x28, [sp, #80]
    ldp d8, d9, [sp, #96]
    ldp d10, d11, [sp, #112]
    ldp d12, d13, [sp, #128]
    ldp d14, d15, [sp, #144]
    ldp x29, x30, [sp], #160
    .cfi_def_cfa_offset 0
    .cfi_restore x29
    .cfi_restore x30
    ret
    .cfi_endproc
    .size weir__switch, . - weir__switch

/* weir__switch_start(save_sp, sp): save as above, then run weir__task_first_run on the fresh stack
 * sp. Unwinding stops at its link register. */
    .globl weir__switch_start
    .hidden weir__switch_start
    .type weir__switch_start, %function
    .p2align 5
weir__switch_start:
    .cfi_startproc
    hint #34 /* bti c */
    stp x29, x30, [sp, #-160]!
    .cfi_def_cfa_offset 160
    stp x19, x20, [sp, #16]
    stp x21, x22, [sp, #32]
    stp x23, x24, [sp, #48]
    stp x25, x26, [sp, #64]
    stp x27, x28, [sp, #80]
    stp d8, d9, [sp, #96]
    stp d10, d11, [sp, #112]
    stp d12, d13, [sp, #128]
    stp d14, d15, [sp, #144]
    mov x9, sp
    str x9, [x0]
    .cfi_undefined x30
    mov sp, x1
    mov x29, xzr
    adr x30, .Lbottom
    b weir__task_first_run
    .cfi_endproc
    .size weir__switch_start, . - weir__switch_start

    .type bottom_of_stack, %function
bottom_of_stack:
    .cfi_startproc
    .cfi_undefined x30
    nop /* unwinders look at the address before the return address */
.Lbottom:
    brk #1
    .cfi_endproc
    .size bottom_of_stack, . - bottom_of_stack

/* weir__switch_load(load_sp), jumped to: leave a stack for good. */
    .globl weir__switch_load
    .hidden weir__switch_load
    .type weir__switch_load, %function
    .p2align 5
weir__switch_load:
    .cfi_startproc
    .cfi_undefined x30
    hint #38 /* bti jc */
    mov sp, x0
    ldp x19, x20, [sp, #16]
    ldp x21, x22, [sp, #32]
    ldp x23, x24, [sp, #48]
    ldp x25, x26, [sp, #64]
    ldp x27, x28, [sp, #80]
    ldp d8, d9, [sp, #96]
    ldp d10, d11, [sp, #112]
    ldp d12, d13, [sp, #128]
    ldp d14, d15, [sp, #144]
    ldp x29, x30, [sp], #160
    ret
    .cfi_endproc
    .size weir__switch_load, . - weir__switch_load
#endif
    .section .note.GNU-stack, "", %progbits

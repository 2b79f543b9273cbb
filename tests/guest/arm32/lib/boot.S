/* Entry of an ELF image in SVC mode; stacks of all modes; vectors in A32 and in T32. */
    .arch armv7-a
    .arch_extension virt
    .arch_extension sec
    .syntax unified
    .arm
    .section .text.boot, "ax"
    .globl _start
_start:
    mrs     r6, cpsr
    ldr     r0, =stacks
    cps     #0x11
    add     r0, #0x2000
    mov     sp, r0
    cps     #0x12
    add     r0, #0x2000
    mov     sp, r0
    cps     #0x17
    add     r0, #0x2000
    mov     sp, r0
    cps     #0x1b
    add     r0, #0x2000
    mov     sp, r0
    cps     #0x1f
    add     r0, #0x2000
    mov     sp, r0
    cps     #0x13
    add     r0, #0x2000
    mov     sp, r0
    ldr     r1, =_image_end
    ldr     r2, =_end
    mov     r3, #0
1:  cmp     r1, r2
    strlo   r3, [r1], #4
    blo     1b
    ldr     r0, =vectors
    mcr     p15, 0, r0, c12, c0, 0      /* VBAR */
    mrc     p15, 0, r0, c1, c0, 2       /* CPACR: FP and SIMD for all */
    orr     r0, #(15 << 20)
    mcr     p15, 0, r0, c1, c0, 2
    isb
    mov     r0, r6
    bl      start
2:  b       2b

/* The return state and r0-r12, lr on the mode's own stack: struct frame. */
    .macro  handler name, number, mode
\name:
    srsdb   sp!, #\mode
    push    {r0-r12, lr}
    mov     r0, sp
    mov     r1, #\number
    bl      trap
    pop     {r0-r12, lr}
    rfeia   sp!
    .endm

    .macro  table prefix
    b.w     .
    b.w     \prefix\()_und
    b.w     \prefix\()_svc
    b.w     \prefix\()_pabt
    b.w     \prefix\()_dabt
    b.w     .
    b.w     \prefix\()_irq
    b.w     \prefix\()_fiq
    .endm

    .macro  handlers prefix
    handler \prefix\()_und, 1, 0x1b
    handler \prefix\()_svc, 2, 0x13
    handler \prefix\()_pabt, 3, 0x17
    handler \prefix\()_dabt, 4, 0x17
    handler \prefix\()_irq, 6, 0x12
    handler \prefix\()_fiq, 7, 0x11
    .endm

    .text
    .balign 32
    .globl vectors
vectors:
    b       .
    b       a32_und
    b       a32_svc
    b       a32_pabt
    b       a32_dabt
    b       .
    b       a32_irq
    b       a32_fiq
    handlers a32

    .thumb
    .balign 32
    .globl vectors_t32
vectors_t32:
    table   t32
    handlers t32
    .arm

/* void at_user(void (*fn)(void), u32 sp): fn in USR mode, back by SVC 0xdead. */
    .globl at_user
    .type at_user, %function
at_user:
    push    {r4-r11, lr}
    ldr     r2, =saved_sp
    str     sp, [r2]
    cps     #0x1f                       /* USR's SP and LR are SYS's */
    mov     sp, r1
    ldr     lr, =user_return
    cps     #0x13
    mrs     r2, cpsr
    bic     r2, #0x3f
    orr     r2, #0x10
    tst     r0, #1
    orrne   r2, #0x20
    bic     r0, #1
    msr     spsr_cxsf, r2
    mov     lr, r0
    movs    pc, lr
user_return:
    svc     #0xdead
    .globl user_returned
    .type user_returned, %function
user_returned:                  /* in SVC mode again */
    ldr     r2, =saved_sp
    ldr     sp, [r2]
    pop     {r4-r11, pc}

/* u32 call_firmware(u32 r0-r3) */
    .globl call_firmware
    .type call_firmware, %function
call_firmware:
    hvc     #0
    bx      lr

    .bss
    .balign 8
saved_sp: .long 0, 0
stacks: .skip 0xc000

/* Entry by the Linux boot protocol, or at address 0 as firmware; vectors; ways down and up between
 * exception levels. */
    .arch armv8.5-a
    .section .text.boot, "ax"
    .globl _start
_start:
    b       entry
    .long   0
    .quad   0                   /* any place: text_offset */
    .quad   _end - _start
    .quad   0xa                 /* 4 KiB pages, anywhere */
    .quad   0, 0, 0
    .ascii  "ARM\x64"
    .long   0

entry:
    adr     x1, _start
    ldr     x2, =_start
    cmp     x1, x2
    b.eq    2f
    ldr     x3, =_image_end     /* from flash */
    mov     x4, x2
1:  ldp     x5, x6, [x1], #16
    stp     x5, x6, [x4], #16
    cmp     x4, x3
    b.lo    1b
    ldr     x5, =2f
    br      x5
2:  ldr     x1, =_image_end
    ldr     x2, =_end
3:  str     xzr, [x1], #8
    cmp     x1, x2
    b.lo    3b
    mov     x19, #0
    b       common

    .globl secondary
secondary:
    mov     x19, x0             /* context of CPU_ON: the number */
common:
    bl      set_up_level
    ldr     x1, =stacks
    add     x2, x19, #1
    lsl     x2, x2, #15
    add     sp, x1, x2
    mov     x0, x19
    bl      start
    b       .

/* Vectors and FP for every level from this one down. */
    .globl set_up_level
set_up_level:
    adr     x1, vectors
    mrs     x0, currentel
    lsr     x0, x0, #2
    cmp     x0, #2
    b.lo    1f
    b.eq    2f
    msr     vbar_el3, x1
    msr     cptr_el3, xzr
    mov     x2, #0x531          /* NS, RES1, HCE, RW; SMC is there */
    msr     scr_el3, x2
    isb
    mrs     x3, id_aa64pfr0_el1
    tst     x3, #0xf00
    b.eq    1f
2:  msr     vbar_el2, x1
    mov     x2, #0x33ff
    msr     cptr_el2, x2
    mov     x2, #(1 << 31)
    msr     hcr_el2, x2
    mov     x2, #3
    msr     cnthctl_el2, x2
1:  msr     vbar_el1, x1
    mov     x2, #(3 << 20)
    msr     cpacr_el1, x2
    isb
    ret

/* ---- vectors: x0-x30, then ELR, SPSR, ESR, FAR ---- */
    .macro vector kind
    .balign 128
    sub     sp, sp, #288
    stp     x0, x1, [sp]
    mov     x0, #\kind
    b       trap_entry
    .endm
    .balign 2048
vectors:
    .set    kind, 0
    .rept   16
    vector  kind
    .set    kind, kind + 1
    .endr

trap_entry:
    stp     x2, x3, [sp, #16]
    stp     x4, x5, [sp, #32]
    stp     x6, x7, [sp, #48]
    stp     x8, x9, [sp, #64]
    stp     x10, x11, [sp, #80]
    stp     x12, x13, [sp, #96]
    stp     x14, x15, [sp, #112]
    stp     x16, x17, [sp, #128]
    stp     x18, x19, [sp, #144]
    stp     x20, x21, [sp, #160]
    stp     x22, x23, [sp, #176]
    stp     x24, x25, [sp, #192]
    stp     x26, x27, [sp, #208]
    stp     x28, x29, [sp, #224]
    str     x30, [sp, #240]
    mrs     x5, currentel
    cmp     x5, #8
    b.lo    1f
    b.eq    2f
    mrs     x1, elr_el3
    mrs     x2, spsr_el3
    mrs     x3, esr_el3
    mrs     x4, far_el3
    b       3f
2:  mrs     x1, elr_el2
    mrs     x2, spsr_el2
    mrs     x3, esr_el2
    mrs     x4, far_el2
    b       3f
1:  mrs     x1, elr_el1
    mrs     x2, spsr_el1
    mrs     x3, esr_el1
    mrs     x4, far_el1
3:  stp     x1, x2, [sp, #248]
    stp     x3, x4, [sp, #264]
    str     x0, [sp, #280]
    mov     x0, sp
    lsr     x1, x5, #2
    bl      trap
    ldp     x1, x2, [sp, #248]
    mrs     x5, currentel
    cmp     x5, #8
    b.lo    1f
    b.eq    2f
    msr     elr_el3, x1
    msr     spsr_el3, x2
    b       3f
2:  msr     elr_el2, x1
    msr     spsr_el2, x2
    b       3f
1:  msr     elr_el1, x1
    msr     spsr_el1, x2
3:  ldp     x2, x3, [sp, #16]
    ldp     x4, x5, [sp, #32]
    ldp     x6, x7, [sp, #48]
    ldp     x8, x9, [sp, #64]
    ldp     x10, x11, [sp, #80]
    ldp     x12, x13, [sp, #96]
    ldp     x14, x15, [sp, #112]
    ldp     x16, x17, [sp, #128]
    ldp     x18, x19, [sp, #144]
    ldp     x20, x21, [sp, #160]
    ldp     x22, x23, [sp, #176]
    ldp     x24, x25, [sp, #192]
    ldp     x26, x27, [sp, #208]
    ldp     x28, x29, [sp, #224]
    ldr     x30, [sp, #240]
    ldp     x0, x1, [sp]
    add     sp, sp, #288
    eret

/* void go(u64 *saved, void (*fn)(void), u64 spsr, u64 sp_el0): ERET to fn; come_back(saved) returns
 * from it. */
    .globl go
go:
    stp     x19, x20, [x0]
    stp     x21, x22, [x0, #16]
    stp     x23, x24, [x0, #32]
    stp     x25, x26, [x0, #48]
    stp     x27, x28, [x0, #64]
    stp     x29, x30, [x0, #80]
    mov     x4, sp
    str     x4, [x0, #96]
    ldr     x30, =leave
    msr     sp_el0, x3
    mrs     x5, currentel
    cmp     x5, #8
    b.lo    1f
    b.eq    2f
    msr     elr_el3, x1
    msr     spsr_el3, x2
    eret
2:  msr     elr_el2, x1
    msr     spsr_el2, x2
    eret
1:  msr     elr_el1, x1
    msr     spsr_el1, x2
    eret

/* What fn returns to: a call that the handlers pass up. */
leave:
    mrs     x0, tpidrro_el0     /* the level, told by who went there */
    cbz     x0, 1f
    cmp     x0, #1
    b.eq    2f
    smc     #0xdead
2:  hvc     #0xdead
1:  svc     #0xdead

    .globl come_back
come_back:
    ldp     x19, x20, [x0]
    ldp     x21, x22, [x0, #16]
    ldp     x23, x24, [x0, #32]
    ldp     x25, x26, [x0, #48]
    ldp     x27, x28, [x0, #64]
    ldp     x29, x30, [x0, #80]
    ldr     x1, [x0, #96]
    mov     sp, x1
    ret

/* u64 call_firmware(u64 x0-x3), by either conduit */
    .globl call_hvc, call_smc
call_hvc:
    hvc     #0
    ret
call_smc:
    smc     #0
    ret
    .bss
    .balign 16

/*
 * Runs sequences of A64 instructions on whatever executes this program: jobs on standard input
 * (struct arm_job and its words), a struct arm_result each on standard output. Free-standing;
 * record.sh compiles it and makes the corpus that the oracle replays.
 */
#include "state.h"
#include "transfer.h"

struct arm_state run_state;
uint64_t host_sp;

/* Registers from run_state, and to the code; it comes back to run_end with its registers. TPIDR_EL0
 * holds the first of them meanwhile. */
void run_code(void);
void run_end(void);
__asm__(".text\n.arch_extension fp\n.arch_extension simd\n.globl run_code\nrun_code:\n"
        "stp x29, x30, [sp, #-96]!\nstp x19, x20, [sp, #16]\nstp x21, x22, [sp, #32]\n"
        "stp x23, x24, [sp, #48]\nstp x25, x26, [sp, #64]\nstp x27, x28, [sp, #80]\n"
        "adrp x0, host_sp\nmov x1, sp\nstr x1, [x0, #:lo12:host_sp]\n"
        "adrp x0, run_state\nadd x0, x0, #:lo12:run_state\n"
        "ldr x1, [x0, #248]\nmov sp, x1\nldr x1, [x0, #256]\nmsr nzcv, x1\n"
        "ldr x1, [x0, #264]\nmsr fpcr, x1\nldr x1, [x0, #272]\nmsr fpsr, x1\n"
        "add x1, x0, #280\n"
        ".irp n,0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,"
        "31\nldr q\\n, [x1], #16\n.endr\n"
        ".irp n,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30\n"
        "ldr x\\n, [x0, #8 * \\n]\n.endr\n"
        "ldr x1, [x0, #8]\nmsr tpidr_el0, x1\nldr x0, [x0]\nmrs x1, tpidr_el0\n"
        "b code_at\n"
        ".globl run_end\nrun_end:\n"
        "msr tpidr_el0, x0\nadrp x0, run_state\nadd x0, x0, #:lo12:run_state\n"
        ".irp n,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30\n"
        "str x\\n, [x0, #8 * \\n]\n.endr\n"
        "mrs x1, tpidr_el0\nstr x1, [x0]\nmov x1, sp\nstr x1, [x0, #248]\n"
        "mrs x1, nzcv\nstr x1, [x0, #256]\nmrs x1, fpcr\nstr x1, [x0, #264]\n"
        "mrs x1, fpsr\nstr x1, [x0, #272]\nadd x1, x0, #280\n"
        ".irp n,0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,"
        "31\nstr q\\n, [x1], #16\n.endr\n"
        "adrp x0, host_sp\nldr x1, [x0, #:lo12:host_sp]\nmov sp, x1\n"
        "ldp x19, x20, [sp, #16]\nldp x21, x22, [sp, #32]\nldp x23, x24, [sp, #48]\n"
        "ldp x25, x26, [sp, #64]\nldp x27, x28, [sp, #80]\nldp x29, x30, [sp], #96\nret\n"
        ".globl _start\n_start:\nbl runner\nmov x8, #93\nsvc #0\n");
_Static_assert(__builtin_offsetof(struct arm_state, sp) == 248 &&
                   __builtin_offsetof(struct arm_state, v) == 280,
               "as run_code has them");

static long system_call(long n, long a, long b, long c, long d, long e, long f)
{
    register long x8 __asm__("x8") = n, x0 __asm__("x0") = a, x1 __asm__("x1") = b,
                     x2 __asm__("x2") = c, x3 __asm__("x3") = d, x4 __asm__("x4") = e,
                     x5 __asm__("x5") = f;
    __asm__ volatile("svc #0"
                     : "+r"(x0)
                     : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5)
                     : "memory");
    return x0;
}

enum { SYS_READ = 63, SYS_WRITE = 64, SYS_MMAP = 222, PROT_ALL = 7, MAP_FIXED_PRIVATE = 0x32 };

static void map(uint64_t at, unsigned long bytes)
{
    system_call(SYS_MMAP, (long)at, (long)bytes, PROT_ALL, MAP_FIXED_PRIVATE, -1, 0);
}

int runner(void)
{
    uint32_t *code = (uint32_t *)ARM_CODE_AT;
    struct arm_job job;
    map(ARM_CODE_AT, 4096);
    map(ARM_DATA_AT, ARM_DATA_SIZE);
    while (transfer(SYS_READ, 0, &job, sizeof job)) {
        if (job.count > ARM_MAX_WORDS || !transfer(SYS_READ, 0, code, 4ul * job.count))
            return 1;
        code[job.count] =
            0x14000000u |
            (((uint32_t)((long)run_end - (long)(code + job.count)) >> 2) & 0x3ffffffu);
        for (uint32_t k = 0; k <= job.count; k += 4)
            __asm__ volatile("dc cvau, %0\n ic ivau, %0" : : "r"(code + k) : "memory");
        __asm__ volatile("dsb ish\n isb" : : : "memory");
        arm_state_init(&run_state, job.seed);
        arm_data_init((uint64_t *)ARM_DATA_AT, job.seed);
        run_code();
        uint64_t data = arm_data_hash((uint64_t *)ARM_DATA_AT);
        if (!transfer(SYS_WRITE, 1, &run_state, sizeof run_state) ||
            !transfer(SYS_WRITE, 1, &data, sizeof data))
            return 1;
    }
    return 0;
}

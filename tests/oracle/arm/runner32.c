/*
 * runner.c for AArch32: runs sequences of A32 (without an argument) or T32 (with one) on whatever
 * executes this program. Jobs on standard input, a struct arm_result each on standard output.
 */
#include "state.h"
#include "transfer.h"

struct arm_state run_state;
uint32_t run_registers[16]; /* R0-R14, and the flags */
uint32_t run_target, host_sp;

/* TPIDRURW holds a register meanwhile. */
void run_code(void);
void run_end(void);
__asm__(".text\n.arm\n.globl run_code\nrun_code:\n"
        "push {r4-r11, lr}\nclrex\n"
        "ldr r0, =host_sp\nstr sp, [r0]\n"
        "ldr r0, =run_state + 280\nvldmia r0!, {d0-d15}\nvldmia r0!, {d16-d31}\n"
        "ldr r0, =run_state + 272\nldr r1, [r0]\nvmsr fpscr, r1\n"
        "ldr r0, =run_registers\nldr r1, [r0, #60]\nmsr apsr_nzcvqg, r1\n"
        "ldr r13, [r0, #52]\nldr r14, [r0, #56]\n"
        "add r1, r0, #4\nldr r0, [r0]\nmcr p15, 0, r0, c13, c0, 2\n"
        "ldm r1, {r1-r12}\n"
        "mrc p15, 0, r0, c13, c0, 2\n"
        "ldr pc, to_run\n"
        "to_run: .word 0x10000000\n"
        ".globl run_end\nrun_end:\n"
        "mcr p15, 0, r0, c13, c0, 2\nldr r0, =run_registers\n"
        "str r1, [r0, #4]!\nadd r0, r0, #4\nstm r0, {r2-r12}\nsub r0, r0, #8\n"
        "str r13, [r0, #52]\nstr r14, [r0, #56]\nmrs r1, apsr\nstr r1, [r0, #60]\n"
        "mrc p15, 0, r1, c13, c0, 2\nstr r1, [r0]\n"
        "ldr r0, =run_state + 272\nvmrs r1, fpscr\nstr r1, [r0]\n"
        "ldr r0, =run_state + 280\nvstmia r0!, {d0-d15}\nvstmia r0!, {d16-d31}\n"
        "ldr r0, =host_sp\nldr sp, [r0]\npop {r4-r11, pc}\n"
        ".ltorg\n"
        ".globl _start\n_start:\nldr r0, [sp]\nbic sp, sp, #7\nbl runner\nmov r7, #1\nsvc #0\n");

static long system_call(long n, long a, long b, long c, long d, long e, long f)
{
    register long r7 __asm__("r7") = n, r0 __asm__("r0") = a, r1 __asm__("r1") = b,
                     r2 __asm__("r2") = c, r3 __asm__("r3") = d, r4 __asm__("r4") = e,
                     r5 __asm__("r5") = f;
    __asm__ volatile("svc #0"
                     : "+r"(r0)
                     : "r"(r7), "r"(r1), "r"(r2), "r"(r3), "r"(r4), "r"(r5)
                     : "memory");
    return r0;
}

enum { SYS_READ = 3, SYS_WRITE = 4, SYS_MMAP2 = 192, SYS_CACHEFLUSH = 0xf0002, PROT_ALL = 7 };
enum { FPSCR_OF_FPCR = 0x07c80000, FPSCR_OF_FPSR = (int)0xf800009f };

int runner(int arguments)
{
    uint32_t *code = (uint32_t *)(uintptr_t)ARM_CODE_AT, *word = 0;
    const int t32 = arguments > 1;
    struct arm_job job;
    extern uint32_t run_to __asm__("to_run");
    word = &run_to;
    system_call(SYS_MMAP2, (long)ARM_CODE_AT, 4096, PROT_ALL, 0x32, -1, 0);
    system_call(SYS_MMAP2, (long)ARM_DATA_AT, ARM_DATA_SIZE, PROT_ALL, 0x32, -1, 0);
    *word = (uint32_t)ARM_CODE_AT | (uint32_t)t32;
    while (transfer(SYS_READ, 0, &job, sizeof job)) {
        if (job.count > ARM_MAX_WORDS || !transfer(SYS_READ, 0, code, 4ul * job.count))
            return 1;
        code[job.count] = t32 ? 0xf000f8df : 0xe51ff004; /* LDR PC, the next word */
        code[job.count + 1] = (uint32_t)(uintptr_t)run_end;
        system_call(SYS_CACHEFLUSH, (long)ARM_CODE_AT, (long)ARM_CODE_AT + 4096, 0, 0, 0, 0);
        arm_state_init32(&run_state, job.seed);
        arm_data_init((uint64_t *)(uintptr_t)ARM_DATA_AT, job.seed);
        for (unsigned k = 0; k < 15; k++)
            run_registers[k] = (uint32_t)run_state.x[k];
        run_registers[13] = (uint32_t)run_state.sp;
        run_registers[15] = (uint32_t)run_state.nzcv;
        run_state.fpsr |= run_state.fpcr; /* FPSCR */
        run_code();
        run_state.fpcr = run_state.fpsr & FPSCR_OF_FPCR;
        run_state.fpsr &= (uint32_t)FPSCR_OF_FPSR;
        for (unsigned k = 0; k < 15; k++)
            run_state.x[k] = run_registers[k];
        run_state.sp = run_registers[13];
        run_state.nzcv = run_registers[15] & 0xf80f0000;
        uint64_t data = arm_data_hash((uint64_t *)(uintptr_t)ARM_DATA_AT);
        if (!transfer(SYS_WRITE, 1, &run_state, sizeof run_state) ||
            !transfer(SYS_WRITE, 1, &data, sizeof data))
            return 1;
    }
    return 0;
}

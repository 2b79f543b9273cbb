/*
 * Runs Debian's own openssl, gzip, python3, sqlite3 and gcc on fixed work, in a guest or natively,
 * and reports as guestbench does: none of it was written to be measured here.
 *
 *   programs [-x NAME,...] [all|NAME,...]
 *
 * What a run prints on its standard output is hashed: the sum must be the same each time and
 * everywhere. `openssl speed` tells its own figure and has no such sum; openssl_digest and
 * openssl_encrypt check the same code.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { RUNS_MIN = 2, RUNS_MAX = 4, SECONDS_ENOUGH = 5 };

struct program {
    const char *name, *units;
    double work;         /* units a run */
    const char *command; /* for the shell */
    const char *speed;   /* or: what the line of `openssl speed -mr` with the result starts with */
};

#define SPEED "exec openssl speed -mr -seconds 1 "
static const struct program programs[] = {
    {"openssl_sha256", "MB", 1e-6, SPEED "-bytes 8192 -evp sha256", "+F:"},
    {"openssl_aes_cbc", "MB", 1e-6, SPEED "-bytes 8192 -evp aes-128-cbc", "+F:"},
    {"openssl_aes_gcm", "MB", 1e-6, SPEED "-bytes 8192 -evp aes-128-gcm", "+F:"},
    {"openssl_rsa2048", "sign", 1, SPEED "rsa2048", "+F2:2:"},
    {"openssl_ecdsa", "sign", 1, SPEED "ecdsap256", "+F4:3:"},
    {"openssl_digest", "MB", 32, "exec openssl dgst -sha256 /tmp/data", NULL},
    {"openssl_encrypt", "MB", 32,
     "exec openssl enc -aes-128-cbc -K 00112233445566778899aabbccddeeff "
     "-iv 0123456789abcdef0123456789abcdef -in /tmp/data",
     NULL},
    {"gzip_9", "MB", 3, "exec gzip -9nc /tmp/text", NULL},
    {"gzip_d", "MB", 24, "cd /tmp; exec gzip -dc z.gz z.gz z.gz z.gz z.gz z.gz z.gz z.gz", NULL},
    {"python_start", "run", 1, "exec python3 -c 'import json, re, random; print(len(dir(json)))'",
     NULL},
    {"python_loop", "run", 1, "exec python3 /bench/programs.py loop", NULL},
    {"python_json", "run", 1, "exec python3 /bench/programs.py json", NULL},
    {"python_dict", "run", 1, "exec python3 /bench/programs.py dict", NULL},
    {"sqlite", "run", 1, "exec sqlite3 :memory: '.read /bench/programs.sql'", NULL},
    {"gcc_O2", "run", 1, "gcc -O2 -pipe -c -o /tmp/o.o /bench/programs.i && cat /tmp/o.o", NULL},
};

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static uint64_t hash(uint64_t h, const unsigned char *p, size_t len)
{
    for (; len >= 8; p += 8, len -= 8) {
        uint64_t v;
        memcpy(&v, p, 8);
        h = (h ^ v) * UINT64_C(0x9e3779b97f4a7c15);
        h ^= h >> 29;
    }
    for (; len; p++, len--)
        h = (h ^ *p) * UINT64_C(0x100000001b3);
    return h;
}

/* false: it did not end well. *rate: of `openssl speed`. */
static int run(const struct program *p, uint64_t *sum, double *rate)
{
    static unsigned char buf[1 << 16];
    size_t have = 0;
    int fds[2], status;
    pid_t pid;

    if (pipe(fds) < 0 || (pid = fork()) < 0)
        return 0;
    if (!pid) {
        int null = open("/dev/null", O_RDWR);
        dup2(null, 0);
        dup2(fds[1], 1);
        if (p->speed)
            dup2(null, 2);
        close(fds[0]);
        close(fds[1]);
        execl("/bin/sh", "sh", "-c", p->command, (char *)NULL);
        _exit(127);
    }
    close(fds[1]);
    *sum = UINT64_C(0xcbf29ce484222325);
    for (;;) {
        ssize_t n = read(fds[0], buf + have, sizeof buf - 1 - have);
        if (n <= 0)
            break;
        have += (size_t)n;
        if (have < sizeof buf - 1)
            continue;
        if (!p->speed) { /* by whole words, however the reads fell */
            *sum = hash(*sum, buf, have & ~(size_t)7);
            memmove(buf, buf + (have & ~(size_t)7), have & 7);
            have &= 7;
        } else {
            have = 0;
        }
    }
    close(fds[0]);
    if (waitpid(pid, &status, 0) != pid || status)
        return 0;
    if (!p->speed) {
        *sum = hash(*sum, buf, have);
        return 1;
    }
    buf[have] = 0;
    const char *line = strstr((char *)buf, p->speed);
    if (!line)
        return 0;
    /* "+F:25:SHA256:1647206400.00", "+F2:2:2048:3109.6:58103.1": the number after the name */
    line += strlen(p->speed);
    line = strchr(line, ':');
    if (line && p->work < 1) /* "+F:" has the number of the algorithm first */
        line = strchr(line + 1, ':');
    *rate = line ? atof(line + 1) * p->work : 0;
    *sum = 0;
    return *rate > 0;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static void measure(const struct program *p)
{
    double seconds[RUNS_MAX], rates[RUNS_MAX], total = 0, sum_rates = 0;
    uint64_t first = 0;
    int n = 0, bad = 0;
    printf("RUN %s\n", p->name);
    fflush(stdout);
    double start = now();
    while (n < RUNS_MIN || (n < RUNS_MAX && now() - start < SECONDS_ENOUGH)) {
        uint64_t sum;
        double rate = 0, t = now();
        if (!run(p, &sum, &rate)) {
            printf("FAIL %s\n", p->name);
            return;
        }
        seconds[n] = now() - t;
        rates[n] = p->speed ? rate : p->work / seconds[n];
        total += seconds[n];
        sum_rates += rates[n];
        bad |= n && sum != first;
        first = sum;
        n++;
    }
    qsort(rates, (size_t)n, sizeof *rates, by_value);
    printf("BENCH %s %s %.6g ck=%016llx n=%d sec=%.3f med=%.6g best=%.6g%s\n", p->name, p->units,
           sum_rates / n, (unsigned long long)first, n, total, rates[n / 2], rates[n - 1],
           bad ? " BADCK" : "");
    fflush(stdout);
}

static int selected(const char *list, const char *name)
{
    size_t l = strlen(name);
    for (const char *p = list; p && *p; p = strchr(p, ',') ? strchr(p, ',') + 1 : NULL)
        if (strncmp(p, name, l) == 0 && (p[l] == ',' || p[l] == 0))
            return 1;
    return 0;
}

/* Bytes that are neither all alike nor random, and a text. */
static void make_files(void)
{
    static uint32_t words[1 << 18];
    uint32_t s = 1;
    FILE *f = fopen("/tmp/data", "w");
    for (unsigned k = 0; f && k < 32; k++) {
        for (size_t n = 0; n < sizeof words / sizeof *words; n++)
            words[n] = (s = s * 1664525u + 1013904223u) >> (k & 15);
        fwrite(words, 1, sizeof words, f);
    }
    if (!f || fclose(f) ||
        system("cat /usr/lib/python3*/*.py | head -c 3000000 >/tmp/text &&"
               " gzip -nc /tmp/text >/tmp/z.gz"))
        printf("FAIL files\n");
}

int main(int argc, char **argv)
{
    const char *except = NULL, *names = "all";
    int opt;
    while ((opt = getopt(argc, argv, "x:")) >= 0) {
        if (opt != 'x')
            return 1;
        except = optarg;
    }
    if (optind < argc)
        names = argv[optind];
    make_files();
    for (size_t k = 0; k < sizeof programs / sizeof *programs; k++)
        if ((!strcmp(names, "all") || selected(names, programs[k].name)) &&
            !selected(except, programs[k].name))
            measure(&programs[k]);
    return 0;
}

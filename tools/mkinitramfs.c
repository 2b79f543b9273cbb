/*
 * mkinitramfs OUT SPEC...
 *
 * Writes a cpio archive in the "newc" form, which the kernel unpacks as its first file system. It
 * needs no root, since device nodes and owners are only written down, and gives the same bytes for
 * the same input. Runs on the machine that builds.
 *
 * The format is described in the kernel's Documentation, "initramfs buffer format": a header of
 * fixed hexadecimal fields, the name and the data, each padded to four bytes.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char usage[] =
    "usage: mkinitramfs OUT SPEC...\n"
    "  d:PATH                 directory\n"
    "  f:PATH=FILE[:MODE]     regular file with the content of FILE, mode octal [755]\n"
    "  l:PATH=TARGET          symbolic link\n"
    "  c:PATH=MAJOR,MINOR     character device\n";

enum { MODE_DIR = 0040755, MODE_FILE = 0100000, MODE_LINK = 0120777, MODE_CHAR = 0020600 };

struct entry {
    const char *name;
    uint32_t mode;
    uint32_t links;
    uint32_t major, minor; /* of a device node */
    const char *data;
    size_t size;
};

struct writer {
    FILE *out;
    size_t offset;
    uint32_t inode;
};

static void die(const char *fmt, ...) __attribute__((noreturn, format(printf, 1, 2)));

static void die(const char *fmt, ...)
{
    va_list ap;

    fputs("mkinitramfs: ", stderr);
    va_start(ap, fmt);
    vfprintf(stderr, fmt, ap);
    va_end(ap);
    fputc('\n', stderr);
    exit(1);
}

static void put(struct writer *w, const void *data, size_t size)
{
    static const char zero[4];
    size_t pad = -(w->offset + size) & 3;

    fwrite(data, 1, size, w->out);
    fwrite(zero, 1, pad, w->out);
    w->offset += size + pad;
}

static void put_entry(struct writer *w, const struct entry *e)
{
    size_t name_size = strlen(e->name) + 1;
    size_t record_size = 110 + name_size;
    char *record = malloc(record_size);

    if (!record)
        die("out of memory");
    snprintf(record, record_size, "070701%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X",
             w->inode++, e->mode, 0u, 0u, e->links, 0u, (unsigned)e->size, 0u, 0u, e->major,
             e->minor, (unsigned)name_size, 0u);
    memcpy(record + 110, e->name, name_size);
    put(w, record, record_size);
    put(w, e->data, e->size);
    free(record);
}

static char *read_whole(const char *path, size_t *size)
{
    FILE *f = fopen(path, "rb");
    char *data;
    long n;

    if (!f || fseek(f, 0, SEEK_END) || (n = ftell(f)) < 0 || fseek(f, 0, SEEK_SET))
        die("cannot read %s: %s", path, strerror(errno));
    if ((unsigned long)n > UINT32_MAX)
        die("%s has %ld bytes; the archive format ends at 4 GiB", path, n);
    data = malloc((size_t)n + 1);
    if (!data || fread(data, 1, (size_t)n, f) != (size_t)n)
        die("cannot read all of %s", path);
    fclose(f);
    *size = (size_t)n;
    return data;
}

static void add_file(struct writer *w, const char *path, char *value)
{
    struct entry e = {.name = path, .mode = MODE_FILE | 0755, .links = 1};
    char *mode = strrchr(value, ':');
    char *data;

    if (mode) {
        char *end;
        unsigned long m = strtoul(mode + 1, &end, 8);

        if (!mode[1] || *end || m > 07777)
            die("the mode of f:%s is \"%s\"; it should be octal, such as 644", path, mode + 1);
        *mode = '\0';
        e.mode = MODE_FILE | (uint32_t)m;
    }
    data = read_whole(value, &e.size);
    e.data = data;
    put_entry(w, &e);
    free(data);
}

static void add(struct writer *w, char *spec)
{
    char *path = spec + 2;
    char *value = strchr(path, '=');
    struct entry e = {.name = path, .links = 1, .data = ""};

    if (!spec[0] || spec[1] != ':' || !path[0] || (spec[0] != 'd' && !value))
        die("\"%s\" is not an entry\n%s", spec, usage);
    if (value && spec[0] != 'd')
        *value++ = '\0';
    switch (spec[0]) {
    case 'd':
        e.mode = MODE_DIR;
        e.links = 2;
        break;
    case 'f':
        add_file(w, path, value);
        return;
    case 'l':
        e.mode = MODE_LINK;
        e.data = value;
        e.size = strlen(value);
        break;
    case 'c':
        e.mode = MODE_CHAR;
        if (sscanf(value, "%u,%u", &e.major, &e.minor) != 2)
            die("c:%s is \"%s\"; it should be MAJOR,MINOR", path, value);
        break;
    default:
        die("\"%s\" is not an entry\n%s", spec, usage);
    }
    put_entry(w, &e);
}

int main(int argc, char **argv)
{
    struct writer w = {.inode = 1};
    struct entry end = {.name = "TRAILER!!!", .links = 1, .data = ""};

    if (argc < 3) {
        fputs(usage, stderr);
        return 1;
    }
    w.out = fopen(argv[1], "wb");
    if (!w.out)
        die("cannot write %s: %s", argv[1], strerror(errno));
    for (int i = 2; i < argc; i++)
        add(&w, argv[i]);
    put_entry(&w, &end);
    if (ferror(w.out) | fclose(w.out))
        die("cannot write %s: %s", argv[1], strerror(errno));
    return 0;
}

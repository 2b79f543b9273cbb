/* JSON output: see img.h. */
#include "cli/img/img.h"

static void lead(struct json *j, const char *key)
{
    if (j->depth) {
        fputs(j->first ? "\n" : ",\n", j->out);
        fprintf(j->out, "%*s", (int)(4 * j->depth), "");
    }
    j->first = false;
    if (key)
        fprintf(j->out, "\"%s\": ", key);
}

void json_open(struct json *j, const char *key, char bracket)
{
    lead(j, key);
    fputc(bracket, j->out);
    j->depth++;
    j->first = true;
}

void json_close(struct json *j, char bracket)
{
    j->depth--;
    if (!j->first)
        fprintf(j->out, "\n%*s", (int)(4 * j->depth), "");
    fputc(bracket, j->out);
    j->first = false;
    if (!j->depth)
        fputc('\n', j->out);
}

/* Names are bytes; those that are no UTF-8 by themselves go out as they are. */
void json_string(struct json *j, const char *key, const char *value)
{
    lead(j, key);
    fputc('"', j->out);
    for (const unsigned char *p = (const unsigned char *)value; *p; p++) {
        if (*p == '"' || *p == '\\')
            fprintf(j->out, "\\%c", *p);
        else if (*p < 0x20 || *p == 0x7f)
            fprintf(j->out, "\\u%04x", *p);
        else
            fputc(*p, j->out);
    }
    fputc('"', j->out);
}

void json_number(struct json *j, const char *key, uint64_t value)
{
    lead(j, key);
    fprintf(j->out, "%llu", (unsigned long long)value);
}

void json_bool(struct json *j, const char *key, bool value)
{
    lead(j, key);
    fputs(value ? "true" : "false", j->out);
}

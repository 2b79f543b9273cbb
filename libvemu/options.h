/*
 * The option table: every option of `vemu run` and vemu-system-ARCH, and what it writes into the
 * configuration. Help texts and the manual page list it. Const data; any thread.
 */
#ifndef LIBVEMU_OPTIONS_H
#define LIBVEMU_OPTIONS_H

#include <stdbool.h>

enum option_action {
    OPTION_SET,   /* key = the option's argument (lists: appended) */
    OPTION_FIXED, /* key = `value`; takes no argument */
    OPTION_GROUP, /* no option: a heading of the help */
    OPTION_HELP,  /* the list of options */
    OPTION_VERSION,
    OPTION_IGNORE, /* accepted without effect; takes no argument */
};

struct option_desc {
    const char *run;     /* spelling in the help of `vemu run`, without dashes; NULL: not there */
    const char *system;  /* the same for vemu-system-ARCH */
    const char *aliases; /* further spellings, separated by '|'; NULL: none */
    enum option_action action;
    const char *key;     /* of the configuration */
    const char *value;   /* OPTION_FIXED; OPTION_SET: a property unless the argument has it */
    const char *metavar; /* overrides the key's, in the help */
    const char *help;    /* overrides the key's */
};
extern const struct option_desc option_table[]; /* ended by a NULL help and key */

/* What users of other emulators know and vemu does not have yet: a sentence each. */
struct option_missing {
    const char *names; /* separated by '|' */
    const char *hint;  /* after "-drive is not available yet"; NULL: nothing to add */
};
extern const struct option_missing option_missing_table[]; /* ended by NULL names */

#endif

/* Characters as keys of a keyboard with the layout of the United States; see keys.h. */
#include <linux/input-event-codes.h>
#include <stddef.h>
#include <string.h>
#include "core/input/keys.h"

bool key_from_char(char c, uint16_t *key, bool *shift)
{
    /* By key code, from KEY_1 to KEY_SLASH; what there is no character for is a NUL byte. */
    static const char plain[] = "1234567890-=\b\tqwertyuiop[]\n\0asdfghjkl;'`\0\\zxcvbnm,./";
    static const char shifted[] = "!@#$%^&*()_+\0\0QWERTYUIOP{}\0\0ASDFGHJKL:\"~\0|ZXCVBNM<>?";
    const char *at;

    if (!c)
        return false;
    *shift = false;
    if (c == ' ') {
        *key = KEY_SPACE;
    } else if ((at = memchr(plain, c, sizeof plain - 1))) {
        *key = (uint16_t)(KEY_1 + (at - plain));
    } else if ((at = memchr(shifted, c, sizeof shifted - 1))) {
        *key = (uint16_t)(KEY_1 + (at - shifted));
        *shift = true;
    } else {
        return false;
    }
    return true;
}

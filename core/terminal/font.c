/* Finds and composes the font's glyphs: see font.h. */
#include "core/terminal/font.h"

#include <string.h>

#include "core/util/range.h"

enum { GRAVE = 0x300, ACUTE, CIRCUMFLEX, TILDE, MACRON, BREVE = 0x306, DOT, DIAERESIS };
enum { RING = 0x30a, DOUBLE_ACUTE, CARON, CEDILLA = 0x327, OGONEK };
enum { DOTLESS_I = 0x131, DOTLESS_J = 0x237, REPLACEMENT = 0xfffd, CAP_TOP = 2, BASELINE = 11 };

/* Letters with a mark. The small one follows its capital: at once in Latin Extended-A, 32 later in
 * Latin-1. */
static const struct {
    uint16_t code;
    char base; /* the capital */
    uint16_t mark;
} composed[] = {
    {0xc0, 'A', GRAVE},         {0xc1, 'A', ACUTE},       {0xc2, 'A', CIRCUMFLEX},
    {0xc3, 'A', TILDE},         {0xc4, 'A', DIAERESIS},   {0xc5, 'A', RING},
    {0xc7, 'C', CEDILLA},       {0xc8, 'E', GRAVE},       {0xc9, 'E', ACUTE},
    {0xca, 'E', CIRCUMFLEX},    {0xcb, 'E', DIAERESIS},   {0xcc, 'I', GRAVE},
    {0xcd, 'I', ACUTE},         {0xce, 'I', CIRCUMFLEX},  {0xcf, 'I', DIAERESIS},
    {0xd1, 'N', TILDE},         {0xd2, 'O', GRAVE},       {0xd3, 'O', ACUTE},
    {0xd4, 'O', CIRCUMFLEX},    {0xd5, 'O', TILDE},       {0xd6, 'O', DIAERESIS},
    {0xd9, 'U', GRAVE},         {0xda, 'U', ACUTE},       {0xdb, 'U', CIRCUMFLEX},
    {0xdc, 'U', DIAERESIS},     {0xdd, 'Y', ACUTE},       {0x100, 'A', MACRON},
    {0x102, 'A', BREVE},        {0x104, 'A', OGONEK},     {0x106, 'C', ACUTE},
    {0x108, 'C', CIRCUMFLEX},   {0x10a, 'C', DOT},        {0x10c, 'C', CARON},
    {0x10e, 'D', CARON},        {0x112, 'E', MACRON},     {0x114, 'E', BREVE},
    {0x116, 'E', DOT},          {0x118, 'E', OGONEK},     {0x11a, 'E', CARON},
    {0x11c, 'G', CIRCUMFLEX},   {0x11e, 'G', BREVE},      {0x120, 'G', DOT},
    {0x124, 'H', CIRCUMFLEX},   {0x128, 'I', TILDE},      {0x12a, 'I', MACRON},
    {0x12c, 'I', BREVE},        {0x12e, 'I', OGONEK},     {0x134, 'J', CIRCUMFLEX},
    {0x136, 'K', CEDILLA},      {0x139, 'L', ACUTE},      {0x13b, 'L', CEDILLA},
    {0x13d, 'L', CARON},        {0x143, 'N', ACUTE},      {0x145, 'N', CEDILLA},
    {0x147, 'N', CARON},        {0x14c, 'O', MACRON},     {0x14e, 'O', BREVE},
    {0x150, 'O', DOUBLE_ACUTE}, {0x154, 'R', ACUTE},      {0x156, 'R', CEDILLA},
    {0x158, 'R', CARON},        {0x15a, 'S', ACUTE},      {0x15c, 'S', CIRCUMFLEX},
    {0x15e, 'S', CEDILLA},      {0x160, 'S', CARON},      {0x162, 'T', CEDILLA},
    {0x164, 'T', CARON},        {0x168, 'U', TILDE},      {0x16a, 'U', MACRON},
    {0x16c, 'U', BREVE},        {0x16e, 'U', RING},       {0x170, 'U', DOUBLE_ACUTE},
    {0x172, 'U', OGONEK},       {0x174, 'W', CIRCUMFLEX}, {0x176, 'Y', CIRCUMFLEX},
    {0x179, 'Z', ACUTE},        {0x17b, 'Z', DOT},        {0x17d, 'Z', CARON},
    {0x218, 'S', CEDILLA},      {0x21a, 'T', CEDILLA},
};

/* Codes that look like others, or are no letter with its capital before it. */
static const uint16_t same[][2] = {{0xa0, ' '},   {0xad, '-'},      {0x2010, '-'},   {0x2011, '-'},
                                   {0x2212, '-'}, {0x2032, '\''},   {0x2039, '<'},   {0x203a, '>'},
                                   {0x201a, ','}, {0x25ba, 0x25b6}, {0x25c4, 0x25c0}};

static bool drawn(uint32_t code, uint8_t rows[FONT_HEIGHT])
{
    /* ASCII is where it has to be; the rest is not long. */
    const unsigned first = code >= ' ' && code < 0x7f ? (code - ' ') / FONT_SHEET : 9;

    for (unsigned s = first; code && s < font_sheet_count; s++) {
        for (unsigned n = 0; n < FONT_SHEET; n++) {
            if (font_sheets[s].codes[n] != code)
                continue;
            memset(rows, 0, FONT_HEIGHT);
            for (unsigned y = 0; y < FONT_HEIGHT; y++) {
                for (unsigned x = 0; x < 8; x++)
                    rows[y] |= (uint8_t)((font_sheets[s].rows[y][9 * n + x] == '#') << (7 - x));
            }
            return true;
        }
    }
    return false;
}

/* Room for a mark above: one of two rows that are the same goes. */
static void squeeze(uint8_t rows[FONT_HEIGHT])
{
    unsigned y = CAP_TOP + 1;

    while (y < BASELINE - 1 && rows[y] != rows[y + 1])
        y++;
    memmove(rows + CAP_TOP + 1, rows + CAP_TOP, y - CAP_TOP);
    rows[CAP_TOP] = 0;
}

static bool put_mark(uint32_t base, uint32_t mark, uint8_t rows[FONT_HEIGHT])
{
    uint8_t marks[FONT_HEIGHT];
    unsigned up = 0;

    if (!drawn(base, rows) || !drawn(mark, marks))
        return false;
    const bool tall = rows[CAP_TOP] | rows[CAP_TOP + 1];
    if (mark < CEDILLA && tall) {
        squeeze(rows);
        while (up < 2 && !marks[up])
            up++;
    }
    for (unsigned y = up; y < FONT_HEIGHT; y++)
        rows[y - up] |= marks[y];
    return true;
}

static bool compose(uint32_t code, uint8_t rows[FONT_HEIGHT])
{
    for (unsigned n = 0; n < ARRAY_SIZE(composed); n++) {
        const uint32_t capital = composed[n].code, small = capital + (capital < 0x100 ? 0x20 : 1);
        const uint32_t letter = (uint32_t)composed[n].base + 0x20;

        if (code == capital)
            return put_mark((uint32_t)composed[n].base, composed[n].mark, rows);
        if (code != small)
            continue;
        return put_mark(composed[n].mark >= CEDILLA ? letter
                        : letter == 'i'             ? DOTLESS_I
                        : letter == 'j'             ? DOTLESS_J
                                                    : letter,
                        composed[n].mark, rows);
    }
    if (code == 0xff)
        return put_mark('y', DIAERESIS, rows);
    if (code == 0x178)
        return put_mark('Y', DIAERESIS, rows);
    return code == 0x130 && put_mark('I', DOT, rows);
}

bool font_glyph(uint32_t code, uint8_t rows[FONT_HEIGHT])
{
    for (unsigned n = 0; n < ARRAY_SIZE(same); n++) {
        if (same[n][0] == code)
            code = same[n][1];
    }
    if (code <= 0xffff && (drawn(code, rows) || compose(code, rows) || font_box(code, rows)))
        return true;
    drawn(REPLACEMENT, rows);
    return false;
}

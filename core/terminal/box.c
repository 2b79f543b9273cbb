/* Box drawing, blocks, scan lines and Braille, computed so that they meet at the cells' edges. */
#include "core/terminal/font.h"

#include <string.h>

enum { WIDTH = 8, MIDDLE_X = 3, MIDDLE_Y = 7 };
enum weight { NONE, LIGHT, HEAVY, DOUBLE };

static void fill(uint8_t rows[FONT_HEIGHT], int x1, int y1, int x2, int y2, bool on)
{
    for (int y = y1; y <= y2; y++) {
        for (int x = x1; x <= x2; x++) {
            const uint8_t bit = (uint8_t)(0x80 >> x);
            rows[y] = on ? rows[y] | bit : rows[y] & (uint8_t)~bit;
        }
    }
}

/* ---- lines ----------------------------------------------------------------------------------- */

/* U+2500 to U+257F: weights up, right, down, left; "": not of this kind. */
static const char arms[][5] = {
    "0101", "0202", "1010", "2020", "",     "",     "",     "",     "",     "",     "",     "",
    "0110", "0210", "0120", "0220", "0011", "0012", "0021", "0022", "1100", "1200", "2100", "2200",
    "1001", "1002", "2001", "2002", "1110", "1210", "2110", "1120", "2120", "2210", "1220", "2220",
    "1011", "1012", "2011", "1021", "2021", "2012", "1022", "2022", "0111", "0112", "0211", "0212",
    "0121", "0122", "0221", "0222", "1101", "1102", "1201", "1202", "2101", "2102", "2201", "2202",
    "1111", "1112", "1211", "1212", "2111", "1121", "2121", "2112", "2211", "1122", "1221", "2212",
    "1222", "2122", "2221", "2222", "",     "",     "",     "",     "0303", "3030", "0310", "0130",
    "0330", "0013", "0031", "0033", "1300", "3100", "3300", "1003", "3001", "3003", "1310", "3130",
    "3330", "1013", "3031", "3033", "0313", "0131", "0333", "1303", "3101", "3303", "1313", "3131",
    "3333", "",     "",     "",     "",     "",     "",     "",     "0001", "1000", "0100", "0010",
    "0002", "2000", "0200", "0020", "0201", "1020", "0102", "2010",
};

struct junction {
    enum weight up, right, down, left;
};

/* Two lines one pixel either side of the middle: a band of three, whose middle is taken out. */
static void double_lines(const struct junction *j, uint8_t rows[FONT_HEIGHT])
{
    const bool across = j->left == DOUBLE || j->right == DOUBLE;
    const bool along = j->up == DOUBLE || j->down == DOUBLE;
    const int dx = along ? 1 : 0, dy = across ? 1 : 0; /* how far a band goes beyond the middle */
    const int x = MIDDLE_X, y = MIDDLE_Y;

    if (j->up == DOUBLE)
        fill(rows, x - 1, 0, x + 1, y + dy, true);
    if (j->down == DOUBLE)
        fill(rows, x - 1, y - dy, x + 1, FONT_HEIGHT - 1, true);
    if (j->left == DOUBLE)
        fill(rows, 0, y - 1, x + dx, y + 1, true);
    if (j->right == DOUBLE)
        fill(rows, x - dx, y - 1, WIDTH - 1, y + 1, true);
    /* A single line that ends here keeps the middle; one that is crossed does not. */
    const int keep_y = across || (j->up == DOUBLE && j->down == DOUBLE) ? 0 : 1;
    const int keep_x = along || (j->left == DOUBLE && j->right == DOUBLE) ? 0 : 1;
    if (j->up == DOUBLE)
        fill(rows, x, 0, x, y - keep_y, false);
    if (j->down == DOUBLE)
        fill(rows, x, y + keep_y, x, FONT_HEIGHT - 1, false);
    if (j->left == DOUBLE)
        fill(rows, 0, y, x - keep_x, y, false);
    if (j->right == DOUBLE)
        fill(rows, x + keep_x, y, WIDTH - 1, y, false);
}

/* Where a single line ends that meets the two double ones across it: at the nearer one if they go
 * on either way, else at the farther one. */
static int reach(enum weight one, enum weight other)
{
    return one != DOUBLE && other != DOUBLE ? 0 : one == other ? -1 : 1;
}

static void single_lines(const struct junction *j, uint8_t rows[FONT_HEIGHT])
{
    const int x = MIDDLE_X, y = MIDDLE_Y;
    const int ry = reach(j->left, j->right), rx = reach(j->up, j->down);

    if (j->up == LIGHT || j->up == HEAVY)
        fill(rows, x, 0, x + (j->up == HEAVY), y + ry + (j->up == HEAVY), true);
    if (j->down == LIGHT || j->down == HEAVY)
        fill(rows, x, y - ry, x + (j->down == HEAVY), FONT_HEIGHT - 1, true);
    if (j->left == LIGHT || j->left == HEAVY)
        fill(rows, 0, y, x + rx + (j->left == HEAVY), y + (j->left == HEAVY), true);
    if (j->right == LIGHT || j->right == HEAVY)
        fill(rows, x - rx, y, WIDTH - 1, y + (j->right == HEAVY), true);
}

/* Dashes: of two, three and four parts. */
static bool dashes(uint32_t code, uint8_t rows[FONT_HEIGHT])
{
    static const uint8_t across[] = {0xee, 0xdb, 0xaa};
    static const uint16_t along[] = {0xfcfc, 0xe739, 0xdddd};
    unsigned kind;

    if (code >= 0x2504 && code <= 0x250b)
        kind = code < 0x2508 ? 1 : 2;
    else if (code >= 0x254c && code <= 0x254f)
        kind = 0;
    else
        return false;
    const bool heavy = code & 1, vertical = (code & 3) >= 2;
    if (!vertical) {
        rows[MIDDLE_Y] = across[kind];
        rows[MIDDLE_Y + 1] = heavy ? across[kind] : 0;
    }
    for (unsigned y = 0; vertical && y < FONT_HEIGHT; y++)
        rows[y] = along[kind] >> (15 - y) & 1 ? heavy ? 0x18 : 0x10 : 0;
    return true;
}

static bool curves(uint32_t code, uint8_t rows[FONT_HEIGHT])
{
    const int x = MIDDLE_X, y = MIDDLE_Y;

    if (code >= 0x256d && code <= 0x2570) {
        const bool up = code >= 0x256f, right = code == 0x256d || code == 0x2570;
        if (up)
            fill(rows, x, 0, x, y - 2, true);
        else
            fill(rows, x, y + 2, x, FONT_HEIGHT - 1, true);
        fill(rows, right ? x + 1 : x - 1, up ? y - 1 : y + 1, right ? x + 1 : x - 1,
             up ? y - 1 : y + 1, true);
        fill(rows, right ? x + 2 : 0, y, right ? WIDTH - 1 : x - 2, y, true);
        return true;
    }
    if (code < 0x2571 || code > 0x2573)
        return false;
    for (int n = 0; n < FONT_HEIGHT; n++) {
        if (code != 0x2572)
            fill(rows, 7 - n / 2, n, 7 - n / 2, n, true);
        if (code != 0x2571)
            fill(rows, n / 2, n, n / 2, n, true);
    }
    return true;
}

static bool lines(uint32_t code, uint8_t rows[FONT_HEIGHT])
{
    if (code < 0x2500 || code > 0x257f)
        return false;
    if (dashes(code, rows) || curves(code, rows))
        return true;
    const char *w = arms[code - 0x2500];
    const struct junction j = {(enum weight)(w[0] - '0'), (enum weight)(w[1] - '0'),
                               (enum weight)(w[2] - '0'), (enum weight)(w[3] - '0')};
    double_lines(&j, rows);
    single_lines(&j, rows);
    return true;
}

/* ---- areas ----------------------------------------------------------------------------------- */

enum { UL = 1, UR = 2, LL = 4, LR = 8 };

static bool blocks(uint32_t code, uint8_t rows[FONT_HEIGHT])
{
    static const uint8_t quadrants[] = {LL,           LR,           UL, UL | LL | LR, UL | LR,
                                        UL | UR | LL, UL | UR | LR, UR, UR | LL,      UR | LL | LR};
    static const uint8_t shades[][2] = {{0x88, 0x22}, {0xaa, 0x55}, {0x77, 0xdd}};

    if (code < 0x2580 || code > 0x259f)
        return false;
    if (code == 0x2580) {
        fill(rows, 0, 0, 7, 7, true);
    } else if (code <= 0x2588) {
        fill(rows, 0, 16 - 2 * (int)(code - 0x2580), 7, 15, true);
    } else if (code <= 0x258f) {
        fill(rows, 0, 0, (int)(0x258f - code), 15, true);
    } else if (code == 0x2590) {
        fill(rows, 4, 0, 7, 15, true);
    } else if (code <= 0x2593) {
        for (unsigned y = 0; y < FONT_HEIGHT; y++)
            rows[y] = shades[code - 0x2591][y & 1];
    } else if (code == 0x2594) {
        fill(rows, 0, 0, 7, 1, true);
    } else if (code == 0x2595) {
        fill(rows, 7, 0, 7, 15, true);
    } else {
        for (int n = 0; n < 4; n++) {
            if (quadrants[code - 0x2596] >> n & 1)
                fill(rows, 4 * (n & 1), 8 * (n >> 1), 4 * (n & 1) + 3, 8 * (n >> 1) + 7, true);
        }
    }
    return true;
}

static bool braille(uint32_t code, uint8_t rows[FONT_HEIGHT])
{
    static const uint8_t at[8][2] = {{0, 0}, {0, 1}, {0, 2}, {1, 0},
                                     {1, 1}, {1, 2}, {0, 3}, {1, 3}};

    if (code < 0x2800 || code > 0x28ff)
        return false;
    for (unsigned n = 0; n < 8; n++) {
        const int x = 1 + 4 * at[n][0], y = 1 + 4 * at[n][1];
        if (code >> n & 1)
            fill(rows, x, y, x + 1, y + 1, true);
    }
    return true;
}

/* DEC's scan lines 1, 3, 7 and 9; the fifth is U+2500. */
static bool scan_lines(uint32_t code, uint8_t rows[FONT_HEIGHT])
{
    static const uint8_t at[] = {1, 4, 11, 14};

    if (code < 0x23ba || code > 0x23bd)
        return false;
    rows[at[code - 0x23ba]] = 0xff;
    return true;
}

bool font_box(uint32_t code, uint8_t rows[FONT_HEIGHT])
{
    memset(rows, 0, FONT_HEIGHT);
    return lines(code, rows) || blocks(code, rows) || braille(code, rows) || scan_lines(code, rows);
}

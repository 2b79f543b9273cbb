/*
 * What the VNC bench shows: pictures of 1024 x 768, one after the other, drawn by the guest into
 * its framebuffer and by the client to compare with. Integers only, the same on every host.
 */
#ifndef TESTS_BENCH_VNC_SCENES_H
#define TESTS_BENCH_VNC_SCENES_H

#include <stdint.h>

enum { SCENE_WIDTH = 1024, SCENE_HEIGHT = 768, SCENES = 14 };

static const char *const scene_names[SCENES] = {
    "text screen",     "scroll 1 line", "scroll 3 lines", "type a letter",     "page of text",
    "scroll page",     "windows",       "move window",    "open menu",         "photograph",
    "photo in window", "coloured text", "blank",          "text screen again",
};

static inline uint32_t scene_hash(uint32_t v)
{
    v ^= v >> 16;
    v *= 0x7feb352du;
    v ^= v >> 15;
    v *= 0x846ca68bu;
    return v ^ v >> 16;
}

static inline void scene_rect(uint32_t *fb, int x, int y, int w, int h, uint32_t colour)
{
    for (int j = y < 0 ? 0 : y; j < y + h && j < SCENE_HEIGHT; j++)
        for (int i = x < 0 ? 0 : x; i < x + w && i < SCENE_WIDTH; i++)
            fb[j * SCENE_WIDTH + i] = colour;
}

static inline uint32_t scene_mix(uint32_t a, uint32_t b, uint32_t part) /* of b, of 256 */
{
    uint32_t rb = ((a & 0xff00ff) * (256 - part) + (b & 0xff00ff) * part) >> 8;
    uint32_t g = ((a & 0xff00) * (256 - part) + (b & 0xff00) * part) >> 8;

    return (rb & 0xff00ff) | (g & 0xff00);
}

/* Strokes of a made-up letter in a cell of 8 x 16. */
static inline int scene_stroke(uint32_t letter, int x, int y)
{
    uint32_t h = scene_hash(letter * 2654435761u + 17);

    if (x < 1 || x > 6 || y < 3 || y > 12)
        return 0;
    return ((h & 1) && x == 1) || ((h & 2) && x == 5) || ((h & 4) && y == 3) ||
           ((h & 8) && y == 7) || ((h & 16) && y == 12) || ((h & 32) && x == (y + 2) / 2) ||
           ((h & 64) && x == 8 - y / 2) || ((h & 128) && x == 3);
}

/* A line of it: words of letters, some lines empty. */
static inline uint32_t scene_letter(uint32_t line, uint32_t column)
{
    uint32_t h = scene_hash(line * 131 + column / 6), length = scene_hash(line + 7) % 110;

    if (line % 9 == 4 || column > length || column % 6 >= 2 + h % 5)
        return 0;
    return 1 + scene_hash(h + column % 6) % 60;
}

static inline void scene_text(uint32_t *fb, uint32_t first, int colours)
{
    for (int y = 0; y < SCENE_HEIGHT; y++) {
        for (int x = 0; x < SCENE_WIDTH; x++) {
            uint32_t line = first + (uint32_t)y / 16, column = (uint32_t)x / 8;
            uint32_t letter = scene_letter(line, column), ink = 0xaaaaaa;

            if (colours)
                ink = scene_hash(line * 7 + column / 12) & 0x808080 ? 0x55ff55 : 0xff5555;
            fb[y * SCENE_WIDTH + x] = letter && scene_stroke(letter, x % 8, y % 16) ? ink : 0;
        }
    }
}

/* Dark letters on white with soft edges, as browsers draw them. */
static inline void scene_page(uint32_t *fb, int top, int x0, int y0, int w, int h)
{
    for (int y = 0; y < h; y++) {
        for (int x = 0; x < w; x++) {
            int line = (y + top) / 22, ty = (y + top) % 22, tx = x - 24;
            uint32_t shade = 0;

            for (int s = -1; s <= 1 && tx > 0 && ty < 16; s++) {
                int at = tx * 8 / 9 + s;
                uint32_t letter = scene_letter((uint32_t)line + 500, (uint32_t)at / 8);

                if (letter && scene_stroke(letter, at % 8, ty))
                    shade += s ? 70 : 116;
            }
            shade = shade * (uint32_t)(200 + tx * 7 % 9 * 6) >> 8;
            fb[(y0 + y) * SCENE_WIDTH + x0 + x] =
                scene_mix(0xffffff, line % 9 == 0 ? 0x2040a0 : 0x202020, shade);
        }
    }
}

/* Hills of light and grain, as cameras see them. */
static inline void scene_photo(uint32_t *fb, int x0, int y0, int w, int h)
{
    for (int y = 0; y < h; y++) {
        for (int x = 0; x < w; x++) {
            int a = (x * 5 / 4 + y) & 1023, b = (x - y * 3 / 2) & 511,
                c = (x * x / 900 + y * y / 500) & 255;
            int wave = (a < 512 ? a : 1023 - a) / 4 + (b < 256 ? b : 511 - b) / 3;
            uint32_t n = scene_hash((uint32_t)(y * 4096 + x));
            int r = wave + c / 6 + (int)(n & 7), g = wave * 3 / 4 + c / 3 + (int)(n >> 3 & 7);
            int bl = 255 - wave / 2 - c / 4 + (int)(n >> 6 & 7);

            r = r > 255 ? 255 : r;
            g = g > 255 ? 255 : g;
            bl = bl > 255 ? 255 : bl < 0 ? 0 : bl;
            fb[(y0 + y) * SCENE_WIDTH + x0 + x] = (uint32_t)(r << 16 | g << 8 | bl);
        }
    }
}

static inline void scene_window(uint32_t *fb, int x, int y, int w, int h, uint32_t seed)
{
    scene_rect(fb, x - 1, y - 1, w + 2, h + 2, 0x303030);
    for (int i = 0; i < w; i++) /* a title that fades */
        scene_rect(fb, x + i, y, 1, 22, scene_mix(0x3465a4, 0x729fcf, (uint32_t)(i * 256 / w)));
    scene_rect(fb, x, y + 22, w, h - 22, 0xf2f1f0);
    for (int k = 0; k < 12; k++) { /* icons and labels */
        int ix = x + 20 + k % 4 * (w / 4), iy = y + 50 + k / 4 * 90;

        for (int j = 0; j < 32; j++)
            for (int i = 0; i < 32; i++)
                if ((i - 16) * (i - 16) + (j - 16) * (j - 16) < 240)
                    fb[(iy + j) * SCENE_WIDTH + ix + i] = scene_mix(
                        scene_hash(seed + (uint32_t)k) & 0xffffff, 0xffffff, (uint32_t)(i + j) * 3);
        for (int j = 0; j < 16; j++)
            for (int i = 0; i < 64; i++)
                if (scene_stroke(seed * 31 + (uint32_t)(k * 8 + i / 8), i % 8, j))
                    fb[(iy + 38 + j) * SCENE_WIDTH + ix - 12 + i] = 0x303030;
    }
}

static inline void scene_desktop(uint32_t *fb, int dx)
{
    for (int y = 0; y < SCENE_HEIGHT; y++)
        scene_rect(fb, 0, y, SCENE_WIDTH, 1,
                   scene_mix(0x204a87, 0x0a1a33, (uint32_t)y * 256 / SCENE_HEIGHT));
    scene_rect(fb, 0, 0, SCENE_WIDTH, 26, 0xd3d7cf);
    scene_window(fb, 60, 80, 460, 400, 3);
    scene_window(fb, 420 + dx, 240 + dx / 2, 520, 420, 9);
}

/* fb: SCENE_WIDTH * SCENE_HEIGHT pixels, x8r8g8b8. Scenes are drawn from scratch or on the one
 * before. */
static inline void scene_draw(uint32_t *fb, unsigned scene)
{
    switch (scene % SCENES) {
    case 0:
        scene_text(fb, 0, 0);
        break;
    case 1:
        scene_text(fb, 1, 0);
        break;
    case 2:
        scene_text(fb, 4, 0);
        break;
    case 3:
        for (int y = 0; y < 16; y++)
            for (int x = 0; x < 8; x++)
                fb[(y + 752) * SCENE_WIDTH + x + 800] = scene_stroke(5, x, y) ? 0xaaaaaa : 0;
        break;
    case 4:
        scene_page(fb, 0, 0, 0, SCENE_WIDTH, SCENE_HEIGHT);
        break;
    case 5:
        scene_page(fb, 66, 0, 0, SCENE_WIDTH, SCENE_HEIGHT);
        break;
    case 6:
        scene_desktop(fb, 0);
        break;
    case 7:
        scene_desktop(fb, 24);
        break;
    case 8:
        scene_rect(fb, 4, 26, 180, 300, 0xffffff);
        for (int k = 0; k < 12; k++)
            for (int y = 0; y < 16; y++)
                for (int x = 0; x < 96; x++)
                    if (scene_stroke((uint32_t)(k * 12 + x / 8), x % 8, y))
                        fb[(36 + k * 24 + y) * SCENE_WIDTH + 16 + x] = 0x202020;
        break;
    case 9:
        scene_photo(fb, 0, 0, SCENE_WIDTH, SCENE_HEIGHT);
        break;
    case 10:
        scene_desktop(fb, 0);
        scene_photo(fb, 430, 270, 500, 380);
        break;
    case 11:
        scene_text(fb, 40, 1);
        break;
    case 12:
        scene_rect(fb, 0, 0, SCENE_WIDTH, SCENE_HEIGHT, 0);
        break;
    default:
        scene_text(fb, 60, 0);
    }
}

/* A full-screen change for counting frames: all pixels differ from those of frame n - 1. */
static inline void scene_frame(uint32_t *fb, unsigned n)
{
    for (int y = 0; y < SCENE_HEIGHT; y++)
        for (int x = 0; x < SCENE_WIDTH; x++)
            fb[y * SCENE_WIDTH + x] =
                ((uint32_t)(x + (int)n * 8) / 32 + (uint32_t)y / 32 + n) % 3 * 0x404040 +
                (n & 1 ? 0x101010 : 0);
}

#endif

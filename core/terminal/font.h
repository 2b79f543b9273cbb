/*
 * The font of text consoles, 8 by 16 pixels, drawn for this project: ASCII, Latin-1 and Latin
 * Extended-A, box drawing, blocks, Braille, and what terminals draw lines by. Constant: any thread.
 */
#ifndef CORE_TERMINAL_FONT_H
#define CORE_TERMINAL_FONT_H

#include <stdbool.h>
#include <stdint.h>

enum { FONT_HEIGHT = 16, FONT_SHEET = 10 };

/* A character's rows, leftmost pixel in the highest bit. False: the font has none such, and the
 * rows are those of U+FFFD. */
bool font_glyph(uint32_t code, uint8_t rows[FONT_HEIGHT]);

/* ---- what font.c is made of ------------------------------------------------------------------ */

/* Glyphs as they were drawn, side by side. ASCII comes first, in order, from the space on. */
struct font_sheet {
    uint16_t codes[FONT_SHEET];
    const char *rows[FONT_HEIGHT];
};
extern const struct font_sheet font_sheets[]; /* glyphs.c */
extern const unsigned font_sheet_count;

/* box.c: lines and blocks, which are computed. False: none of them. */
bool font_box(uint32_t code, uint8_t rows[FONT_HEIGHT]);

#endif

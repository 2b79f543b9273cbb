/*
 * Key codes by their other names, one table for all: Linux evdev codes (KEY_*) against the scan
 * codes of PC keyboards, USB usages and the names of the control protocol. Constant: any thread.
 */
#ifndef CORE_INPUT_KEYS_H
#define CORE_INPUT_KEYS_H

#include <stdbool.h>
#include <stdint.h>

/* 0 (KEY_RESERVED) stands for "none" everywhere. Extended scan codes have 0xE0 in their upper byte
 * (0xe01c); PAUSE is 0xe11d in set 1. */
uint16_t key_to_scan_set1(uint16_t key);
uint16_t key_from_scan_set1(uint16_t code);
/* The number of a key as RFB's extended key events and the control protocol's "number" have it: set
 * 1 with 0x80 for the prefix. */
uint16_t key_from_number(uint16_t number);
uint16_t key_to_number(uint16_t key);
uint16_t key_to_scan_set2(uint16_t key);
uint8_t key_to_scan_set3(uint16_t key);
/* USB HID usage, page 07H. */
uint8_t key_to_usage(uint16_t key);
/* Names such as "a", "ret", "ctrl", "f1". NULL: none. */
uint16_t key_from_name(const char *name);
const char *key_name(uint16_t key);
/* The key of a printable ASCII character, newline, tab or backspace on a keyboard with the layout
 * of the United States, and whether Shift is held. False: there is none. */
bool key_from_char(char c, uint16_t *key, bool *shift);

#endif

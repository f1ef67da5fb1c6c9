/* The words that documents begin with in common: zstd gets them as a prefix, so that a small batch does not pay for
 * the names of its members each time (150 bytes less in an envelope of a few points). */
#ifndef ALZY_SYNC_DICTIONARY_H
#define ALZY_SYNC_DICTIONARY_H

#include <stddef.h>

/* Without a NUL at its end. It belongs to ENVELOPE_VERSION 1: another one byte of it, another version. */
extern const char dictionary[];
extern const size_t dictionary_length;

#endif

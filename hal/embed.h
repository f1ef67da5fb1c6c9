/* Puts a file of the source tree into the program, as a text that ends with a NUL. */
#ifndef ALZY_HAL_EMBED_H
#define ALZY_HAL_EMBED_H

/* Declares `extern const char name[]` with the content of `path` (relative to the root of the tree). The assembler
 * reads the file, so the object must depend on it in the Makefile. */
#define EMBED(name, path)                     \
	__asm__(".section .rodata\n"              \
	        ".global " #name "\n" #name ":\n" \
	        ".incbin \"" path "\"\n"          \
	        ".byte 0\n"                       \
	        ".previous\n");                   \
	extern const char name[]

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_FUZZ_H
#define EPHEMERA_FUZZ_H

/*
 * What the fuzz targets share. Each fuzz_NAME.c is one target, that libFuzzer drives in
 * tests/fuzz/run, and replay.c over corpus/NAME in the unit tests.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "collectors/kernel/inet_diag.h"

struct nlmsghdr;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Ends the process where what must hold does not. */
#define FUZZ_CHECK(condition) fuzz_check((condition), #condition, __FILE__, __LINE__)
void fuzz_check(bool holds, const char *what, const char *file, int line);

/*
 * The rest of the input, in memory of just that size, so that AddressSanitizer sees a parser
 * read one byte too many. The caller frees it.
 */
void *fuzz_bytes(const uint8_t *data, size_t size);
/* The same up to its first NUL, which it has in any case. */
char *fuzz_string(const uint8_t *data, size_t size);
/* A copy of what comes before the next separator, NULL at the end; *rest moves on behind it. */
char *fuzz_take(const char **rest, char separator);

/* Hands on the parameters of "a=b&c&d=e"; value is NULL where there is no equals sign. */
void fuzz_parameters(const char *query,
    void (*each)(void *context, const char *key, const char *value), void *context);

bool fuzz_is_utf8(const char *string);
/* UTF-8 without control characters, nor those that turn or hide text. */
bool fuzz_is_printable(const char *string);

/* Checks what no decoder may hand on. */
void fuzz_check_socket(const struct socket *socket);

/* A netlink sink's context: messages must lie in bytes, where that is set. */
struct fuzz_sink {
	enum listing listing;
	const char *bytes;
	size_t length;
};
int fuzz_message(void *context, const struct nlmsghdr *message);

#endif

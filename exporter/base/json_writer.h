/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_JSON_WRITER_H
#define EPHEMERA_JSON_WRITER_H

/*
 * JSON that is written as it comes, without a tree: for what is written thousands of times a
 * second. Everything else uses json.h.
 *
 *	struct json_writer writer = {.is_first = true};
 *
 *	json_writer_open(&writer, NULL, '{');
 *	json_writer_number(&writer, "port", 60416);
 *	json_writer_close(&writer, '}');
 *
 * The text is in writer.text, without a NUL; see text.h.
 */

#include <stdbool.h>
#include <stdint.h>

#include "exporter/base/text.h"

struct json_writer {
	struct text text;
	bool is_first; /* no comma comes before the next value */
};

/* key: our own, so it is not escaped; NULL in an array, and for the outermost value. */
void json_writer_open(struct json_writer *writer, const char *key, char bracket);
void json_writer_close(struct json_writer *writer, char bracket);

/* Bytes that are not valid UTF-8 become U+FFFD; what must not reach a terminal is escaped. */
void json_writer_string(struct json_writer *writer, const char *key, const char *value);
void json_writer_number(struct json_writer *writer, const char *key, uint64_t value);
void json_writer_bool(struct json_writer *writer, const char *key, bool value);
void json_writer_moment(struct json_writer *writer, const char *key, int64_t moment);

/* Adds a newline and prints it all, and empties the writer. Returns 0 or -errno. */
int json_writer_print(struct json_writer *writer);

#endif

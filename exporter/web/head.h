/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_HEAD_H
#define EPHEMERA_HEAD_H

/*
 * The rules for the head of a request: its line and its headers. libmicrohttpd guesses what a wrong
 * one means. A proxy in front of us may guess otherwise, and take for one request what we take for
 * two. No HTTP library, no threads.
 *
 * The head lies in libmicrohttpd's buffer as it was sent, except that zero bytes replaced what
 * separates its parts. So a part that does not lie where the one before it ends shows what is not
 * in the parts: a zero byte, a folded header, a line that ends in LF alone.
 */

#include <stdbool.h>
#include <stddef.h>

/* What is known of one head. */
struct head {
	const char *begin;
	const char *end; /* of the last part */
	size_t length;	 /* of all of it, the empty line included */
	bool reads;	 /* the method is GET or HEAD */
	bool is_http_1_0;
	bool has_body, expects;
	size_t hosts, content_lengths, transfer_encodings;
	bool wrong_line, wrong_target, wrong_name, wrong_value, wrong_host, wrong_length;
};

struct head_rule {
	const char *name; /* one word, for the log */
	bool (*is_broken)(const struct head *head);
	const char *sentence; /* for the client */
};

/* A request line, in the buffer. path: the target's place, decoded since; target: as it was sent */
struct head_line {
	const char *method;
	const char *path;
	const char *target;
	const char *version;
	size_t head_length;
};

void head_begin(struct head *head, const struct head_line *line);

/* A header, in the buffer, in the order in which they were sent. Both lengths are without NUL. */
void head_add(struct head *head, const char *name, size_t name_length, const char *value,
    size_t value_length);

/* The first rule that the head, with all its headers, breaks; NULL: none. Static. */
const struct head_rule *head_broken_rule(const struct head *head);

#endif

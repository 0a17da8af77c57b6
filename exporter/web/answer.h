/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_ANSWER_H
#define EPHEMERA_ANSWER_H

/* An HTTP response before there is an HTTP library. */

#include <stdbool.h>
#include <stddef.h>

#define ANSWER_TYPE_SIZE 128
#define ANSWER_TIMES 2

/* How long something took, for Server-Timing. */
struct answer_time {
	const char *name; /* NULL: there is none */
	double seconds;
};

struct answer {
	unsigned status;
	char type[ANSWER_TYPE_SIZE]; /* Content-Type */
	const char *body;	     /* NULL: out of memory, there is no answer */
	size_t length;
	bool is_static;	    /* do not free body */
	bool gzip;	    /* Content-Encoding */
	bool varies;	    /* with Accept and Accept-Encoding */
	bool no_store;	    /* Cache-Control: it is true only for a moment */
	bool retry;	    /* Retry-After: a second */
	const char *allow;  /* for 405: the methods; else NULL */
	bool authenticate;  /* for 401: asks for a name and a password */
	const char *policy; /* Content-Security-Policy; NULL: none */
	struct answer_time times[ANSWER_TIMES];
};

/* Frees the body, unless it is static. */
void answer_release(struct answer *answer);

/*
 * An error in words: "404 Not Found: there is ..." as plain text, or, with json,
 * {"status": 404, "error": "there is ..."}. Quoted text is made printable.
 */
struct answer answer_error(bool json, unsigned status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* 200 and plain text. text must be static. */
struct answer answer_text(const char *text);

/* 503 with Retry-After. */
struct answer answer_unavailable(bool json, const char *why);

/* 503 for the -errno that the work of a request ended with. */
struct answer answer_failure(bool json, int error);

/* Compresses the body if the client accepts gzip. A static body is not freed. */
void answer_compress(struct answer *answer, bool gzip);

/* Takes ownership of text, which is NULL if memory ran out. */
struct answer answer_json(char *text);

#endif

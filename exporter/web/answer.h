/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_ANSWER_H
#define EPHEMERA_ANSWER_H

/* An HTTP response before there is an HTTP library. */

#include <stdbool.h>
#include <stddef.h>

#define ANSWER_TYPE_SIZE 128

struct answer {
	unsigned status;
	char type[ANSWER_TYPE_SIZE]; /* Content-Type */
	const char *body;	     /* NULL: memory was out, and there is no answer */
	size_t length;
	bool is_static;	    /* body stays where it is; else it is to be freed */
	bool gzip;	    /* Content-Encoding */
	bool varies;	    /* with Accept and Accept-Encoding */
	bool no_store;	    /* what it says is true for a moment */
	bool retry;	    /* after a second */
	const char *allow;  /* of 405: the methods; else NULL */
	bool authenticate;  /* of 401: with a name and a password */
	const char *policy; /* Content-Security-Policy; NULL: none */
};

/* Frees the body, where that is the answer's. */
void answer_release(struct answer *answer);

/*
 * What went wrong, in words: "404 Not Found: there is ..." as plain text, or for json
 * {"status": 404, "error": "there is ..."}. What is quoted in it cannot speak to a terminal.
 */
struct answer answer_error(bool json, unsigned status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* 200 and plain text, which stays where it is. */
struct answer answer_text(const char *text);

/* 503, to be tried again. */
struct answer answer_unavailable(bool json, const char *why);

/* 503, for the error, -errno, that a request ended with. */
struct answer answer_failure(bool json, int error);

/* Compresses the body where the client takes gzip. A body that is not ours stays. */
void answer_compress(struct answer *answer, bool gzip);

/* Takes over text, which may be NULL where memory was out. */
struct answer answer_json(char *text);

#endif

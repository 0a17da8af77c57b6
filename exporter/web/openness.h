/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_OPENNESS_H
#define EPHEMERA_OPENNESS_H

/* What is open, in words: for the page at "/". */

#include <stdbool.h>

#include "exporter/base/text.h"

#define OPENNESS_ADDRESS_SIZE 64

/* Who looks at the page, and what is asked of everyone. Zero: nothing is asked. */
struct openness {
	bool password;	   /* is asked, maybe not for this page */
	bool certificate;  /* of clients: is required */
	bool has_password; /* this client had to give it */
	bool api_refuses;  /* this client, although the API is on */
	bool is_local;	   /* a client of this host, by a loopback address and name */
	char reached[OPENNESS_ADDRESS_SIZE]; /* where it has connected to; empty: a unix socket */
};

/* Fills in reached, the address of our end of a connected socket. */
void openness_find_address(int fd, struct openness *openness);

/* Whether the client had to give a password, or is on this host and none is asked. */
bool openness_is_known(const struct openness *openness);

/*
 * Adds a few sentences. listening says where the exporter listens, such as "every address, port
 * 10059". They tell a client nothing that it cannot find out: all addresses only if it had to give
 * a password, or is on this host and no password is asked; whether the API is on only if it can ask
 * the API.
 */
void openness_add(
    struct text *text, const struct openness *openness, const char *listening, bool api);

#endif

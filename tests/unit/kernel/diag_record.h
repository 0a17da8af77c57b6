/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_UNIT_DIAG_RECORD_H
#define EPHEMERA_UNIT_DIAG_RECORD_H

/* One record of sock_diag, made by hand and decoded. */

#include "collectors/kernel/inet_diag.h"
#include "messages.h"

/* Not in the headers of every kernel that this is built on. */
#define ATTRIBUTE_CGROUP_ID 21

/* The message that holds it. */
extern struct messages messages;

/* An IPv4 connection with something in every field. */
extern const struct record established;

/* Puts a record into the empty message; an attribute behind what is in it. */
void start(const struct record *record);
void attribute(uint16_t type, const void *value, size_t length);

/* Decodes the first length bytes, with nlmsg_len saying so, before a page of no access. */
int decode_cut(enum listing listing, size_t length, struct socket *socket);
/* All of it, into a socket that was full of something else. */
int decode(enum listing listing, struct socket *socket);

#endif

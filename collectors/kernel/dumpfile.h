/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_DUMPFILE_H
#define EPHEMERA_DUMPFILE_H

/*
 * Recorded dumps: the bytes that the kernel sent, listing by listing, to replay them on another
 * host. A line of text comes before each piece:
 *
 *     ephemera socket dump 1
 *     listing tcp_listen
 *     chunk 1234
 *     <1,234 bytes, as one recv() gave them, and a newline>
 *     result 0
 *
 * Bytes are in the byte order of the host that recorded them.
 */

#include <stddef.h>
#include <stdio.h>

#include "collectors/kernel/inet_diag.h"
#include "collectors/kernel/netlink.h"

/* Starts a recording: writes the first line. Returns 0 or -errno, like the next ones. */
int dumpfile_start(FILE *file);
int dumpfile_begin_listing(FILE *file, enum listing listing);
int dumpfile_write_chunk(FILE *file, const void *bytes, size_t length);
int dumpfile_end_listing(FILE *file, int result);

/*
 * Passes the recorded messages of listing to sink. Returns the recorded result; -ENODATA if the
 * file has no such listing; -EBADMSG if it is malformed or cut off; or what sink returned.
 */
int dumpfile_replay(FILE *file, enum listing listing, const struct netlink_sink *sink);

#endif

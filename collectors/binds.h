/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_BINDS_H
#define EPHEMERA_BINDS_H

/* The positions of the binds collector's flags; the first two are a gatherer's options. */
enum binds_flag {
	BINDS_REFRESH_SOCKETS,
	BINDS_REFRESH_SECONDS,
	BINDS_LISTENERS_LIMIT,
	BINDS_BUCKETS,
};

/* Of BINDS_BUCKETS, beside 0 and 1: neither was asked for. */
#define BINDS_BUCKETS_BY_DEFAULT 2

#endif

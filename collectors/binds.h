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

/* Value of BINDS_BUCKETS if the flag is not given (else 0 or 1). */
#define BINDS_BUCKETS_BY_DEFAULT 2

#endif

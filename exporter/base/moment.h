/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_MOMENT_H
#define EPHEMERA_MOMENT_H

/* Times of day as people and log lines write them. A moment is in nanoseconds since 1970, UTC. */

#include <stdbool.h>
#include <stdint.h>

#define MOMENT_SECOND 1000000000ll

/* As long as the last part that was written: 12:03 is a minute, 12:03:07.5 a tenth of a second. */
struct moment_span {
	int64_t from;
	int64_t until; /* the first moment after it */
};

/*
 * Reads a date and a time, as in ISO 8601 and RFC 3339: 2026-11-29T12:03, with a blank instead of
 * the T, seconds, up to nine digits after a point, and Z or an offset such as +01:00. Without the
 * last it is local time. Years from 1970 to 2199. Returns whether it is one.
 */
bool moment_parse(const char *text, struct moment_span *ret_span);

/*
 * The same, and a time without a date, in local time: HH:MM[:SS[.DIGITS]], of today; of yesterday
 * if that is after now.
 */
bool moment_parse_past(const char *text, int64_t now, struct moment_span *ret_span);

#define MOMENT_TEXT 64

/* As 2026-11-29T11:03:07.500000Z. */
void moment_format(int64_t moment, char text[static MOMENT_TEXT]);

/* As 12:03:07.500 in local time; with the date before it if that is not the day of `day`. */
void moment_format_local(int64_t moment, int64_t day, char text[static MOMENT_TEXT]);

int64_t moment_now(void);

#endif

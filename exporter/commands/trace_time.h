/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_TRACE_TIME_H
#define EPHEMERA_TRACE_TIME_H

/* The time of an event that the kernel's side sends: of a clock that no one sets. */

#include <stdint.h>
#include <time.h>

/* CLOCK_MONOTONIC, in nanoseconds. */
uint64_t trace_now_ns(void);

/* The same moment of CLOCK_REALTIME, as that is set now. */
struct timespec trace_time_of(uint64_t time_ns);

#endif

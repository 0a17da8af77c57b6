/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_UNIT_FLIGHT_WORK_H
#define EPHEMERA_UNIT_FLIGHT_WORK_H

/* Work on a set of bits, which waits until it is let go on, and requests for it. */

#include <pthread.h>
#include <stdatomic.h>

#include "exporter/scrape/single_flight.h"

extern struct flight_host {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	unsigned running; /* the bits that were added */
	unsigned begun;	  /* how many works */
	unsigned finished;
	unsigned asked;	  /* how often it asked whether to stop */
	unsigned allowed; /* how many may come to their end */
	bool mute;	  /* it does not ask whether to stop */
	bool stubborn;	  /* it does not listen */
	int result;
} host;

/* How far the clock is ahead, so that no test need wait. */
extern atomic_long ahead;

extern struct single_flight *sharing;
extern struct refusals refusals;

int set_up(void **state);
int tear_down(void **state);

/* Starts anew, with so much work a second. */
void limit_to(double per_second);

struct bits {
	struct shared_request shared;
	unsigned bits;
	unsigned told; /* how often done was called */
	int error;
	unsigned got; /* the bits that its work was for */
};

/* Asks for work on these bits; prompt: the last result will do. */
void submit(struct bits *bits, unsigned which, double seconds);
void submit_prompt(struct bits *bits, unsigned which);

/* Lets so many works come to their end, since the start. */
void allow(unsigned works);

/* Waits until *count is at least wanted; the test's own time-out ends a wait for nothing. */
void wait_for(const unsigned *count, unsigned wanted);

/* Told once, with that. */
void assert_told(const struct bits *bits, int error, unsigned got);

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

#endif

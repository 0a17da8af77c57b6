/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_SURVEY_H
#define EPHEMERA_SURVEY_H

/*
 * What is found out about every network namespace of a host, also where there are thousands: its
 * fullest destination, and whose sockets it has. It takes 200 bytes, 2 for each port that bind()
 * holds, and during a walk what destination_table.h says.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "collectors/kernel/settings.h"
#include "collectors/tables/destination_table.h"

/* How many cgroups are told apart: enough to know whether a pod has the namespace alone. */
#define SURVEY_CGROUPS 8

struct survey {
	const struct settings *settings;
	uint16_t *held; /* ports that bind() holds; sorted and each once if finished */
	size_t held_length;
	size_t held_capacity;
	bool finished; /* no more of them will come */
	unsigned usable;
	unsigned held_in_range; /* of the ports held, those that would be usable otherwise */
	struct destination_table *table; /* NULL: no port is leased */
	unsigned long untracked;
	unsigned long sockets;
	unsigned long leased;
	unsigned long time_wait;
	struct {
		uint64_t id;
		unsigned long sockets;
	} cgroups[SURVEY_CGROUPS]; /* in the order in which they were found */
	size_t cgroups_length;
	bool more_cgroups; /* there are some that had no place */
};

struct survey_result {
	unsigned long sockets;
	unsigned long leased;	 /* ports of outgoing TCP connections, once for each destination */
	unsigned long time_wait; /* sockets */
	unsigned long untracked; /* connections whose destination had no place */
	unsigned usable;	 /* ports that a destination can have: of the range, without: */
	unsigned reserved;	 /* those of them that are reserved */
	unsigned held;		 /* and those, not reserved, that bind() holds */
	struct port_range range;
	unsigned used;		    /* of the fullest destination */
	double ratio;		    /* used / usable; 1 if no port is usable */
	struct destination fullest; /* meaningless if used is 0 */
};

/* Begins a walk. settings: of the namespace; they must outlive the walk. */
void survey_begin(struct survey *survey, const struct settings *settings);
void survey_release(struct survey *survey);

/* Notes a port that bind() holds: of a bucket. Returns 0 or -ENOMEM. */
int survey_hold(struct survey *survey, uint16_t port);

/*
 * Notes a socket. Listeners and those that only bind() come before connections. room: how many
 * destinations may still be added, of all namespaces; it is lowered. Returns 0 or -ENOMEM.
 */
int survey_observe(struct survey *survey, const struct socket *socket, size_t *room);

/* Ends the walk, and frees what it took but for cgroups. */
void survey_finish(struct survey *survey, struct survey_result *ret_result);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_LEASE_H
#define EPHEMERA_LEASE_H

/*
 * A lease: which outgoing connection had a port, from when until when, and who opened it. In words
 * and in JSON, of which `ephemera trace --leases` writes a line for each, and `ephemera port --at`
 * reads it again. docs/leases.md has the keys.
 */

#include <stdbool.h>
#include <stdint.h>

#include "collectors/kernel/socket.h"
#include "exporter/base/json_reader.h"
#include "exporter/base/json_writer.h"

/* Strings belong to whoever made it. */
struct lease {
	int64_t from; /* see moment.h */
	int64_t until;
	enum socket_family family;
	const char *source; /* as socket_address_format() */
	const char *destination;
	uint16_t source_port;
	uint16_t destination_port;
	const char *ended; /* of lease_end_name(), or what a line says */
	bool time_wait;	   /* it has the port for up to LEASE_TIME_WAIT more */
	uint32_t pid;	   /* 0: unknown; of the process that called connect() */
	const char *process;
	const char *cgroup;	  /* NULL: none; "id:" and a number: it has no name */
	const char *pod_uid;	  /* NULL: none */
	const char *container_id; /* NULL: none */
};

/* TCP_TIMEWAIT_LEN, include/net/tcp.h */
#define LEASE_TIME_WAIT 60000000000ll

/* Longer texts in a line are refused: a path is the longest of them. */
#define LEASE_TEXT_MAX 4096

/* Adds its members to the object that is open. */
void lease_json_add(struct json_writer *writer, const struct lease *lease);

/*
 * Reads what lease_json_add() wrote; the strings are those of object. Returns whether it is a
 * lease.
 */
bool lease_json_read(const struct json_value *object, struct lease *ret_lease);

/* Prints one line: times, addresses, how it ended and who opened it. Returns 0 or -ENOMEM. */
int lease_print_line(const struct lease *lease);

/*
 * The same on several lines, for an answer. day: moments of that day have no date. Returns 0 or
 * -ENOMEM.
 */
int lease_print_block(const struct lease *lease, int64_t day);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_TRACE_PORTS_H
#define EPHEMERA_TRACE_PORTS_H

/*
 * How many ports of its destination are in use when a connect() finds none. In the namespace that
 * is followed the sockets are read for it, at most once a second and in about a tenth of the time.
 */

#include "exporter/commands/options.h"
#include "exporter/commands/trace_print.h"

struct trace_ports;

/* options: with what kernel_tables_open() opened; they must outlive it. NULL: out of memory. */
struct trace_ports *trace_ports_new(const struct options *options);
void trace_ports_free(struct trace_ports *ports); /* NULL is fine */

/* Sets has_ports, ports and usable_ports, if they are found. */
void trace_ports_find(struct trace_ports *ports, struct traced *traced);

/*
 * The same, of several namespaces, none of which is entered: by traced->namespace, which knows them
 * of its fullest destination.
 */
void trace_ports_find_fullest(struct traced *traced);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_SERVICE_PORTS_H
#define EPHEMERA_SERVICE_PORTS_H

/* The facts of a walk, and the ports of services, inside the range or not. */

#include "collectors/collector.h"

struct service_ports {
	struct facts facts;
	struct portset tcp; /* with a listener, whoever chose the port */
	struct portset udp; /* with a socket that is a service: see udp_services.h */
};

/* A view (views.h), in no registry. */
extern const struct collector service_ports_view;

/* What it found last; valid until the next walk. NULL before the first. */
const struct service_ports *service_ports_found(const void *state);

#endif

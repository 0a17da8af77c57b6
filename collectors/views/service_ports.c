// SPDX-License-Identifier: Apache-2.0
#include "collectors/views/service_ports.h"

#include <errno.h>

#include "collectors/tables/udp_services.h"

struct finder {
	const struct facts *facts; /* of the walk in progress */
	struct udp_services *services;
	bool found;
	struct service_ports ports;
};

static int init(void *state, const struct collector_config *config)
{
	struct finder *finder = state;

	finder->facts = config->facts;
	finder->services = udp_services_new();
	return finder->services ? 0 : -ENOMEM;
}

static void reset(void *state)
{
	udp_services_begin(((struct finder *)state)->services);
}

/* TCP's listeners are in the facts. */
static int observe(void *state, const struct socket *socket)
{
	(void)state;
	(void)socket;
	return 0;
}

static int observe_chosen(void *state, const struct socket *socket)
{
	if (socket->protocol == SOCKET_UDP && socket->state == SOCKET_CLOSE)
		udp_services_note(((struct finder *)state)->services, socket);
	return 0;
}

static int finish(void *state)
{
	struct finder *finder = state;
	struct service_ports *ports = &finder->ports;

	ports->facts = *finder->facts;
	ports->tcp = finder->facts->holders.listen;
	ports->udp = (struct portset){{0}};
	finder->found = true;
	return udp_services_finish_ports(finder->services, &ports->udp);
}

static void release(void *state)
{
	udp_services_free(((struct finder *)state)->services);
}

const struct collector service_ports_view = {
    .name = "service ports",
    .needs = NEEDS_SETTINGS | NEEDS_BINDS | NEEDS_CHOSEN | NEEDS_UDP_CHOSEN,
    .state_size = sizeof(struct finder),
    .init = init,
    .reset = reset,
    .observe = observe,
    .observe_chosen = observe_chosen,
    .finish = finish,
    .release = release,
};

const struct service_ports *service_ports_found(const void *state)
{
	const struct finder *finder = state;

	return finder->found ? &finder->ports : NULL;
}

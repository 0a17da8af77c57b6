// SPDX-License-Identifier: Apache-2.0
#include "exporter/answers/node_port.h"

#include <stdio.h>

void node_port_add_words(struct text *text, const struct settings *settings, uint16_t port)
{
	const struct port_range node_ports = settings->node_ports;
	char sentence[256];

	if (!port_range_has(node_ports, port))
		return;
	snprintf(sentence, sizeof(sentence),
	    " It is a NodePort (%u-%u): if a Service has it, new connections to it go to that "
	    "Service, not to a socket here, and no socket shows that.",
	    node_ports.first, node_ports.last);
	text_add_string(text, sentence);
	if (!port_range_has(settings->range, port) || portset_has(&settings->reserved, port))
		return;
	text_add_string(text, " Reserve the NodePorts (net.ipv4.ip_local_reserved_ports), so that "
			      "neither connect() nor bind() to port 0 takes one.");
}

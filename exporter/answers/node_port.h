/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_NODE_PORT_H
#define EPHEMERA_NODE_PORT_H

/* NodePorts of Kubernetes: kube-proxy redirects their packets, and no socket shows it. */

#include "collectors/kernel/settings.h"
#include "exporter/base/text.h"

/* If port is a NodePort, adds what that means, behind a sentence; else nothing. */
void node_port_add_words(struct text *text, const struct settings *settings, uint16_t port);

#endif

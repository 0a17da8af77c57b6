/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_REMARKS_H
#define EPHEMERA_REMARKS_H

struct gatherer;

/* Logs, once for each collector that works, what it assumes about the host. */
void remarks_log(const struct gatherer *gatherer);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_SNAT_LOST_H
#define EPHEMERA_SNAT_LOST_H

/* The samples of the collector snat that are about lost packets. */

#include <stddef.h>

#include "collectors/kernel/snat_lost_probe.h"
#include "collectors/kernel/socket.h"
#include "collectors/metric.h"
#include "collectors/tables/tally_top.h"

extern const struct metric_family snat_lost_packets;
extern const struct metric_family snat_other_lost_packets;
extern const struct metric_family snat_missed_events;

struct snat_lost {
	struct snat_lost_probe *probe; /* NULL: they cannot be counted */
	const char *reason;	       /* then: why, a static string */
	struct tally_top *top;
};

/* Starts counting, if that can be. limit: of destinations that are shown. Returns 0 or -ENOMEM. */
int snat_lost_init(struct snat_lost *lost, size_t limit);
void snat_lost_release(struct snat_lost *lost);

/* Adds nothing if they cannot be counted. */
void snat_lost_emit(struct snat_lost *lost, struct metric_set *set);

/* The values of the labels. */
struct snat_lost_texts {
	const char *protocol;
	char source[SOCKET_ADDRESS_TEXT];
	char destination[SOCKET_ADDRESS_TEXT];
	char port[8];
	char zone[8]; /* empty: the default one */
};

void snat_lost_labels(const struct snat_destination *to, struct snat_lost_texts *ret_texts);

#endif

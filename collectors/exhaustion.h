/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_EXHAUSTION_H
#define EPHEMERA_EXHAUSTION_H

/* The positions of the exhaustion collector's flags. */
enum exhaustion_flag {
	EXHAUSTION_DESTINATIONS_LIMIT,
	EXHAUSTION_OWNERS_LIMIT,
	EXHAUSTION_LEASES_LIMIT,
	EXHAUSTION_OPENERS_LIMIT,
	EXHAUSTION_CONFLICTS_LIMIT,
};

#endif

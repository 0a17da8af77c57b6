/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_ADMISSION_H
#define EPHEMERA_ADMISSION_H

/* Which requests are let in: as their size, the rate of all and a password allow. */

#include "exporter/web/exchange.h"

/*
 * Refuses the request, suspends it until its password has been checked, or dispatches it. To be
 * called when the request is here as a whole, or as much of it as we want, and once more when it
 * was suspended.
 */
enum MHD_Result admission_decide(struct exchange *exchange, const char *path, const char *method);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_ENGINE_H
#define EPHEMERA_ENGINE_H

/*
 * What happens to a request, in its order: its head and body are waited for, it is let in or not,
 * perhaps after its password was checked, it is dispatched, and answered. The parts decide and
 * return; only this file knows what comes next.
 */

#include "exporter/web/exchange.h"

/*
 * To be called whenever libmicrohttpd has something of the request, unless it waits; and of a body
 * how much there is, which is set to what was not taken. Returns what libmicrohttpd is to be told.
 */
enum MHD_Result exchange_advance(
    struct exchange *exchange, const char *path, const char *method, size_t *upload_size);

#endif

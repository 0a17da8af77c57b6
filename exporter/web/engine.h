/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_ENGINE_H
#define EPHEMERA_ENGINE_H

/*
 * The steps of a request in order: wait for its head, refuse it if that is malformed, admit it,
 * perhaps after a check of its password, dispatch it, answer it. The other files decide and return;
 * only this one knows the next step.
 */

#include "exporter/web/exchange.h"

/*
 * Call it whenever libmicrohttpd has more of the request, unless the exchange waits, with the texts
 * that libmicrohttpd passes. Returns what the callback must return to libmicrohttpd.
 */
enum MHD_Result exchange_advance(
    struct exchange *exchange, const char *path, const char *method, const char *version);

#endif

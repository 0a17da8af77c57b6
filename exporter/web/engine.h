/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_ENGINE_H
#define EPHEMERA_ENGINE_H

/*
 * The steps of a request in order: wait for its head and body, admit it, perhaps after a check of
 * its password, dispatch it, answer it. The other files decide and return; only this one knows the
 * next step.
 */

#include "exporter/web/exchange.h"

/*
 * Call it whenever libmicrohttpd has more of the request, unless the exchange waits. upload_size:
 * the bytes of body that are there; set to the bytes that were not used. Returns what the callback
 * must return to libmicrohttpd.
 */
enum MHD_Result exchange_advance(
    struct exchange *exchange, const char *path, const char *method, size_t *upload_size);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_DISPATCH_H
#define EPHEMERA_DISPATCH_H

/* From a request that was let in to its response. */

#include "exporter/web/exchange.h"

/* Answers the request, or submits it to the thread that has what it asks for. */
enum MHD_Result dispatch(struct exchange *exchange, const char *path, const char *method);

/* Sends what that thread made, once it has resumed the exchange. */
enum MHD_Result dispatch_finish(struct exchange *exchange);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_CREDENTIALS_H
#define EPHEMERA_CREDENTIALS_H

/* The name and the password that a request brings. */

#include <microhttpd.h>

#include "exporter/access/basic_auth.h"

/*
 * Reads the request's Authorization header. Returns 0, then the caller releases ret_auth; -EINVAL
 * if there is none or it has no name and password; -E2BIG if there are several; or -ENOMEM.
 */
int credentials_read(struct MHD_Connection *connection, struct basic_auth *ret_auth);

#endif

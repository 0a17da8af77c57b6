/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_LANDING_H
#define EPHEMERA_LANDING_H

/* The page at "/". */

#include <stddef.h>

/* The page loads nothing from anywhere; its styles are inside it. */
#define LANDING_CONTENT_SECURITY_POLICY                                                        \
	"default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; " \
	"frame-ancestors 'none'"

/* The page, linking to telemetry_path; the caller frees it. NULL where memory is out. */
char *landing_page(const char *telemetry_path, size_t *ret_length);

#endif

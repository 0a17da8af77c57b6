/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_PAGES_H
#define EPHEMERA_PAGES_H

/* The pages that are part of the binary: what lies in exporter/pages. */

#include <stdbool.h>

#include "exporter/web/answer.h"

/*
 * The page at "/", linking to telemetry_path, with the live port map where the API is on.
 * The caller frees it with answer_release(); its body is NULL where memory is out.
 */
struct answer pages_index(const char *telemetry_path, bool api);

/* What the page loads, by its name. Returns false where there is nothing of that name. */
bool pages_find(const char *name, struct answer *ret_answer);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_PAGES_H
#define EPHEMERA_PAGES_H

/* The pages in the binary: the files of exporter/web/pages. */

#include <stdbool.h>

#include "exporter/web/answer.h"

struct site;
struct openness;

/*
 * The page at "/", which links to the site's metrics, says what is open, and has the live port map
 * if the API is on. The caller frees it with answer_release(); its body is NULL if memory ran out.
 */
struct answer pages_index(const struct site *site, const struct openness *openness);

/* A file that the page loads, by its name. Returns false if there is none. */
bool pages_find(const char *name, struct answer *ret_answer);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_LOGFMT_H
#define EPHEMERA_LOGFMT_H

/*
 * Lines of KEY=VALUE pairs, as Loki and Prometheus read them. Whatever a value holds, the line
 * stays one line of printable UTF-8, and no value looks like another pair.
 */

struct text;

/*
 * Adds a pair, after a space if the line has one already. A value that is not plain stands in
 * quotes, with JSON's escapes; a byte that is not valid UTF-8 becomes \ufffd. In a key, what would
 * end it or cannot be printed becomes "_".
 */
void logfmt_add(struct text *line, const char *key, const char *value);

#endif

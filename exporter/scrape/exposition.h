/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_EXPOSITION_H
#define EPHEMERA_EXPOSITION_H

/* A metric set as the text that Prometheus reads. */

#include "collectors/metric.h"
#include "exporter/base/text.h"

enum exposition_format {
	EXPOSITION_TEXT_0_0_4,
	EXPOSITION_TEXT_1_0_0,
	EXPOSITION_OPENMETRICS_1_0_0,
};

/* What of an Accept header matters: the format, and the escaping of names to confirm. */
struct exposition_choice {
	enum exposition_format format;
	/* "allow-utf-8", "values" or "underscores", all the same for names such as ours;
	 * NULL: not to be mentioned. */
	const char *escaping;
};

#define EXPOSITION_CONTENT_TYPE 128

/* The Content-Type of choice. */
void exposition_content_type(
    struct exposition_choice choice, char type[static EXPOSITION_CONTENT_TYPE]);

/*
 * Adds every sample of set that is of one of families (an array ended by NULL), family by
 * family in that order, to text; a family without samples is left out. Invalid UTF-8 in a
 * label's value becomes U+FFFD.
 */
void exposition_write(struct text *text, enum exposition_format format,
    const struct metric_set *set, const struct metric_family *const *families);

/* Ends the text of a scrape, as the format wants it. */
void exposition_end(struct text *text, enum exposition_format format);

#endif

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

/* What an Accept header chooses: the format, and the escaping of names to confirm. */
struct exposition_choice {
	enum exposition_format format;
	/* "allow-utf-8", "values" or "underscores", which make no difference for our names;
	 * NULL: leave it out of the Content-Type. */
	const char *escaping;
};

#define EXPOSITION_CONTENT_TYPE 128

/* The Content-Type of choice. */
void exposition_content_type(
    struct exposition_choice choice, char type[static EXPOSITION_CONTENT_TYPE]);

/*
 * Adds the samples of set that belong to families (an array ended by NULL) to text, family by
 * family in that order. Leaves out families without samples. Invalid UTF-8 in a label's value
 * becomes U+FFFD.
 */
void exposition_write(struct text *text, enum exposition_format format,
    const struct metric_set *set, const struct metric_family *const *families);

/* Ends the text of a scrape, if the format has an end mark. */
void exposition_end(struct text *text, enum exposition_format format);

#endif

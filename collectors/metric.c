// SPDX-License-Identifier: Apache-2.0
#include "collectors/metric.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct sample {
	const struct metric_family *family;
	double value;
	size_t labels; /* offset of the first label's value in the set's text */
};

struct metric_set {
	struct sample *samples;
	size_t length;
	size_t capacity;
	char *text;
	size_t text_length;
	size_t text_capacity;
	int error;
};

struct metric_set *metric_set_new(void)
{
	return calloc(1, sizeof(struct metric_set));
}

void metric_set_free(struct metric_set *set)
{
	if (!set)
		return;
	free(set->samples);
	free(set->text);
	free(set);
}

static int reserve(void **memory, size_t *capacity, size_t wanted, size_t size)
{
	size_t larger = *capacity ? *capacity : 64;

	if (wanted <= *capacity)
		return 0;
	while (larger < wanted)
		larger *= 2;

	void *moved = reallocarray(*memory, larger, size);

	if (!moved)
		return -ENOMEM;
	*memory = moved;
	*capacity = larger;
	return 0;
}

static int add_text(struct metric_set *set, const char *text)
{
	const size_t size = strlen(text) + 1;
	const int result =
	    reserve((void **)&set->text, &set->text_capacity, set->text_length + size, 1);

	if (result < 0)
		return result;
	memcpy(set->text + set->text_length, text, size);
	set->text_length += size;
	return 0;
}

static int add_sample(struct metric_set *set, const struct metric_family *family, double value,
    const char *const labels[METRIC_LABELS_MAX + 1])
{
	const size_t start = set->text_length;
	int result =
	    reserve((void **)&set->samples, &set->capacity, set->length + 1, sizeof(*set->samples));

	for (size_t i = 0; i < METRIC_LABELS_MAX + 1 && result == 0; i++) {
		if (!family->labels[i] != !labels[i])
			result = -EINVAL;
		if (!labels[i])
			break;
		if (result == 0)
			result = add_text(set, labels[i]);
	}
	if (result < 0) {
		set->text_length = start;
		return result;
	}
	set->samples[set->length++] = (struct sample){family, value, start};
	return 0;
}

void metric_add(struct metric_set *set, const struct metric_family *family, double value,
    const char *const labels[METRIC_LABELS_MAX + 1])
{
	const int result = add_sample(set, family, value, labels);

	if (result < 0 && set->error == 0)
		set->error = result;
}

int metric_set_error(const struct metric_set *set)
{
	return set->error;
}

size_t metric_set_mark(const struct metric_set *set)
{
	return set->length;
}

void metric_set_roll_back(struct metric_set *set, size_t mark)
{
	if (mark < set->length) {
		set->text_length = set->samples[mark].labels;
		set->length = mark;
	}
	set->error = 0;
}

size_t metric_set_next(
    const struct metric_set *set, const struct metric_family *family, size_t position)
{
	size_t i = position == METRIC_FIRST ? 0 : position + 1;

	for (; i < set->length; i++)
		if (set->samples[i].family == family)
			return i;
	return METRIC_END;
}

double metric_set_value(const struct metric_set *set, size_t position)
{
	return set->samples[position].value;
}

const char *metric_set_labels(const struct metric_set *set, size_t position)
{
	return set->samples[position].labels < set->text_length
		   ? set->text + set->samples[position].labels
		   : "";
}

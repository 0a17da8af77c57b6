// SPDX-License-Identifier: Apache-2.0
#include "collectors/metric.h"

#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define NOT_SURROUNDED SIZE_MAX

struct sample {
	const struct metric_family *family;
	double value;
	size_t labels;	     /* offset of the first label's value in the set's text */
	size_t buckets;	     /* of a histogram: offset of the first bucket in the set's */
	size_t surroundings; /* offset in the set's text, or NOT_SURROUNDED */
};

struct metric_set {
	struct sample *samples;
	size_t length;
	size_t capacity;
	char *text;
	size_t text_length;
	size_t text_capacity;
	struct metric_bucket *buckets;
	size_t buckets_length;
	size_t buckets_capacity;
	size_t surroundings; /* of samples that are added now */
	int error;
};

struct metric_set *metric_set_new(void)
{
	struct metric_set *set = calloc(1, sizeof(*set));

	if (set)
		set->surroundings = NOT_SURROUNDED;
	return set;
}

void metric_set_free(struct metric_set *set)
{
	if (!set)
		return;
	free(set->samples);
	free(set->text);
	free(set->buckets);
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
    size_t buckets, const char *const labels[METRIC_LABELS_MAX + 1])
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
	set->samples[set->length++] =
	    (struct sample){family, value, start, buckets, set->surroundings};
	return 0;
}

static bool is_valid(const struct metric_histogram *histogram)
{
	const double *bounds = histogram->bounds;

	for (size_t i = 0; i < histogram->length; i++)
		if (!isfinite(bounds[i]) || bounds[i] < 0 || (i > 0 && bounds[i] <= bounds[i - 1]))
			return false;
	return isfinite(histogram->sum) && histogram->sum >= 0;
}

static int add_buckets(struct metric_set *set, const struct metric_histogram *histogram)
{
	uint64_t count = 0;

	if (!is_valid(histogram))
		return -EINVAL;
	if (reserve((void **)&set->buckets, &set->buckets_capacity,
		set->buckets_length + histogram->length + 1, sizeof(*set->buckets)) < 0)
		return -ENOMEM;
	for (size_t i = 0; i <= histogram->length; i++) {
		const double bound = i < histogram->length ? histogram->bounds[i] : INFINITY;

		if (__builtin_add_overflow(count, histogram->counts[i], &count))
			return -EINVAL;
		set->buckets[set->buckets_length++] = (struct metric_bucket){bound, count};
	}
	return 0;
}

static int add_histogram(struct metric_set *set, const struct metric_family *family,
    const struct metric_histogram *histogram, const char *const labels[METRIC_LABELS_MAX + 1])
{
	const size_t start = set->buckets_length;
	int result = add_buckets(set, histogram);

	if (result == 0)
		result = add_sample(set, family, histogram->sum, start, labels);
	if (result < 0)
		set->buckets_length = start;
	return result;
}

static void keep_error(struct metric_set *set, int result)
{
	if (result < 0 && set->error == 0)
		set->error = result;
}

void metric_add(struct metric_set *set, const struct metric_family *family, double value,
    const char *const labels[METRIC_LABELS_MAX + 1])
{
	keep_error(set, family->type == METRIC_HISTOGRAM
			    ? -EINVAL
			    : add_sample(set, family, value, set->buckets_length, labels));
}

void metric_add_histogram(struct metric_set *set, const struct metric_family *family,
    const struct metric_histogram *histogram, const char *const labels[METRIC_LABELS_MAX + 1])
{
	keep_error(set, family->type == METRIC_HISTOGRAM
			    ? add_histogram(set, family, histogram, labels)
			    : -EINVAL);
}

static int add_label(struct metric_set *set, const struct metric_label *label)
{
	int result = 0;

	if (label->value)
		result = add_text(set, label->name);
	if (label->value && result == 0)
		result = add_text(set, label->value);
	return result;
}

void metric_set_surround(struct metric_set *set, const struct metric_label *labels)
{
	const size_t start = set->text_length;
	int result = 0;

	set->surroundings = NOT_SURROUNDED;
	for (size_t i = 0; labels && labels[i].name && result == 0; i++)
		result = add_label(set, &labels[i]);
	if (set->text_length == start || result < 0) {
		keep_error(set, result);
		return;
	}
	keep_error(set, add_text(set, ""));
	set->surroundings = start;
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
		set->buckets_length = set->samples[mark].buckets;
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

const char *metric_set_surroundings(const struct metric_set *set, size_t position)
{
	const size_t start = set->samples[position].surroundings;

	return start == NOT_SURROUNDED ? "" : set->text + start;
}

const struct metric_bucket *metric_set_buckets(const struct metric_set *set, size_t position)
{
	return set->buckets + set->samples[position].buckets;
}

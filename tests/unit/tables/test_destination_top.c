// SPDX-License-Identifier: Apache-2.0
#include "collectors/tables/destination_top.h"

#include <stdlib.h>
#include <string.h>

#include "collect.h"
#include "unit.h"

#define OFFERS 10007u

static struct destination random_destination(unsigned fullest)
{
	struct destination destination = {
	    .family = random_number() % SOCKET_FAMILIES, .port = (uint16_t)(random_number() % 97)};

	destination.address.bytes[0] = (uint8_t)(random_number() % 13);
	destination.source.bytes[3] = (uint8_t)(random_number() % 3);
	destination.ports[PORT_ACTIVE] = (uint16_t)(random_number() % fullest);
	destination.ports[PORT_TIME_WAIT] = (uint16_t)(random_number() % fullest);
	destination.ports[PORT_REUSABLE] = (uint16_t)random_number();
	return destination;
}

static int compare(const void *a, const void *b)
{
	return destination_compare(a, b);
}

/* The list is the beginning of all that was offered, sorted. */
static void assert_top(size_t limit, const struct destination *offers, size_t length)
{
	struct destination_top top;
	struct destination *sorted = calloc(length + 1, sizeof(*sorted));

	assert_non_null(sorted);
	assert_result(destination_top_init(&top, limit), 0);
	for (int round = 0; round < 2; round++) {
		for (size_t i = 0; i < length; i++) {
			destination_top_offer(&top, &offers[i]);
			sorted[i] = offers[i];
		}
		qsort(sorted, length, sizeof(*sorted), compare);
		destination_top_sort(&top);
		assert_int_equal(top.length, limit < length ? limit : length);
		for (size_t i = 0; i < top.length; i++)
			assert_int_equal(destination_compare(&top.list[i], &sorted[i]), 0);
		/* Once more after a clear: the same. */
		destination_top_clear(&top);
		assert_int_equal(top.length, 0);
	}
	destination_top_release(&top);
	free(sorted);
}

static void keeps_what_sorting_would(void **state)
{
	static const size_t limits[] = {0, 1, 2, 3, 20, 100, 1000, OFFERS - 1, OFFERS, OFFERS + 1};
	static const unsigned fullest[] = {1, 3, 1000, 65536};
	struct destination *offers = calloc(OFFERS, sizeof(*offers));

	(void)state;
	assert_non_null(offers);
	random_seed(43);
	for (size_t i = 0; i < LENGTH(fullest); i++) {
		for (size_t j = 0; j < OFFERS; j++)
			offers[j] = random_destination(fullest[i]);
		for (size_t j = 0; j < LENGTH(limits); j++)
			assert_top(limits[j], offers, OFFERS);
	}
	free(offers);
}

static void the_order_of_offers_does_not_matter(void **state)
{
	struct destination up[101];
	struct destination down[101];

	(void)state;
	for (size_t i = 0; i < LENGTH(up); i++) {
		up[i] = (struct destination){.port = (uint16_t)i};
		up[i].ports[PORT_ACTIVE] = (uint16_t)i;
		down[LENGTH(up) - 1 - i] = up[i];
	}
	for (size_t limit = 0; limit <= LENGTH(up) + 1; limit++) {
		assert_top(limit, up, LENGTH(up));
		assert_top(limit, down, LENGTH(down));
	}
}

static void nothing_offered_is_nothing(void **state)
{
	(void)state;
	assert_top(0, NULL, 0);
	assert_top(1, NULL, 0);
	assert_top(1000, NULL, 0);
}

static void a_copy_is_kept(void **state)
{
	struct destination_top top;
	struct destination destination = {.port = 443};

	(void)state;
	assert_result(destination_top_init(&top, 1), 0);
	destination_top_offer(&top, &destination);
	destination.port = 80;
	destination_top_sort(&top);
	assert_int_equal(top.list[0].port, 443);
	destination_top_release(&top);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(keeps_what_sorting_would),
	    cmocka_unit_test(the_order_of_offers_does_not_matter),
	    cmocka_unit_test(nothing_offered_is_nothing),
	    cmocka_unit_test(a_copy_is_kept),
	};

	return cmocka_run_group_tests_name("destination_top", tests, NULL, NULL);
}

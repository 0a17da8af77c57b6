// SPDX-License-Identifier: Apache-2.0
#include "exporter/base/gzip.h"

#include <stdlib.h>
#include <zlib.h>

#include "unit.h"

#define GZIP_ONLY (15 + 16)

/* Compresses a copy, takes it apart with zlib, and compares. */
static void assert_round_trip(const char *bytes, size_t length)
{
	struct text text = {0};
	unsigned char *back = malloc(length + 1);
	z_stream stream = {0};

	assert_non_null(back);
	text_add(&text, bytes, length);
	assert_result(gzip_text(&text), 0);
	assert_true(text.length >= 18 && text.length <= text.capacity);
	assert_int_equal((unsigned char)text.data[0], 0x1f);
	assert_int_equal((unsigned char)text.data[1], 0x8b);
	assert_int_equal(inflateInit2(&stream, GZIP_ONLY), Z_OK);
	stream.next_in = (unsigned char *)text.data;
	stream.avail_in = (unsigned)text.length;
	stream.next_out = back;
	stream.avail_out = (unsigned)length + 1;
	assert_int_equal(inflate(&stream, Z_FINISH), Z_STREAM_END);
	assert_int_equal(stream.avail_in, 0);
	assert_int_equal(stream.total_out, length);
	if (length)
		assert_memory_equal(back, bytes, length);
	inflateEnd(&stream);
	free(back);
	free(text.data);
}

static void goes_round(void **state)
{
	(void)state;
	assert_round_trip("", 0);
	assert_round_trip("a", 1);
	assert_round_trip("ephemera_range_ports 28232\n", 27);
	assert_round_trip("with a\0nul", 10);
}

static void what_repeats_itself_gets_smaller(void **state)
{
	struct text text = {0};

	(void)state;
	for (int i = 0; i < 4001; i++)
		text_add_string(&text, "ephemera_destination_ports{source=\"10.0.0.1\"} 41\n");

	const size_t length = text.length;

	assert_round_trip(text.data, length);
	assert_result(gzip_text(&text), 0);
	assert_true(text.length < length / 20);
	free(text.data);
}

static void what_does_not_get_smaller_fits_all_the_same(void **state)
{
	static char noise[300007];
	unsigned long number = 41;

	(void)state;
	for (size_t i = 0; i < sizeof(noise); i++) {
		number = number * 6364136223846793005ul + 1442695040888963407ul;
		noise[i] = (char)(number >> 56);
	}
	assert_round_trip(noise, sizeof(noise));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(goes_round),
	    cmocka_unit_test(what_repeats_itself_gets_smaller),
	    cmocka_unit_test(what_does_not_get_smaller_fits_all_the_same),
	};

	return cmocka_run_group_tests_name("gzip", tests, NULL, NULL);
}

// SPDX-License-Identifier: Apache-2.0
#include "exporter/answers/top_screen.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "unit.h"

static char hosts[] = "ephemera top: lb-1";
static struct top_row rows_list[60];
static char names[60][80];
static char source[] = "10.0.0.4";
static char no_owner[] = "";
static char owner[] = "/system.slice/checkout.service";
static struct top_rows rows;
static struct top_frame frame;

static int set_up(void **state)
{
	(void)state;
	memset(rows_list, 0, sizeof(rows_list));
	for (unsigned i = 0; i < 60; i++) {
		snprintf(names[i], sizeof(names[i]), "192.0.2.%u:443", i);
		rows_list[i] = (struct top_row){
		    .name = names[i],
		    .from = source,
		    .owner = i ? no_owner : owner,
		    .used = 100 - i,
		    .usable = 100,
		    .active = 60 - i,
		    .time_wait = 40,
		};
	}
	rows = (struct top_rows){.length = 60, .list = rows_list};
	frame = (struct top_frame){
	    .rows = &rows,
	    .host = hosts,
	    .clock = "12:03:41",
	    .summary = "100 ports each",
	    .failure = "No call has failed since 12:03.",
	    .filter = "",
	};
	return 0;
}

static char *render(int lines, int columns, bool colours)
{
	struct text text = {0};

	top_screen_render(&text, &frame, lines, columns, colours);
	text_add_char(&text, '\0');
	assert_int_equal(text.error, 0);
	return text.data;
}

static void assert_fits(const char *text, int lines, int columns)
{
	int count = 1;

	for (const char *at = text; *at; count++) {
		const size_t length = strcspn(at, "\n");

		assert_true(length <= (size_t)columns);
		at += length;
		if (!*at)
			break;
		at++;
	}
	assert_true(count <= lines || lines < 10);
}

static void test_it_fits(void **state)
{
	static const int sizes[][2] = {
	    {24, 80}, {10, 60}, {50, 200}, {11, 20}, {12, 1}, {100, 100}, {1, 1}};

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		char *text = render(sizes[i][0], sizes[i][1], false);

		assert_fits(text, sizes[i][0], sizes[i][1]);
		free(text);
	}
}

static void test_what_it_says(void **state)
{
	char *text;

	(void)state;
	rows_list[0].has_rate = true;
	text = render(24, 100, false);
	assert_non_null(strstr(text, "ephemera top: lb-1 "));
	assert_non_null(strstr(text, " 12:03:41\n"));
	assert_non_null(strstr(text, "192.0.2.0:443      100 100.0%     +0.0     full        60"
				     "        40 checkout.service"));
	assert_non_null(strstr(text, "15 of 60"));
	assert_non_null(strstr(text, "from 10.0.0.4"));
	assert_non_null(strstr(text, "0 by /system.slice/checkout.service"));
	free(text);
}

static void test_times(void **state)
{
	static const struct {
		double rate;
		const char *wanted;
	} cases[] = {{1, " 50 s "}, {0.1, " 8 min "}, {0.06, " 14 min "}, {-1, " - "}};

	(void)state;
	rows.length = 1;
	rows_list[0].used = 50;
	rows_list[0].has_rate = true;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char *text;

		rows_list[0].rate = cases[i].rate;
		text = render(24, 80, false);
		assert_non_null(strstr(text, cases[i].wanted));
		free(text);
	}
}

static void test_colours(void **state)
{
	char *text;

	(void)state;
	frame.selected = 2;
	text = render(24, 80, true);
	assert_non_null(strstr(text, "\033[1;31m192.0.2.0:443")); /* 100 % */
	assert_non_null(strstr(text, "\033[7m192.0.2.2:443"));	  /* selected */
	assert_non_null(strstr(text, "\033[33m192.0.2.11:443"));  /* 89 % */
	free(text);
	text = render(24, 80, false);
	assert_null(strchr(text, '\033'));
	free(text);
}

static void test_filter(void **state)
{
	char *text;

	(void)state;
	frame.filter = "2.59";
	assert_int_equal(top_screen_matches(&frame), 1);
	text = render(24, 80, false);
	assert_non_null(strstr(text, "192.0.2.59:443"));
	assert_null(strstr(text, "192.0.2.1:443"));
	assert_non_null(strstr(text, "/ filter: 2.59"));
	free(text);
	frame.types_filter = true;
	text = render(24, 80, false);
	assert_non_null(strstr(text, "Filter: 2.59_"));
	free(text);
}

static void test_no_rows(void **state)
{
	char *text;

	(void)state;
	rows.length = 0;
	text = render(24, 80, false);
	assert_non_null(strstr(text, "No outgoing connection holds a port of the range."));
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(test_it_fits, set_up),
	    cmocka_unit_test_setup(test_what_it_says, set_up),
	    cmocka_unit_test_setup(test_times, set_up),
	    cmocka_unit_test_setup(test_colours, set_up),
	    cmocka_unit_test_setup(test_filter, set_up),
	    cmocka_unit_test_setup(test_no_rows, set_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

// SPDX-License-Identifier: Apache-2.0
#include "exporter/scrape/failure_log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "unit.h"

static struct failure_log *log_;
static char epoch[32];

static char *written(uint64_t after)
{
	struct text text = {0};

	failure_log_write(log_, after, &text);
	text_add_char(&text, '\0');
	assert_int_equal(text.error, 0);
	return text.data;
}

static int set_up(void **state)
{
	const char *id;
	char *text;

	(void)state;
	log_ = failure_log_new();
	if (!log_)
		return -1;
	text = written(0);
	id = strstr(text, "id: ") + strlen("id: ");
	snprintf(epoch, sizeof(epoch), "%.*s", (int)strcspn(id, "-"), id);
	free(text);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	failure_log_free(log_);
	return 0;
}

static void add(unsigned number)
{
	struct text json = {0};

	text_add_number(&json, number);
	failure_log_add(log_, &json);
	assert_null(json.data);
}

/* Each %s of wanted is the epoch. */
static void assert_written(uint64_t after, const char *wanted)
{
	char *text = written(after);
	char expected[512];

	snprintf(expected, sizeof(expected), wanted, epoch, epoch);
	assert_string_equal(text, expected);
	free(text);
}

static void without_an_event_there_is_an_id_to_go_on_from(void **state)
{
	(void)state;
	assert_int_equal(failure_log_last(log_), 0);
	assert_written(0, "retry: 1000\n: no call failed\nid: %s-0\n\n");
	add(7);
	assert_written(1, "retry: 1000\n: no call failed\nid: %s-1\n\n");
}

static void what_came_after_the_id_is_told(void **state)
{
	(void)state;
	add(7);
	add(8);
	assert_int_equal(failure_log_last(log_), 2);
	assert_written(0, "retry: 1000\nid: %s-1\nevent: failure\ndata: 7\n\n"
			  "id: %s-2\nevent: failure\ndata: 8\n\n");
	assert_written(1, "retry: 1000\nid: %s-2\nevent: failure\ndata: 8\n\n");
}

static void it_is_bounded(void **state)
{
	unsigned events = 0;
	char last[32];
	char *text;

	(void)state;
	for (unsigned i = 1; i <= FAILURE_LOG_LENGTH + 44; i++)
		add(i);
	text = written(0);
	for (const char *i = text; (i = strstr(i, "event: ")); i++)
		events++;
	assert_int_equal(events, FAILURE_LOG_LENGTH);
	assert_null(strstr(text, "data: 44\n"));
	assert_non_null(strstr(text, "data: 45\n"));
	snprintf(last, sizeof(last), "data: %u\n\n", FAILURE_LOG_LENGTH + 44);
	assert_string_equal(text + strlen(text) - strlen(last), last);
	free(text);
}

static void what_could_not_be_made_is_left_out(void **state)
{
	struct text json = {.error = -1};

	(void)state;
	failure_log_add(log_, &json);
	assert_int_equal(failure_log_last(log_), 0);
}

static void an_id_is_of_one_log(void **state)
{
	char text[64];
	struct failure_id id;

	(void)state;
	add(1);
	add(2);
	snprintf(text, sizeof(text), "%s-1", epoch);
	assert_true(failure_id_read(text, &id));
	assert_int_equal(failure_log_after(log_, &id), 1);
	/* A number that was never given does not hide what comes. */
	id.number = 99;
	assert_int_equal(failure_log_after(log_, &id), 2);
	id.epoch++;
	assert_int_equal(failure_log_after(log_, &id), 0);
}

static void what_is_no_id(void **state)
{
	static const char *const wrong[] = {"", "-", "1", "1-", "-1", "1-1-", "1-1 ", " 1-1",
	    "1 -1", "+1-1", "1-+1", "a-1", "1-a", "1234567890123456789-1", "1-1234567890123456789"};
	struct failure_id id = {7, 7};

	(void)state;
	for (size_t i = 0; i < LENGTH(wrong); i++)
		if (failure_id_read(wrong[i], &id))
			fail_msg("\"%s\" is taken for an id", wrong[i]);
	assert_true(id.epoch == 7 && id.number == 7);
	assert_true(failure_id_read("999999999999999999-0", &id));
	assert_true(id.epoch == 999999999999999999 && id.number == 0);
}

int main(void)
{
#define LOG_TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
	const struct CMUnitTest tests[] = {
	    LOG_TEST(without_an_event_there_is_an_id_to_go_on_from),
	    LOG_TEST(what_came_after_the_id_is_told),
	    LOG_TEST(it_is_bounded),
	    LOG_TEST(what_could_not_be_made_is_left_out),
	    LOG_TEST(an_id_is_of_one_log),
	    LOG_TEST(what_is_no_id),
	};

	return cmocka_run_group_tests_name("failure_log", tests, NULL, NULL);
}

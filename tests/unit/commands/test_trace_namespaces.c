// SPDX-License-Identifier: Apache-2.0
/* In which namespace a call failed, and what is printed of it, with namespaces that do not exist.
 */
#include "exporter/commands/trace_namespaces.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "collectors/kernel/socket.h"
#include "exporter/commands/trace_ports.h"
#include "exporter/commands/trace_print.h"
#include "stdout_capture.h"
#include "unit.h"

static bool is_there; /* namespace 7, with a pod */
static unsigned looks;

int __wrap_namespace_rows_read(const struct source_options *source, const char *sysfs,
    const char *pods, const char *names, struct namespace_rows **ret_rows);

int __wrap_namespace_rows_read(const struct source_options *source, const char *sysfs,
    const char *pods, const char *names, struct namespace_rows **ret_rows)
{
	struct namespace_rows *rows = calloc(1, sizeof(*rows) + sizeof(*rows->list));

	(void)source;
	(void)sysfs;
	(void)pods;
	(void)names;
	assert_non_null(rows);
	looks++;
	if (is_there) {
		rows->length = 1;
		rows->list[0] = (struct namespace_row){
		    .labels = {.netns = strdup("cni-7"),
			.pod_uid = strdup("uid-7"),
			.namespace_name = strdup("shop"),
			.pod = strdup("cart")},
		    .id = 7,
		    .inode = 70,
		    .result = {.usable = 11,
			.used = 11,
			.ratio = 1,
			.fullest = {.port = 443,
			    .source = {{10, 0, 0, 1}},
			    .address = {{10, 0, 0, 2}}}},
		};
	}
	*ret_rows = rows;
	return 0;
}

static struct exhausted_event event_of(uint32_t id)
{
	return (struct exhausted_event){
	    .call = EXHAUSTED_CONNECT,
	    .local = {10, 0, 0, 1},
	    .remote = {10, 0, 0, 2},
	    .remote_port = 443,
	    .pid = 26208,
	    .comm = "curl",
	    .namespace_id = id,
	    .namespace_inode = id * 10,
	};
}

static struct trace_namespaces *make(void)
{
	static const struct options options;
	struct trace_namespaces *namespaces = trace_namespaces_new(&options);

	assert_non_null(namespaces);
	looks = 0;
	return namespaces;
}

static char *printed(const struct traced *traced, bool json)
{
	stdout_capture();
	assert_int_equal(json ? trace_print_json(traced) : trace_print_text(traced), 0);
	return stdout_captured();
}

static void assert_has(const struct traced *traced, bool json, const char *wanted)
{
	char *text = printed(traced, json);

	if (!strstr(text, wanted))
		fail_msg("no %s in %s", wanted, text);
	free(text);
}

static void a_failure_has_the_name_and_the_ports_of_its_namespace(void **state)
{
	const struct exhausted_event event = event_of(7);
	struct trace_namespaces *namespaces = make();
	struct traced traced = {.event = &event};

	(void)state;
	is_there = true;
	traced.namespace = trace_namespaces_count(namespaces, &event);
	assert_non_null(traced.namespace);
	trace_ports_find_fullest(&traced);
	assert_has(&traced, false,
	    "  shop/cart  connect 10.0.0.2:443 from 10.0.0.1  11 of 11 ports in use  curl (pid");
	assert_has(&traced, true,
	    "\"netns\":\"cni-7\",\"inode\":70,\"namespace\":\"shop\",\"pod\":\"cart\","
	    "\"pod_uid\":\"uid-7\",\"is_host\":false,\"is_own\":false,\"call\":\"connect\"");
	/* The cgroup has the pod's uid, too: a key is there once. */
	traced.cgroup = "/kubepods/pod1a2b3c4d-0000-4000-8000-000000000007/x";

	char *text = printed(&traced, true);

	assert_null(strstr(strstr(text, "pod_uid") + 1, "pod_uid"));
	free(text);
	trace_namespaces_free(namespaces);
}

static void one_that_is_not_found_has_its_number(void **state)
{
	const struct exhausted_event event = event_of(7);
	struct trace_namespaces *namespaces = make();
	struct traced traced = {.event = &event};

	(void)state;
	is_there = false;
	for (int i = 0; i < 100; i++)
		traced.namespace = trace_namespaces_count(namespaces, &event);
	/* However many failures there are. */
	assert_int_equal(looks, 1);
	trace_ports_find_fullest(&traced);
	assert_false(traced.has_ports);
	assert_has(&traced, false, "  70  connect 10.0.0.2:443 from 10.0.0.1  curl");
	trace_namespaces_free(namespaces);
}

static void the_holder_of_a_port_is_not_looked_up_elsewhere(void **state)
{
	const struct holder holder = {.search = HOLDER_ELSEWHERE};
	struct exhausted_event event = event_of(7);
	struct trace_namespaces *namespaces = make();
	struct traced traced = {.event = &event, .holder = &holder};

	(void)state;
	is_there = true;
	event.call = EXHAUSTED_BIND_TCP;
	event.refused_port = 8080;
	traced.namespace = trace_namespaces_count(namespaces, &event);
	trace_ports_find_fullest(&traced);
	assert_has(&traced, false,
	    "  shop/cart  bind 8080: Address already in use; --namespace=70 also shows its holder; "
	    "tcp 10.0.0.1:8080 asked for by  curl");
	assert_has(&traced, true, "\"port\":8080,\"holder_search\":\"elsewhere\",\"pid\"");
	trace_namespaces_free(namespaces);
}

static void the_sum_is_bounded(void **state)
{
	struct trace_namespaces *namespaces = make();
	const struct traced_namespace *list;
	unsigned long others;
	size_t length;

	(void)state;
	is_there = true;
	for (uint32_t id = 1; id <= TRACE_NAMESPACES_MAX + 6; id++) {
		const struct exhausted_event event = event_of(id);

		for (uint32_t i = 0; i < (id == 7 ? 3 : 1); i++)
			assert_int_equal(trace_namespaces_count(namespaces, &event)->inode,
			    event.namespace_inode);
	}
	list = trace_namespaces_list(namespaces, 2, &length, &others);
	assert_int_equal(length, 2);
	assert_int_equal(list[0].count, 3);
	assert_string_equal(list[0].row.labels.pod, "cart");
	assert_int_equal(list[1].row.id, 1);
	assert_int_equal(others, TRACE_NAMESPACES_MAX + 6 - 2);
	trace_namespaces_free(namespaces);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_failure_has_the_name_and_the_ports_of_its_namespace),
	    cmocka_unit_test(one_that_is_not_found_has_its_number),
	    cmocka_unit_test(the_holder_of_a_port_is_not_looked_up_elsewhere),
	    cmocka_unit_test(the_sum_is_bounded),
	};

	return cmocka_run_group_tests_name("trace_namespaces", tests, NULL, NULL);
}

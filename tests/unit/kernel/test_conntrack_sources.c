// SPDX-License-Identifier: Apache-2.0
/* What happens to a walk when the kernel's table cannot be read by BPF. */
#include "collectors/kernel/conntrack.h"

#include <errno.h>
#include <string.h>

#include "collectors/kernel/conntrack_table.h"
#include "unit.h"
#include "workspace.h"

#define LINE                                                                                   \
	"ipv4     2 tcp      6 431999 ESTABLISHED src=10.77.1.2 dst=10.77.2.2 sport=33001 "    \
	"dport=443 src=10.77.2.2 dst=10.77.2.1 sport=443 dport=40007 [ASSURED] mark=0 zone=0 " \
	"use=2\n"

int __wrap_conntrack_table_open(
    int file, struct conntrack_table **ret_table, const char **ret_reason);
int __wrap_conntrack_table_walk(struct conntrack_table *table,
    int (*visit)(void *context, const struct conntrack_entry *entry), void *context);
void __wrap_conntrack_table_close(struct conntrack_table *table);

static struct {
	int opening;
	int walk;
	unsigned entries; /* that the table has */
	unsigned closed;
} host;
static char table_there;

int __wrap_conntrack_table_open(
    int file, struct conntrack_table **ret_table, const char **ret_reason)
{
	assert_true(file >= 0);
	if (host.opening < 0) {
		*ret_reason = "no";
		return host.opening;
	}
	*ret_table = (struct conntrack_table *)&table_there;
	return 0;
}

int __wrap_conntrack_table_walk(struct conntrack_table *table,
    int (*visit)(void *context, const struct conntrack_entry *entry), void *context)
{
	const struct conntrack_entry entry = {.protocol = SOCKET_TCP};

	assert_ptr_equal(table, &table_there);
	for (unsigned i = 0; i < host.entries; i++) {
		const int result = visit(context, &entry);

		if (result < 0)
			return result;
	}
	return host.walk;
}

void __wrap_conntrack_table_close(struct conntrack_table *table)
{
	if (table)
		host.closed++;
}

struct seen {
	unsigned entries;
	unsigned forgotten; /* how often */
};

static int visit(void *context, const struct conntrack_entry *entry)
{
	struct seen *seen = context;

	(void)entry;
	return ++seen->entries == 7 ? -ECANCELED : 0;
}

static void forget(void *context)
{
	struct seen *seen = context;

	seen->entries = 0;
	seen->forgotten++;
}

struct opened {
	struct workspace workspace;
	struct conntrack *conntrack;
};

/* A file of two lines. */
static void open_it(struct opened *opened, int opening, unsigned entries, int result)
{
	const char *reason = NULL;

	host.opening = opening;
	host.entries = entries;
	host.walk = result;
	host.closed = 0;
	workspace_make(&opened->workspace);
	workspace_write(&opened->workspace, "net/nf_conntrack", LINE LINE);
	assert_result(conntrack_open(opened->workspace.path, &opened->conntrack), 0);
	assert_string_equal(conntrack_source(opened->conntrack), "proc");
	assert_result(conntrack_use_table(opened->conntrack, &reason), opening);
	assert_true((reason != NULL) == (opening < 0));
}

static void close_it(struct opened *opened)
{
	conntrack_close(opened->conntrack);
	workspace_remove(&opened->workspace);
}

static void assert_walk(
    struct opened *opened, const char *source, int result, unsigned entries, unsigned forgotten)
{
	struct seen seen = {0, 0};

	assert_result(conntrack_walk(opened->conntrack, visit, forget, &seen), result);
	assert_string_equal(conntrack_source(opened->conntrack), source);
	assert_int_equal(seen.entries, entries);
	assert_int_equal(seen.forgotten, forgotten);
}

static void the_table_is_read_where_it_can_be(void **state)
{
	struct opened opened;

	(void)state;
	open_it(&opened, 0, 5, 0);
	assert_string_equal(conntrack_source(opened.conntrack), "bpf");
	assert_walk(&opened, "bpf", 0, 5, 0);
	assert_walk(&opened, "bpf", 0, 5, 0);
	close_it(&opened);
	assert_int_equal(host.closed, 1);
}

static void without_the_table_the_file_is_read(void **state)
{
	struct opened opened;

	(void)state;
	open_it(&opened, -EPERM, 5, 0);
	assert_walk(&opened, "proc", 0, 2, 0);
	close_it(&opened);
	assert_int_equal(host.closed, 0);
}

/* After any failure of the table the file is read; the next walk tries the table again. */
static void after_a_failure_the_file_is_read(void **state)
{
	static const int failures[] = {-EAGAIN, -ENOBUFS, -EBADF, -EIO, -EBADMSG};

	(void)state;
	for (size_t i = 0; i < sizeof(failures) / sizeof(failures[0]); i++) {
		struct opened opened;

		open_it(&opened, 0, 3, failures[i]);
		assert_walk(&opened, "proc", 0, 2, 1);
		host.walk = 0;
		assert_walk(&opened, "bpf", 0, 3, 0);
		close_it(&opened);
	}
}

static void who_visits_can_end_it(void **state)
{
	struct opened opened;

	(void)state;
	open_it(&opened, 0, 9, 0);
	assert_walk(&opened, "bpf", -ECANCELED, 7, 0);
	assert_walk(&opened, "bpf", -ECANCELED, 7, 0);
	close_it(&opened);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_table_is_read_where_it_can_be),
	    cmocka_unit_test(without_the_table_the_file_is_read),
	    cmocka_unit_test(after_a_failure_the_file_is_read),
	    cmocka_unit_test(who_visits_can_end_it),
	};

	return cmocka_run_group_tests_name("conntrack_sources", tests, NULL, NULL);
}

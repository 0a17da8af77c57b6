// SPDX-License-Identifier: Apache-2.0
#include "lookup_host.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "collectors/kernel/dumpfile.h"
#include "messages.h"
#include "unit.h"

struct workspace workspace;
static struct messages messages;
FILE *dump;
struct port_lookup *lookup;

/* CMakeLists.txt puts this in the place of the real one, which it calls. */
int __real_source_list_ports(struct source *from, enum listing listing,
    const struct port_filter *filter, const struct source_observer *observer);
int __wrap_source_list_ports(struct source *from, enum listing listing,
    const struct port_filter *filter, const struct source_observer *observer);

struct wrapped_listings listings;

int __wrap_source_list_ports(struct source *from, enum listing listing,
    const struct port_filter *filter, const struct source_observer *observer)
{
	const int result = __real_source_list_ports(from, listing, filter, observer);

	listings.calls++;
	listings.asked |= 1u << listing;
	listings.sides[listing] = filter->sides;
	for (size_t i = 0; i < listings.fails_length; i++)
		if (listings.fails[i] == listings.calls)
			return listings.result;
	return result;
}

int __real_source_list(
    struct source *from, enum listing listing, const struct source_observer *observer);
int __wrap_source_list(
    struct source *from, enum listing listing, const struct source_observer *observer);

uint16_t listened_once;

int __wrap_source_list(
    struct source *from, enum listing listing, const struct source_observer *observer)
{
	const struct socket socket = {.state = SOCKET_LISTEN, .local_port = listened_once};
	const int result = __real_source_list(from, listing, observer);

	if (result < 0 || !listened_once)
		return result;
	listened_once = 0;
	return observer->observe(observer->context, &socket);
}

int __real_process_search(const struct process_search_options *options,
    const struct socket_identity *sockets, size_t length, struct process_search **ret_search);
int __wrap_process_search(const struct process_search_options *options,
    const struct socket_identity *sockets, size_t length, struct process_search **ret_search);

int search_result;
struct process_search_options searched;

int __wrap_process_search(const struct process_search_options *options,
    const struct socket_identity *sockets, size_t length, struct process_search **ret_search)
{
	searched = *options;
	return search_result ? search_result
			     : __real_process_search(options, sockets, length, ret_search);
}

int set_up(void **state)
{
	(void)state;
	workspace_make(&workspace);
	workspace_write_settings(&workspace, "40000 49999\n");
	memset(&listings, 0, sizeof(listings));
	search_result = 0;
	lookup = NULL;
	dump = fopen(workspace_path(&workspace, "dump"), "we");
	return dump ? dumpfile_start(dump) : -1;
}

int tear_down(void **state)
{
	(void)state;
	port_lookup_free(lookup);
	if (dump)
		fclose(dump);
	dump = NULL;
	workspace_remove(&workspace);
	return 0;
}

void begin(enum listing listing)
{
	assert_result(dumpfile_begin_listing(dump, listing), 0);
	messages.length = 0;
}

void flush(void)
{
	if (messages.length)
		assert_result(dumpfile_write_chunk(dump, messages.bytes, messages.length), 0);
	messages.length = 0;
}

void put(const struct record *record)
{
	if (messages.length > MESSAGES_SIZE - 1024)
		flush();
	messages_add_record(&messages, record);
}

void end(int result)
{
	if (result == 0)
		messages_add_done(&messages, 0);
	flush();
	assert_result(dumpfile_end_listing(dump, result), 0);
}

void put_empty(enum listing listing)
{
	begin(listing);
	end(0);
}

/* IPv4 on 127.0.0.1, towards 192.0.2.REMOTE where there is a remote port. */
void put_socket(uint8_t state, uint16_t local_port, uint16_t remote_port, uint32_t inode)
{
	const struct record record = {
	    .family = AF_INET,
	    .state = state,
	    .local = "127.0.0.1",
	    .local_port = local_port,
	    .remote = remote_port ? "192.0.2.9" : NULL,
	    .remote_port = remote_port,
	    .inode = inode,
	};

	put(&record);
}

struct source_options source;

struct port_lookup_options options_of(size_t limit)
{
	source = (struct source_options){
	    .procfs = workspace.path,
	    .kind = SOURCE_REPLAY,
	    .replay = workspace_path(&workspace, "dump"),
	};
	return (struct port_lookup_options){
	    .source = &source, .sysfs = "/nonexistent", .limit = limit, .search_seconds = 60};
}

int run_with(const struct port_lookup_options *options, const char *ports)
{
	struct portset set;

	assert_result(portset_parse(ports, strlen(ports), &set), 0);
	if (dump)
		assert_result(fflush(dump), 0);
	port_lookup_free(lookup);
	lookup = NULL;
	return port_lookup_run(options, &set, &lookup);
}

int run(const char *ports, size_t limit)
{
	const struct port_lookup_options options = options_of(limit);

	return run_with(&options, ports);
}

/*
 * "PORT STATE LOCAL:REMOTE", "!" behind a state that is to last, the totals, and then each socket
 * that was kept, after a slash of those that have it as their remote port: "STATE LOCAL>REMOTE
 * ROLE" and "+" or "-" for a port that was chosen or picked, "m" for one that may be
 * reusable.
 */
static void print_side(FILE *file, const struct port_side *side)
{
	static const char marks[] = {[CHOSEN_UNKNOWN] = '?', [CHOSEN_NO] = '-', [CHOSEN_YES] = '+'};

	for (size_t i = 0; i < side->length; i++) {
		const struct port_socket *found = &side->list[i];

		fprintf(file, "\n  %s %s %u>%u %s %c%s",
		    socket_protocol_name(found->socket.protocol),
		    socket_state_name(found->socket.state), found->socket.local_port,
		    found->socket.remote_port, port_role_name(found->role), marks[found->chosen],
		    found->reusable	     ? "r"
		    : found->may_be_reusable ? "m"
					     : "");
	}
}

void assert_answers(const char *wanted)
{
	char *text = NULL;
	size_t length = 0;
	FILE *file = open_memstream(&text, &length);

	assert_non_null(file);
	for (size_t i = 0; i < lookup->length; i++) {
		const struct port_answer *answer = &lookup->answers[i];

		fprintf(file, "%u %s%s %lu:%lu", answer->port, port_state_name(answer->state),
		    answer->has_lasting_listener ? "!" : "", answer->local.total,
		    answer->remote.total);
		print_side(file, &answer->local);
		if (answer->remote.length)
			fputs("\n /", file);
		print_side(file, &answer->remote);
		fputc('\n', file);
	}
	fprintf(file, "%u empty\n", lookup->empty);
	fclose(file);
	assert_string_equal(text, wanted);
	free(text);
}

/* A host with a bit of everything: what the tests below look at. */
void write_host(void)
{
	begin(LISTING_TCP_LISTEN);
	put_socket(SOCKET_LISTEN, 40004, 0, 1);
	put_socket(SOCKET_LISTEN, 80, 0, 2);
	end(0);
	begin(LISTING_TCP);
	put_socket(SOCKET_BOUND, 40006, 0, 3);
	put_socket(SOCKET_ESTABLISHED, 40010, 40004, 4);
	put_socket(SOCKET_ESTABLISHED, 40004, 40010, 5);
	put_socket(SOCKET_ESTABLISHED, 40008, 443, 6);
	put_socket(SOCKET_ESTABLISHED, 40012, 443, 7);
	put_socket(SOCKET_TIME_WAIT, 40014, 443, 0);
	put_socket(SOCKET_TIME_WAIT, 40008, 444, 0);
	end(0);
	begin(LISTING_UDP4);
	put_socket(SOCKET_CLOSE, 40004, 0, 8);
	put_socket(SOCKET_ESTABLISHED, 40016, 53, 9);
	put_socket(SOCKET_CLOSE, 40018, 0, 10);
	put_socket(SOCKET_CLOSE, 53, 0, 11);
	end(0);
	put_empty(LISTING_UDP6);
}

void write_chosen(void)
{
	begin(LISTING_TCP_BINDS_CHOSEN);
	put_socket(SOCKET_LISTEN, 40004, 0, 1);
	end(0);
	begin(LISTING_TCP_CHOSEN);
	put_socket(SOCKET_ESTABLISHED, 40012, 443, 7);
	end(0);
	begin(LISTING_UDP4_CHOSEN);
	put_socket(SOCKET_CLOSE, 40018, 0, 10);
	put_socket(SOCKET_CLOSE, 53, 0, 11);
	end(0);
	put_empty(LISTING_UDP6_CHOSEN);
}

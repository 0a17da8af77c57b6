// SPDX-License-Identifier: Apache-2.0
#include "collectors/kernel/walk.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "collectors/bpf/walk.skel.h"
#include "collectors/bpf/walk_copy.skel.h"
#include "collectors/kernel/bpf_errors.h"
#include "collectors/kernel/bpf_iterator.h"

/*
 * How many buckets and sockets one read() looks at. A program does not yield the processor, so
 * other threads wait for so long.
 */
#define STEPS 2048u

/* What the program writes. Both objects are made of the same source. */
typedef struct walk_bpf__bss found_memory;
_Static_assert(sizeof(struct walk_bpf__bss) == sizeof(struct walk_copy_bpf__bss),
    "the same variables, in the same order");

struct walk {
	/* Its request is a struct walk_request, what it finds a found_memory. */
	struct bpf_iterator iterator;
	uint32_t tick_ns;
	bool has_udp;
	pthread_mutex_t lock; /* for both, held during a walk */
};

void walk_close(struct walk *walk)
{
	if (!walk)
		return;
	bpf_iterator_close(&walk->iterator);
	pthread_mutex_destroy(&walk->lock);
	free(walk);
}

bool walk_has_udp(const struct walk *walk)
{
	return walk->has_udp;
}

static const found_memory *found_by(const struct walk *walk)
{
	return walk->iterator.found.at;
}

static int load(struct walk *walk)
{
	struct bpf_iterator_program program = {.name = "walk"};

	program.objects[0].bytes = walk_bpf__elf_bytes(&program.objects[0].size);
	program.objects[1].bytes = walk_copy_bpf__elf_bytes(&program.objects[1].size);
	return bpf_iterator_load(&program, &walk->iterator);
}

/* The kernel has no other name for the length of a jiffy than the coarse clock's resolution. */
static uint32_t read_tick(void)
{
	struct timespec tick = {0, 0};

	clock_getres(CLOCK_MONOTONIC_COARSE, &tick);
	return (uint32_t)tick.tv_nsec;
}

static int ignore_socket(void *context, const struct socket *socket)
{
	(void)context;
	(void)socket;
	return 0;
}

/* The program finds no table where the kernel's types do not have it. */
static int find_udp(struct walk *walk)
{
	const struct walk_sink nobody = {.observe = ignore_socket};
	const int result = walk_list(walk, WALK_UDP, NULL, &nobody);

	walk->has_udp = result == 0 && found_by(walk)->state.end > 0;
	return result;
}

int walk_open(struct walk **ret_walk, const char **ret_reason)
{
	struct walk *walk;
	int result;

	if (sizeof(void *) < 8) {
		*ret_reason = "the walk takes a 64-bit kernel";
		return -ENOSYS;
	}
	walk = calloc(1, sizeof(*walk));
	if (!walk) {
		*ret_reason = "out of memory";
		return -ENOMEM;
	}
	pthread_mutex_init(&walk->lock, NULL);
	bpf_errors_silence();
	walk->tick_ns = read_tick();
	result = load(walk);
	if (result == 0)
		result = find_udp(walk);
	if (result < 0) {
		*ret_reason = bpf_errors_reason(result);
		walk_close(walk);
		return result;
	}
	*ret_walk = walk;
	return 0;
}

static int hand_on_one(const struct walk *walk, enum walk_table table,
    const struct walk_record *record, const struct walk_sink *sink)
{
	struct socket socket;
	int result;

	if (record->flags & WALK_HELD)
		return sink->held(sink->context, record->namespace_id, record->local_port);
	result = walk_decode(table, record, walk->tick_ns, &socket);
	return result < 0 ? result : sink->observe(sink->context, &socket);
}

/* How many records the last read() left. */
static uint32_t records_of(const struct walk *walk)
{
	const uint32_t length = found_by(walk)->state.records;

	return length < WALK_RECORDS ? length : WALK_RECORDS;
}

static int hand_on(const struct walk *walk, enum walk_table table, const struct walk_sink *sink)
{
	const uint32_t length = records_of(walk);

	for (uint32_t i = 0; i < length; i++) {
		const int result = hand_on_one(walk, table, &found_by(walk)->records[i], sink);

		if (result < 0)
			return result;
	}
	return sink->batch ? sink->batch(sink->context) : 0;
}

/* What is asked of the program, and who gets the records of each part. */
struct walk_run {
	uint32_t table;
	const struct portset *ports;
	bool all;
	uint32_t namespace_id;
	int (*part)(const struct walk *walk, const struct walk_run *run);
	const void *sink;
};

static int hand_sockets(const struct walk *walk, const struct walk_run *run)
{
	return hand_on(walk, (enum walk_table)run->table, run->sink);
}

static void request(struct walk *walk, const struct walk_run *run)
{
	struct walk_request *request = walk->iterator.request.at;

	_Static_assert(sizeof(request->wanted) == sizeof(struct portset), "a bit for each port");
	request->table = run->table;
	request->steps = STEPS;
	request->tick_ns = walk->tick_ns;
	request->by_ports = run->ports != NULL;
	request->all = run->all;
	request->namespace_id = run->namespace_id;
	if (run->ports)
		memcpy(request->wanted, run->ports->words, sizeof(request->wanted));
	request->serial++;
}

/* With the lock. */
static int run(struct walk *walk, const struct walk_run *asked)
{
	const struct walk_state *state = &found_by(walk)->state;

	request(walk, asked);
	do {
		int result = bpf_iterator_step(&walk->iterator);

		if (result == 0)
			result = asked->part(walk, asked);
		if (result < 0)
			return result;
		/* The program held the processor: whoever waits for it comes first. */
		sched_yield();
	} while (!state->is_done);
	if (state->is_missing)
		return -ESRCH;
	return state->cut || state->changed ? -ENOBUFS : 0;
}

static int run_alone(struct walk *walk, const struct walk_run *asked)
{
	pthread_mutex_lock(&walk->lock);

	const int result = run(walk, asked);

	pthread_mutex_unlock(&walk->lock);
	return result;
}

int walk_list(struct walk *walk, enum walk_table table, const struct portset *ports,
    const struct walk_sink *sink)
{
	const struct walk_run asked = {
	    .table = table, .ports = ports, .part = hand_sockets, .sink = sink};

	return run_alone(walk, &asked);
}

int walk_list_all(struct walk *walk, enum walk_table table, uint32_t namespace_id,
    const struct portset *ports, const struct walk_sink *sink)
{
	const struct walk_run asked = {.table = table,
	    .ports = ports,
	    .all = true,
	    .namespace_id = namespace_id,
	    .part = hand_sockets,
	    .sink = sink};

	return run_alone(walk, &asked);
}

int walk_list_binds(struct walk *walk, const struct walk_sink *sink, struct portset *ret_held)
{
	const struct walk_run asked = {.table = WALK_BINDS, .part = hand_sockets, .sink = sink};

	pthread_mutex_lock(&walk->lock);

	const int result = run(walk, &asked);

	memcpy(ret_held->words, found_by(walk)->held, sizeof(ret_held->words));
	pthread_mutex_unlock(&walk->lock);
	return result;
}

struct namespace_sink {
	int (*each)(void *context, const struct walk_namespace *entry);
	void *context;
};

static int hand_namespaces(const struct walk *walk, const struct walk_run *run)
{
	const struct namespace_sink *sink = run->sink;
	const uint32_t length = records_of(walk);

	_Static_assert(sizeof(struct walk_namespace) == sizeof(struct walk_record), "one place");
	for (uint32_t i = 0; i < length; i++) {
		struct walk_namespace entry;
		int result;

		memcpy(&entry, &found_by(walk)->records[i], sizeof(entry));
		result = sink->each(sink->context, &entry);
		if (result < 0)
			return result;
	}
	return 0;
}

int walk_list_namespaces(struct walk *walk,
    int (*each)(void *context, const struct walk_namespace *entry), void *context)
{
	const struct namespace_sink sink = {each, context};
	const struct walk_run asked = {
	    .table = WALK_NAMESPACES, .part = hand_namespaces, .sink = &sink};

	return run_alone(walk, &asked);
}

static int hand_nothing(const struct walk *walk, const struct walk_run *run)
{
	(void)walk;
	(void)run;
	return 0;
}

int walk_read_reserved(struct walk *walk, uint32_t namespace_id, struct portset *ret_reserved)
{
	const struct walk_run asked = {
	    .table = WALK_RESERVED, .namespace_id = namespace_id, .part = hand_nothing};

	pthread_mutex_lock(&walk->lock);

	const int result = run(walk, &asked);

	memcpy(ret_reserved->words, found_by(walk)->reserved, sizeof(ret_reserved->words));
	pthread_mutex_unlock(&walk->lock);
	return result;
}

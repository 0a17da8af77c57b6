// SPDX-License-Identifier: Apache-2.0
#include "collectors/kernel/exhaustion_probe.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "collectors/bpf/exhaustion.skel.h"
#include "collectors/kernel/bpf_errors.h"
#include "collectors/kernel/bpf_misses.h"
#include "collectors/kernel/bpf_setup.h"

static void configure(struct exhaustion_bpf *loaded, const struct exhaustion_probe_options *options,
    __u32 namespace_inode, unsigned processors)
{
	const unsigned long leases =
	    options->leases < EXHAUSTION_LEASES_MAX ? options->leases : EXHAUSTION_LEASES_MAX;
	/* Twice the room, so that few of them share a place. */
	const __u32 places = leases ? bpf_setup_power_of_two(leases * 2 / LEASES_BESIDE) : 1;

	loaded->rodata->namespace_inode = namespace_inode;
	loaded->rodata->times_leases = leases != 0;
	loaded->rodata->leases_order = (__u32)__builtin_ctz(places);
	loaded->rodata->leases_mask = places - 1;
	loaded->rodata->tells_events = options->events_bytes != 0;
	loaded->rodata->counts_openers = options->openers;
	(void)bpf_map__set_max_entries(loaded->maps.leases, places);
	(void)bpf_map__set_max_entries(loaded->maps.histograms, processors);
	if (options->events_bytes)
		(void)bpf_map__set_max_entries(
		    loaded->maps.events, bpf_setup_power_of_two(options->events_bytes));
}

/* NULL, and errno says why. */
static struct exhaustion_bpf *load(const struct exhaustion_probe_options *options,
    __u32 namespace_inode, unsigned processors, bool counts_binds)
{
	struct exhaustion_bpf *loaded = exhaustion_bpf__open();
	int result;

	if (!loaded)
		return NULL;
	configure(loaded, options, namespace_inode, processors);
	(void)bpf_program__set_autoload(loaded->progs.udp_got_port, counts_binds);
	(void)bpf_program__set_autoload(loaded->progs.tcp_got_port, counts_binds);
	result = exhaustion_bpf__load(loaded);
	if (result == 0)
		result = exhaustion_bpf__attach(loaded);
	if (result == 0)
		return loaded;
	exhaustion_bpf__destroy(loaded);
	errno = -result;
	return NULL;
}

/* Not every kernel allows attaching to its functions; the tracepoint matters most. */
static struct exhaustion_bpf *load_what_goes(const struct exhaustion_probe_options *options,
    __u32 namespace_inode, unsigned processors, bool *ret_counts_binds)
{
	struct exhaustion_bpf *loaded = load(options, namespace_inode, processors, true);

	*ret_counts_binds = loaded != NULL;
	return loaded ? loaded : load(options, namespace_inode, processors, false);
}

static size_t map_size(const struct bpf_map *map)
{
	const size_t page = (size_t)sysconf(_SC_PAGESIZE);
	const size_t size = (size_t)bpf_map__value_size(map) * bpf_map__max_entries(map);

	return (size + page - 1) / page * page;
}

/* NULL, and errno says why. */
static void *map_memory(const struct bpf_map *map)
{
	void *memory = mmap(NULL, map_size(map), PROT_READ, MAP_SHARED, bpf_map__fd(map), 0);

	return memory == MAP_FAILED ? NULL : memory;
}

static void unmap_memory(const struct bpf_map *map, void *memory)
{
	if (memory)
		munmap(memory, map_size(map));
}

static int map_all(struct exhaustion_probe *probe)
{
	const struct exhaustion_bpf *loaded = probe->loaded;

	probe->shared = &probe->loaded->bss->shared;
	probe->destinations = map_memory(loaded->maps.destinations);
	if (probe->destinations)
		probe->owners = map_memory(loaded->maps.owners);
	if (probe->owners)
		probe->conflicts = map_memory(loaded->maps.conflicts);
	if (probe->conflicts)
		probe->openers = map_memory(loaded->maps.openers);
	if (probe->openers)
		probe->histograms = map_memory(loaded->maps.histograms);
	return probe->histograms ? 0 : -errno;
}

static int open_probe(
    const struct exhaustion_probe_options *options, struct exhaustion_probe *probe)
{
	const int processors = libbpf_num_possible_cpus();
	__u32 namespace_inode = 0;
	int result = processors < 0 ? processors : bpf_setup_find_namespace(&namespace_inode);

	if (result < 0)
		return result;
	probe->loaded =
	    load_what_goes(options, namespace_inode, (unsigned)processors, &probe->counts_binds);
	if (!probe->loaded)
		return -errno;
	result = map_all(probe);
	if (result < 0)
		exhaustion_probe_close(probe);
	probe->processors = (unsigned)processors;
	probe->histograms_length = options->leases ? (unsigned)processors : 0;
	return result;
}

int exhaustion_probe_open(const struct exhaustion_probe_options *options,
    struct exhaustion_probe *ret_probe, const char **ret_reason)
{
	struct exhaustion_probe probe = {.loaded = NULL};
	int result;

	bpf_errors_silence();
	result = open_probe(options, &probe);
	if (result < 0)
		*ret_reason = bpf_errors_reason(result);
	else
		*ret_probe = probe;
	return result;
}

void exhaustion_probe_close(struct exhaustion_probe *probe)
{
	if (!probe->loaded)
		return;
	unmap_memory(probe->loaded->maps.destinations, probe->destinations);
	unmap_memory(probe->loaded->maps.owners, probe->owners);
	unmap_memory(probe->loaded->maps.openers, probe->openers);
	unmap_memory(probe->loaded->maps.conflicts, probe->conflicts);
	unmap_memory(probe->loaded->maps.histograms, probe->histograms);
	exhaustion_bpf__destroy(probe->loaded);
	*probe = (struct exhaustion_probe){.loaded = NULL};
}

void exhaustion_probe_stop(struct exhaustion_probe *probe)
{
	exhaustion_bpf__detach(probe->loaded);
}

int exhaustion_probe_misses(
    const struct exhaustion_probe *probe, enum exhausted_call call, uint64_t *ret_misses)
{
	const struct bpf_program *const programs[EXHAUSTED_CALLS] = {
	    [EXHAUSTED_CONNECT] = probe->loaded->progs.state_changed,
	    [EXHAUSTED_BIND_TCP] = probe->loaded->progs.tcp_got_port,
	    [EXHAUSTED_BIND_UDP] = probe->loaded->progs.udp_got_port,
	};
	const int descriptor = bpf_program__fd(programs[call]);

	return descriptor < 0 ? -ENODATA : bpf_misses_read("/proc", descriptor, ret_misses);
}

void exhaustion_probe_set(struct exhaustion_probe *probe, const struct settings *settings)
{
	probe->loaded->bss->time_wait_rule = (struct time_wait_rule){
	    .reuse = settings->time_wait_reuse > 0 ? (__u32)settings->time_wait_reuse : 0,
	    .reuse_delay_ms = (__u32)settings->time_wait_reuse_delay_ms,
	};
}

struct exhaustion_events {
	struct ring_buffer *ring;
	int (*each)(void *context, const struct exhausted_event *event);
	void *context;
};

static int hand_over(void *context, void *data, size_t size)
{
	const struct exhaustion_events *events = context;

	(void)size;
	return events->each(events->context, data);
}

int exhaustion_events_open(struct exhaustion_probe *probe,
    int (*each)(void *context, const struct exhausted_event *event), void *context,
    struct exhaustion_events **ret_events)
{
	struct exhaustion_events *events = calloc(1, sizeof(*events));

	if (!events)
		return -ENOMEM;
	events->each = each;
	events->context = context;
	events->ring =
	    ring_buffer__new(bpf_map__fd(probe->loaded->maps.events), hand_over, events, NULL);
	if (!events->ring) {
		const int error = errno;

		free(events);
		return -error;
	}
	*ret_events = events;
	return 0;
}

int exhaustion_events_wait(struct exhaustion_events *events, int timeout_ms)
{
	return ring_buffer__poll(events->ring, timeout_ms);
}

void exhaustion_events_close(struct exhaustion_events *events)
{
	if (!events)
		return;
	ring_buffer__free(events->ring);
	free(events);
}

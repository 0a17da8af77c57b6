// SPDX-License-Identifier: Apache-2.0
#include "collectors/kernel/exhaustion_probe.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "collectors/bpf/exhaustion.skel.h"
#include "collectors/kernel/bpf_errors.h"
#include "collectors/kernel/bpf_kept.h"
#include "collectors/kernel/bpf_misses.h"
#include "collectors/kernel/bpf_setup.h"

static void configure(struct exhaustion_bpf *loaded, const struct exhaustion_probe_options *options,
    __u32 namespace_inode, unsigned processors)
{
	const unsigned long leases =
	    options->leases < EXHAUSTION_LEASES_MAX ? options->leases : EXHAUSTION_LEASES_MAX;
	/* Twice the room, so that few of them share a place. */
	const __u32 places = leases ? bpf_setup_power_of_two(leases * 2 / LEASES_BESIDE) : 1;

	loaded->rodata->namespace_inode = options->everywhere ? 0 : namespace_inode;
	loaded->rodata->times_leases = leases != 0;
	loaded->rodata->leases_order = (__u32)__builtin_ctz(places);
	loaded->rodata->tells_events = options->events_bytes != 0;
	loaded->rodata->counts_openers = options->openers;
	loaded->rodata->counts_elsewhere = options->elsewhere;
	if (options->elsewhere) {
		(void)bpf_map__set_max_entries(loaded->maps.elsewhere, ELSEWHERE_BUCKETS);
		(void)bpf_map__set_max_entries(loaded->maps.failed, FAILED_BUCKETS);
	}
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

/* libbpf's object is closed once its programs run; these keep them running, and their tables. */
struct exhaustion_kept {
	struct bpf_memory globals;
	struct bpf_memory destinations;
	struct bpf_memory owners;
	struct bpf_memory conflicts;
	struct bpf_memory openers;
	struct bpf_memory elsewhere;
	struct bpf_memory failed;
	struct bpf_memory histograms;
	struct bpf_memory leases; /* none: not asked for, not timed, or there is no room for it */
	/* Of the programs that count each; -1: there is none. */
	int links[EXHAUSTED_CALLS];    /* closing one stops its program */
	int programs[EXHAUSTED_CALLS]; /* for /proc/self/fdinfo, which tells what they missed */
	int events;		       /* -1: there are none */
};

static int map_all(const struct exhaustion_bpf *loaded, struct exhaustion_kept *kept)
{
	int result = bpf_kept_map(loaded->maps.bss, PROT_READ, &kept->globals);

	if (result == 0)
		result = bpf_kept_map(loaded->maps.destinations, PROT_READ, &kept->destinations);
	if (result == 0)
		result = bpf_kept_map(loaded->maps.owners, PROT_READ, &kept->owners);
	if (result == 0)
		result = bpf_kept_map(loaded->maps.conflicts, PROT_READ, &kept->conflicts);
	if (result == 0)
		result = bpf_kept_map(loaded->maps.openers, PROT_READ, &kept->openers);
	if (result == 0 && loaded->rodata->counts_elsewhere)
		result = bpf_kept_map(loaded->maps.elsewhere, PROT_READ, &kept->elsewhere);
	if (result == 0 && loaded->rodata->counts_elsewhere)
		result = bpf_kept_map(loaded->maps.failed, PROT_READ, &kept->failed);
	if (result == 0)
		result = bpf_kept_map(loaded->maps.histograms, PROT_READ, &kept->histograms);
	return result;
}

/*
 * The table then counts as our resident memory, too. Without it nothing is missing but the begin of
 * connections.
 */
static void map_leases(
    const struct exhaustion_bpf *loaded, struct exhaustion_kept *kept, struct lease_starts *starts)
{
	if (!loaded->rodata->times_leases ||
	    bpf_kept_map(loaded->maps.leases, PROT_READ, &kept->leases) < 0)
		return;
	*starts = (struct lease_starts){
	    .table = kept->leases.at,
	    .order = loaded->rodata->leases_order,
	    .ahead_ns = lease_starts_ahead("/proc"),
	};
}

static int keep_program(const struct bpf_program *program, const struct bpf_link *link,
    enum exhausted_call call, struct exhaustion_kept *kept)
{
	/* It was not loaded. */
	if (!link)
		return 0;
	kept->links[call] = bpf_kept_copy(bpf_link__fd(link));
	if (kept->links[call] < 0)
		return kept->links[call];
	kept->programs[call] = bpf_kept_copy(bpf_program__fd(program));
	return kept->programs[call] < 0 ? kept->programs[call] : 0;
}

static int keep_descriptors(
    const struct exhaustion_bpf *loaded, bool events, struct exhaustion_kept *kept)
{
	int result = keep_program(
	    loaded->progs.state_changed, loaded->links.state_changed, EXHAUSTED_CONNECT, kept);

	if (result == 0)
		result = keep_program(loaded->progs.tcp_got_port, loaded->links.tcp_got_port,
		    EXHAUSTED_BIND_TCP, kept);
	if (result == 0)
		result = keep_program(loaded->progs.udp_got_port, loaded->links.udp_got_port,
		    EXHAUSTED_BIND_UDP, kept);
	if (result < 0 || !events)
		return result;
	kept->events = bpf_kept_copy(bpf_map__fd(loaded->maps.events));
	return kept->events < 0 ? kept->events : 0;
}

/* Leaves what it made to exhaustion_probe_close() if it fails. */
static int keep(const struct exhaustion_bpf *loaded, const struct exhaustion_probe_options *options,
    struct exhaustion_probe *probe)
{
	struct exhaustion_kept *kept = calloc(1, sizeof(*kept));

	if (!kept)
		return -ENOMEM;
	probe->kept = kept;
	for (enum exhausted_call call = 0; call < EXHAUSTED_CALLS; call++)
		kept->links[call] = kept->programs[call] = -1;
	kept->events = -1;

	int result = map_all(loaded, kept);

	if (result == 0)
		result = keep_descriptors(loaded, options->events_bytes != 0, kept);
	if (result < 0)
		return result;
	probe->shared = &((const struct exhaustion_bpf__bss *)kept->globals.at)->shared;
	probe->destinations = kept->destinations.at;
	probe->owners = kept->owners.at;
	probe->conflicts = kept->conflicts.at;
	probe->openers = kept->openers.at;
	probe->elsewhere = kept->elsewhere.at;
	probe->failed = kept->failed.at;
	probe->histograms = kept->histograms.at;
	if (options->starts)
		map_leases(loaded, kept, &probe->starts);
	return 0;
}

static int open_probe(
    const struct exhaustion_probe_options *options, struct exhaustion_probe *probe)
{
	const int processors = libbpf_num_possible_cpus();
	__u32 namespace_inode = 0;
	int result = processors < 0 ? processors : bpf_setup_find_namespace(&namespace_inode);

	if (result < 0)
		return result;

	struct exhaustion_bpf *loaded =
	    load_what_goes(options, namespace_inode, (unsigned)processors, &probe->counts_binds);

	if (!loaded)
		return -errno;
	result = keep(loaded, options, probe);
	exhaustion_bpf__destroy(loaded);
	if (result < 0)
		exhaustion_probe_close(probe);
	probe->processors = (unsigned)processors;
	probe->histograms_length = options->leases ? (unsigned)processors : 0;
	return result;
}

int exhaustion_probe_open(const struct exhaustion_probe_options *options,
    struct exhaustion_probe *ret_probe, const char **ret_reason)
{
	struct exhaustion_probe probe = {.kept = NULL};
	int result;

	bpf_errors_silence();
	result = open_probe(options, &probe);
	if (result < 0)
		*ret_reason = bpf_errors_reason(result);
	else
		*ret_probe = probe;
	return result;
}

static void close_all(int descriptors[static EXHAUSTED_CALLS])
{
	for (enum exhausted_call call = 0; call < EXHAUSTED_CALLS; call++) {
		if (descriptors[call] >= 0)
			close(descriptors[call]);
		descriptors[call] = -1;
	}
}

void exhaustion_probe_close(struct exhaustion_probe *probe)
{
	struct exhaustion_kept *kept = probe->kept;

	if (!kept)
		return;
	close_all(kept->links);
	close_all(kept->programs);
	if (kept->events >= 0)
		close(kept->events);
	bpf_kept_unmap(&kept->globals);
	bpf_kept_unmap(&kept->destinations);
	bpf_kept_unmap(&kept->owners);
	bpf_kept_unmap(&kept->conflicts);
	bpf_kept_unmap(&kept->openers);
	bpf_kept_unmap(&kept->elsewhere);
	bpf_kept_unmap(&kept->failed);
	bpf_kept_unmap(&kept->histograms);
	bpf_kept_unmap(&kept->leases);
	free(kept);
	*probe = (struct exhaustion_probe){.kept = NULL};
}

void exhaustion_probe_stop(struct exhaustion_probe *probe)
{
	close_all(probe->kept->links);
}

int exhaustion_probe_misses(
    const struct exhaustion_probe *probe, enum exhausted_call call, uint64_t *ret_misses)
{
	const int descriptor = probe->kept->programs[call];

	return descriptor < 0 ? -ENODATA : bpf_misses_read("/proc", descriptor, ret_misses);
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
	events->ring = ring_buffer__new(probe->kept->events, hand_over, events, NULL);
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

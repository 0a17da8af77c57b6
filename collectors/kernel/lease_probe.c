// SPDX-License-Identifier: Apache-2.0
#include "collectors/kernel/lease_probe.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "collectors/bpf/lease_events.skel.h"
#include "collectors/kernel/bpf_errors.h"
#include "collectors/kernel/bpf_misses.h"
#include "collectors/kernel/bpf_setup.h"

struct lease_probe {
	struct lease_events_bpf *loaded;
	struct ring_buffer *ring;
	struct lease_probe_sink sink;
};

static void configure(struct lease_events_bpf *loaded, const struct lease_probe_options *options,
    uint32_t namespace_inode)
{
	const unsigned long leases =
	    options->leases < LEASE_PROBE_LEASES_MAX ? options->leases : LEASE_PROBE_LEASES_MAX;
	/* Twice the room, so that few of them share a place. */
	const uint32_t places = bpf_setup_power_of_two(leases * 2 / FOLLOWED_BESIDE);
	const uint32_t page = (uint32_t)sysconf(_SC_PAGESIZE);
	const unsigned long least = options->buffer_bytes > page ? options->buffer_bytes : page;
	const uint32_t buffer = bpf_setup_power_of_two(least);

	loaded->rodata->namespace_inode = namespace_inode;
	loaded->rodata->followed_order = (uint32_t)__builtin_ctz(places);
	loaded->rodata->followed_mask = places - 1;
	(void)bpf_map__set_max_entries(loaded->maps.followed, places);
	(void)bpf_map__set_max_entries(loaded->maps.lease_records, buffer);
}

static int pass_on(void *context, void *data, size_t size)
{
	const struct lease_probe *probe = context;
	const struct lease_event *event = data;
	const struct lease_cgroup *cgroup = data;

	if (event->kind == LEASE_ENDED && size >= sizeof(*event))
		return probe->sink.ended(probe->sink.context, event);
	return probe->sink.cgroup(probe->sink.context, cgroup->cgroup_id);
}

static int load(struct lease_probe *probe, const struct lease_probe_options *options)
{
	uint32_t namespace_inode = 0;
	int result = bpf_setup_find_namespace(&namespace_inode);

	if (result < 0)
		return result;
	probe->loaded = lease_events_bpf__open();
	if (!probe->loaded)
		return -errno;
	configure(probe->loaded, options, namespace_inode);
	result = lease_events_bpf__load(probe->loaded);
	if (result < 0)
		return result;
	probe->ring =
	    ring_buffer__new(bpf_map__fd(probe->loaded->maps.lease_records), pass_on, probe, NULL);
	if (!probe->ring)
		return -errno;
	return lease_events_bpf__attach(probe->loaded);
}

int lease_probe_open(const struct lease_probe_options *options, const struct lease_probe_sink *sink,
    struct lease_probe **ret_probe, const char **ret_reason)
{
	struct lease_probe *probe = calloc(1, sizeof(*probe));
	int result;

	if (!probe) {
		*ret_reason = "out of memory";
		return -ENOMEM;
	}
	probe->sink = *sink;
	bpf_errors_silence();
	result = load(probe, options);
	if (result < 0) {
		*ret_reason = bpf_errors_reason(result);
		lease_probe_close(probe);
		return result;
	}
	*ret_probe = probe;
	return 0;
}

void lease_probe_close(struct lease_probe *probe)
{
	if (!probe)
		return;
	ring_buffer__free(probe->ring);
	lease_events_bpf__destroy(probe->loaded);
	free(probe);
}

int lease_probe_read(struct lease_probe *probe, int timeout_ms)
{
	int result = ring_buffer__poll(probe->ring, timeout_ms);

	/* Most records wake nobody. */
	if (result >= 0)
		result = ring_buffer__consume(probe->ring);
	return result < 0 ? result : 0;
}

void lease_probe_stop(struct lease_probe *probe)
{
	lease_events_bpf__detach(probe->loaded);
}

void lease_probe_losses(const struct lease_probe *probe, struct lease_probe_losses *ret_losses)
{
	const struct lease_losses *losses = &probe->loaded->bss->losses;
	const int program = bpf_program__fd(probe->loaded->progs.lease_state_changed);

	ret_losses->lost = __atomic_load_n(&losses->lost, __ATOMIC_RELAXED);
	ret_losses->untracked = __atomic_load_n(&losses->untracked, __ATOMIC_RELAXED);
	ret_losses->has_missed = bpf_misses_read("/proc", program, &ret_losses->missed) == 0;
}

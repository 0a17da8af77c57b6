// SPDX-License-Identifier: Apache-2.0
#include "collectors/kernel/snat_lost_probe.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <bpf/btf.h>

#include "collectors/bpf/snat_lost.skel.h"
#include "collectors/kernel/bpf_errors.h"
#include "collectors/kernel/bpf_kept.h"
#include "collectors/kernel/bpf_misses.h"
#include "collectors/kernel/bpf_setup.h"

struct snat_lost_probe {
	struct bpf_memory globals;
	struct bpf_memory lost;
	struct bpf_memory lost_to;
	int link;		  /* closing it stops the program; -1: none */
	int program;		  /* for /proc/self/fdinfo, which tells what it missed; -1: none */
	int events;		  /* -1: there are none */
	struct ring_buffer *ring; /* NULL before the first read */
	int (*each)(void *context, const struct snat_lost_event *event);
	void *context;
};

void snat_lost_probe_stop(struct snat_lost_probe *probe)
{
	if (probe->link >= 0)
		close(probe->link);
	probe->link = -1;
}

void snat_lost_probe_close(struct snat_lost_probe *probe)
{
	if (!probe)
		return;
	snat_lost_probe_stop(probe);
	ring_buffer__free(probe->ring);
	if (probe->program >= 0)
		close(probe->program);
	if (probe->events >= 0)
		close(probe->events);
	bpf_kept_unmap(&probe->globals);
	bpf_kept_unmap(&probe->lost);
	bpf_kept_unmap(&probe->lost_to);
	free(probe);
}

/* Whatever is left open of the probe, its owner closes. */
static int keep(const struct snat_lost_bpf *loaded, bool events, struct snat_lost_probe *probe)
{
	int result = bpf_kept_map(loaded->maps.bss, PROT_READ, &probe->globals);

	if (result == 0)
		result = bpf_kept_map(loaded->maps.lost, PROT_READ, &probe->lost);
	if (result == 0)
		result = bpf_kept_map(loaded->maps.lost_to, PROT_READ, &probe->lost_to);
	if (result < 0)
		return result;
	probe->link = bpf_kept_copy(bpf_link__fd(loaded->links.packet_dropped));
	probe->program = bpf_kept_copy(bpf_program__fd(loaded->progs.packet_dropped));
	if (probe->link < 0 || probe->program < 0)
		return probe->link < 0 ? probe->link : probe->program;
	if (!events)
		return 0;
	probe->events = bpf_kept_copy(bpf_map__fd(loaded->maps.lost_events));
	return probe->events < 0 ? probe->events : 0;
}

static int load(const struct snat_lost_options *options, struct snat_lost_probe *probe)
{
	uint32_t namespace_inode = 0;
	int result = bpf_setup_find_namespace(&namespace_inode);
	struct snat_lost_bpf *loaded;

	if (result < 0)
		return result;
	loaded = snat_lost_bpf__open();
	if (!loaded)
		return -errno;
	loaded->rodata->namespace_inode = options->everywhere ? 0 : namespace_inode;
	loaded->rodata->tells_events = options->events_bytes != 0;
	if (options->events_bytes)
		(void)bpf_map__set_max_entries(
		    loaded->maps.lost_events, bpf_setup_power_of_two(options->events_bytes));
	result = snat_lost_bpf__load(loaded);
	if (result == 0)
		result = snat_lost_bpf__attach(loaded);
	if (result == 0)
		result = keep(loaded, options->events_bytes != 0, probe);
	snat_lost_bpf__destroy(loaded);
	return result;
}

/* Whether an enum of the kernel has the value, by name. */
static bool has_value(const struct btf *types, const char *name, const char *value)
{
	const int id = btf__find_by_name_kind(types, name, BTF_KIND_ENUM);
	const struct btf_type *type = id < 0 ? NULL : btf__type_by_id(types, (__u32)id);

	for (unsigned i = 0; type && i < btf_vlen(type); i++)
		if (strcmp(btf__name_by_offset(types, btf_enum(type)[i].name_off), value) == 0)
			return true;
	return false;
}

static const char *reason_for(int error)
{
	struct btf *types = error == -EPERM ? NULL : btf__load_vmlinux_btf();
	const char *reason = bpf_errors_reason(error);

	if (!types)
		return reason;
	if (!has_value(types, "skb_drop_reason", "SKB_DROP_REASON_NETFILTER_DROP"))
		reason = "the kernel does not tell why it drops a packet, as Linux 5.18 does";
	else if (btf__find_by_name_kind(types, "nf_conn", BTF_KIND_STRUCT) < 0)
		reason = "the kernel's type information has no connection tracking (struct "
			 "nf_conn)";
	btf__free(types);
	return reason;
}

int snat_lost_probe_open(const struct snat_lost_options *options,
    struct snat_lost_probe **ret_probe, const char **ret_reason)
{
	struct snat_lost_probe *probe = calloc(1, sizeof(*probe));
	int result;

	if (!probe) {
		*ret_reason = "out of memory";
		return -ENOMEM;
	}
	probe->link = probe->program = probe->events = -1;
	bpf_errors_silence();
	result = load(options, probe);
	if (result < 0) {
		*ret_reason = reason_for(result);
		snat_lost_probe_close(probe);
		return result;
	}
	*ret_probe = probe;
	return 0;
}

const struct tally_place *snat_lost_probe_tally(const struct snat_lost_probe *probe)
{
	return probe->lost.at;
}

const struct snat_destination *snat_lost_probe_destination(
    const struct snat_lost_probe *probe, const struct tally_key *key)
{
	const struct snat_destination *destinations = probe->lost_to.at;

	return &destinations[key->words[0] & (SNAT_LOST_DESTINATIONS - 1)];
}

uint64_t snat_lost_probe_untracked(const struct snat_lost_probe *probe)
{
	const struct snat_lost_bpf__bss *globals = probe->globals.at;

	return __atomic_load_n(&globals->shared.untracked, __ATOMIC_RELAXED);
}

int snat_lost_probe_misses(const struct snat_lost_probe *probe, uint64_t *ret_misses)
{
	return bpf_misses_read("/proc", probe->program, ret_misses);
}

static int hand_over(void *context, void *data, size_t size)
{
	const struct snat_lost_probe *probe = context;

	(void)size;
	return probe->each(probe->context, data);
}

int snat_lost_probe_read(struct snat_lost_probe *probe,
    int (*each)(void *context, const struct snat_lost_event *event), void *context)
{
	probe->each = each;
	probe->context = context;
	if (!probe->ring)
		probe->ring = ring_buffer__new(probe->events, hand_over, probe, NULL);
	return probe->ring ? ring_buffer__consume(probe->ring) : -errno;
}

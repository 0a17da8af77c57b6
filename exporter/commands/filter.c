// SPDX-License-Identifier: Apache-2.0
#include "exporter/commands/filter.h"

#include <errno.h>
#include <string.h>

bool filter_is_asked(const struct options *options)
{
	return options->by || options->peers.length;
}

int filter_open_owners(const struct options *options, struct owner_filter **ret_owners)
{
	*ret_owners = NULL;
	if (!options->by)
		return 0;
	*ret_owners = owner_filter_new(options->by, options->procfs, options->pods);
	return *ret_owners ? 0 : -ENOMEM;
}

const struct peer_filter *filter_peers(const struct options *options)
{
	return options->peers.length ? &options->peers : NULL;
}

bool filter_has(const struct options *options, const struct owner_filter *owners,
    const struct filter_subject *subject)
{
	char comm[FILTER_COMM + 1] = "";
	struct socket_address remote;

	memcpy(&remote, subject->remote, sizeof(remote));
	if (options->peers.length &&
	    (!subject->remote_port ||
		!peer_filter_has(&options->peers, subject->family, &remote, subject->remote_port)))
		return false;
	memcpy(comm, subject->comm, FILTER_COMM);
	return !owners || owner_filter_has_process(owners, comm, subject->pid) ||
	       owner_filter_has_cgroup(owners, subject->cgroup);
}

// SPDX-License-Identifier: Apache-2.0
#include "exporter/commands/trace_tally.h"

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "collectors/kernel/socket.h"

static size_t hash(const struct tally_key *key)
{
	__u64 mixed = key->words[0] ^ key->words[1] * 0x9e3779b97f4a7c15ull ^
		      key->words[2] * 0xc2b2ae3d27d4eb4full;

	mixed ^= mixed >> 29;
	mixed *= 0xbf58476d1ce4e5b9ull;
	return mixed >> 32;
}

/* size: a power of two. Returns whether it has a place. */
static bool count(struct tally_place *places, size_t size, const struct tally_key *key)
{
	const size_t start = hash(key);

	for (size_t i = 0; i < TALLY_PROBES; i++) {
		struct tally_place *place = &places[(start + i) & (size - 1)];

		if (place->state == TALLY_FREE) {
			place->state = TALLY_TAKEN;
			place->key = *key;
		}
		if (memcmp(&place->key, key, sizeof(*key)) == 0) {
			place->count++;
			return true;
		}
	}
	return false;
}

static struct tally_key destination_key(const struct exhausted_event *event)
{
	const enum socket_family family = event->family ? SOCKET_IPV6 : SOCKET_IPV4;
	struct socket_address address;
	struct tally_key key;
	__u32 interface;

	memcpy(&address, event->remote, sizeof(address));
	/* As the kernel's side has it: only a link-local address needs its interface. */
	interface =
	    family == SOCKET_IPV6 && socket_address_is_link_local(&address, family) ? event->interface : 0;
	memcpy(key.words, &address, sizeof(address));
	key.words[2] = tally_word(interface, event->remote_port, event->family);
	return key;
}

static void add_conflict(struct trace_tally *tally, const struct exhausted_event *event)
{
	const __u16 protocol = event->call == EXHAUSTED_BIND_UDP ? IPPROTO_UDP : IPPROTO_TCP;
	const struct tally_key key = {{conflict_word(protocol, event->refused_port), 0, 0}};

	if (!count(tally->conflicts, TALLY_CONFLICTS, &key))
		tally->shared.untracked_conflicts++;
}

void trace_tally_add(struct trace_tally *tally, const struct exhausted_event *event)
{
	const struct tally_key owner = {{event->cgroup_id, 0, 0}};
	struct tally_key destination;

	if (event->refused_port) {
		add_conflict(tally, event);
		return;
	}
	if (event->call < EXHAUSTED_CALLS)
		tally->shared.failures[event->call][event->family & 1]++;
	if (!event->cgroup_id || !count(tally->owners, TALLY_OWNERS, &owner))
		tally->shared.untracked_owners++;
	if (event->call != EXHAUSTED_CONNECT)
		return;
	destination = destination_key(event);
	if (!count(tally->destinations, TALLY_DESTINATIONS, &destination))
		tally->shared.untracked_destinations++;
}

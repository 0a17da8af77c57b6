// SPDX-License-Identifier: Apache-2.0
/* A dump of the rules of nftables, or of its chains, sets or elements, as one recv() gave it. */
#include <stdlib.h>

#include "collectors/kernel/nat_rules.h"
#include "collectors/kernel/nat_sets.h"
#include "collectors/kernel/nat_tables.h"
#include "collectors/kernel/netlink.h"
#include "fuzz.h"

static int note(void *context, const struct nlmsghdr *message)
{
	return nat_rules_note(context, message);
}

static int note_chain(void *context, const struct nlmsghdr *message)
{
	return nat_tables_note(context, message);
}

static int note_set(void *context, const struct nlmsghdr *message)
{
	return nat_sets_note(context, message);
}

static int note_elements(void *context, const struct nlmsghdr *message)
{
	return nat_set_note_elements(context, message);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *bytes = fuzz_bytes(data, size);
	struct nat_sets sets = {.length = 0};
	struct nat_set set = {.has_ports = false};
	struct nat_rules rules = {.sets = &sets};
	struct nat_tables tables = {.length = 0};
	const struct netlink_sink sink = {note, NULL, &rules};
	const struct netlink_sink of_sets = {note_set, NULL, &sets};
	const struct netlink_sink elements = {note_elements, NULL, &set};
	const struct netlink_sink chains = {note_chain, NULL, &tables};

	FUZZ_CHECK(netlink_parse(bytes, size, 0, 0, &of_sets) <= 1);
	FUZZ_CHECK(sets.length <= NAT_SETS_MAX);
	FUZZ_CHECK(netlink_parse(bytes, size, 0, 0, &elements) <= 1);
	FUZZ_CHECK(netlink_parse(bytes, size, 0, 0, &sink) <= 1);
	FUZZ_CHECK(rules.ports.first <= rules.ports.last);
	FUZZ_CHECK(rules.count || !(rules.is_unknown || rules.differs));
	FUZZ_CHECK(netlink_parse(bytes, size, 0, 0, &chains) <= 1);
	FUZZ_CHECK(tables.length <= NAT_TABLES_MAX);
	free(bytes);
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_UNIT_NETNS_HOST_H
#define EPHEMERA_UNIT_NETNS_HOST_H

/*
 * A host with network namespaces that do not exist, and what is gathered of them. The test is
 * linked with --wrap for the walk, for the names of namespaces and for the paths of cgroups.
 */

#include "collectors/gather.h"
#include "workspace.h"

/* Each has the range 40000 to 40099. */
#define RANGE_FIRST 40000
#define RANGE_SIZE 100

struct fake_netns {
	struct walk_namespace entry;
	bool is_gone;	  /* after the list was made */
	uint16_t ports;	  /* connected from 127.0.0.1 to 192.0.2.1:443 */
	uint16_t others;  /* of these ports, the last ones, to 192.0.2.2 */
	uint16_t held;	  /* by bind(): the last ports of the range */
	const char *name; /* as in /run/netns */
	uint64_t cgroups[16];
	size_t cgroups_length; /* whose the connections are by turns */
};

extern struct workspace workspace; /* its "pods" is where their names are */
extern struct namespaces_options options;
extern struct gathering gathering; /* the last one */

/* What the next calls return, unless 0. */
extern int listing_error, reserved_error;
extern unsigned listings; /* of namespaces, so far */
/* NULL, or called when names are read. */
extern void (*at_names)(void);

/* NULL, or a collector besides those of the registry; before the first gathering. */
extern const struct collector *one_more;

int set_up(void **state);
int tear_down(void **state);

extern struct fake_netns *own; /* of whoever reads: it is there from the start */

/* A namespace with that inode; it is there until it is dropped. */
struct fake_netns *put(uint32_t id, uint32_t inode, uint32_t flags);
void drop(uint32_t id);

/* The path of the cgroups with that id. */
void name_cgroup(uint64_t id, const char *path);

void gather_all(void);

/*
 * Of the last gathering: the sample of that family, without "ephemera_", in the namespace with that
 * label netns; NULL: ours. Fails if there are several; -1: there is none.
 */
double sample(const char *name, const char *netns);
/* How many samples of any family the namespace has. */
unsigned samples(const char *netns);
/* "pod=cart-0 ", what the label is in the namespace's samples, with a space; "" if it has none. */
const char *label(const char *netns, const char *name);

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

#endif

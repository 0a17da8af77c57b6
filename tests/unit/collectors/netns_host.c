// SPDX-License-Identifier: Apache-2.0
#include "netns_host.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collect.h"
#include "collectors/kernel/netns_names.h"
#include "collectors/namespaces.h"
#include "unit.h"

/* The collectors that these tests know, which the registry has first. */
#define KNOWN 4

bool __wrap_source_walks(const struct source *source);
bool __wrap_source_walks_udp(const struct source *source);
int __wrap_source_list_namespaces(struct source *source,
    int (*each)(void *context, const struct walk_namespace *entry), void *context);
int __wrap_source_read_reserved(
    struct source *source, uint32_t namespace_id, struct portset *ret_reserved);
int __wrap_source_list_all(struct source *source, enum walk_table table, uint32_t namespace_id,
    const struct source_observer *observer,
    int (*held)(void *context, uint32_t namespace_id, uint16_t port));
int __wrap_netns_names_read(const char *directory, struct netns_names *names);
int __wrap_cgroups_resolve(
    struct cgroups *cgroups, const uint64_t *ids, size_t length, const char **ret_paths);

struct workspace workspace;
struct namespaces_options options;
struct gathering gathering;
int listing_error, reserved_error;
unsigned listings;
struct fake_netns *own;
void (*at_names)(void);
const struct collector *one_more;

/* One more is the last of them. */
static const struct collector *known[KNOWN + 1];
static size_t known_length;
static struct fake_netns fakes[64];
static size_t fakes_length;
static const char *paths[64];
static char pods[PATH_MAX];
static unsigned long values[COLLECTORS_MAX][COLLECTOR_FLAGS_MAX];
static struct gatherer *gatherer;
static struct metric_set *set;

bool __wrap_source_walks(const struct source *source)
{
	(void)source;
	return true;
}

bool __wrap_source_walks_udp(const struct source *source)
{
	(void)source;
	return true;
}

int __wrap_source_list_namespaces(struct source *source,
    int (*each)(void *context, const struct walk_namespace *entry), void *context)
{
	int result = listing_error;

	(void)source;
	listings++;
	for (size_t i = 0; i < fakes_length && result == 0; i++)
		result = each(context, &fakes[i].entry);
	return result;
}

int __wrap_source_read_reserved(
    struct source *source, uint32_t namespace_id, struct portset *ret_reserved)
{
	(void)source;
	(void)namespace_id;
	memset(ret_reserved, 0, sizeof(*ret_reserved));
	portset_add(ret_reserved, RANGE_FIRST + RANGE_SIZE / 2);
	return reserved_error;
}

static int connect_all(const struct fake_netns *fake, const struct source_observer *observer)
{
	int result = 0;

	for (uint16_t i = 0; i < fake->ports && result == 0; i++) {
		struct socket socket =
		    make_socket(SOCKET_ESTABLISHED, "127.0.0.1", (uint16_t)(RANGE_FIRST + i),
			i < fake->ports - fake->others ? "192.0.2.1" : "192.0.2.2", 443);

		socket.namespace_id = fake->entry.id;
		if (fake->cgroups_length)
			socket.cgroup_id = fake->cgroups[i % fake->cgroups_length];
		result = observer->observe(observer->context, &socket);
	}
	return result;
}

int __wrap_source_list_all(struct source *source, enum walk_table table, uint32_t namespace_id,
    const struct source_observer *observer,
    int (*held)(void *context, uint32_t namespace_id, uint16_t port))
{
	int result = 0;

	(void)source;
	for (size_t i = 0; i < fakes_length && result == 0; i++) {
		const struct fake_netns *fake = &fakes[i];
		const bool has_own = fake->entry.flags & WALK_OWN_TCP_TABLE;

		if (namespace_id == fake->entry.id && fake->is_gone)
			return -ESRCH;
		if (table == WALK_CONNECTED && namespace_id == (has_own ? fake->entry.id : 0))
			result = connect_all(fake, observer);
		for (uint16_t j = 0; table == WALK_BINDS && j < fake->held && result == 0; j++)
			result = held(observer->context, fake->entry.id,
			    (uint16_t)(RANGE_FIRST + RANGE_SIZE - 1 - j));
	}
	return result;
}

int __wrap_netns_names_read(const char *directory, struct netns_names *names)
{
	(void)directory;
	netns_names_release(names);
	if (at_names)
		at_names();
	names->list = calloc(LENGTH(fakes), sizeof(*names->list));
	assert_non_null(names->list);
	/* They are put in the order of their inodes. */
	for (size_t i = 0; i < fakes_length; i++)
		if (fakes[i].name)
			names->list[names->length++] = (struct netns_name){
			    .inode = fakes[i].entry.inode, .name = strdup(fakes[i].name)};
	return 0;
}

int __wrap_cgroups_resolve(
    struct cgroups *cgroups, const uint64_t *ids, size_t length, const char **ret_paths)
{
	(void)cgroups;
	for (size_t i = 0; i < length; i++)
		ret_paths[i] = ids[i] < LENGTH(paths) ? paths[ids[i]] : NULL;
	return 0;
}

int set_up(void **state)
{
	(void)state;
	workspace_make(&workspace);
	workspace_write_settings(&workspace, "40000\t40099\n");
	workspace_write(&workspace, "sys/net/ipv4/ip_local_reserved_ports", "\n");
	workspace_mkdir(&workspace, "pods");
	snprintf(pods, sizeof(pods), "%s", workspace_path(&workspace, "pods"));
	options = (struct namespaces_options){.limit = 10, .series = 20, .names = "/nonexistent"};
	fakes_length = 0;
	memset(paths, 0, sizeof(paths));
	listing_error = reserved_error = 0;
	listings = 0;
	at_names = NULL;
	own = put(1, 1, WALK_FIRST | WALK_READER);
	return 0;
}

int tear_down(void **state)
{
	(void)state;
	gatherer_free(gatherer);
	gatherer = NULL;
	metric_set_free(set);
	set = NULL;
	workspace_remove(&workspace);
	return 0;
}

struct fake_netns *put(uint32_t id, uint32_t inode, uint32_t flags)
{
	struct fake_netns *fake = &fakes[fakes_length++];

	assert_true(fakes_length <= LENGTH(fakes));
	*fake = (struct fake_netns){.entry = {.id = id,
					.inode = inode,
					.flags = flags,
					.first_port = RANGE_FIRST,
					.last_port = RANGE_FIRST + RANGE_SIZE - 1}};
	return fake;
}

void drop(uint32_t id)
{
	size_t kept = 0;

	for (size_t i = 0; i < fakes_length; i++)
		if (fakes[i].entry.id != id)
			fakes[kept++] = fakes[i];
	fakes_length = kept;
}

void name_cgroup(uint64_t id, const char *path)
{
	paths[id] = path;
}

static void make_gatherer(void)
{
	known_length = one_more ? KNOWN + 1 : KNOWN;

	const struct gatherer_options asked = {
	    .collectors = known,
	    .length = known_length,
	    .enabled = ((collector_set)1 << known_length) - 1,
	    .values = (const unsigned long(*)[COLLECTOR_FLAGS_MAX])values,
	    .procfs = workspace.path,
	    .sysfs = workspace.path,
	    .pods = pods,
	    .namespaces = &options,
	};
	struct source *source;

	for (size_t i = 0; i < known_length; i++) {
		known[i] = i < KNOWN ? collectors[i] : one_more;
		for (size_t j = 0; known[i]->flags && known[i]->flags[j].name; j++)
			values[i][j] = known[i]->flags[j].initial;
	}
	assert_result(
	    source_open(
		&(struct source_options){.procfs = workspace.path, .kind = SOURCE_PROCFS}, &source),
	    0);
	assert_result(gatherer_new(&asked, source, &gatherer), 0);
}

void gather_all(void)
{
	if (!gatherer)
		make_gatherer();
	metric_set_free(set);
	set = metric_set_new();
	assert_non_null(set);
	assert_result(gather(gatherer, (collector_set)-1, NULL, NULL, set, &gathering), 0);
}

static const char *surrounding(size_t at, const char *name)
{
	const char *text = metric_set_surroundings(set, at);

	for (; *text; text += strlen(text) + 1) {
		const bool is_it = strcmp(text, name) == 0;

		text += strlen(text) + 1;
		if (is_it)
			return text;
	}
	return NULL;
}

static bool is_of(size_t at, const char *netns)
{
	const char *has = surrounding(at, "netns");

	return netns ? has && strcmp(has, netns) == 0 : !has;
}

/* Calls each for all samples of the namespace. */
static void look(
    const char *netns, void (*each)(void *context, const char *name, size_t at), void *context)
{
	for (size_t i = 0; i < known_length; i++)
		for (const struct metric_family *const *f = known[i]->families; *f; f++)
			for (size_t at = metric_set_next(set, *f, METRIC_FIRST); at != METRIC_END;
			     at = metric_set_next(set, *f, at))
				if (is_of(at, netns))
					each(context, (*f)->name + strlen("ephemera_"), at);
	for (const struct metric_family *const *f = namespaces_families; *f; f++)
		for (size_t at = metric_set_next(set, *f, METRIC_FIRST); at != METRIC_END;
		     at = metric_set_next(set, *f, at))
			if (is_of(at, netns))
				each(context, (*f)->name + strlen("ephemera_"), at);
}

struct wanted {
	const char *name;
	unsigned count;
	double value;
	const char *label;
};

static void count(void *context, const char *name, size_t at)
{
	struct wanted *wanted = context;

	if (wanted->name && strcmp(wanted->name, name) != 0)
		return;
	wanted->count++;
	wanted->value = metric_set_value(set, at);
}

double sample(const char *name, const char *netns)
{
	struct wanted wanted = {.name = name, .value = -1};

	look(netns, count, &wanted);
	assert_true(wanted.count <= 1);
	return wanted.value;
}

unsigned samples(const char *netns)
{
	struct wanted wanted = {0};

	look(netns, count, &wanted);
	return wanted.count;
}

static void take_label(void *context, const char *name, size_t at)
{
	struct wanted *wanted = context;

	(void)name;
	wanted->label = surrounding(at, wanted->name);
	wanted->count++;
}

const char *label(const char *netns, const char *name)
{
	struct wanted wanted = {.name = name};

	look(netns, take_label, &wanted);
	assert_true(wanted.count > 0);
	return wanted.label ? wanted.label : "";
}

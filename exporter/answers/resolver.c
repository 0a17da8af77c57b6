// SPDX-License-Identifier: Apache-2.0
#include "exporter/answers/resolver.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "collectors/kernel/cleanup.h"
#include "collectors/kernel/clock.h"
#include "exporter/base/text.h"

/* Usually more than the rows of a table: a lookup at a dead server must not delay another. */
#define CHILDREN_MAX 32

struct lookup_entry {
	struct resolver_address address;
	atomic_bool answered; /* set after name */
	char name[RESOLVER_NAME_SIZE];
};

/* In memory that the children share. */
struct lookup_list {
	atomic_size_t next;
	size_t length;
	struct lookup_entry entries[];
};

struct resolver {
	struct lookup_list *list;
	size_t size;	 /* of list, in bytes */
	size_t places[]; /* the place in the list of each index of the caller */
};

static bool is_same(const struct resolver_address *a, const struct resolver_address *b)
{
	return a->family == b->family && a->interface == b->interface &&
	       memcmp(&a->address, &b->address, sizeof(a->address)) == 0;
}

static size_t place_of(struct lookup_list *list, const struct resolver_address *address)
{
	size_t i = 0;

	while (i < list->length && !is_same(&list->entries[i].address, address))
		i++;
	if (i == list->length)
		list->entries[list->length++].address = *address;
	return i;
}

static void look_up(struct lookup_entry *entry)
{
	const struct resolver_address *asked = &entry->address;
	const bool ipv4 = asked->family == SOCKET_IPV4;
	struct sockaddr_in address4 = {.sin_family = AF_INET};
	struct sockaddr_in6 address6 = {.sin6_family = AF_INET6, .sin6_scope_id = asked->interface};

	memcpy(&address4.sin_addr, asked->address.bytes, sizeof(address4.sin_addr));
	memcpy(&address6.sin6_addr, asked->address.bytes, sizeof(address6.sin6_addr));

	const int result =
	    getnameinfo(ipv4 ? (struct sockaddr *)&address4 : (struct sockaddr *)&address6,
		ipv4 ? sizeof(address4) : sizeof(address6), entry->name, sizeof(entry->name), NULL,
		0, NI_NAMEREQD);

	if (result != 0)
		entry->name[0] = '\0';
	text_make_printable(entry->name);
	atomic_store(&entry->answered, result == 0 || result == EAI_NONAME);
}

static void __attribute__((noreturn)) run_child(struct lookup_list *list, pid_t parent)
{
	size_t i;

	/* The parent may have ended before the call. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent)
		_exit(EXIT_FAILURE);
	while ((i = atomic_fetch_add(&list->next, 1)) < list->length)
		look_up(&list->entries[i]);
	_exit(EXIT_SUCCESS);
}

/* Waits until every child has ended, and so closed its end of the pipe, or time is up. */
static void wait_for_end(int reader, int milliseconds)
{
	const struct timespec start = clock_now();
	struct pollfd end = {.fd = reader};
	int left = milliseconds;

	while (left > 0 && poll(&end, 1, left) < 0 && errno == EINTR)
		left = milliseconds - (int)(clock_seconds_since(&start) * 1e3);
}

static int look_up_all(struct lookup_list *list, int milliseconds)
{
	const pid_t parent = getpid();
	pid_t children[CHILDREN_MAX];
	size_t length = 0;
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;

	cleanup_close int reader = ends[0];

	while (length < CHILDREN_MAX && length < list->length) {
		const pid_t child = fork();

		if (child == 0)
			run_child(list, parent);
		if (child < 0)
			break; /* fewer children are enough; unanswered names are counted */
		children[length++] = child;
	}
	close(ends[1]);
	wait_for_end(reader, milliseconds);
	for (size_t i = 0; i < length; i++) {
		kill(children[i], SIGKILL);
		while (waitpid(children[i], NULL, 0) < 0 && errno == EINTR)
			;
	}
	return 0;
}

int resolver_run(const struct resolver_address *addresses, size_t length, int milliseconds,
    struct resolver **ret_resolver)
{
	struct resolver *resolver =
	    calloc(1, sizeof(*resolver) + length * sizeof(resolver->places[0]));

	if (!resolver)
		return -ENOMEM;
	resolver->size = sizeof(*resolver->list) + length * sizeof(resolver->list->entries[0]);
	resolver->list =
	    mmap(NULL, resolver->size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (resolver->list == MAP_FAILED) {
		free(resolver);
		return -ENOMEM;
	}
	for (size_t i = 0; i < length; i++)
		resolver->places[i] = place_of(resolver->list, &addresses[i]);

	const int result = look_up_all(resolver->list, milliseconds);

	if (result < 0) {
		resolver_free(resolver);
		return result;
	}
	*ret_resolver = resolver;
	return 0;
}

void resolver_free(struct resolver *resolver)
{
	if (!resolver)
		return;
	munmap(resolver->list, resolver->size);
	free(resolver);
}

const char *resolver_name(const struct resolver *resolver, size_t index)
{
	const struct lookup_entry *entry = &resolver->list->entries[resolver->places[index]];

	return atomic_load(&entry->answered) ? entry->name : "";
}

size_t resolver_addresses(const struct resolver *resolver)
{
	return resolver->list->length;
}

size_t resolver_unanswered(const struct resolver *resolver)
{
	size_t unanswered = 0;

	for (size_t i = 0; i < resolver->list->length; i++)
		unanswered += !atomic_load(&resolver->list->entries[i].answered);
	return unanswered;
}

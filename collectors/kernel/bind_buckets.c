// SPDX-License-Identifier: Apache-2.0
#include "collectors/kernel/bind_buckets.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <unistd.h>

#include "collectors/bpf/bind_buckets.skel.h"
#include "collectors/kernel/bpf_errors.h"
#include "collectors/kernel/bpf_kept.h"

#include <bpf/bpf.h>

struct bind_buckets {
	struct bpf_memory globals; /* struct buckets_found */
	int link;		   /* to begin walks; -1: none */
	pthread_mutex_t lock;	   /* for what the program writes, held during a walk */
};

void bind_buckets_close(struct bind_buckets *buckets)
{
	if (!buckets)
		return;
	bpf_kept_unmap(&buckets->globals);
	if (buckets->link >= 0)
		close(buckets->link);
	pthread_mutex_destroy(&buckets->lock);
	free(buckets);
}

/* Only what walks need is left open. */
static int load(struct bind_buckets *buckets)
{
	struct bind_buckets_bpf *loaded = bind_buckets_bpf__open_and_load();

	if (!loaded)
		return -errno;

	int result = bind_buckets_bpf__attach(loaded);

	if (result == 0)
		result = bpf_kept_map(loaded->maps.bss, PROT_READ | PROT_WRITE, &buckets->globals);
	if (result == 0) {
		buckets->link = bpf_kept_copy(bpf_link__fd(loaded->links.note_bound));
		result = buckets->link < 0 ? buckets->link : 0;
	}
	bind_buckets_bpf__destroy(loaded);
	return result;
}

static struct buckets_found *found_of(const struct bind_buckets *buckets)
{
	return &((struct bind_buckets_bpf__bss *)buckets->globals.at)->found;
}

int bind_buckets_open(struct bind_buckets **ret_buckets, const char **ret_reason)
{
	struct bind_buckets *buckets = calloc(1, sizeof(*buckets));

	if (!buckets) {
		*ret_reason = "out of memory";
		return -ENOMEM;
	}
	pthread_mutex_init(&buckets->lock, NULL);
	bpf_errors_silence();
	buckets->link = -1;

	const int result = load(buckets);

	if (result < 0) {
		*ret_reason = bpf_errors_reason(result);
		bind_buckets_close(buckets);
		return result;
	}
	*ret_buckets = buckets;
	return 0;
}

/* The program writes nothing to it: each read() walks as far as the kernel goes in one call. */
static int walk(int fd, int (*batch)(void *context), void *context)
{
	char nothing[8];
	int result = 0;

	for (;;) {
		const ssize_t length = read(fd, nothing, sizeof(nothing));

		if (length == 0)
			return 0;
		if (length < 0 && errno != EAGAIN && errno != EINTR)
			return -errno;
		result = batch ? batch(context) : 0;
		if (result < 0)
			return result;
	}
}

static int list(struct bind_buckets *buckets, struct port_range range, int (*batch)(void *context),
    void *context, struct buckets_found *found)
{
	struct buckets_found *shared = found_of(buckets);
	const int fd = bpf_iter_create(buckets->link);

	if (fd < 0)
		return fd;
	memset(shared, 0, sizeof(*found));
	/* Without randomness it is still right, only predictable. */
	(void)!getrandom(&shared->seed, sizeof(found->seed), GRND_NONBLOCK);

	shared->first_port = range.first;
	shared->last_port = range.last;

	const int result = walk(fd, batch, context);

	close(fd);
	if (result == 0)
		memcpy(found, shared, sizeof(*found));
	return result;
}

int bind_buckets_list(struct bind_buckets *buckets, struct port_range range,
    int (*batch)(void *context), void *context, struct buckets_found *found)
{
	pthread_mutex_lock(&buckets->lock);

	const int result = list(buckets, range, batch, context, found);

	pthread_mutex_unlock(&buckets->lock);
	return result;
}

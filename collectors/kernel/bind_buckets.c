// SPDX-License-Identifier: Apache-2.0
#include "collectors/kernel/bind_buckets.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "collectors/bpf/bind_buckets.skel.h"
#include "collectors/kernel/bpf_errors.h"

#include <bpf/bpf.h>

struct bind_buckets {
	struct bind_buckets_bpf *loaded;
	pthread_mutex_t lock; /* for what the program writes, held during a walk */
};

void bind_buckets_close(struct bind_buckets *buckets)
{
	if (!buckets)
		return;
	bind_buckets_bpf__destroy(buckets->loaded);
	pthread_mutex_destroy(&buckets->lock);
	free(buckets);
}

int bind_buckets_open(struct bind_buckets **ret_buckets, const char **ret_reason)
{
	struct bind_buckets *buckets = calloc(1, sizeof(*buckets));
	int result;

	if (!buckets) {
		*ret_reason = "out of memory";
		return -ENOMEM;
	}
	pthread_mutex_init(&buckets->lock, NULL);
	bpf_errors_silence();
	buckets->loaded = bind_buckets_bpf__open_and_load();
	result = buckets->loaded ? bind_buckets_bpf__attach(buckets->loaded) : -errno;
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
	const int fd = bpf_iter_create(bpf_link__fd(buckets->loaded->links.note_bound));

	if (fd < 0)
		return fd;
	memset(&buckets->loaded->bss->found, 0, sizeof(*found));
	/* Without randomness it is still right, only predictable. */
	(void)!getrandom(&buckets->loaded->bss->found.seed, sizeof(found->seed), GRND_NONBLOCK);

	buckets->loaded->bss->found.first_port = range.first;
	buckets->loaded->bss->found.last_port = range.last;

	const int result = walk(fd, batch, context);

	close(fd);
	if (result == 0)
		memcpy(found, &buckets->loaded->bss->found, sizeof(*found));
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

// SPDX-License-Identifier: Apache-2.0
#include "collectors/kernel/bpf_kept.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <bpf/libbpf.h>

/* As the kernel counts it: each value of an array takes a multiple of 8 bytes. */
static size_t size_of(const struct bpf_map *map)
{
	const size_t page = (size_t)sysconf(_SC_PAGESIZE);
	const size_t value = ((size_t)bpf_map__value_size(map) + 7) / 8 * 8;
	const size_t size = value * bpf_map__max_entries(map);

	return (size + page - 1) / page * page;
}

int bpf_kept_map(const struct bpf_map *map, int protection, struct bpf_memory *ret_memory)
{
	const size_t size = size_of(map);
	void *at = mmap(NULL, size, protection, MAP_SHARED, bpf_map__fd(map), 0);

	if (at == MAP_FAILED)
		return -errno;
	*ret_memory = (struct bpf_memory){at, size};
	return 0;
}

void bpf_kept_unmap(struct bpf_memory *memory)
{
	if (memory->at)
		munmap(memory->at, memory->size);
	*memory = (struct bpf_memory){.at = NULL};
}

int bpf_kept_copy(int fd)
{
	/* Not below 3, which are the standard ones. */
	const int copy = fcntl(fd, F_DUPFD_CLOEXEC, 3);

	return copy < 0 ? -errno : copy;
}

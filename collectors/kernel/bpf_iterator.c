// SPDX-License-Identifier: Apache-2.0
#include "collectors/kernel/bpf_iterator.h"

#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

void bpf_iterator_close(struct bpf_iterator *iterator)
{
	bpf_kept_unmap(&iterator->request);
	bpf_kept_unmap(&iterator->found);
	if (iterator->fd >= 0)
		close(iterator->fd);
	iterator->fd = -1;
}

/* Only the iterator and the variables are left open. */
static int keep(const struct bpf_iterator_program *asked, struct bpf_object *object,
    struct bpf_iterator *iterator)
{
	const struct bpf_program *program = bpf_object__find_program_by_name(object, asked->name);
	const struct bpf_map *request = bpf_object__find_map_by_name(object, ".data.request");
	const struct bpf_map *found = bpf_object__find_map_by_name(object, ".bss");
	struct bpf_link *link;

	if (!program || !request || !found)
		return -ENOENT;

	int result = bpf_kept_map(request, PROT_READ | PROT_WRITE, &iterator->request);

	if (result == 0)
		result = bpf_kept_map(found, PROT_READ, &iterator->found);
	if (result < 0)
		return result;
	link = bpf_program__attach_iter(program, asked->options);
	if (!link)
		return -errno;
	iterator->fd = bpf_iter_create(bpf_link__fd(link));
	bpf_link__destroy(link);
	return iterator->fd < 0 ? iterator->fd : 0;
}

static int set_constants(const struct bpf_iterator_program *asked, struct bpf_object *object)
{
	struct bpf_map *map;

	if (!asked->constants)
		return 0;
	map = bpf_object__find_map_by_name(object, ".rodata");
	return map ? bpf_map__set_initial_value(map, asked->constants, asked->constants_size)
		   : -ENOENT;
}

static int load(const struct bpf_iterator_program *asked, const struct bpf_iterator_object *from,
    struct bpf_iterator *iterator)
{
	struct bpf_object *object = bpf_object__open_mem(from->bytes, from->size, NULL);

	if (!object)
		return -errno;

	int result = set_constants(asked, object);

	if (result == 0)
		result = bpf_object__load(object);
	if (result == 0)
		result = keep(asked, object, iterator);
	bpf_object__close(object);
	return result;
}

int bpf_iterator_load(const struct bpf_iterator_program *program, struct bpf_iterator *ret_iterator)
{
	int result;

	*ret_iterator = (struct bpf_iterator){.fd = -1};
	result = load(program, &program->objects[0], ret_iterator);
	if (result == 0 || result == -EPERM)
		return result;
	bpf_iterator_close(ret_iterator);
	return load(program, &program->objects[1], ret_iterator);
}

int bpf_iterator_step(const struct bpf_iterator *iterator)
{
	char nothing;
	const ssize_t length = read(iterator->fd, &nothing, sizeof(nothing));

	if (length >= 0)
		return -EIO;
	return errno == EAGAIN || errno == EINTR ? 0 : -errno;
}

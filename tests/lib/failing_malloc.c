// SPDX-License-Identifier: Apache-2.0
/*
 * Preloaded into a program, lets its allocations fail: which, and from when on, is said by
 * whoever else has the file FAILING_MALLOC mapped (tests/lib/failing_malloc.py), while the
 * program runs. Counts the blocks that are in use, too. Needs glibc, and none of its
 * sanitizers.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

/* glibc's own, by the names under which it keeps them for those who replace the usual ones. */
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *block, size_t size);
void *__libc_memalign(size_t alignment, size_t size);
void __libc_free(void *block);

enum mode {
	MODE_OFF,
	MODE_ONCE,   /* the value-th call, and none after it */
	MODE_EVERY,  /* each value-th call */
	MODE_LARGE,  /* every call for more than value bytes */
	MODE_CHANCE, /* value of 1,000 calls */
};

/* The file's layout: eight bytes each. */
struct control {
	_Atomic uint64_t mode;
	_Atomic uint64_t value;
	_Atomic uint64_t calls;	   /* since the other side last set it to 0 */
	_Atomic uint64_t failures; /* likewise */
	_Atomic int64_t blocks;	   /* in use */
};

/* Of the time before the file is mapped, and where there is none. */
static struct control own;
static struct control *control = &own;

__attribute__((constructor)) static void map_control(void)
{
	const char *path = getenv("FAILING_MALLOC");
	const int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;

	if (fd < 0)
		return;

	void *mapped =
	    mmap(NULL, sizeof(struct control), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	close(fd);
	if (mapped == MAP_FAILED)
		return;
	control = mapped;
	atomic_fetch_add(&control->blocks, atomic_load(&own.blocks));
}

/* The same for the same number of a call, but without a pattern (splitmix64). */
static uint64_t scatter(uint64_t number)
{
	uint64_t mixed = number * 0x9e3779b97f4a7c15;

	mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9;
	mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111eb;
	return mixed ^ (mixed >> 31);
}

static bool is_chosen(uint64_t number, size_t size)
{
	const uint64_t value = atomic_load(&control->value);

	switch (atomic_load(&control->mode)) {
	case MODE_ONCE:
		return number == value;
	case MODE_EVERY:
		return value && number % value == 0;
	case MODE_LARGE:
		return size > value;
	case MODE_CHANCE:
		return scatter(number) % 1000 < value;
	default:
		return false;
	}
}

static bool fails(size_t size)
{
	const uint64_t number = atomic_fetch_add(&control->calls, 1) + 1;

	if (!is_chosen(number, size))
		return false;
	atomic_fetch_add(&control->failures, 1);
	errno = ENOMEM;
	return true;
}

static void *count(void *block)
{
	if (block)
		atomic_fetch_add(&control->blocks, 1);
	return block;
}

void *malloc(size_t size)
{
	return fails(size) ? NULL : count(__libc_malloc(size));
}

void *calloc(size_t number, size_t size)
{
	size_t total;

	if (__builtin_mul_overflow(number, size, &total))
		total = SIZE_MAX;
	return fails(total) ? NULL : count(__libc_calloc(number, size));
}

void *realloc(void *block, size_t size)
{
	if (!block)
		return malloc(size);
	if (size == 0) {
		free(block);
		return NULL;
	}
	return fails(size) ? NULL : __libc_realloc(block, size);
}

void *reallocarray(void *block, size_t number, size_t size)
{
	size_t total;

	if (__builtin_mul_overflow(number, size, &total)) {
		errno = ENOMEM;
		return NULL;
	}
	return realloc(block, total);
}

void *memalign(size_t alignment, size_t size)
{
	return fails(size) ? NULL : count(__libc_memalign(alignment, size));
}

void *aligned_alloc(size_t alignment, size_t size)
{
	return memalign(alignment, size);
}

int posix_memalign(void **block, size_t alignment, size_t size)
{
	void *made = memalign(alignment, size);

	if (!made)
		return ENOMEM;
	*block = made;
	return 0;
}

void free(void *block)
{
	if (block)
		atomic_fetch_sub(&control->blocks, 1);
	__libc_free(block);
}

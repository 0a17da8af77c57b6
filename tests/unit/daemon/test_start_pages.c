// SPDX-License-Identifier: Apache-2.0
#include "exporter/daemon/start_pages.h"

#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "unit.h"

/* Documentation/admin-guide/mm/pagemap.rst */
#define PRESENT (1ull << 63)

/* More than the kernel maps around a page that is touched. */
#define PAGES 256
#define PAGE_BYTES 4096

#define FOUR(number) number, number, number, number
#define SIXTEEN(number) FOUR(number), FOUR(number), FOUR(number), FOUR(number)
#define PAGE(number)            \
	{                       \
		SIXTEEN(number) \
	}
#define PAGES4(number) PAGE(number), PAGE((number) + 1), PAGE((number) + 2), PAGE((number) + 3)
#define PAGES16(number) \
	PAGES4(number), PAGES4((number) + 4), PAGES4((number) + 8), PAGES4((number) + 12)
#define PAGES64(number) \
	PAGES16(number), PAGES16((number) + 16), PAGES16((number) + 32), PAGES16((number) + 48)

static const uint16_t constants[PAGES][PAGE_BYTES / sizeof(uint16_t)] = {
    PAGES64(1), PAGES64(65), PAGES64(129), PAGES64(193)};

/* The linker writes into these. */
static const char *const relocated[] = {"first", "second"};

static unsigned sum(void)
{
	unsigned result = 0;

	for (size_t i = 0; i < PAGES; i++)
		result += *(const volatile uint16_t *)&constants[i][3];
	return result;
}

/* How many pages of constants this process has in its tables. */
static unsigned present(int pagemap)
{
	const uintptr_t first = (uintptr_t)constants / PAGE_BYTES;
	uint64_t entries[PAGES];
	unsigned result = 0;

	assert_int_equal(
	    pread(pagemap, entries, sizeof(entries), (off_t)(first * sizeof(entries[0]))),
	    sizeof(entries));
	for (size_t i = 0; i < PAGES; i++)
		result += (entries[i] & PRESENT) != 0;
	return result;
}

static void what_was_read_is_dropped_and_comes_back(void **state)
{
	const int pagemap = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);

	(void)state;
	assert_true(pagemap >= 0);
	if (sysconf(_SC_PAGESIZE) != PAGE_BYTES)
		skip();
	assert_int_equal(sum(), PAGES * (PAGES + 1) / 2);
	assert_true(present(pagemap) >= PAGES - 1);
	start_pages_drop();
	assert_true(present(pagemap) < PAGES / 2);
	assert_int_equal(sum(), PAGES * (PAGES + 1) / 2);
	assert_true(present(pagemap) >= PAGES - 1);
	close(pagemap);
}

static void what_the_linker_wrote_stays(void **state)
{
	(void)state;
	start_pages_drop();
	assert_string_equal(*(const char *const volatile *)&relocated[0], "first");
	assert_string_equal(*(const char *const volatile *)&relocated[1], "second");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_was_read_is_dropped_and_comes_back),
	    cmocka_unit_test(what_the_linker_wrote_stays),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

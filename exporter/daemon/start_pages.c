// SPDX-License-Identifier: Apache-2.0
#include "exporter/daemon/start_pages.h"

#include <link.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

/* dl_iterate_phdr() tells places as numbers. */
static void *place(uintptr_t address)
{
	return (void *)address; /* NOLINT(performance-no-int-to-ptr) */
}

static void drop(const uintptr_t first, const uintptr_t end)
{
	/* Only whole pages: the rest of the last one may be another segment's. */
	const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
	const uintptr_t from = (first + page - 1) & -page;
	const uintptr_t to = end & -page;

	if (from < to)
		(void)madvise(place(from), to - from, MADV_DONTNEED);
}

/* Whether the linker has written into code, which a fresh page would not have. */
static bool has_relocated_code(const struct dl_phdr_info *info)
{
	const ElfW(Dyn) *entry = NULL;

	for (int i = 0; i < info->dlpi_phnum; i++)
		if (info->dlpi_phdr[i].p_type == PT_DYNAMIC)
			entry = place(info->dlpi_addr + info->dlpi_phdr[i].p_vaddr);
	for (; entry && entry->d_tag != DT_NULL; entry++)
		if (entry->d_tag == DT_TEXTREL ||
		    (entry->d_tag == DT_FLAGS && entry->d_un.d_val & DF_TEXTREL))
			return true;
	return false;
}

/* The program itself has an empty name; what the kernel maps, no path. */
static bool is_file(const struct dl_phdr_info *info)
{
	return info->dlpi_name[0] == '\0' || info->dlpi_name[0] == '/';
}

static int drop_object(struct dl_phdr_info *info, size_t size, void *unused)
{
	(void)size;
	(void)unused;
	if (!is_file(info) || has_relocated_code(info))
		return 0;
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const uintptr_t first = info->dlpi_addr + info->dlpi_phdr[i].p_vaddr;

		if (info->dlpi_phdr[i].p_type == PT_LOAD &&
		    (info->dlpi_phdr[i].p_flags & PF_W) == 0)
			drop(first, first + info->dlpi_phdr[i].p_filesz);
	}
	return 0;
}

void start_pages_drop(void)
{
	(void)dl_iterate_phdr(drop_object, NULL);
}

// SPDX-License-Identifier: Apache-2.0
#include "collectors/kernel/netns_names.h"

#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "unit.h"
#include "workspace.h"

int __wrap_fstatfs(int fd, struct statfs *ret_status);

static struct workspace workspace;
static struct netns_names names;

/* A file that is not empty passes for one on which a namespace is mounted. */
int __wrap_fstatfs(int fd, struct statfs *ret_status)
{
	struct stat status;

	assert_int_equal(fstat(fd, &status), 0);
	*ret_status = (struct statfs){
	    .f_type = S_ISREG(status.st_mode) && status.st_size ? NSFS_MAGIC : TMPFS_MAGIC};
	return 0;
}

static int set_up(void **state)
{
	(void)state;
	workspace_make(&workspace);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	netns_names_release(&names);
	workspace_remove(&workspace);
	return 0;
}

static uint32_t make(const char *name)
{
	struct stat status;

	workspace_write(&workspace, name, "mounted");
	assert_int_equal(stat(workspace_path(&workspace, name), &status), 0);
	return (uint32_t)status.st_ino;
}

static void read_names(void)
{
	assert_result(netns_names_read(workspace.path, &names), 0);
}

static void test_names_are_found_by_inode(void **state)
{
	uint32_t inodes[40];

	(void)state;
	for (unsigned i = 0; i < LENGTH(inodes); i++)
		inodes[i] = make((const char[]){(char)('A' + i), '\0'});
	read_names();
	assert_int_equal(names.length, LENGTH(inodes));
	for (unsigned i = 0; i < LENGTH(inodes); i++)
		assert_string_equal(
		    netns_names_find(&names, inodes[i]), ((const char[]){(char)('A' + i), '\0'}));
	assert_null(netns_names_find(&names, 1));
}

static void test_of_two_names_the_first_counts(void **state)
{
	const uint32_t inode = make("middle");

	(void)state;
	assert_int_equal(
	    link(workspace_path(&workspace, "middle"), workspace_path(&workspace, "a")), 0);
	assert_int_equal(
	    link(workspace_path(&workspace, "middle"), workspace_path(&workspace, "z")), 0);
	read_names();
	assert_string_equal(netns_names_find(&names, inode), "a");
}

static void test_a_link_is_a_name(void **state)
{
	const uint32_t linked = make(".linked");
	const uint32_t mounted = make("mounted");

	(void)state;
	workspace_symlink(&workspace, "z", ".linked");
	workspace_symlink(&workspace, "docker", ".linked");
	workspace_symlink(&workspace, "chain", "z");
	workspace_symlink(&workspace, "a", "mounted");
	read_names();
	assert_string_equal(netns_names_find(&names, linked), "chain");
	assert_string_equal(netns_names_find(&names, mounted), "mounted");
}

/* ip-netns(8) makes the file first. */
static void test_what_is_no_name(void **state)
{
	struct stat status;
	const uint32_t hidden = make(".hidden");

	(void)state;
	workspace_write(&workspace, "early", "");
	workspace_mkdir(&workspace, "directory");
	workspace_symlink(&workspace, "dangling", "nothing");
	workspace_symlink(&workspace, "loop", "loop");
	workspace_symlink(&workspace, "plain", "early");
	workspace_symlink(&workspace, ".link", ".hidden");
	assert_int_equal(mkfifo(workspace_path(&workspace, "fifo"), 0600), 0);
	workspace_symlink(&workspace, "to-fifo", "fifo");
	read_names();
	assert_int_equal(names.length, 0);
	assert_null(netns_names_find(&names, hidden));
	assert_int_equal(stat(workspace_path(&workspace, "early"), &status), 0);
	assert_null(netns_names_find(&names, (uint32_t)status.st_ino));
}

static void test_a_number_of_a_namespace_is_no_name(void **state)
{
	static const char *const numbers[] = {"4026531833", "4026531840", "4294967295"};
	static const char *const others[] = {
	    "1", "4194304", "20240101", "4026531000", "4294967296", "04026531840", "4026531840a"};

	(void)state;
	for (size_t i = 0; i < LENGTH(numbers); i++) {
		assert_true(netns_names_is_number(numbers[i]));
		make(numbers[i]);
	}
	read_names();
	assert_int_equal(names.length, 0);
	for (size_t i = 0; i < LENGTH(others); i++) {
		const uint32_t inode = make(others[i]);

		assert_false(netns_names_is_number(others[i]));
		read_names();
		assert_string_equal(netns_names_find(&names, inode), others[i]);
	}
}

static void test_a_name_that_is_gone_is_forgotten(void **state)
{
	const uint32_t inode = make("red");

	(void)state;
	read_names();
	assert_non_null(netns_names_find(&names, inode));
	workspace_unlink(&workspace, "red");
	read_names();
	assert_null(netns_names_find(&names, inode));
}

static void test_without_a_directory_there_are_none(void **state)
{
	(void)state;
	make("red");
	read_names();
	assert_result(netns_names_read("/nonexistent", &names), 0);
	assert_int_equal(names.length, 0);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_names_are_found_by_inode),
	    TEST(test_of_two_names_the_first_counts),
	    TEST(test_a_link_is_a_name),
	    TEST(test_what_is_no_name),
	    TEST(test_a_number_of_a_namespace_is_no_name),
	    TEST(test_a_name_that_is_gone_is_forgotten),
	    TEST(test_without_a_directory_there_are_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

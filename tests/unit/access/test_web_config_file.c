// SPDX-License-Identifier: Apache-2.0
#include "exporter/access/web_config_file.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "unit.h"
#include "web_configs.h"

static void files_are_read_from_beside_it(void **state)
{
	struct workspace workspace;
	char text[PATH_MAX + 200];

	(void)state;
	workspace_make(&workspace);
	workspace_write(&workspace, "conf/c.pem", "the certificate");
	workspace_write_bytes(&workspace, "conf/k.pem", "a\0key", 5);
	workspace_write(&workspace, "ca.pem", "the CA");
	snprintf(text, sizeof(text),
	    "tls_server_config: {cert_file: c.pem, key_file: %s/conf/k.pem, client_ca_file: "
	    "../ca.pem, client_auth_type: VerifyClientCertIfGiven}\n",
	    workspace.path);
	workspace_write(&workspace, "conf/web.yml", text);
	assert_result(read_config(&workspace), 0);
	assert_string_equal(config->tls.certificate.data, "the certificate");
	assert_int_equal(config->tls.key.length, 5);
	assert_memory_equal(config->tls.key.data, "a\0key", 6);
	assert_string_equal(config->tls.client_ca.data, "the CA");
	assert_int_equal(config->files_length, 4);
	assert_string_equal(config->files[0].path, workspace_path(&workspace, "conf/c.pem"));
	assert_string_equal(config->files[1].path, workspace_path(&workspace, "conf/k.pem"));
	assert_string_equal(config->files[2].path, workspace_path(&workspace, "conf/../ca.pem"));
	assert_string_equal(config->files[3].path, workspace_path(&workspace, "conf/web.yml"));
	assert_false(web_config_has_changed(config));
	drop();
	workspace_remove(&workspace);
}

static void a_path_without_a_slash_is_of_the_working_directory(void **state)
{
	struct workspace workspace;
	char before[PATH_MAX];

	(void)state;
	workspace_make(&workspace);
	workspace_write(&workspace, "web.yml", "tls_server_config: {cert_file: c, key_file: k}\n");
	workspace_write(&workspace, "c", "cert");
	assert_non_null(getcwd(before, sizeof(before)));
	assert_result(chdir(workspace.path), 0);
	assert_result(web_config_read("web.yml", &config, error), -ENOENT);
	assert_string_equal(
	    error, "web.yml:1: tls_server_config: key_file: k: No such file or directory");
	workspace_write(&workspace, "k", "key");
	assert_result(web_config_read("web.yml", &config, error), 0);
	assert_string_equal(config->files[0].path, "c");
	assert_string_equal(config->files[2].path, "web.yml");
	assert_result(chdir(before), 0);
	drop();
	workspace_remove(&workspace);
}

/* The change, of one of the files, is seen, and nothing else is. */
static void assert_change_is_seen(
    const char *name, void (*change)(const struct workspace *workspace, const char *name))
{
	struct workspace workspace;

	workspace_make(&workspace);
	workspace_write(
	    &workspace, "conf/web.yml", "tls_server_config: {cert_file: c, key_file: k}\n");
	workspace_write(&workspace, "conf/c", "cert");
	workspace_write(&workspace, "real", "key");
	workspace_write(&workspace, "other", "key");
	workspace_symlink(&workspace, "conf/k", "../real");
	assert_result(read_config(&workspace), 0);
	assert_false(web_config_has_changed(config));
	/* A file's times are as coarse as the kernel's tick. */
	nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
	assert_false(web_config_has_changed(config));
	change(&workspace, name);
	if (!web_config_has_changed(config))
		fail_msg("a change of %s was not seen", name);
	drop();
	workspace_remove(&workspace);
}

static void rewrite(const struct workspace *workspace, const char *name)
{
	/* Of the same size, and the same inode. */
	workspace_write(workspace, name, "tls_server_config: {cert_file: k, key_file: k}\n");
}

static void touch_up(const struct workspace *workspace, const char *name)
{
	workspace_write(workspace, name, "key");
}

static void replace(const struct workspace *workspace, const char *name)
{
	workspace_write(workspace, "new", "cert");
	assert_result(rename(workspace_path(workspace, "new"), workspace_path(workspace, name)), 0);
}

static void redirect(const struct workspace *workspace, const char *name)
{
	workspace_unlink(workspace, name);
	workspace_symlink(workspace, name, "../other");
}

static void changes_are_seen(void **state)
{
	(void)state;
	assert_change_is_seen("conf/web.yml", rewrite);
	assert_change_is_seen("conf/web.yml", workspace_unlink);
	assert_change_is_seen("conf/c", workspace_unlink);
	assert_change_is_seen("conf/c", replace);
	assert_change_is_seen("real", touch_up);
	assert_change_is_seen("conf/k", redirect);
}

static void make_fifo(const struct workspace *workspace, const char *name)
{
	assert_result(mkfifo(workspace_path(workspace, name), 0600), 0);
}

static void make_large(const struct workspace *workspace, const char *name)
{
	workspace_write(workspace, name, "");
	assert_result(truncate(workspace_path(workspace, name), (off_t)MEBIBYTE + 1), 0);
}

static void make_loop(const struct workspace *workspace, const char *name)
{
	const char *slash = strrchr(name, '/');

	workspace_symlink(workspace, name, slash ? slash + 1 : name);
}

static void link_to_a_device(const struct workspace *workspace, const char *name)
{
	workspace_symlink(workspace, name, "/dev/zero");
}

static void make_nothing(const struct workspace *workspace, const char *name)
{
	(void)workspace;
	(void)name;
}

static void listen_on(const struct workspace *workspace, const char *name)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", workspace_path(workspace, name));
	assert_true(fd >= 0);
	assert_result(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	close(fd);
}

static const struct {
	void (*make)(const struct workspace *workspace, const char *name);
	int result;
	const char *why;
} files[] = {
    {make_nothing, -ENOENT, "No such file or directory"},
    {workspace_mkdir, -EISDIR, "is a directory"},
    {make_fifo, -EINVAL, "is not a regular file"},
    {listen_on, -EINVAL, "is not a regular file"},
    {link_to_a_device, -EINVAL, "is not a regular file"},
    {make_loop, -ELOOP, "Too many levels of symbolic links"},
    {make_large, -EFBIG, "is larger than 1 MiB"},
};

static void what_cannot_be_read_is_named(void **state)
{
	(void)state;
	for (size_t i = 0; i < LENGTH(files); i++) {
		struct workspace workspace;
		char line[3 * PATH_MAX];

		workspace_make(&workspace);
		files[i].make(&workspace, "conf_web.yml");
		config = NULL;
		snprintf(line, sizeof(line), "%s/conf_web.yml: %s", workspace.path, files[i].why);
		assert_refused(
		    web_config_read(workspace_path(&workspace, "conf_web.yml"), &config, error),
		    files[i].result, line);

		workspace_write(&workspace, "conf/web.yml",
		    "tls_server_config:\n  cert: c\n  key_file: k.pem\n");
		files[i].make(&workspace, "conf/k.pem");
		snprintf(line, sizeof(line),
		    "%s/conf/web.yml:3: tls_server_config: key_file: %s/conf/k.pem: %s",
		    workspace.path, workspace.path, files[i].why);
		assert_refused(read_config(&workspace), files[i].result, line);
		workspace_remove(&workspace);
	}
}

static void a_file_of_just_a_mebibyte_is_read(void **state)
{
	struct workspace workspace;

	(void)state;
	workspace_make(&workspace);
	workspace_write(&workspace, "conf/web.yml", "tls_server_config: {cert_file: c, key: k}\n");
	workspace_write(&workspace, "conf/c", "");
	assert_result(truncate(workspace_path(&workspace, "conf/c"), (off_t)MEBIBYTE), 0);
	assert_result(read_config(&workspace), 0);
	assert_int_equal(config->tls.certificate.length, MEBIBYTE);
	drop();
	workspace_remove(&workspace);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(files_are_read_from_beside_it),
	    cmocka_unit_test(a_path_without_a_slash_is_of_the_working_directory),
	    cmocka_unit_test(changes_are_seen),
	    cmocka_unit_test(what_cannot_be_read_is_named),
	    cmocka_unit_test(a_file_of_just_a_mebibyte_is_read),
	};

	return cmocka_run_group_tests_name("web_config_file", tests, NULL, NULL);
}

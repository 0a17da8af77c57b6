/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_WEB_CONFIG_FILE_H
#define EPHEMERA_WEB_CONFIG_FILE_H

/* The files of the web configuration: reads each whole, and notices changes. */

#include "exporter/access/web_config.h"

#define WEB_CONFIG_FILE_SIZE ((size_t)1 << 20)

/*
 * Reads a regular file; anything else is an error, and never blocks. Returns 0, with its content,
 * which the caller releases, and in ret_file what shows a change (its path is NULL); or -errno,
 * with the reason in ret_why, a static string.
 */
int web_config_file_read(const char *path, struct blob *ret_content,
    struct web_config_file *ret_file, const char **ret_why);

/* Adds a file for web_config_has_changed(). Takes ownership of path. Returns 0 or -ENOMEM. */
int web_config_add_file(struct web_config *config, struct web_config_file file, char *path);

/* Whether the file at its path has changed or is gone. */
bool web_config_file_has_changed(const struct web_config_file *file);

/* Overwrites, then frees. */
void blob_release(struct blob *blob);

#endif

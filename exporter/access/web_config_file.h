/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_WEB_CONFIG_FILE_H
#define EPHEMERA_WEB_CONFIG_FILE_H

/* The web configuration's files: read whole, and known again. */

#include "exporter/access/web_config.h"

#define WEB_CONFIG_FILE_SIZE ((size_t)1 << 20)

/*
 * Reads a regular file; anything else is an error, and never waited for. Returns 0, with what
 * is in it, to be released, and what it is known by, whose path is left NULL; or -errno, with
 * the reason in ret_why, in words that stay valid.
 */
int web_config_file_read(const char *path, struct blob *ret_content,
    struct web_config_file *ret_file, const char **ret_why);

/* Notes a file for web_config_has_changed(). Takes over path. Returns 0 or -ENOMEM. */
int web_config_add_file(struct web_config *config, struct web_config_file file, char *path);

/* Whether the file at its path is another one now, or gone. */
bool web_config_file_has_changed(const struct web_config_file *file);

/* Overwrites, then frees. */
void blob_release(struct blob *blob);

#endif

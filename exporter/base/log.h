/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_LOG_H
#define EPHEMERA_LOG_H

/* Log lines on standard error. Collectors do not log: they return errors. */

enum log_level { LOG_LEVEL_DEBUG, LOG_LEVEL_INFO, LOG_LEVEL_WARN, LOG_LEVEL_ERROR };
enum log_format { LOG_FORMAT_LOGFMT, LOG_FORMAT_JSON };

/* Call it once, before any thread is started. */
void log_configure(enum log_level level, enum log_format format);

/*
 * Writes one line in one write(): time, level, message, then pairs of strings, key and
 * value, ended by NULL. Any thread may call it.
 */
void log_line(enum log_level level, const char *message, ...) __attribute__((sentinel));

#endif

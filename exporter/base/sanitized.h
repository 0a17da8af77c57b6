/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_SANITIZED_H
#define EPHEMERA_SANITIZED_H

/*
 * 1 if AddressSanitizer or ThreadSanitizer is built in, else 0. Their runtimes trace the process
 * when it ends, and need system calls that the exporter itself does not.
 */

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define EPHEMERA_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || \
    __has_feature(memory_sanitizer)
#define EPHEMERA_SANITIZED 1
#endif
#endif

#ifndef EPHEMERA_SANITIZED
#define EPHEMERA_SANITIZED 0
#endif

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_GZIP_H
#define EPHEMERA_GZIP_H

#include "exporter/base/text.h"

/*
 * Compresses text in the gzip format, in place. Returns 0, or -ENOMEM and leaves text as it was.
 */
int gzip_text(struct text *text);

#endif

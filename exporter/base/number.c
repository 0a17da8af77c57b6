// SPDX-License-Identifier: Apache-2.0
#include "exporter/base/number.h"

#include <stddef.h>

const char *number_read(const char *text, unsigned long maximum, unsigned long *ret_number)
{
	unsigned long number = 0;
	const char *at = text;

	for (; *at >= '0' && *at <= '9'; at++) {
		const unsigned long digit = (unsigned long)(*at - '0');

		if (digit > maximum || number > (maximum - digit) / 10)
			return NULL;
		number = number * 10 + digit;
	}
	if (at == text)
		return NULL;
	*ret_number = number;
	return at;
}

bool number_parse(
    const char *text, unsigned long minimum, unsigned long maximum, unsigned long *ret_number)
{
	unsigned long number;
	const char *end = number_read(text, maximum, &number);

	if (!end || *end || number < minimum)
		return false;
	*ret_number = number;
	return true;
}

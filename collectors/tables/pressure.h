/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_PRESSURE_H
#define EPHEMERA_PRESSURE_H

/* How full a destination is, in the steps that matter: connect() is slow from half on. */
enum pressure { PRESSURE_LOW, PRESSURE_HALF, PRESSURE_HIGH, PRESSURE_FULL, PRESSURES };

/* "low", "half", "high" or "full": the values of the metrics' label; never NULL. */
static inline const char *pressure_name(enum pressure pressure)
{
	static const char *const names[PRESSURES] = {"low", "half", "high", "full"};

	return names[pressure];
}

/* Of `used` ports out of capacity. A capacity of 0 is full. */
static inline enum pressure pressure_of(unsigned used, unsigned capacity)
{
	if (used >= capacity)
		return PRESSURE_FULL;
	if (used * 10 >= capacity * 9)
		return PRESSURE_HIGH;
	return used * 2 >= capacity ? PRESSURE_HALF : PRESSURE_LOW;
}

#endif

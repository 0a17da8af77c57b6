/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_FAKE_NAMES_H
#define EPHEMERA_FAKE_NAMES_H

/*
 * Services and users of no host in particular, in the place of the C library's; who links
 * this says --wrap=getservbyport_r or --wrap=getpwuid_r.
 *
 * Services: 80 http (TCP and UDP), 443 https (TCP), 520 route (UDP), 512 exec (TCP) and biff
 * (UDP), 513 one of 100 characters, 514 one that does not fit. Users: 1000 alice, 1001 one
 * with bytes that are no UTF-8, 1002 one of 100 characters, 1003 one that does not fit.
 */

#define FAKE_LONG_NAME                                                           \
	"0123456789012345678901234567890123456789012345678901234567890123456789" \
	"012345678901234567890123456789"

#endif

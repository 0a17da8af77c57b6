/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_UNIT_PROCNET_LINES_H
#define EPHEMERA_UNIT_PROCNET_LINES_H

/* Lines of /proc/net/tcp and its like, as the kernel prints them. */

/* Addresses are printed in the host's byte order, so these lines are a little-endian host's. */
#define TCP_LINE                                                                                   \
	"   0: 0100007F:A028 020000C0:01BB 01 0000000B:0000000D 00:00000000 00000000  1009       " \
	" 0"                                                                                       \
	" 38914 1 0000000000000000 20 4 30 10 -1                   "
#define LISTEN_LINE                                                                                \
	"   1: 00000000:1F90 00000000:0000 0A 00000000:00000007 00:00000000 00000000     0       " \
	" 0"                                                                                       \
	" 1234567 1 0000000000000000 100 0 0 10 0                     "
#define TIME_WAIT_LINE                                                                             \
	"   2: 0100007F:A029 0100007F:1F90 06 00000000:00000000 03:00001709 00000000     0       " \
	" 0"                                                                                       \
	" 0 3 0000000000000000                                      "
#define TCP6_LINE                                                                                 \
	"   0: 00000000000000000000000001000000:A02A B80D0120000000000000000009000000:0050 08"    \
	" 00000000:00000001 00:00000000 00000000     0        0 40404 1 0000000000000000 20 4 0 " \
	"10 7"
#define MAPPED_LINE                                                                               \
	"  13: 0000000000000000FFFF00000100007F:A02B 0000000000000000FFFF0000020000C0:01BB 01"    \
	" 00000000:00000000 02:000A7214 00000000     0        0 40405 2 0000000000000000 20 4 0 " \
	"10 -1"
#define UDP_LINE                                                                                   \
	" 1431: 00000000:0044 00000000:0000 07 00000000:00000000 00:00000000 00000000   101      " \
	"  0"                                                                                      \
	" 20202 2 0000000000000000 0       "

#endif

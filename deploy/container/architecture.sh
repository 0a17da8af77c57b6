# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
# Sourced with the architecture in $1, as image builders name it; nothing means this machine's.
# Sets architecture (Debian's name), multiarch (where its libraries are) and native.

native=$(dpkg --print-architecture)
# shellcheck disable=SC2034 # used by those who source this
case ${1:-$native} in
amd64) architecture=amd64 multiarch=x86_64-linux-gnu ;;
arm64) architecture=arm64 multiarch=aarch64-linux-gnu ;;
*)
	echo "$1: images are made for amd64 and arm64" >&2
	exit 1
	;;
esac

# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Sourced by the scripts that install Debian packages: names what is missing, installs it.

# What a build needs.
# shellcheck disable=SC2034 # used by those who source this
BUILD_PACKAGES=(gcc libc6-dev cmake ninja-build pkg-config
	libmicrohttpd-dev libmnl-dev libcjson-dev zlib1g-dev
	libgnutls28-dev libyaml-dev libcrypt-dev libseccomp-dev libcap-dev
	clang bpftool libbpf-dev)

package_is_installed() {
	[ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

as_root() {
	if [ "$(id -u)" -eq 0 ]; then
		"$@"
	elif command -v sudo >/dev/null; then
		sudo "$@"
	else
		echo "this needs root, and there is no sudo: $*" >&2
		return 1
	fi
}

# npm_packages FOLDER: those that its package-lock.json names, into FOLDER/node_modules
npm_packages() {
	# npm comes with nodejs in some packages and by itself in others.
	ensure_packages nodejs && { command -v npm >/dev/null || ensure_packages npm; } &&
		npm ci --prefix "$1" --no-audit --no-fund --loglevel=error >/dev/null
}

# ensure_packages NAME...
ensure_packages() {
	local name missing=()

	if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
		echo "This is no Debian or Ubuntu. Install the counterparts of: $*" >&2
		return 0
	fi
	for name in "$@"; do
		package_is_installed "$name" || missing+=("$name")
	done
	[ ${#missing[@]} -gt 0 ] || return 0
	echo "Installing the packages that are missing: ${missing[*]}"
	as_root apt-get update -qq || echo "apt-get update failed; trying with the lists at hand" >&2
	as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
		"${missing[@]}" >/dev/null
}

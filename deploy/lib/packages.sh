# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Sourced by scripts that install Debian packages: lists missing packages, and installs them.

# Packages that a build needs.
# shellcheck disable=SC2034 # used by those who source this
BUILD_PACKAGES=(gcc libc6-dev cmake ninja-build pkg-config
	libmicrohttpd-dev libmnl-dev libcjson-dev zlib1g-dev
	libgnutls28-dev libyaml-dev libcrypt-dev libseccomp-dev libcap-dev
	clang bpftool libbpf-dev)

# build_libraries: those of BUILD_PACKAGES that a build for another architecture needs from that one
build_libraries() {
	printf '%s\n' "${BUILD_PACKAGES[@]}" | grep -E '^(lib.*|zlib1g)-dev$'
}

package_is_installed() {
	[ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

as_root() {
	if [ "$(id -u)" -eq 0 ]; then
		"$@"
	else
		sudo "$@"
	fi
}

# can_install PACKAGE...: whether this user may install, or who may, and how
can_install() {
	local why

	if [ "$(id -u)" -eq 0 ]; then
		return 0
	elif ! command -v sudo >/dev/null; then
		why="there is no sudo"
	elif ! sudo true; then
		why="sudo refuses"
	else
		return 0
	fi
	cat >&2 <<TEXT
Packages are missing, and only root can install them; $why. Ask an administrator of this machine to run

    apt-get update
    apt-get install --no-install-recommends $*

Then run $0 again.
TEXT
	return 1
}

# npm_packages FOLDER: those that its package-lock.json names, into FOLDER/node_modules, unless they
# are there already
npm_packages() {
	local stamp="$1/node_modules/.package-lock.sha256" wanted
	wanted=$(cat "$1/package.json" "$1/package-lock.json" | sha256sum)
	if [ "$(cat "$stamp" 2>/dev/null)" = "$wanted" ]; then
		return
	fi
	# Some packages of nodejs contain npm; others do not.
	ensure_packages nodejs && { command -v npm >/dev/null || ensure_packages npm; } &&
		npm ci --prefix "$1" --no-audit --no-fund --loglevel=error >/dev/null && echo "$wanted" >"$stamp"
}

# ensure_packages NAME...: one script at a time, since apt-get refuses a second
ensure_packages() {
	(
		if command -v flock >/dev/null; then
			flock 9
		fi
		install_missing "$@"
	) 9>>"${TMPDIR:-/tmp}/ephemera-packages.$(id -u)"
}

install_missing() {
	local name missing=()

	if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
		echo "This is not Debian or Ubuntu. Install the packages that correspond to: $*" >&2
		return 0
	fi
	for name in "$@"; do
		package_is_installed "$name" || missing+=("$name")
	done
	[ ${#missing[@]} -gt 0 ] || return 0
	can_install "${missing[@]}" || return 1
	echo "Installing missing packages: ${missing[*]}"
	as_root apt-get update -qq 9>&- || echo "apt-get update failed; trying with the present package lists" >&2
	as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
		"${missing[@]}" >/dev/null 9>&-
}

#!/bin/sh
# Installs the Debian packages that the tests (or, with "bench", the benchmark)
# need (gcc is for the race detector); without the right to do so it names the missing ones and fails.
set -eu

packages="gcc:gcc /usr/include/stdlib.h:libc6-dev curl:curl git:git litmus:litmus cadaver:cadaver mount.davfs:davfs2 rclone:rclone"
if [ "${1:-}" = bench ]; then
	packages="apache2:apache2 nginx:nginx-extras lighttpd:lighttpd /usr/lib/lighttpd/mod_webdav.so:lighttpd-mod-webdav rclone:rclone"
fi
PATH=$PATH:/usr/sbin:/sbin

missing=""
for pair in $packages; do
	case $pair in
	/*) test -e "${pair%%:*}" || missing="$missing ${pair#*:}" ;;
	*) command -v "${pair%%:*}" >/dev/null 2>&1 || missing="$missing ${pair#*:}" ;;
	esac
done
test -n "$missing" || exit 0

if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
	echo "installing$missing" >&2
	# Services of installed packages are not started: the benchmark starts its own.
	policy=/usr/sbin/policy-rc.d
	if [ ! -e $policy ]; then
		printf '#!/bin/sh\nexit 101\n' >$policy
		chmod +x $policy
		trap 'rm -f $policy' EXIT
	fi
	export DEBIAN_FRONTEND=noninteractive
	apt-get update -qq >&2
	# shellcheck disable=SC2086
	apt-get install -qq -y --no-install-recommends $missing >&2
	exit 0
fi
echo "These Debian packages are missing:$missing" >&2
echo "Install them with: sudo apt-get install$missing" >&2
exit 1

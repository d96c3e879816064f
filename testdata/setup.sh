#!/bin/sh
# Installs what the tests (or, with "bench", the benchmark) need: Debian packages (gcc is for the race
# detector), and the npm packages of testdata/clients/npm at the versions of their lock file. Without the
# right to install Debian packages it names the missing ones and fails.
set -eu

packages="gcc:gcc /usr/include/stdlib.h:libc6-dev curl:curl git:git strace:strace unzip:unzip litmus:litmus cadaver:cadaver mount.davfs:davfs2 rclone:rclone fusermount3:fuse3 gio:libglib2.0-bin /usr/libexec/gvfsd-dav:gvfs-backends dbus-daemon:dbus-daemon node:nodejs npm:npm chromium:chromium chromium-headless-shell:chromium-headless-shell /usr/lib/python3/dist-packages/webdav3:python3-webdavclient"
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

if [ -n "$missing" ] && ! { [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; }; then
	echo "These Debian packages are missing:$missing" >&2
	echo "Install them with: sudo apt-get install$missing" >&2
	exit 1
fi
if [ -n "$missing" ]; then
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
fi

test "${1:-}" != bench || exit 0
cd "$(dirname "$0")/clients/npm"
if ! [ node_modules/.package-lock.json -nt package-lock.json ]; then
	npm ci --no-audit --no-fund --loglevel=error >&2
fi

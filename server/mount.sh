#!/bin/sh
# Mounts folders of {{comment .Base}} with davfs2, until {{comment .Until}}.
#
#	sh THIS          mounts them; what is mounted already stays
#	sh THIS umount   uploads what is still to be uploaded, and takes the mounts away
#
# Run it as root. It installs nothing. It holds a secret: keep it to yourself.
# The files belong to who owns the directory above the mount, or to $MOUNT_UID and $MOUNT_GID.
set -eu
umask 077
PATH=$PATH:/usr/sbin:/sbin
export PATH

state=${MOUNT_STATE:-{{.State}}}
config=$state/davfs2.conf
secrets=$state/secrets
cache=$state/cache

say() { printf 'davit: %s\n' "$1"; }
wrong() { printf 'davit: %s\n' "$1" >&2; }
stop() {
	wrong "$1"
	exit 1
}

# escaped TEXT prints a text as /proc/self/mounts has it.
escaped() { printf '%s' "$1" | sed 's/\\/\\134/g; s/ /\\040/g'; }

# mounted DIR prints what is mounted there, escaped, and nothing for nothing.
mounted() {
	above=$(cd -P -- "${1%/*}/" && pwd -P) || return 1
	want=$(escaped "${above%/}/${1##*/}")
	found=
	while read -r source dir rest; do
		[ "$dir" != "$want" ] || found=$source
	done </proc/self/mounts
	printf '%s' "$found"
}

# bent PATH prints the first part of a path that is a symbolic link of another than root: who made it would choose
# where root makes directories and mounts.
bent() {
	part=
	left=${1#/}
	while [ -n "$left" ]; do
		part=$part/${left%%/*}
		case $left in
		*/*) left=${left#*/} ;;
		*) left= ;;
		esac
		if [ -h "$part" ] && [ "$(stat -c %u -- "$part")" != 0 ]; then
			printf '%s' "$part"
			return
		fi
	done
}

# mount_one URL DIR ro|rw
mount_one() {
	link=$(bent "${2%/*}")
	if [ -n "$link" ]; then
		wrong "$2 leads through $link, a symbolic link that is not root's"
		return 1
	fi
	if ! (umask 022 && mkdir -p -- "${2%/*}/"); then
		wrong "cannot make the directory above $2"
		return 1
	fi
	if [ -h "$2" ]; then
		wrong "$2 is a symbolic link"
		return 1
	fi
	there=$(mounted "$2") || return 1
	if [ "$there" = "$(escaped "$1" | sed 's/#/\\043/g')" ]; then
		if [ -d "$2/." ]; then
			say "$2 is mounted already"
			return 0
		fi
		umount -l -- "$2" || return 1 # its program has gone
	elif [ -n "$there" ]; then
		wrong "something else is mounted at $2: $there"
		return 1
	fi
	if ! (umask 022 && mkdir -p -- "$2"); then
		wrong "cannot make $2"
		return 1
	fi
	uid=${MOUNT_UID:-$(stat -c %u -- "${2%/*}/")}
	gid=${MOUNT_GID:-$(stat -c %g -- "${2%/*}/")}
	# Not to our own output: the program stays, and would keep it open.
	if ! mount.davfs "$1" "$2" -o "conf=$config,uid=$uid,gid=$gid,$3" </dev/null >"$state/log" 2>&1; then
		cat -- "$state/log" >&2
		wrong "$2 could not be mounted. If it says that it could not authenticate, this mount has expired or was revoked: ask for a new one"
		return 1
	fi
	say "$2 is mounted ($3)"
}

# umount_one URL DIR
umount_one() {
	[ -d "${2%/*}/" ] || return 0
	there=$(mounted "$2") || return 1
	[ "$there" = "$(escaped "$1" | sed 's/#/\\043/g')" ] || return 0
	above=$(cd -P -- "${2%/*}/" && pwd -P)
	pid=$(cat -- "/run/mount.davfs/$(printf '%s' "${above%/}/${2##*/}" | sed 's|^/||; s|/|-|g').pid" 2>/dev/null) || pid=
	if ! umount -i -- "$2"; then
		wrong "$2 is in use"
		return 1
	fi
	# What programs have written is complete on the server when the program of the mount ends.
	waited=0
	while [ -n "$pid" ] && kill -0 "$pid" 2>/dev/null; do
		if [ "$waited" -ge 600 ]; then
			wrong "$2 is not mounted any more, but process $pid still uploads"
			return 1
		fi
		sleep 1
		waited=$((waited + 1))
	done
	say "$2 is not mounted any more"
}

failed=0
case ${1-mount} in
mount)
	[ "$(id -u)" = 0 ] || stop "mounting needs root; without it, use rclone, for which the answer of the API has a configuration too"
	command -v mount.davfs >/dev/null || stop "mount.davfs is missing: install davfs2 (apt-get install davfs2), or have it in the image"
	[ -e /dev/fuse ] || stop "there is no /dev/fuse here: a container needs it (docker run --device /dev/fuse --cap-add SYS_ADMIN)"
	mkdir -p -- "$state" "$cache"
	chmod 711 "${state%/*}/" "$state" # the program gives up its rights, and must still reach its cache
	chgrp davfs2 "$cache"
	chmod 770 "$cache"
	rm -f -- "$config" "$secrets"
	printf '%s\n' {{sh .Secrets}} >"$secrets"
	{
		printf '%s\n' {{sh .Settings}}
		printf 'lock_owner "%s"\n' {{sh .ID}}"@$(uname -n)" # another for each machine, or one takes the other's locks for its own
		printf 'secrets "%s"\ncache_dir "%s"\n' "$secrets" "$cache"
	} >"$config"
{{- range .Places}}
	mount_one {{sh .Source}} {{sh .Path}} {{.Mode}} || failed=1
{{- end}}
	;;
umount)
{{- range .Reverse}}
	umount_one {{sh .Source}} {{sh .Path}} || failed=1
{{- end}}
	[ "$failed" = 1 ] || rm -f -- "$secrets" "$config" "$state/log" # the cache stays: it may hold what the server refused
	;;
*)
	stop "usage: sh THIS [mount|umount]"
	;;
esac
exit "$failed"

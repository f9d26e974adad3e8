#!/bin/sh
# Packs a program with what an installation by hand needs, and the sum of the archive beside it. Prints the path of the
# archive.
#
#   archive.sh PROGRAM VERSION TARGET DIRECTORY
set -eu
program=$1 version=$2 target=$3 directory=$4
top=$(cd "$(dirname "$0")/../.." && pwd)
umask 022

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
name=playarr-metrics-$version-$target
mkdir "$work/$name"
install -m 755 "$program" "$work/$name/playarr-metrics"
strip --strip-unneeded "$work/$name/playarr-metrics"
cp "$top/README.md" "$top/LICENSE" "$top/CHANGELOG.md" "$work/$name"
for folder in systemd prometheus grafana mongodb compose; do
  cp -R "$top/packaging/$folder" "$work/$name/$folder"
done
# What somebody who tried it here has made.
rm -rf "$work/$name/compose/secrets" "$work/$name/compose/.env"

mkdir -p "$directory"
tar --owner=0 --group=0 --numeric-owner --sort=name -C "$work" -czf "$directory/$name.tar.gz" "$name"
(cd "$directory" && sha256sum "$name.tar.gz" >"$name.tar.gz.sha256")
echo "$directory/$name.tar.gz"

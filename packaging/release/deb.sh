#!/bin/sh
# Packs a program into a package for Debian and its kin, which it prints the path of. It needs dpkg-deb, binutils, gzip.
#
#   deb.sh PROGRAM VERSION ARCHITECTURE DIRECTORY      such as: deb.sh target/release/playarr-metrics 0.1.0 amd64 dist
#
# Man page and completions are in it if the program can be run here. DEB_COMPRESSION=none makes it quick and large.
set -eu
program=$1 version=$2 architecture=$3 directory=$4
top=$(cd "$(dirname "$0")/../.." && pwd)
umask 022

root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
chmod 755 "$root"

# put MODE FILE TARGET
put() { install -D -m "$1" "$2" "$root/$3"; }

put 755 "$program" usr/bin/playarr-metrics
strip --strip-unneeded "$root/usr/bin/playarr-metrics"

units=usr/lib/systemd/system
mkdir -p "$root/$units"
# Without the steps of an installation by hand.
sed -e '1,/^\[Unit\]/{/^\[Unit\]/!d}' -e 's|/usr/local/bin/|/usr/bin/|' \
  "$top/packaging/systemd/playarr-metrics.service" >"$root/$units/playarr-metrics.service"
sed -e 's|/usr/local/bin/|/usr/bin/|' \
  "$top/packaging/systemd/playarr-metrics-token.service" >"$root/$units/playarr-metrics-token.service"
put 644 "$top/packaging/deb/playarr-metrics.sysusers" usr/lib/sysusers.d/playarr-metrics.conf
put 644 "$top/packaging/systemd/environment" etc/playarr-metrics/environment

share=usr/share/playarr-metrics
for file in prometheus/playarr.rules.yml grafana/playarr.json mongodb/create-user.js mongodb/role.json \
  mongodb/role-read-only.json; do
  put 644 "$top/packaging/$file" "$share/$(basename "$file")"
done

doc=usr/share/doc/playarr-metrics
put 644 "$top/README.md" "$doc/README.md"
put 644 "$top/LICENSE" "$doc/copyright"
mkdir -p "$root/$doc"
gzip -9n <"$top/CHANGELOG.md" >"$root/$doc/CHANGELOG.md.gz"

# An older program has none of these commands; one for another processor cannot be asked.
page=$root/page
if "$program" man >"$page" 2>/dev/null && [ -s "$page" ]; then
  mkdir -p "$root/usr/share/man/man1"
  gzip -9n <"$page" >"$root/usr/share/man/man1/playarr-metrics.1.gz"
fi
for shell in bash:usr/share/bash-completion/completions/playarr-metrics \
  fish:usr/share/fish/vendor_completions.d/playarr-metrics.fish \
  zsh:usr/share/zsh/vendor-completions/_playarr-metrics; do
  if "$program" completions "${shell%%:*}" >"$page" 2>/dev/null && [ -s "$page" ]; then
    put 644 "$page" "${shell#*:}"
  fi
done
rm -f "$page"

# The C library that the program was linked with, or none.
symbols=$(objdump -T "$root/usr/bin/playarr-metrics" 2>/dev/null || true)
needed=$(printf '%s\n' "$symbols" | grep -o 'GLIBC_[0-9.]*' | sort -uV | tail -n 1 || true)
depends=
[ -z "$needed" ] || depends="libc6 (>= ${needed#GLIBC_}), libgcc-s1, "

mkdir "$root/DEBIAN"
for script in postinst prerm postrm; do
  install -m 755 "$top/packaging/deb/$script" "$root/DEBIAN/$script"
done
echo /etc/playarr-metrics/environment >"$root/DEBIAN/conffiles"
cat >"$root/DEBIAN/control" <<CONTROL
Package: playarr-metrics
Version: $version
Architecture: $architecture
Maintainer: playarr-metrics <https://github.com/elad-bar/playarr-metrics>
Installed-Size: $(du -k -s --exclude DEBIAN "$root" | cut -f 1)
Depends: ${depends}init-system-helpers (>= 1.54~), passwd
Recommends: ca-certificates, systemd (>= 250)
Suggests: prometheus
Section: net
Priority: optional
Homepage: https://github.com/elad-bar/playarr-metrics
Description: Prometheus metrics of Playarr
 Counts the titles, episodes, channels, watchlists, users and providers of
 Playarr, the self-hosted IPTV and VOD manager, in MongoDB, and serves them to
 Prometheus from memory. It brings alert rules, a Grafana dashboard and pages
 for admins.
CONTROL
(cd "$root" && find usr etc -type f -exec md5sum {} + >DEBIAN/md5sums)

mkdir -p "$directory"
package=$directory/playarr-metrics_${version}_$architecture.deb
dpkg-deb --root-owner-group "-Z${DEB_COMPRESSION:-xz}" --build "$root" "$package" >&2
echo "$package"

#!/bin/sh
# Lays out the root file system of the image: the program, the libraries it needs, certificates, one user. There is no
# shell in it and no package manager. The tests build theirs with the same script.
#
#   root.sh PROGRAM DIRECTORY
set -eu
program=$1 root=$2
certificates=/etc/ssl/certs/ca-certificates.crt

mkdir -p "$root/usr/local/bin" "$root/etc/ssl/certs"
cp "$program" "$root/usr/local/bin/playarr-metrics"
chmod 755 "$root/usr/local/bin/playarr-metrics"
for library in $(ldd "$program" | grep -o '/[^ ]*'); do
  mkdir -p "$root$(dirname "$library")"
  cp -L "$library" "$root$library"
done
# For a MongoDB behind a certificate of the usual authorities (tlsCAFile in MONGODB_URI names another one).
cp -L "$certificates" "$root$certificates"

echo 'playarr-metrics:x:65532:65532::/nonexistent:/usr/sbin/nologin' >"$root/etc/passwd"
echo 'playarr-metrics:x:65532:' >"$root/etc/group"
# /etc/hosts comes before DNS, so that localhost is not looked up at a name server.
echo 'hosts: files dns' >"$root/etc/nsswitch.conf"

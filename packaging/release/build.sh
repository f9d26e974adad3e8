#!/bin/sh
# Builds the program for a target as it is released, and prints its path. With a musl target it is static: it runs on
# any Linux of that processor. That needs musl-gcc (apt-get install musl-tools) and `rustup target add TARGET`.
#
#   build.sh TARGET      such as x86_64-unknown-linux-gnu, aarch64-unknown-linux-musl
#
# RELEASE_TAG, if set, has to be v and the version of Cargo.toml.
set -eu
target=$1
cd "$(dirname "$0")/../.."

version=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)
if [ -n "${RELEASE_TAG:-}" ] && [ "$RELEASE_TAG" != "v$version" ]; then
  echo "the tag is $RELEASE_TAG and Cargo.toml has version $version: tag v$version, or set the version" >&2
  exit 1
fi

cargo build --release --locked --target "$target" --bin playarr-metrics >&2
program=${CARGO_TARGET_DIR:-target}/$target/release/playarr-metrics

"$program" --version >&2
case $target in
  *-musl)
    if objdump -p "$program" | grep -q NEEDED; then
      echo "$program needs libraries: it is not static" >&2
      exit 1
    fi
    ;;
esac
echo "$program"

#!/bin/sh
# The first step of `npm run test:interop`: installs the peers from Debian's packages, where one is missing.
set -eu

# mariadb-server-core is the server of mariadb-server, without the service of the system and its Perl. nginx brings its service
# along, which may listen on port 80 from then on. The specs start servers of their own, and leave the service alone.
packages='python3-grpcio golang-google-grpc-dev golang-go curl mariadb-server-core nginx brotli zstd'

missing=''
for package in $packages; do
  status=$(dpkg-query --show --showformat='${db:Status-Status}' "$package" 2>/dev/null || true)
  [ "$status" = installed ] || missing="$missing $package"
done

fail() {
  echo "test:interop: can't install$missing: $1" >&2
  exit 1
}

if [ -n "$missing" ]; then
  command -v apt-get >/dev/null || fail 'there is no apt-get; the peers are packages of Debian'
  as_root=''
  [ "$(id -u)" = 0 ] || as_root='sudo -n'
  log=$(mktemp)
  trap 'rm -f "$log"' EXIT
  # shellcheck disable=SC2086
  {
    $as_root apt-get update -qq &&
      $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing
  } >"$log" 2>&1 || {
    cat "$log" >&2
    fail 'apt-get failed, see above'
  }
fi

# shellcheck disable=SC2086
dpkg-query --show --showformat='${Package} ${Version}\n' $packages

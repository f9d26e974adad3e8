#!/bin/sh
# Creates random secrets for compose.yaml in ./secrets. Existing ones stay as they are.
#
# Compose mounts the files with their permissions, so users in the containers must be able to read them. The permissions
# of the directory keep everybody else on this machine out.
set -eu
umask 077
cd "$(dirname "$0")"
mkdir -p secrets
chmod 700 secrets
# For what receivers of alerts need: alertmanager/alertmanager.yml says what. Alertmanager sees no other secret.
mkdir -p secrets/alertmanager
chmod 755 secrets/alertmanager

random() { od -An -N24 -tx1 /dev/urandom | tr -d ' \n'; }

# A secret: its name, its value.
secret() {
  [ -s "secrets/$1" ] || printf '%s\n' "$2" >"secrets/$1"
  chmod 444 "secrets/$1"
}

secret mongodb_root_password "$(random)"
secret mongodb_password "$(random)"
secret mongodb_uri "mongodb://playarr-metrics:$(cat secrets/mongodb_password)@mongodb:27017/?authSource=playarr"
secret jwt_secret_key "$(random)$(random)"
secret admin_password "$(random)"
secret grafana_password "$(random)"

cat <<'END'
Secrets are in ./secrets:
  admin_password    of the user admin at http://localhost:3000, if the database has no users yet
  grafana_password  of the user admin at http://localhost:3001
  jwt_secret_key    write Playarr's own JWT_SECRET_KEY into it, and who is signed in there is signed in here
  mongodb_uri       write Playarr's own MONGODB_URI into it, if the library is in another MongoDB
END

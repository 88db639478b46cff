#!/bin/sh
# Runs a command in a network namespace of its own: loopback and a veth pair whose two ends both live
# there (10.77.0.1/24, 10.77.1.1/24), so that WebRTC, which ignores loopback, finds interfaces. Needs
# no root where user namespaces are allowed; everything is gone when the command ends.
exec unshare -rn sh -c '
  ip link set lo up &&
  ip link add va type veth peer name vb &&
  ip addr add 10.77.0.1/24 dev va && ip addr add 10.77.1.1/24 dev vb &&
  ip link set va up && ip link set vb up &&
  exec "$@"' sh "$@"

# remove NUMBER
#
# Removes what lab NUMBER leaves on the machine once its processes are gone: the runner machine's
# end of the cable, the containers' cgroups and the state directory. Repeats the last, because a
# killed process may still be on its way out.
number=$1
ip link delete "testkit$number" 2>/dev/null
for cgroup in /sys/fs/cgroup/"swarm-testkit-$number" /sys/fs/cgroup/*/"swarm-testkit-$number"; do
    if [ -d "$cgroup" ]; then find "$cgroup" -depth -type d -exec rmdir {} +; fi
done
tries=0
until rm -rf "/var/tmp/swarm-testkit-$number"; do
    tries=$((tries + 1))
    if [ "$tries" -eq 50 ]; then exit 1; fi
    sleep 0.1
done

# guardian NUMBER
#
# Keeps lab NUMBER alive for as long as the pipe on stdin has a writer, then removes it (the rest
# of this script is remove.sh). The owner holds that pipe: however the owner ends, it closes.
#
# The lab is a process namespace with a network namespace: when the first process of the one dies,
# the kernel kills every other process in it, and with the last of them go their mounts and
# networks. If this script is killed itself, the kernel kills the lab too (--pdeathsig), and only
# files are left for the next sweep.
trap '' HUP INT TERM
number=$1
state=/var/tmp/swarm-testkit-$number

# The process number is read from the machine's own /proc: it is the one that the owner sees.
# An ignored SIGCHLD lets the kernel reap whatever is orphaned inside. The switch is the nodes' name
# server too, and there is none: without a limit on ICMP every lookup is refused at once.
setpriv --pdeathsig KILL unshare --fork --pid --kill-child --net sh -c '
    trap "" CHLD
    echo 0 >/proc/sys/net/ipv4/icmp_ratelimit
    read -r pid rest </proc/self/stat
    echo "$pid" >"$1/lab.pid"
    echo "$pid"
    exec sleep infinity >/dev/null
' sh "$state" </dev/null &

cat >/dev/null

ip link delete "testkit$number" 2>/dev/null
# Waiting for the job is waiting for every process of the lab.
if read -r lab <"$state/lab.pid"; then kill -KILL "$lab" 2>/dev/null; else kill -KILL "$!"; fi
wait

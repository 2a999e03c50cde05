# node DIRECTORY NAME [PROGRAMS]
#
# The first process of a node, in namespaces of its own. Says its process number, waits until its
# cable is plugged in, and runs dockerd until that ends; with this script ends the whole node.
set -eu
directory=$1 name=$2 programs=${3-}

# /proc is still the machine's here, so this is the number that the owner sees.
read -r pid rest </proc/self/stat

# Places outside the data root where dockerd, containerd and runc write: /run (sockets, locks,
# shims), /etc/docker (the engine's identity), /opt/containerd.
mount -t proc proc /proc
for private in /run /etc/docker /opt; do
    mkdir -p "$private"
    mount -t tmpfs -o mode=755 tmpfs "$private"
done

# The file may be a link into /run, which is empty by now.
resolv=$(readlink -f /etc/resolv.conf)
if [ ! -e "$resolv" ]; then mkdir -p "${resolv%/*}" && touch "$resolv"; fi
mount --bind "$directory/resolv.conf" "$resolv"
hostname "$name"

# Only the engine and what it starts are of another release than this script.
if [ -n "$programs" ]; then mount --bind -o ro "$programs" /usr; fi

echo "$pid"
read -r plugged

exec >>"$directory/dockerd.log" 2>&1 </dev/null
dockerd --config-file "$directory/daemon.json" &
wait "$!"

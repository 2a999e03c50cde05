# play.sh ROWS TOLD PREFIX
#
# Plays every ROWS/NAME.sh at once, in a directory and with a $N of its own, and writes what each
# told to TOLD/NAME: stdout, stderr after "! ", and the exit code. What differs from one run to the
# next is blanked. Whatever carries the prefix in its name is removed at the end.

ROWS=$1 TOLD=$2 PREFIX=$3
export IMAGE=jwilder/whoami:latest
export DOCKER_CONFIG=$TOLD.config
# How this CLI is told of the way that DOCKER_HOST says, where it is to be told explicitly.
export CONTEXT=host=$DOCKER_HOST
if [ -n "${DOCKER_CERT_PATH:-}" ]; then
    CONTEXT+=,ca=$DOCKER_CERT_PATH/ca.pem,cert=$DOCKER_CERT_PATH/cert.pem,key=$DOCKER_CERT_PATH/key.pem
fi

# docker 20.10 tells of a wait that it gave up itself, unless the answer came first.
blank() {
    sed -E "s!$PWD!HERE!g
        s!$N!NAME!g
        s!\^@!!g
        /msg=.error waiting for container: context canceled/d
        s!\b[0-9a-f]{64}\b!SHA256!g
        s!\b[0-9a-f]{12}\b!SHORT!g
        s!\b[0-9a-z]{25}\b!ID!g
        s! +! !g
        s! \$!!"
}

play() {
    export N=$PREFIX-$1
    local work=$TOLD.work/$1 code=0
    mkdir -p "$work"
    cd "$work" || return
    timeout --kill-after=5 240 bash -u "$ROWS/$1.sh" >out 2>err </dev/null || code=$?
    { blank <out; blank <err | sed 's/^/! /'; echo "exit $code"; } >"$TOLD/$1"
}

# Twice: a network goes only after the last task on it.
remove() {
    local kind
    for kind in service container network volume secret config; do
        docker $kind ls $([ $kind != container ] || echo --all) --quiet --filter name="$PREFIX" |
            xargs --no-run-if-empty docker $kind rm $([ $kind != container ] || echo --force)
    done
    docker image ls --format '{{.Repository}}:{{.Tag}}' | grep "^$PREFIX" |
        xargs --no-run-if-empty docker image rm
}

mkdir -p "$TOLD" "$DOCKER_CONFIG"
for row in "$ROWS"/*.sh; do
    play "$(basename "$row" .sh)" &
done
wait
{ remove; remove; } >/dev/null 2>&1
true

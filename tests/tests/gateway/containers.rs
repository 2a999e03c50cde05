//! Containers: their streams in every direction, their signals and their exit codes.

use job::Result;

use crate::same::{Row, same};

#[tokio::test]
async fn containers_live_through_the_gateway_as_directly() -> Result<()> {
    same("life", &LIFE).await
}

#[tokio::test]
async fn streams_pass_through_the_gateway_as_directly() -> Result<()> {
    same("stream", &STREAMS).await
}

/// What isn't a matter of streams.
const LIFE: [Row; 14] = [
    Row {
        name: "exit-code",
        script: "docker run --rm $IMAGE sh -c 'echo out; echo err >&2; exit 3'",
        tells: "out\n! err\nexit 3\n",
    },
    Row {
        name: "no-such-command",
        script: "docker run --rm $IMAGE nosuch",
        tells: "executable file not found",
    },
    Row { name: "not-executable", script: "docker run --rm $IMAGE /etc", tells: "exit 126\n" },
    Row { name: "no-such-flag", script: "docker run --nosuch $IMAGE true", tells: "exit 125\n" },
    Row {
        name: "wait",
        script: "
            docker run -d --name $N $IMAGE sh -c 'sleep 0.2; exit 8' >/dev/null
            docker wait $N",
        tells: "8\nexit 0\n",
    },
    Row {
        name: "stop",
        script: "
            docker run -d --name $N $IMAGE
            docker stop $N
            docker inspect --format '{{.State.Status}} {{.State.ExitCode}}' $N
            docker start $N
            docker kill $N
            docker wait $N
            docker rm $N
            docker rm $N",
        tells: "exited 0\n",
    },
    Row {
        name: "pause",
        script: "
            docker run -d --name $N --stop-signal KILL $IMAGE sleep 1000
            docker pause $N
            docker ps --filter name=$N --format '{{.Names}} {{.Image}} {{.State}}'
            docker exec $N true
            docker unpause $N
            docker rename $N $N-renamed
            docker top $N-renamed -o comm
            docker update --memory 64m --memory-swap 64m $N-renamed
            docker restart --time 0 $N-renamed
            docker inspect --format '{{.HostConfig.Memory}}' $N-renamed",
        tells: "NAME jwilder/whoami:latest paused\n",
    },
    Row {
        name: "files",
        script: "
            docker create --name $N $IMAGE
            mkdir tree; seq 1000 >tree/numbers; ln -s numbers tree/link
            docker cp tree $N:/tmp
            docker cp $N:/tmp/tree back
            diff --recursive --no-dereference tree back && readlink back/link
            docker cp $N:/tmp/tree - | tar --list
            tar --create tree | docker cp - $N:/www
            docker cp $N:/tmp nowhere/at/all
            docker cp $N:/nosuch .
            docker cp nosuch $N:/tmp
            docker diff $N | sort
            docker export $N | tar --extract --to-stdout tmp/tree/numbers | tail -n 1",
        tells: "numbers\n",
    },
    Row {
        name: "exec",
        script: "
            docker run -d --name $N $IMAGE >/dev/null
            docker exec $N sh -c 'echo out; echo err >&2; exit 4'; echo $?
            docker exec $N nosuch; echo $?
            docker exec $N /etc; echo $?
            docker exec --env A=1 --workdir /www --user 1:2 $N sh -c 'echo $A $(pwd) $(id -u)'
            docker exec --detach $N touch /tmp/was-here; echo $?
            until docker exec $N ls /tmp/was-here 2>/dev/null; do sleep 0.1; done
            docker exec $N-other true",
        tells: "out\n4\n",
    },
    Row {
        name: "events",
        script: r"
            # dockerd remembers few: only the newest is sure to be among them.
            since=$(date +%s.%N)
            docker create --name $N $IMAGE; docker rm $N
            docker events --since $since --until $(date +%s.%N) --filter container=$N \
                --filter event=destroy --format '{{.Action}} {{.Actor.Attributes.name}}'",
        tells: "destroy NAME\nexit 0\n",
    },
    Row {
        name: "live-events",
        script: "
            coproc docker events --since $(date +%s.%N) --filter container=$N --format {{.Action}}
            pid=$COPROC_PID
            docker create --name $N $IMAGE
            read -r -u ${COPROC[0]} event; echo $event
            docker rm $N
            read -r -u ${COPROC[0]} event; echo $event
            # The CLI ends with 130, and once in a while with 0, wherever it is connected to.
            kill -INT $pid; wait $pid; true",
        tells: "create\nNAME\ndestroy\nexit 0\n",
    },
    Row {
        name: "signals",
        script: r#"
            coproc docker run --rm $IMAGE sh -c 'trap "exit 9" TERM; echo ready; while :; do sleep 0.1; done'
            pid=$COPROC_PID
            read -r -u ${COPROC[0]} word; echo $word
            kill -TERM $pid; wait $pid"#,
        tells: "ready\nexit 9\n",
    },
    Row {
        name: "volume",
        script: "
            docker volume create $N
            docker run --rm --volume $N:/v $IMAGE sh -c 'echo kept >/v/file'
            docker run --rm --volume $N:/v $IMAGE cat /v/file
            docker volume inspect --format '{{.Name}} {{.Driver}}' $N
            docker volume rm $N
            docker volume rm $N",
        tells: "kept\n",
    },
    Row {
        name: "stats",
        script: "
            docker run -d --name $N --publish 8000 $IMAGE >/dev/null
            docker stats --no-stream --format '{{.Name}} {{.PIDs}}' $N | cut -d ' ' -f 1
            docker port $N | sed 's/[0-9]*$//' | head -n 1
            docker container ls --filter name=$N --format '{{.Names}} {{.Command}}'",
        tells: "NAME\n8000/tcp -> 0.0.0.0:\n",
    },
];

/// What comes as it comes, ends where it ends, and goes both ways.
const STREAMS: [Row; 14] = [
    Row {
        name: "half-close",
        script: "seq 3 | docker run -i --rm $IMAGE sh -c 'cat; echo end of input'",
        tells: "1\n2\n3\nend of input\nexit 0\n",
    },
    Row {
        name: "dialogue",
        script: "
            coproc docker run -i --rm $IMAGE sh -c 'while read -r x; do echo got $x; done; exit 5'
            pid=$COPROC_PID in=${COPROC[1]} out=${COPROC[0]}
            for word in one two; do
                echo $word >&$in; read -r -u $out answer; echo $answer
            done
            exec {in}>&-; wait $pid",
        tells: "got one\ngot two\nexit 5\n",
    },
    Row {
        name: "nobody-reads",
        script: "yes | docker run -i --rm $IMAGE head -n 1",
        tells: "y\nexit 0\n",
    },
    Row {
        name: "megabytes-in",
        script: "seq 1000000 | docker run -i --rm $IMAGE md5sum",
        tells: "8a7095c1c23bfadc311fe6b16d950582 -\n",
    },
    Row {
        name: "megabytes-out",
        script: "docker run --rm $IMAGE seq 1000000 | md5sum",
        tells: "8a7095c1c23bfadc311fe6b16d950582 -\n",
    },
    Row {
        name: "terminal",
        script: r#"
            script --quiet --return --command "
                stty rows 30 cols 100
                docker run -it --rm $IMAGE sh -c 'tty
                    until stty size 2>/dev/null | grep -x \"30 100\"; do sleep 0.1; done >/tmp/size
                    cat /tmp/size; exit 5'" /dev/null"#,
        tells: "30 100",
    },
    Row {
        name: "no-terminal",
        script: "docker run -t --rm $IMAGE sh -c 'tty; exit 2'; docker run -it --rm $IMAGE true",
        tells: "/dev/pts/0",
    },
    Row {
        name: "attach",
        script: "
            docker run -d -i --name $N $IMAGE sh -c 'read -r x; echo got $x; exit 6' >/dev/null
            coproc docker attach $N
            pid=$COPROC_PID in=${COPROC[1]} out=${COPROC[0]}
            echo hello >&$in; read -r -u $out answer; echo $answer
            wait $pid",
        tells: "got hello\nexit 6\n",
    },
    Row {
        name: "detach-keys",
        script: r#"
            docker run -d -it --name $N --stop-signal KILL $IMAGE \
                sh -c 'while sleep 0.1; do echo tick; done' >/dev/null
            coproc script --quiet --return --command "docker attach $N" /dev/null
            pid=$COPROC_PID in=${COPROC[1]} out=${COPROC[0]}
            read -r -u $out line; echo $line
            # The terminal's modes are set before the first line is there.
            printf '\020\021' >&$in
            wait $pid; echo $?
            docker inspect --format '{{.State.Running}}' $N"#,
        tells: "true\nexit 0\n",
    },
    Row {
        name: "exec-input",
        script: r#"
            docker run -d --name $N $IMAGE >/dev/null
            seq 1000000 | docker exec -i $N sh -c 'md5sum; exit 7'; echo $?
            echo unread | docker exec $N cat; echo $?
            script --quiet --return --command "docker exec -it $N sh -c 'tty; exit 8'" /dev/null"#,
        tells: "8a7095c1c23bfadc311fe6b16d950582 -\n7\n",
    },
    Row {
        name: "logs",
        script: "
            docker run -d --name $N $IMAGE sh -c '
                echo one; echo bad >&2; until [ -e /go ]; do sleep 0.1; done; echo two' >/dev/null
            docker logs --follow $N 2>/dev/null | {
                read -r line; echo $line
                docker exec $N touch /go
                cat
            }
            docker logs --tail 1 $N
            docker logs $N >/dev/null
            docker logs $N-other",
        tells: "one\ntwo\n",
    },
    Row {
        name: "reader-leaves",
        script: "
            docker run -d --name $N --stop-signal KILL $IMAGE sh -c 'echo one; exec sleep 1000' >/dev/null
            coproc docker logs --follow $N
            read -r -u ${COPROC[0]} line; echo $line
            kill -TERM $COPROC_PID; wait",
        tells: "one\n",
    },
    Row {
        name: "idle",
        script: "
            docker run -d --name $N $IMAGE >/dev/null
            coproc docker exec -i $N cat
            pid=$COPROC_PID in=${COPROC[1]} out=${COPROC[0]}
            docker exec $N sleep 3
            echo still there >&$in; read -r -u $out line; echo $line
            exec {in}>&-; wait $pid",
        tells: "still there\nexit 0\n",
    },
    Row {
        name: "twenty-at-once",
        script: "
            docker run -d --name $N $IMAGE >/dev/null
            for i in $(seq 20); do docker cp $N:/bin/busybox - | md5sum & done |
                sort | uniq --count | awk '{ print $1 }'",
        tells: "20\nexit 0\n",
    },
];

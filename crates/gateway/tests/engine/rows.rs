//! What jobs do with docker, and what they are told.

use futures::future::join_all;

use crate::place::Place;
use crate::shell::{Shell, clis};

/// Lines for bash, where `$IMAGE` is one that the engine has and `$N` a name that
/// nobody else uses, and what they must tell.
type Row = (&'static str, &'static [&'static str]);

const ROWS: [Row; 10] = [
    ("docker version --format '{{.Server.Os}}'", &["linux\nexit 0\n"]),
    ("docker info --format '{{.Swarm.LocalNodeState}}'", &["active\nexit 0\n"]),
    (
        "seq 3 | docker run -i --rm $IMAGE sh -c 'cat; echo end of input; exit 3'",
        &["1\n2\n3\nend of input\nexit 3\n"],
    ),
    (
        "seq 1000000 | docker run -i --rm $IMAGE cat | md5sum",
        &["8a7095c1c23bfadc311fe6b16d950582  -\nexit 0\n"],
    ),
    (
        "docker run --rm -v $PWD:/src:ro $IMAGE true",
        &[
            "docker: Error response from daemon: /tmp/",
            " is in this job's own file system, but the engine at tcp://",
            "\nexit 125\n",
        ],
    ),
    ("docker run --rm -v /etc/../srv/of-the-engine:/x $IMAGE ls -d /x", &["/x\nexit 0\n"]),
    (
        "docker service create --detach --mount type=bind,source=$PWD/a,target=/a $IMAGE",
        &[
            "/a is in this job's own file system, but the nodes of the cluster at tcp://",
            "exit 1\n",
        ],
    ),
    (
        r#"
        export DOCKER_BUILDKIT=0
        mkdir -p context; seq 300000 >context/numbers
        printf '%s\n' "FROM $IMAGE" 'COPY . /b' 'RUN md5sum /b/numbers' >context/Dockerfile
        docker build --no-cache context"#,
        &["daef482d6c698625ab13d987d14e8781  /b/numbers", "Successfully built", "exit 0\n"],
    ),
    (
        // The newer CLI can't without a plugin, and says so.
        r#"
        export DOCKER_BUILDKIT=1
        mkdir -p context; echo word >context/word
        printf '%s\n' "FROM $IMAGE" 'COPY word /' 'RUN rev /word >/drow' >context/Dockerfile
        docker build --progress plain --iidfile id context >log 2>&1 &&
            docker run --rm $(cat id) cat /drow || grep -q 'buildx component is missing' log &&
            echo as expected || cat log"#,
        &["as expected\nexit 0\n"],
    ),
    (
        r#"
        mkfifo input; exec 9<>input
        docker run -i --rm --name $N $IMAGE cat <input & pid=$!
        until docker exec $N true 2>/dev/null; do sleep 0.1; done
        kill -KILL $pid; wait $pid
        until [ -z "$(docker ps --all --quiet --filter name=$N)" ]; do sleep 0.1; done
        echo nothing is left"#,
        &["nothing is left\nexit 0\n"],
    ),
];

/// What is wrong at the port for TLS, and how it is told.
const MISTAKES: [Row; 2] = [
    ("unset DOCKER_TLS_VERIFY; docker info", &["Client sent an HTTP request to an HTTPS server."]),
    (
        "
        unset DOCKER_CERT_PATH DOCKER_TLS_VERIFY
        docker --tlsverify --tlscacert ../certificates/ca.pem info",
        &["remote error: tls: "],
    ),
];

#[tokio::test]
async fn every_docker_cli_gets_to_the_engine_on_every_way() {
    let (place, clis) = (Place::open().await, clis());
    assert!(!clis.is_empty(), "no docker CLI is on PATH");
    let pairs = clis.iter().flat_map(|cli| place.ways.iter().map(move |way| (cli, way)));
    join_all(pairs.map(async |(cli, way)| check(&Shell::open(&place, cli, way), &ROWS).await))
        .await;
    place.close().await;
}

#[tokio::test]
async fn a_client_that_is_not_let_in_is_told_why() {
    let (place, clis) = (Place::open().await, clis());
    assert!(!clis.is_empty(), "no docker CLI is on PATH");
    for cli in &clis {
        for way in place.ways.iter().filter(|way| way.secure) {
            check(&Shell::open(&place, cli, way), &MISTAKES).await;
        }
    }
    place.close().await;
}

async fn check(shell: &Shell<'_>, rows: &[Row]) {
    for (script, expected) in rows {
        let told = shell.told(script).await;
        for words in *expected {
            assert!(told.contains(words), "{}\n{script}\n{told}", shell.name);
        }
    }
}

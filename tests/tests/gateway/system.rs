//! The cluster as a whole, and the ways in which a CLI is told of it.

use job::Result;

use crate::same::{Row, same};

#[tokio::test]
async fn the_cluster_answers_through_the_gateway_as_directly() -> Result<()> {
    same("system", &ROWS).await
}

const ROWS: [Row; 10] = [
    Row { name: "version", script: "docker version", tells: "Server:" },
    Row {
        name: "old-version",
        script: "DOCKER_API_VERSION=1.30 docker version --format '{{.Client.APIVersion}}'",
        tells: "1.30\n",
    },
    Row {
        name: "info",
        script: "
            docker info | grep -Ev '(Containers|Running|Paused|Stopped|Images|Runtimes):'
            docker info --format '{{.Name}} {{.Swarm.LocalNodeState}} {{.Swarm.ControlAvailable}}'",
        tells: "manager1 active true\n",
    },
    Row {
        name: "nodes",
        script: "
            docker node ls --format '{{.Hostname}} {{.Status}} {{.ManagerStatus}}' | sort
            docker node inspect self --format '{{.Description.Hostname}}'
            docker node inspect nosuch",
        tells: "worker2 Ready\n",
    },
    Row {
        name: "host-flag",
        script: r#"
            docker -H "$DOCKER_HOST" info --format '{{.Name}}'
            (way=$DOCKER_HOST; unset DOCKER_HOST; docker --host="$way" info --format '{{.Name}}')
            unset DOCKER_TLS_VERIFY DOCKER_CERT_PATH
            docker -H tcp://127.0.0.1:1 info --format '{{.Name}}'"#,
        tells: "manager1\nmanager1\n",
    },
    Row {
        name: "context",
        script: r#"
            docker context create $N --docker "$CONTEXT"
            docker context ls --format '{{.Name}} {{.Current}}'
            docker --context $N info --format '{{.Name}}'
            unset DOCKER_HOST DOCKER_TLS_VERIFY
            docker context use $N
            docker info --format '{{.Name}}'
            docker context use default
            docker context rm $N"#,
        tells: "manager1\n",
    },
    Row {
        name: "missing",
        script: "
            for kind in container image volume network service secret config node; do
                docker $kind inspect nosuch; docker $kind rm nosuch
            done",
        tells: "No such container: nosuch\n",
    },
    Row {
        name: "log-in",
        script: "echo secret | docker login --username me --password-stdin localhost:1",
        tells: "connection refused\nexit 1\n",
    },
    Row {
        name: "network",
        script: "
            docker network create --driver overlay --attachable $N
            docker network inspect --format '{{.Name}} {{.Scope}} {{.Attachable}}' $N
            docker network create $N
            docker network rm $N
            docker network create $N-bridge
            docker run --rm --network $N-bridge $IMAGE true",
        tells: "NAME swarm true\n",
    },
    Row {
        name: "disk-usage",
        script: "docker system df --format '{{.Type}}'",
        tells: "Images\nContainers\nLocal Volumes\nBuild Cache\nexit 0\n",
    },
];

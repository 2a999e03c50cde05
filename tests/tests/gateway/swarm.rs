//! Stacks, services, and what they are made of.

use job::Result;

use crate::same::{Row, same};

#[tokio::test]
async fn services_are_deployed_through_the_gateway_as_directly() -> Result<()> {
    same("swarm", &ROWS).await
}

const ROWS: [Row; 5] = [
    Row {
        name: "stack",
        script: r#"
            cat >stack.yml <<<'{
                version: "3.7",
                services: {hello: {
                    image: jwilder/whoami:latest,
                    configs: [greeting], secrets: [word], deploy: {replicas: 2},
                }},
                configs: {greeting: {file: greeting}},
                secrets: {word: {file: word}},
            }'
            echo hello >greeting; echo hush >word
            docker stack deploy --compose-file stack.yml $N 2>&1 | sort
            until docker stack services --format '{{.Replicas}}' $N | grep -qx 2/2; do sleep 0.1; done
            docker stack services --format '{{.Name}} {{.Mode}} {{.Replicas}} {{.Image}}' $N
            docker stack ps --format '{{.Name}} {{.Image}} {{.DesiredState}}' $N | sort
            docker stack ls --format '{{.Name}} {{.Services}}' | grep "^$N "
            docker stack deploy --compose-file stack.yml $N 2>&1 | sort
            docker stack rm $N
            docker stack services $N"#,
        tells: "NAME_hello replicated 2/2 jwilder/whoami:latest\n",
    },
    Row {
        name: "stack-watched",
        script: r#"
            echo '{version: "3.7", services: {hello: {image: "jwilder/whoami:latest"}}}' >stack.yml
            # The older CLI has no such flag.
            docker stack deploy --detach=false --compose-file stack.yml $N >log 2>&1 ||
                docker stack deploy --compose-file stack.yml $N >log
            until docker stack services --format '{{.Replicas}}' $N | grep -qx 1/1; do sleep 0.1; done
            docker stack rm $N
            docker stack deploy --compose-file nosuch.yml $N"#,
        tells: "Removing service NAME_hello\n",
    },
    Row {
        name: "service",
        script: r"
            image() { docker service inspect --format '{{.Spec.TaskTemplate.ContainerSpec.Image}}' $N; }
            docker service create --quiet --detach=false --name $N --stop-grace-period 0s \
                --update-monitor 500ms --rollback-monitor 500ms $IMAGE >/dev/null
            image
            docker service update --quiet --detach=false --image jwilder/whoami:v2 $N
            image
            docker service rollback --quiet --detach=false $N
            image
            docker service scale --detach $N=2
            docker service update --detach --image jwilder/whoami:v2 --replicas 3 $N
            docker service ls --filter name=$N --format '{{.Name}} {{.Mode}} {{.Image}}'
            docker service create --name $N --detach $IMAGE
            docker service rm $N
            docker service rm $N",
        tells: "jwilder/whoami:latest\nNAME\njwilder/whoami:v2\nNAME\njwilder/whoami:latest\n",
    },
    Row {
        name: "service-logs",
        script: r"
            docker service create --quiet --detach --name $N --stop-grace-period 0s $IMAGE \
                sh -c 'echo one; echo bad >&2; sleep 1; echo two; exec sleep 1000' >/dev/null
            coproc docker service logs --follow --raw $N 2>err
            for i in 1 2; do read -r -u ${COPROC[0]} line; echo $line; done
            kill -INT $COPROC_PID; wait
            docker service logs --raw $N 2>&1 | sort
            docker service logs nosuch",
        tells: "one\ntwo\n",
    },
    Row {
        name: "secret",
        script: r#"
            echo hush | docker secret create $N-s - | wc -l
            echo loud | docker config create --label a=b $N-c - | wc -l
            docker secret inspect --format '{{.Spec.Name}} {{.Spec.Data}}' $N-s
            docker config inspect --format '{{.Spec.Name}} {{printf "%s" .Spec.Data}} {{.Spec.Labels}}' $N-c
            echo again | docker secret create $N-s -
            docker service create --quiet --detach --name $N --secret $N-s --config source=$N-c,target=/c \
                --stop-grace-period 0s $IMAGE sh -c 'cat /c /run/secrets/*; sleep 1000' >/dev/null
            until docker service logs --raw $N 2>/dev/null | grep hush; do sleep 0.2; done
            docker secret rm $N-s
            docker service rm $N
            docker secret ls --filter name=$N --format '{{.Name}}'"#,
        tells: "hush\n",
    },
];

//! Images: built by either builder, loaded, saved, and not to be had.

use job::Result;

use crate::same::{Row, same};

#[tokio::test]
async fn images_come_and_go_through_the_gateway_as_directly() -> Result<()> {
    same("image", &ROWS).await
}

const ROWS: [Row; 8] = [
    Row {
        name: "classic",
        script: r#"
            export DOCKER_BUILDKIT=0
            seq 300000 >numbers; echo ignored >ignored; echo ignored >.dockerignore
            printf '%s\n' "FROM $IMAGE" 'ARG WORD' 'COPY . /b' 'RUN ls /b && echo $WORD >/b/word' >Dockerfile
            docker build --no-cache --build-arg WORD=hello --tag $N .
            docker run --rm $N sh -c 'cat /b/word; md5sum /b/numbers'
            docker history --format '{{.CreatedBy}}' $N | head -n 1 | grep -c WORD"#,
        tells: "hello\n",
    },
    Row {
        name: "classic-stream",
        script: r#"
            export DOCKER_BUILDKIT=0
            echo word >word; printf '%s\n' "FROM $IMAGE" 'COPY word /' >Dockerfile
            tar --create . | docker build --quiet --tag $N - | wc -l
            docker run --rm $N cat /word
            printf '%s\n' "FROM $IMAGE" 'ENV A=b' | docker build --quiet --tag $N - | wc -l
            docker image inspect --format '{{.Config.Env}}' $N"#,
        tells: "1\nword\n1\n",
    },
    Row {
        name: "classic-failure",
        script: r#"
            export DOCKER_BUILDKIT=0
            printf '%s\n' "FROM $IMAGE" 'RUN echo no good; exit 3' >Dockerfile
            docker build --no-cache --force-rm --tag $N .; echo $?
            echo 'FROM localhost:1/nosuch' >Dockerfile
            docker build --tag $N .; echo $?
            echo NOSUCH >Dockerfile
            docker build --tag $N ."#,
        tells: "returned a non-zero code: 3\n",
    },
    Row {
        name: "buildkit",
        script: r#"
            export DOCKER_BUILDKIT=1
            seq 300000 >numbers; echo hush >secret
            printf '%s\n' "FROM $IMAGE AS base" 'COPY numbers /' \
                'RUN --mount=type=secret,id=s md5sum /numbers /run/secrets/s >/sums' \
                'FROM scratch' "LABEL n=$N" 'COPY --from=base /sums /' >Dockerfile
            docker build --no-cache --progress plain --secret id=s,src=secret --iidfile id . >log 2>&1 ||
                { code=$?; cat log >&2; exit $code; }
            docker create --name $N $(cat id) nosuch >/dev/null
            docker cp $N:/sums - | tar --extract --to-stdout
            docker rm $N
            docker image rm $(cat id) | wc -l"#,
        // The newer CLI can't without a plugin; the row then compares what it says.
        tells: "",
    },
    Row {
        name: "buildkit-failure",
        script: r#"
            export DOCKER_BUILDKIT=1
            printf '%s\n' "FROM $IMAGE" 'RUN echo no good; exit 3' >Dockerfile
            docker build --no-cache --progress plain . >log 2>&1; echo $?
            grep -c 'exit code: 3' log"#,
        tells: "1\n",
    },
    Row {
        name: "load",
        script: "
            docker tag $IMAGE $N:saved
            docker save $N:saved >archive
            docker image rm $N:saved
            docker load <archive
            docker image inspect --format '{{.RepoTags}}' $N:saved | grep -c NAME
            echo nonsense | docker load
            docker import - $N:imported <archive | wc -l",
        tells: "Loaded image: NAME:saved\n",
    },
    Row {
        name: "commit",
        script: "
            docker run --name $N --hostname $N $IMAGE sh -c 'hostname >/kept'
            docker commit --message why $N $N:commit | wc -l
            docker run --rm $N:commit cat /kept
            docker image ls --format '{{.Repository}} {{.Tag}}' $N
            docker image rm $N:commit | wc -l",
        tells: "1\nNAME\nNAME commit\n",
    },
    Row {
        name: "nowhere",
        script: "
            docker pull localhost:1/nosuch:1; echo $?
            docker tag $IMAGE localhost:1/$N
            docker push localhost:1/$N; echo $?
            docker image rm localhost:1/$N
            docker run --rm localhost:1/nosuch true",
        tells: "exit 125\n",
    },
];

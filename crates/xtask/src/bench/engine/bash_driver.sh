#!/usr/bin/env bash
# bash_driver.sh config | prepare | run SCRIPT STAGE | cleanup
#
# A custom executor as people write it with bash and the docker CLI: GitLab's own examples
# (https://docs.gitlab.com/runner/executors/custom_examples/lxd/) with containers in the place of
# LXD's. It looks for no leftovers of a former attempt and pulls no image that is there, which makes
# it faster than many. docker finds its engine by DOCKER_HOST, DOCKER_TLS_VERIFY and
# DOCKER_CERT_PATH in the environment of gitlab-runner, HELPER_IMAGE comes from there too.

set -eo pipefail

# Whatever fails is the system's failure, unless it is the job's script.
trap 'exit "$SYSTEM_FAILURE_EXIT_CODE"' ERR

name="runner-$CUSTOM_ENV_CI_RUNNER_ID-project-$CUSTOM_ENV_CI_PROJECT_ID-job-$CUSTOM_ENV_CI_JOB_ID"

start() {
    docker run --detach --name "$name-$1" --network "$name" --volume "$name:/builds" \
        --entrypoint "" "$2" sleep infinity
}

case $1 in
config)
    echo '{"builds_dir": "/builds", "cache_dir": "/cache", "driver": {"name": "bash"}}'
    ;;
prepare)
    docker network create "$name"
    docker volume create "$name"
    start build "$CUSTOM_ENV_CI_JOB_IMAGE"
    start helper "$HELPER_IMAGE"
    ;;
run)
    case $3 in
    prepare_script | build_script | step_* | after_script) container="$name-build" ;;
    *) container="$name-helper" ;;
    esac
    docker exec --interactive "$container" bash < "$2" || exit "$BUILD_FAILURE_EXIT_CODE"
    ;;
cleanup)
    docker rm --force --volumes "$name-build" "$name-helper"
    docker volume rm "$name"
    docker network rm "$name"
    ;;
esac

#!/usr/bin/bash
# Not gitlab-runner: a stand-in for the commands of it that job scripts call. Its archives are
# compressed tar files of the given paths; untracked files and excluded ones it knows nothing of.
# https://gitlab.com/gitlab-org/gitlab-runner/-/tree/v18.0.0/commands/helpers
set -euo pipefail

echo "gitlab-runner (stand-in): $*" >&2
command=${1:---version}

paths='' file='' url='' token='' id='' name=artifacts type=archive
while [ $# -gt 1 ]; do
    shift
    case $1 in
    --*=*) option=${1%%=*} value=${1#*=} ;;
    --untracked | --verbose) continue ;;
    *) option=$1 value=${2-} && shift ;;
    esac
    case $option in
    --path) paths="$paths$value
" ;;
    --file) file=$value ;;
    --url) url=${value%/} ;;
    --token) token=$value ;;
    --id) id=$value ;;
    --name) name=$value ;;
    --artifact-type) type=$value ;;
    esac
done
scratch=$(mktemp)
trap 'rm -f "$scratch"' EXIT

# Patterns in the paths are expanded; what isn't there is left out. An archive may be empty.
pack() (
    IFS='
'
    set -- $paths
    for path; do
        shift
        if [ -e "$path" ]; then set -- "$@" "$path"; fi
    done
    if [ $# = 0 ]; then set -- -C "$(mktemp -d)" .; fi
    tar -czf - "$@"
)

# The artifacts of the job over plain HTTP: `request METHOD QUERY [HEADER]...` sends the scratch
# file and prints the body of the answer.
request() {
    local authority=${url#http://} status line
    exec 3<>"/dev/tcp/${authority%:*}/${authority##*:}"
    printf '%s\r\n' "$1 /api/v4/jobs/$id/artifacts$2 HTTP/1.0" "Host: $authority" \
        "JOB-TOKEN: $token" "Content-Length: $(stat -c %s "$scratch")" "${@:3}" '' >&3
    cat "$scratch" >&3
    IFS= read -r status <&3
    while IFS= read -r line <&3 && [ "$line" != $'\r' ]; do :; done
    cat <&3
    [[ $status == *' 20'* ]]
}

form() {
    printf -- '--stand-in\r\nContent-Disposition: form-data; name="file"; filename="%s"\r\n' "$name.tar.gz"
    printf 'Content-Type: application/octet-stream\r\n\r\n'
    pack
    printf '\r\n--stand-in--\r\n'
}

case $command in
cache-archiver)
    mkdir -p "$(dirname "$file")"
    pack >"$scratch" && mv "$scratch" "$file"
    ;;
cache-extractor)
    if [ -e "$file" ]; then tar -xzf "$file"; fi
    ;;
artifacts-uploader)
    form >"$scratch"
    request POST "?artifact_type=$type&artifact_format=gzip" \
        'Content-Type: multipart/form-data; boundary=stand-in' >&2
    ;;
artifacts-downloader)
    request GET '' | tar -xzf -
    ;;
--version)
    echo 'Version:      0.0.0 (stand-in)'
    ;;
*)
    echo "gitlab-runner (stand-in): it has no command $command" >&2
    exit 1
    ;;
esac

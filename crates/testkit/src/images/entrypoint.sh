#!/bin/sh
export FROM_ENTRYPOINT='set before the script'
exec "$@"

# web
#
# Answers every request on port 8000 with `$VERSION HOSTNAME`. As its environment says:
#   LISTEN_AFTER  seconds until it listens
#   LINGER        seconds that it goes on serving after SIGTERM; empty to end at once
#   DEAF          not empty: doesn't hear SIGTERM at all
#   CRASH_AFTER   seconds that it listens until it complains and ends with EXIT; empty for never
#   BROKEN        what its health check complains about; empty for nothing
mkdir -p /www
echo "$VERSION $(hostname)" >/www/index.html

end() {
    if [ -n "$LINGER" ]; then sleep "$LINGER"; fi
    exit 0
}
if [ -n "$DEAF" ]; then trap '' TERM; else trap end TERM INT; fi

# A trap runs once what is waited for has ended, or at once where `wait` waits for it.
pause() {
    sleep "$1" &
    wait "$!"
}

echo "version $VERSION is starting"
pause "$LISTEN_AFTER"
httpd -f -p 8000 -h /www &
echo "listening on port 8000"
if [ -n "$CRASH_AFTER" ]; then
    pause "$CRASH_AFTER"
    echo "lost the database: giving up" >&2
    exit "$EXIT"
fi
wait

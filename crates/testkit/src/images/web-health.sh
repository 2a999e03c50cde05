# web-health
#
# The health check of web.sh: says what is wrong.
if [ -n "$BROKEN" ]; then
    echo "$BROKEN"
    exit 1
fi
if ! wget -q -O /dev/null http://127.0.0.1:8000/; then
    echo "nobody listens on port 8000"
    exit 1
fi

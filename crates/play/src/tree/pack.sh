# Writes a gzipped tar archive of the directory $1, as it is now, to stdout.
#
# Of a git repository: the files that git would list, and a repository of the last $2 commits, or of
# all with 0. Files that git lists but that are gone are left out. As from git, who may write to a file
# is for the umask to say where it is unpacked. Needs git, and GNU tar.
set -e

tree=$1 depth=$2
cd "$tree"
[ -e .git ] || exec tar --mode=a+rwX -czf - .

copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT

if git rev-parse --quiet --verify HEAD >/dev/null; then
  [ "$depth" = 0 ] || limit=--depth=$depth
  # Not a local clone, which would share the tree's objects, all of them.
  git clone --quiet --no-local --no-checkout --template= ${limit:+"$limit"} "$tree" "$copy/clone"
  git -C "$copy/clone" reset --quiet
else
  git init --quiet --template= "$copy/clone"
fi

git ls-files -z --cached --others --exclude-standard >"$copy/listed"
xargs -0 sh -c '
  for file; do
    if [ -e "$file" ] || [ -L "$file" ]; then printf "%s\0" "$file"; fi
  done' sh <"$copy/listed" >"$copy/there"

tar --mode=a+rwX -czf - -C "$copy/clone" .git -C "$tree" --null --no-recursion -T "$copy/there"

# Sourced by quickstart and check: Node's packages, then what the system lacks. Idempotent.
# klab_setup YES: with YES=1 nobody is asked before packages are installed.

klab_setup() {
	yes=$1
	if ! command -v npm >/dev/null 2>&1; then
		echo "klab: needs npm to install its libraries and its own Node; install your distribution's nodejs and npm" >&2
		return 125
	fi
	stamp=node_modules/.klab-lock
	if ! cmp -s package-lock.json "$stamp"; then
		echo "klab: installing libraries and Node (npm)"
		# Not `npm ci`: it insists on the binaries of every other platform, and registries lag behind with those.
		npm install --no-save --no-audit --no-fund --loglevel=error || return 125
		cp package-lock.json "$stamp"
	fi
	# Not fatal: klab runs from its sources too, a little slower to start.
	PATH="$PWD/node_modules/.bin:$PATH" npm run --silent bundle >/dev/null || echo "klab: cannot bundle; running from source" >&2
	if ./klab doctor >/dev/null; then
		return 0
	fi
	echo "klab: some tools are missing"
	if [ "$yes" = 1 ]; then
		./klab doctor --fix --yes || return 125
	else
		./klab doctor --fix || return 125
	fi
}

# Whether packages may be installed without asking: told so, in CI, or root with nobody there to ask.
klab_may_install() {
	if [ "$1" = --yes ] || [ "${CI:-}" = true ]; then
		echo 1
	elif [ "$(id -u)" = 0 ] && [ ! -t 0 ]; then
		echo 1
	else
		echo 0
	fi
}

# Prints the directory of the distribution's kernel source, unpacked once under $1, from a tarball in $2 (/usr/src).
klab_kernel_source() {
	into=$1
	from=${2:-/usr/src}
	found=$(klab_newest "$into"/linux-source-*/Makefile)
	if [ -n "$found" ]; then
		dirname "$found"
		return 0
	fi
	tarball=$(klab_source_tarball "$from")
	if [ -z "$tarball" ] && command -v apt-get >/dev/null 2>&1; then
		echo "klab: installing the distribution's kernel source" >&2
		as_root=
		[ "$(id -u)" = 0 ] || as_root=sudo
		# It brings the one of the distribution's kernel.
		DEBIAN_FRONTEND=noninteractive $as_root apt-get install -y -qq --no-install-recommends linux-source >&2 || return 125
		tarball=$(klab_source_tarball "$from")
	fi
	if [ -z "$tarball" ]; then
		echo "klab: no kernel source here; unpack one and run: ./klab run --tree DIR -- uname -a" >&2
		return 125
	fi
	echo "klab: unpacking $tarball" >&2
	mkdir -p "$into/unpacking.$$"
	tar -xf "$tarball" -C "$into/unpacking.$$" || return 125
	mv "$into/unpacking.$$"/* "$into"/ && rmdir "$into/unpacking.$$"
	dirname "$(klab_newest "$into"/linux-source-*/Makefile)"
}

# The newest kernel source in a directory, however it is packed; signatures lie beside some.
klab_source_tarball() {
	klab_newest "$1"/linux-source-*.tar "$1"/linux-source-*.tar.gz "$1"/linux-source-*.tar.bz2 "$1"/linux-source-*.tar.xz \
		"$1"/linux-source-*.tar.lzma "$1"/linux-source-*.tar.zst
}

# Of files, those that are there, the one with the highest version.
klab_newest() {
	for file in "$@"; do
		[ ! -e "$file" ] || echo "$file"
	done | sort -V | tail -n 1
}

klab_cache() {
	if [ -n "${KLAB_HOME:-}" ]; then echo "$KLAB_HOME/cache"; else echo "${XDG_CACHE_HOME:-$HOME/.cache}/klab"; fi
}

# What the tests need beyond klab itself: $1 is 1 when it may be installed.
klab_test_tools() {
	wanted=
	for pair in cpio:cpio ping:iputils-ping ssh:openssh-client rsync:rsync gdb:gdb makedumpfile:makedumpfile; do
		command -v "${pair%%:*}" >/dev/null 2>&1 || wanted="$wanted ${pair##*:}"
	done
	# A server, for the guests: they see this machine's.
	[ -x /usr/sbin/sshd ] || wanted="$wanted openssh-server"
	# For ordinary users: Debian 12 has QEMU's own alone, which needs root, and then some tests are left out.
	if ! command -v virtiofsd /usr/libexec/virtiofsd >/dev/null 2>&1 && apt-cache show virtiofsd >/dev/null 2>&1; then wanted="$wanted virtiofsd"; fi
	[ -n "$wanted" ] || return 0
	if [ "$1" = 1 ] && command -v apt-get >/dev/null 2>&1; then
		as_root=
		[ "$(id -u)" = 0 ] || as_root=sudo
		# shellcheck disable=SC2086 # a list of packages
		DEBIAN_FRONTEND=noninteractive $as_root apt-get install -y -qq --no-install-recommends $wanted >/dev/null && return 0
	fi
	echo "klab: the tests need$wanted; install it" >&2
	return 125
}

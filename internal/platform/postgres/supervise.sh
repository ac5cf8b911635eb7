# Arguments: BIN HOME INITDB-FLAGS REMOVE SERVER-ARGUMENTS...
# Runs PostgreSQL from BIN on the cluster HOME/data, which is made first where there is none. The parent holds the
# other end of descriptor 3: when that closes, because the parent asked, ended or was killed, PostgreSQL shuts down.
# The directory REMOVE, if any, goes last.
trap '' HUP INT TERM QUIT
bin=$1 home=$2 flags=$3 remove=$4
shift 4

run() {
	"$@" 3<&- &
	child=$!
	# Asked again until it is gone: a signal that arrives before a program listens is lost, a repeated one is harmless.
	# After two minutes it must end at once, and recovery is left to the next start.
	(
		read -r _ <&3
		tries=0
		while kill -INT "$child" && [ "$tries" -lt 900 ]; do
			tries=$((tries + 1))
			[ "$tries" -ne 600 ] || kill -QUIT "$child"
			sleep 0.2
		done
	) >/dev/null 2>&1 &
	guard=$!
	wait "$child"
	code=$?
	{ kill -KILL "$guard" && wait "$guard"; } 2>/dev/null
	return "$code"
}

serve() {
	if [ ! -e "$home/data" ]; then
		# Made beside its place and then moved there: an initdb that is killed leaves no half-made cluster behind.
		rm -rf "$home/init"
		# shellcheck disable=SC2086 # several flags, none with a space
		run "$bin/initdb" -D "$home/init" -U postgres -E UTF8 -A scram-sha-256 --pwfile="$home/password" $flags >/dev/null ||
			return
		mv "$home/init" "$home/data" || return
	fi
	run "$bin/postgres" -D "$home/data" "$@"
}

serve "$@"
code=$?
[ -z "$remove" ] || rm -rf "$remove"
exit "$code"

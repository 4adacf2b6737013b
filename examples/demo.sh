#!/bin/sh
# Uploads the example files to the embedded simulator of the API, and puts right what went wrong.
#
#     sh examples/demo.sh [COMMAND]
#
# COMMAND is the batchconv to run, by default the one on the PATH. Everything is written to the
# folder `demo/` beside `examples/`, which is emptied first. No account and no network are needed.
set -eu

command=${1:-batchconv}
case $command in
    /*) ;;
    */*) command=$(pwd)/$command ;;
esac
cd "$(dirname "$0")/.."
rm -rf demo
mkdir demo
cp examples/*.csv examples/*.tsv examples/*.jsonl demo
cd demo

say() {
    printf '\n# %s\n' "$*"
}

# run CODE ARGUMENT...: shows a command, runs it, and ends the demo if it exits with another CODE.
run() {
    expected=$1
    shift
    printf '\n$ batchconv %s\n' "$*"
    code=0
    "$command" "$@" || code=$?
    if [ "$code" -ne "$expected" ]; then
        echo "batchconv exited with $code, and this demo expects $expected" >&2
        exit 70
    fi
}

say "What would become of a file, before anything is sent: the first lines of it."
printf '\n$ batchconv upload --simulate --dry-run dirty.csv | head -n 12\n'
{ "$command" upload --simulate --dry-run dirty.csv || :; } | head -n 12

say "Sent to a simulator that fails now and then (nothing leaves this machine)."
run 1 upload --simulate=flaky dirty.csv
say "Exit code 1, not 0: some rows were not accepted, and this example holds such rows on purpose."

say "What became of each row, one line a row:"
printf '\n$ head -n 2 dirty.simulated.results.jsonl\n'
head -n 2 dirty.simulated.results.jsonl

say "The rows that were not accepted, with the reason. Correct some of them ..."
sed 's/maybe/true/; s,20/11/2026 10:03,2026-11-20 10:03:00,' dirty.simulated.failed.csv > corrected
mv corrected dirty.simulated.failed.csv
say "... and feed them back to their job. The others stay as they are, and are not told again."
run 0 upload --simulate dirty.simulated.failed.csv

say "Rows that are to stay as they are: dismissed, each is settled."
run 0 dismiss --all dirty.simulated.results.jsonl

say "What happened:"
run 0 report dirty.simulated.results.jsonl

say "And the proof that every row has an outcome:"
run 0 audit dirty.csv --results dirty.simulated.results.jsonl

say "Several files together, calls as another channel: two jobs more."
run 0 upload --simulate export.csv events.jsonl
run 0 upload --simulate --channel voice calls.tsv

say "All of it is in the folder demo/. More: batchconv manual."

#!/bin/sh
# Uploads the example files to the embedded stand-in of the API and shows what comes of it.
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

say "What is wrong with a file, before anything is sent: the first ten lines of it."
printf '\n$ batchconv validate dirty.csv | head -n 10\n'
"$command" validate dirty.csv | head -n 10

say "A night's files, sent to a stand-in that fails now and then (nothing leaves this machine)."
run 1 upload --simulate=flaky export.csv events.jsonl dirty.csv
say "Exit code 1, not 0: some rows were not accepted, and the examples hold such rows on purpose."

say "Calls, as a second file of another channel."
run 0 upload --simulate --channel voice calls.tsv
say "Exit code 0: every row was accepted."

say "What became of each row, one line a row:"
printf '\n$ head -n 2 export.simulated.results.jsonl\n'
head -n 2 export.simulated.results.jsonl

say "The rows that were not accepted, with the reason, ready to be mended and sent again:"
for file in export.failed.csv dirty.failed.csv; do
    printf '\n$ cat %s\n' "$file"
    cat "$file"
done

say "What happened, and what to do next:"
run 0 report export.simulated.results.jsonl

say "All of it is in the folder demo/. The words used here: batchconv upload --help, README.md."

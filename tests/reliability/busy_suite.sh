#!/usr/bin/env bash
# Runs the whole suite again and again beside a busy loop on each processor, to find tests that depend on the time that they
# get: tests/reliability/busy_suite.sh [ROUNDS=10] [arguments of ctest]. Prints a line for each round; the output of a round with
# failures stays in build/busy-suite-N.log.
set -euo pipefail
cd "$(dirname "$0")/../.."
rounds=${1:-10}
shift || true
loops=()
trap 'kill "${loops[@]}" 2> /dev/null || true' EXIT
for ((k = 0; k < $(nproc); ++k)); do
  while :; do :; done &
  loops+=($!)
done
failed=0
for ((round = 1; round <= rounds; ++round)); do
  log=build/busy-suite-$round.log
  began=$SECONDS
  if ctest --preset release -j 2 "$@" > "$log" 2>&1; then rc=0; else rc=$?; fi
  echo "round $round: $(grep -E '^[0-9]+% tests passed' "$log" || echo "ctest ended with $rc"), $((SECONDS - began)) s, $(git rev-parse --short HEAD)"
  if [ "$rc" = 0 ]; then
    rm "$log"
  else
    failed=1
    sed -n '/The following tests FAILED/,$p' "$log"
  fi
done
exit "$failed"

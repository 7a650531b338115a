#!/usr/bin/env bash
# How many of 2,000 uniform starts on the banana end at its saddle, by the settings of leave.toml. Needs jq.
set -euo pipefail
monge=${MONGE:-monge}
at() {
  printf '| %s |' "$1"
  shift
  "$monge" toy banana --uniform 2000 --range -3,3 "$@" --json | jq -r '" \(.ends.saddle) | \(.ends."(-1,-1)" + .ends."(1,1)") | \(.ends.other) |"'
}
echo '| | saddle | ±(1,1) | other |'
echo '| --- | --- | --- | --- |'
at 'gradient descent' --method none
at 'momentum .9' --method none --momentum .9
for rho in .3 .5 1; do
  at "SAM, rho $rho" --method sam --rho $rho
  at "M-SAM, rho $rho" --method m-sam --rho $rho
  at "M-SAM, rho $rho, momentum .9" --method m-sam --rho $rho --momentum .9
  at "M-SAM, rho $rho, lr .1" --method m-sam --rho $rho --lr .1
  at "Friendly SAM, rho $rho" --method friendly-sam --rho $rho
  at "M-SAM, rho $rho, from 90%" --method m-sam --rho $rho --from 90%
  at "M-SAM, rho $rho, nearby, spread .05" --method m-sam --rho $rho --length nearby --metric-points 4 --metric-spread .05
done
for b in .1 .5 2; do
  at "LE-SAM, budget $b" --method le-sam --rho inf --ascent-budget $b
done

#!/usr/bin/env bash
# Where runs on the banana end: at the saddle / at (1,1) or (-1,-1) / elsewhere in a valley (loss below .05) / elsewhere. Needs jq.
# Starts: a grid as in figure 5, or whatever flags are given: toys.sh --uniform 2000 --range -3,3
set -euo pipefail
monge=${MONGE:-monge}
starts=("$@")
[ $# -gt 0 ] || starts=(--grid 10 --range -3,3)
ends='def near(x): ((.end[0]-x)*(.end[0]-x) + (.end[1]-x)*(.end[1]-x)) <= .09;
  [.runs[] | if near(0) then "s" elif near(1) or near(-1) then "m" elif (.diverged | not) and .loss < .05 then "v" else "e" end]
  | " \(map(select(. == "s")) | length) / \(map(select(. == "m")) | length) / \(map(select(. == "v")) | length) / \(map(select(. == "e")) | length) |"'
radii=(.3 .6 1 1.5 2 3)
row() {
  printf '| %s |' "$1"
  shift
  for rho in "${radii[@]}"; do
    "$monge" toy banana "${starts[@]}" --rho "$rho" "$@" --json | jq -j "$ends"
  done
  echo
}
printf '| |'; printf ' %s |' "${radii[@]}"; echo
echo '| --- | --- | --- | --- | --- | --- | --- |'
row SAM --method sam
row M-SAM --method m-sam
row running --method m-sam --length running
row running-norm --method m-sam --length running-norm
row "recent, points 20" --method m-sam --length recent --metric-points 20
row "nearby, points 4, spread .5" --method m-sam --length nearby --metric-points 4 --metric-spread .5
row "nearby, points 20, spread .5" --method m-sam --length nearby --metric-points 20 --metric-spread .5
row "hessian, spread .25" --method m-sam --length hessian --metric-points 2 --metric-spread .25
row "hessian, spread .5" --method m-sam --length hessian --metric-points 2 --metric-spread .5
row "hessian, spread 1" --method m-sam --length hessian --metric-points 2 --metric-spread 1

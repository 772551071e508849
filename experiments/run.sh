#!/usr/bin/env bash
# All experiments at one scale, then tables and figures: experiments/run.sh tiny|small|paper [OUT [JOBS]]
# JOBS runs of a sweep run at a time, one by default.
# The same command resumes where it stopped. A failed run is reported at the end of its sweep and stops nothing.
set -euo pipefail
scale=${1:?usage: experiments/run.sh tiny|small|paper [OUT [JOBS]]}
out=${2:-experiments-$scale}
jobs=${3:-1}
here=$(dirname "$0")
mkdir -p "$out"

sweep() {
    simcore sweep "$here/$scale/$1.toml" --out "$out/$1" --all --jobs "$jobs" "${@:2}" || { code=$? && [ $code -eq 1 ]; } || exit $code
}
# What the beliefs of a sweep's models know, with controls; differences are from the first model's first setting.
# knowledge SWEEP NAME "MODELS" FLAGS
knowledge() {
    simcore compare $(for model in $3; do echo "$out/$1/runs/$model"-*; done) --old 10 20 --out "$out/$1/$2" "${@:4}"
}
sweep models
sweep oracle
sweep memories --reuse "$out/models"
sweep kappa --reuse "$out/models"
sweep acting
for weights in "$here/$scale"/weight-*.toml; do
    [ ! -e "$weights" ] || sweep "$(basename "$weights" .toml)"
done
simcore train Terrain --preset "$scale" --probes.map-convdraw --run "$out/terrain"
building() { simcore train "$1" --preset "$scale" --run "$out/$2"; }
building HighFood high-food
building Cliff cliff
building Tower tower
building HighFoodHard high-food-hard
building CliffHard cliff-hard
building Bridge bridge

knowledge models knowledge "generative deterministic contrastive"
knowledge memories knowledge "lstm slots kanerva"
knowledge memories state "lstm slots kanerva" --of state # what is predicted may be read from the memory, not from b_t
knowledge kappa knowledge generative
simcore figure 9 "$out"/kappa/runs/* --out "$out/figure-9"
simcore figure 10 "$out"/models/runs/*-seed0 --out "$out/figure-10"
simcore figure 11 "$out/terrain" --out "$out/figure-11"
simcore figure 12 "$out/terrain" --out "$out/figure-12"
simcore figure 13 "$out/cliff" "$out/high-food" "$out/tower" --out "$out/figure-13"
simcore figure 13 "$out/cliff-hard" "$out/high-food-hard" "$out/bridge" --out "$out/figure-13-hard"
simcore figure 14 "$out/terrain" --out "$out/figure-14"
echo "Tables: $out/*/report.json and $out/*/knowledge.md. Curves and figures: $out"

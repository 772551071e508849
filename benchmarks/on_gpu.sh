#!/usr/bin/env bash
# All that waits for a GPU, in one go of minutes and without network: tests, comparison with the CPU, speed, a run.
#
#   benchmarks/on_gpu.sh [--minutes 9] [--out DIR] [--preset tiny] [--device cuda] [--rehearse] [--parts "NAME ..."]
#                        [-- FLAGS of simcore train]
#
# Parts, in order: tests, agree, eager, graph, train, export, online, probe, rollout, compile. Each has a limit
# of its own, writes its results as it ends, and loses only itself if it fails. DIR is $OUT, or results/gpu/<card>, and
# gets at most 8 files. --rehearse takes toy sizes; with --device cpu it needs no GPU. docs/gpu.md has the rest.
# Exit code: 0, 1 if a part failed or ran out of time, 2 if there is no such device.
set -uo pipefail
cd "$(dirname "$0")/.."

usage() { sed -n '2,11s/^# \{0,1\}//p' "benchmarks/on_gpu.sh"; }
minutes=9 out=${OUT:-} preset=tiny device=cuda rehearse=() parts= flags=()
while (($#)); do
    case $1 in
    --minutes) minutes=$2 && shift ;;
    --out) out=$2 && shift ;;
    --preset) preset=$2 && shift ;;
    --device) device=$2 && shift ;;
    --parts) parts=$2 && shift ;;
    --rehearse) rehearse=(--rehearse) ;;
    --help | -h) usage && exit ;;
    --) shift && flags=("$@") && break ;;
    *) echo "on_gpu.sh: what is $1?" >&2 && usage >&2 && exit 2 ;;
    esac
    shift
done
parts=${parts:-tests agree eager graph train export online probe rollout compile}
python=${PYTHON:-python3}
total=$("$python" -c 'import sys; print(int(60 * float(sys.argv[1])))' "$minutes") || exit 2
deadline=$total # in bash's SECONDS, which began with this script
work=$(mktemp -d /tmp/simcore-gpu-XXXXXX)
trap 'rm -rf "$work"' EXIT
export PYTHONUNBUFFERED=1 PYTHONPATH="$work/site:$PWD${PYTHONPATH:+:$PYTHONPATH}"
if ((${#rehearse[@]})); then
    export OMP_NUM_THREADS=1 # toys gain nothing from more, and wait for each other where others work
fi

# What the machine lacks comes from wheels that were brought along.
if ! "$python" -c 'import gymnasium, cattrs, tyro, safetensors' 2>"$work/missing"; then
    if ! compgen -G '.wheels/*.whl' >/dev/null; then
        tail -n 1 "$work/missing" >&2
        echo "on_gpu.sh: something is missing, and there is no .wheels/; make it with benchmarks/gpu_wheels.sh" >&2
        exit 2
    fi
    "$python" -m pip install -q --no-index --no-deps --no-compile --no-cache-dir --upgrade --disable-pip-version-check \
        --target "$work/site" .wheels/*.whl || exit 2
fi
card=$("$python" -c '
import sys, torch
torch.empty(1, device=sys.argv[1])
print(torch.cuda.get_device_name(sys.argv[1]) if sys.argv[1].startswith("cuda") else sys.argv[1])
' "$device" 2>"$work/missing") || {
    tail -n 1 "$work/missing" && echo "on_gpu.sh: there is no device $device; try --device cpu --rehearse"
    exit 2
} >&2
out=${out:-results/gpu/${card//[^A-Za-z0-9._-]/-}}
mkdir -p "$out" || exit 2
rm -f "$out"/{parts,agree,throughput}.jsonl
run=$work/$preset
failed=$work/failed

left() { echo $((deadline - SECONDS)); }
share() { # PER MILLE: seconds, of all that there are
    local seconds=$((total * $1 / 1000)) least=10
    if ((${#rehearse[@]})); then least=60; fi # imports take as long for toys, and on a busy machine longer
    echo $((seconds > least ? seconds : least))
}
pack() { # what has been found out so far; no more than 8 files in all
    if [[ -f $run/metrics.jsonl ]]; then cp "$run/metrics.jsonl" "$out/metrics.jsonl"; fi
    rm -rf "$work/rest" && mkdir "$work/rest"
    cp "$work"/*.txt "$work"/*.jsonl "$run"/{config,probe-online,probe}.json "$run"/*.png "$run"/*.gif "$work/rest" 2>/dev/null
    tar -czf "$out/rest.tar.gz" -C "$work" rest
}
part() { # NAME LIMIT COMMAND...: run a part for at most LIMIT seconds, and keep what it says
    local name=$1 limit=$2 begin=$SECONDS code
    shift 2
    [[ " $parts " == *" $name "* ]] || return 0
    if ((limit > $(left) - 5)); then limit=$(($(left) - 5)); fi # packing takes seconds too
    echo "== $name: $(left) s are left, at most $limit are its own"
    if ((limit < 3)); then
        code=124 && echo "no time for it"
    else
        timeout --kill-after="${grace:-5}" "$limit" "$@" >"$work/$name.txt" 2>&1
        code=$?
        tail -n 45 "$work/$name.txt"
    fi
    local spent=$((SECONDS - begin))
    echo "== $name: $spent s, exit code $code$( ((code == 124 || code == 137)) && echo ': out of time')"
    echo "{\"part\": \"$name\", \"limit\": $limit, \"seconds\": $spent, \"code\": $code}" >>"$out/parts.jsonl"
    if ((code)); then touch "$failed"; fi
    pack
}
every=(--device "$device" "${rehearse[@]}") # what all the programs take
gpu=("$python" -m)
speed=("${gpu[@]}" benchmarks.gpu.throughput "${every[@]}" --out "$out/throughput.jsonl")
cli=("$python" -m simcore.cli)

everything() {
    local limit seconds tests
    "$python" -c 'import sys, torch; print(sys.version.split()[0], torch.__version__, torch.version.cuda)'
    echo "$card, $(getconf _NPROCESSORS_ONLN) cores, $total s, commit $(git rev-parse --short HEAD 2>/dev/null || echo unknown)"
    tests=$(grep -rl 'mark\.cuda' tests --include='*.py')
    limit=$(share 150)
    local only=(-n 4 --session-timeout=$((limit > 30 ? limit - 20 : 10))) worlds=256
    if ((${#rehearse[@]})); then
        only=(-k "updates and lstm and convdraw and walker") worlds=4
        if [[ $device == cpu ]]; then export SIMCORE_TEST_DEVICE=cpu; fi
    fi
    # Compiled once and kept, and not by each of the tests' processes.
    "$python" -c '
import simcore
for level in ("RandomCity", "Food"):
    worlds = simcore.make_worlds(level, 1)
    worlds.reset(seed=0)
    worlds.step([0])
'
    # Warnings are errors where versions are pinned; here they are others. Pytest ends by itself, so that it still tells
    # what has failed.
    grace=20 part tests "$limit" "$python" -m pytest -v -m cuda -W default -p no:cacheprovider --tb=short \
        "${only[@]}" $tests
    part agree "$(share 110)" "${gpu[@]}" benchmarks.gpu.agree "${every[@]}" --out "$out/agree.jsonl"
    limit=$(share 130)
    # Code 4: a case left the GPU in a state of no use to that process; another goes on with the next case.
    part eager "$limit" bash -c '"$@"; code=$?; if ((code == 4)); then exec "$@"; fi; exit $code' eager \
        "${speed[@]}" --mode eager --seconds $((limit - 20))
    limit=$(share 75)
    part graph "$limit" "${speed[@]}" --mode graph --seconds $((limit - 10))
    seconds=$(($(left) - $(share 270) - 25)) # what comes after has its share; the run needs some to begin and to end
    limit=45
    if ((${#rehearse[@]})); then seconds=2 limit=105; elif ((seconds < 5)); then seconds=5; fi
    part train $((seconds + limit)) "${gpu[@]}" benchmarks.gpu.train "${every[@]}" --seconds "$seconds" --run "$run" \
        --preset "$preset" --throughput "$out/throughput.jsonl" --out "$work/training.jsonl" -- "${flags[@]}"
    # At most 16 MiB, so that it is easily sent and kept.
    part export "$(share 30)" "${cli[@]}" export "$run" "$out/$preset.safetensors" --no-measure
    part online "$(share 40)" "${cli[@]}" probe "$run" --online --device "$device" --worlds $worlds
    part probe "$(share 150)" "${cli[@]}" probe "$run" --device "$device" --worlds $worlds
    part rollout "$(share 40)" "${cli[@]}" rollout "$run" --device "$device"
    if ((${#rehearse[@]} == 0)); then
        limit=$(left)
        part compile "$limit" "${speed[@]}" --mode compile --seconds "$limit"
    fi
    pack
    echo "== $SECONDS s of $total; results are in $out"
}

everything 2>&1 | tee "$out/log.txt"
[[ ! -e $failed ]]

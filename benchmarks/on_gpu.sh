#!/usr/bin/env bash
# What waits for a GPU, in one go: the tests, the benchmarks, then training for as long as there is time.
#
#   benchmarks/on_gpu.sh OUT [MINUTES] [PRESET]
#
# OUT gets the logs and the run; MINUTES (default 8) is the time for training, which a later call continues.
set -uo pipefail
out=${1:?usage: benchmarks/on_gpu.sh OUT [MINUTES] [PRESET]}
minutes=${2:-8}
preset=${3:-small}
python=${PYTHON:-python3}
mkdir -p "$out"
cd "$(dirname "$0")/.."

"$python" -c 'import torch; print(torch.__version__, torch.cuda.get_device_name())' | tee "$out/machine.txt" || exit 2
"$python" -m pytest -q -m "not slow" 2>&1 | tee "$out/tests.txt" | tail -n 5
for benchmark in convdraw lstm_unroll cores; do
    "$python" -m "benchmarks.$benchmark" --device cuda 2>&1 | tee "$out/$benchmark.txt"
done
# The interrupt ends the run with a checkpoint.
timeout --signal=INT "${minutes}m" "$python" -m simcore.cli train RandomCity --preset "$preset" --device cuda \
    --run "$out/run" 2>&1 | tee "$out/training.txt"
timeout --signal=INT 2m "$python" -m simcore.cli train Food --preset "$preset" --executor threads --device cuda \
    --run "$out/acting" 2>&1 | tee "$out/acting.txt"
"$python" -m simcore.cli evaluate "$out/acting" | tee "$out/evaluation.txt"
"$python" -m simcore.cli probe "$out/run" | tee "$out/probe.txt"
"$python" -m simcore.cli rollout "$out/run"

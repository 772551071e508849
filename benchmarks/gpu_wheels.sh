#!/usr/bin/env bash
# Downloads the wheels that benchmarks/gpu_wheels.txt names into .wheels/, for Python 3.12 on Linux (x86-64).
#
#   benchmarks/gpu_wheels.sh
#
# Run it where there is a network, and take .wheels/ along: benchmarks/on_gpu.sh installs from there without one.
set -euo pipefail
cd "$(dirname "$0")/.."
platforms=()
for name in manylinux_2_28 manylinux_2_27 manylinux_2_17 manylinux2014 manylinux2010 manylinux1; do
    platforms+=(--platform "${name}_x86_64")
done
rm -rf .wheels
"${PYTHON:-python3}" -m pip download --quiet --disable-pip-version-check --no-deps --only-binary=:all: \
    --python-version 3.12 --implementation cp "${platforms[@]}" --dest .wheels --requirement benchmarks/gpu_wheels.txt
ls -l .wheels
du -sh .wheels

"""The programs that benchmarks/on_gpu.sh runs on a machine with a GPU; each can be rehearsed on a CPU."""

"""What benchmarks/on_gpu.sh runs on a machine with a GPU, a program each; all of them rehearse on a CPU."""

"""Analysis of trained runs, as numbers and tensors: belief scores, evaluation, roll-outs and maps."""

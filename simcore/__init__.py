"""SimCore: belief states shaped by generative models of the environment (Gregor et al., 2019)."""

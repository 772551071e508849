"""`python -m simcore.sweeps RUN WORLDS`: the process of one run, started by `simcore sweep`."""

import sys

from simcore.sweeps.worker import main

sys.exit(main())

"""The process of one run, which `simcore sweep` starts as `python -m simcore.sweeps RUN WORLDS JOBS`."""

import sys

from simcore.sweeps.worker import main

sys.exit(main())

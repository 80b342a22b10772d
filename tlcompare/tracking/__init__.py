"""The only part that talks to MLflow, but for the pyfunc in `tlcompare.serving`."""

import os

# MLflow reads this when it is imported; its own bars would run through ours.
os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")

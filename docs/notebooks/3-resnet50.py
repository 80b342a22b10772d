# %% [markdown]
# # ResNet50, again
#
# A course report compared MobileNet and ResNet50 under four ways of unfreezing, in two notebooks: this is the second,
# done again. It found 88.93 % on the test images with everything frozen, 92.37 % with "the last 20 layers" and 92.01 %
# with conv5, and took the last 20 layers for the same as conv4 and conv5.
#
# In [Colab](https://colab.research.google.com/), upload this file (*File, Upload notebook*).

# %%
# Installs tlcompare where it is missing. Until it is published, SOURCE is a wheel that `make wheel` has built and you
# have uploaded, or the address of your copy of the repository, as pip takes it: git+https://...
from importlib.util import find_spec

SOURCE = "tlcompare-0.2.0-py3-none-any.whl"
if find_spec("tlcompare") is None:
    get_ipython().run_line_magic("pip", f"install -q {SOURCE}")

# %%
import pandas as pd
import tlcompare as tl

# %% [markdown]
# ## What the report trained
#
# Layers are counted as Keras counts them: ResNet50 has 175. (Keras's convolutions have biases, which batch norms cancel
# and torchvision leaves out: conv5 is 14,974,981 here and 14,986,245 there.)

# %%
report = {
    "frozen": ("frozen", 2_600_000),
    "A: last 20 layers": (20, 22_094_853),
    "B: conv5": ("conv5", 14_986_245),
    "B: conv4 and conv5": ("conv4+conv5", 22_094_853),
}
counted = [tl.plan("resnet50", strategy, classes=5).trainable_weights for strategy, _ in report.values()]
pd.DataFrame({"the report says": [said for _, said in report.values()], "it is": counted}, index=list(report))

# %% [markdown]
# The last 20 layers are not conv4 and conv5: they begin in the second block of conv5. And 2.6 million weights with
# everything frozen need hidden layers in the head, which the other rows do not have.

# %%
last = tl.plan("resnet50", 20, classes=5).table
print(", ".join(last["block"].unique()), "from layer", last["number"].min())

# %% [markdown]
# ## The images
#
# The report's photos are not published; those of five kinds of flowers (3,670, downloaded once) are of the same kind
# and number of classes. Where there is no network, neither can be had, nor the ImageNet weights: what follows is then
# **a small run on scanned digits with random weights, which shows how it goes and nothing about ResNet50**.

# %%
from contextlib import closing
from socket import create_connection


def reachable(host):
    try:
        with closing(create_connection((host, 443), timeout=3)):
            return True
    except OSError:
        return False


if reachable("download.pytorch.org") and reachable("storage.googleapis.com"):
    print("with ImageNet weights, on photos of flowers")
    what = dict(data="flowers")
else:
    print("WITHOUT A NETWORK: random weights, scanned digits; no number below says anything about ResNet50")
    what = dict(data="digits", weights="none", image_size=32, epochs=1, val_fraction=0.2, test_fraction=0.6)

# %% [markdown]
# ## The report's strategies, each as what it claims to be
#
# One seed each, as in the report; what a single seed shows is then put to the test.

# %%
sweep = tl.sweep(space="report", model="resnet50", **what)
sweep

# %% [markdown]
# *Did inference get faster or slower, as the report has it?* Freezing does not change what is computed to classify an
# image; the latency is measured once per backbone:

# %%
sweep.table[["strategy", "trainable_parameters", "cost/latency_p50_ms", "cost/train_seconds"]]

# %% [markdown]
# ## Which is best, and how surely?
#
# The report compared one run of each, on the test images. Here the best and `frozen` are run again with seeds and
# divisions of the images of their own, as many as the answers need; what cannot be told apart is said to be so.

# %%
evidence = sweep.replicate(until_decided=True, max_seeds=6)
evidence

# %%
for sentence in evidence.sentences:
    print(sentence)

# %% [markdown]
# ## One choice, then the test images, once
#
# The rule is stated before it is applied: of those that are shown to lose no more than a point, what trains the fewest
# weights. Only then are the test images opened.

# %%
sweep.pick(within=0.01)

# %%
sweep.finalize()

# %%
sweep.report("resnet50.html")

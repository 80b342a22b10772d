"""Which layers of a pretrained network should be unfrozen, and is it worth it?"""

__version__ = "0.2.0"

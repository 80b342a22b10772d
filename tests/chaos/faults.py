"""The rows of docs/reliability.md."""

FAULTS = {
    1: "SIGKILL at random moments of a 40-trial sweep",
    2: "SIGKILL at every named point of a sweep",
    3: "SIGINT and SIGTERM",
    4: "a write, sync, rename or new folder that fails (ENOSPC, EIO, short write), each in turn",
    5: "a run interrupted after an epoch, against one that was not",
    6: "8 processes, 20 trials each, on one SQLite study and store",
    7: "a tracking server that restarts, vanishes, hangs, is slow, answers 500 or 429, or resets connections",
    8: "damaged images: 6 formats, 10 kinds of damage",
    9: "odd images, files and folders",
    10: "malformed configurations, spaces and flags",
    11: "hostile archives",
    12: "downloads cut, altered, redirected; a poisoned cache",
    13: "stores, checkpoints and models with a byte flipped or cut; pickle payloads",
    14: "hostile names of classes, experiments, runs, sweeps and files",
    15: "NaN, no memory, a killed worker, a CUDA error",
    16: "1,000 short trials",
    17: "clock jumps of an hour",
    18: "studies, runs and models of other versions",
    19: "request bodies sent to a served model; secrets in the environment and in addresses",
}

"""How much gets done on this machine's CPUs where several trainings run side by side, each on its share of them."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy
from dataclasses import replace

import torch

from tlcompare.features.convolutions import train_fast
from tlcompare.features.speed import batch_for, speed_key
from tlcompare.freezing.layers import LayerList
from tlcompare.machine.device import Compute
from tlcompare.machine.measured import measured_once

_SECONDS = 1.0
_PATIENCE_S = 120.0
_MOST = 8


def throughput(layers: LayerList, compute: Compute) -> dict[int, float]:
    """Images per second that so many trainings of a backbone get done together, each with its share of the threads.

    For one, two, four and so on up to as many as there are threads, or eight. Measured once and kept.
    """
    found = measured_once("parallel", speed_key(layers, compute), lambda: _measure(layers, compute))
    return {int(jobs): images for jobs, images in found.items()}


def _measure(layers: LayerList, compute: Compute) -> dict[str, float]:
    done: dict[str, float] = {}
    jobs = 1
    try:
        while jobs <= min(compute.threads, _MOST):
            done[str(jobs)] = _together(layers, replace(compute, threads=compute.threads // jobs), jobs)
            jobs *= 2
    finally:
        torch.set_num_threads(compute.threads)
    return done


def _together(layers: LayerList, share: Compute, jobs: int) -> float:
    """Images per second of so many trainings that run at a time.

    Threads stand for processes here: torch lets go of the interpreter while it computes.
    """
    ready = threading.Barrier(jobs, timeout=_PATIENCE_S)
    with ThreadPoolExecutor(jobs) as pool:
        return sum(pool.map(lambda _: _train(layers, share, ready), range(jobs)))


def _train(layers: LayerList, share: Compute, ready: threading.Barrier) -> float:
    """Train for a second, once all are ready; returns the images per second."""
    torch.set_num_threads(share.threads)
    network = deepcopy(layers.network).requires_grad_(True).train()
    network.to(memory_format=torch.channels_last)
    train_fast(network, share)
    x = batch_for(layers, share)

    def step() -> None:
        with share.autocast():
            features = network(x)
        torch.autograd.backward(features.float().square().mean())
        network.zero_grad()

    step()
    ready.wait()
    began, steps = time.perf_counter(), 0
    while time.perf_counter() - began < _SECONDS:
        step()
        steps += 1
    return steps * len(x) / (time.perf_counter() - began)

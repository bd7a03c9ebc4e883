"""A thousand fits keep their memory."""

import gc

import numpy as np

import monge


def resident_mib():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS")) / 1024


def test_a_thousand_fits_keep_their_memory(clouds):
    x, y = clouds
    transport = monge.Map(train__iterations=2, train__batch=32, map__width=8, potential__width=8, eval__every=0)
    sizes = []
    for i in range(1000):
        transport.fit(x, y).transform(x)
        if i % 100 == 99:
            gc.collect()
            sizes.append(resident_mib())
    slope = np.polyfit(np.arange(5), sizes[5:], 1)[0] / 100  # MiB for a fit, once the allocator is warm
    assert slope < 0.005, sizes  # a fit holds 0.1 MiB of weights and data

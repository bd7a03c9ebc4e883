"""The peer of `bench_features torchscript`: the same net and images from Python.

    OMP_NUM_THREADS=1 python bench/features.py FILE [IMAGES] [SIDE] [BATCH]
"""

import json
import sys
import time

import torch

file, images, side, batch = sys.argv[1], *([int(word) for word in sys.argv[2:]] + [64, 64, 4][len(sys.argv) - 2 :])
net = torch.jit.load(file).eval()
torch.manual_seed(1)
images = torch.randint(0, 256, (images, 3, side, side), dtype=torch.uint8)
with torch.inference_mode():
    for _ in range(2):  # the profiling executor specialises in the first calls
        net(images[:batch].float())
    for i in range(3):
        start = time.perf_counter()
        torch.cat([net(part.float()) for part in images.split(batch)])
        rate = images / (time.perf_counter() - start)
        print(json.dumps({"net": "python", "pass": i, "pictures": images, "batch": batch,
                          "threads": torch.get_num_threads(), "images_per_second": round(rate, 2)}), flush=True)

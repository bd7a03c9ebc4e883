"""Images: colours grey drawings from two folders of images without pairs.

    python examples/python/images.py [--out FOLDER] [--quick] [--threads N]

One folder holds drawings of discs and squares in dark or light grey, the other holds different drawings in blue and yellow. The
optimal map keeps lightness as far as it can: dark grey becomes blue, light grey becomes yellow. The program writes both folders,
trains a map on them, translates a third folder of grey drawings, and counts how many got the right colour. FOLDER/grid.png
shows outputs beside inputs. For your own data give `monge.train` the paths of your folders, and larger networks:
monge.Recipe("quick/images") holds settings for 32 pixels.
"""

import argparse
import pathlib
import tempfile

import numpy as np
from PIL import Image

import monge

SIDE = 16
BLUE, YELLOW, DARK, LIGHT = (40, 70, 150), (250, 215, 70), (90, 90, 90), (200, 200, 200)


def draw(count, colours, seed):
    """Drawings uint8 [N, SIDE, SIDE, 3], and the index of the colour of each."""
    rng = np.random.default_rng(seed)
    row, column = np.mgrid[:SIDE, :SIDE]
    kind = rng.integers(2, size=count)
    images = []
    for k in kind:
        x, y = column - rng.uniform(6, 9), row - rng.uniform(6, 9)
        radius = rng.uniform(4, 6)
        outside = np.hypot(x, y) - radius if rng.random() < 0.5 else np.maximum(abs(x), abs(y)) - 0.85 * radius
        inside = np.clip(0.5 - outside, 0, 1)[..., None]
        images.append(255 + inside * (np.array(colours[k]) - 255))
    return np.stack(images).round().astype(np.uint8), kind


def write(folder, images):
    """Writes the images as PNG files."""
    folder.mkdir(parents=True)
    for i, image in enumerate(images):
        Image.fromarray(image).save(folder / f"{i:04}.png")
    return folder


def read(folder):
    """The images of a folder, floats in [-1, 1], [N, 3, SIDE, SIDE]."""
    return monge.data.open(folder, size=SIDE).numpy()


def train(source, target, iterations, threads=0):
    """Trains a map between two folders."""
    return monge.train(
        None, source, target, progress=False, threads=threads, source__size=SIDE, target__size=SIDE,
        map__net="ddpm", map__width=8, map__depth=2, map__residual=True, map__output="clamp",
        potential__width=16, potential__width_max=32,
        train__iterations=iterations, train__batch=16, train__k_t=2, train__lr_map=2e-3, train__lr_potential=2e-3,
        train__betas=[0.0, 0.9], train__schedule="cosine", train__ema=0.99, eval__samples=60, eval__holdout=0.1)


def main(arguments=None):
    parser = argparse.ArgumentParser(description="Colours grey drawings.")
    parser.add_argument("--out", help="a new folder for the drawings, the outputs and grid.png; without it they are not kept")
    parser.add_argument("--quick", action="store_true", help="fewer iterations")
    parser.add_argument("--threads", type=int, default=0, help="of the CPU; 0: all cores")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as temporary:
        out = pathlib.Path(options.out or temporary)
        grey = write(out / "grey", draw(600, (DARK, LIGHT), 1)[0])
        coloured = write(out / "coloured", draw(600, (BLUE, YELLOW), 2)[0])
        drawings, kind = draw(200, (DARK, LIGHT), 3)
        new = write(out / "new", drawings)

        run = train(grey, coloured, 120 if options.quick else 300, options.threads)
        result = run.model.translate_files(new, out / "outputs", grid=out / "grid.png")

        outputs, target = read(out / "outputs"), read(coloured)
        centre = (outputs[:, :, 6:10, 6:10].mean((2, 3)) + 1) * 127.5
        wanted = np.where(kind[:, None] == 1, YELLOW, BLUE)
        results = {
            "images": result["items"],
            "right colour": float((np.linalg.norm(centre - wanted, axis=1) < 40).mean()),
            "before": monge.metrics.energy_distance(read(new), target[:200]),
            "after": monge.metrics.energy_distance(outputs, target[:200]),
            "floor": monge.metrics.energy_distance(target[200:400], target[:200]),
        }
    print(f"images           {results['images']} translated")
    print(f"right colour     {100 * results['right colour']:.0f} %")
    print(f"energy distance  before {results['before']:.3f}, after {results['after']:.3f}, floor {results['floor']:.3f}")
    return results


if __name__ == "__main__":
    main()

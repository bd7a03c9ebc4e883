"""Colour transfer: gives a photograph the colours of another one. Each pixel is a sample, a vector of three numbers.

    python examples/python/colour_transfer.py [PHOTO STYLE] [--out OUT] [--quick]

Without paths it takes two photographs that scikit-learn brings (china.jpg and flower.jpg, CC-BY-2.0). It prints the energy
distance between the colours before and after, the floor (the distance between two draws of the style's own colours), and the
cost of the map beside that of the exact plan (if POT is installed: pip install POT). `monge recolour` does the same for use:
it fits exact plans of pixels and dithers the output.
"""

import argparse
import pathlib

import numpy as np
from PIL import Image
from sklearn.datasets import load_sample_image

import monge


def read(path):
    """An image as floats in [-1, 1], [H, W, 3]."""
    pixels = Image.open(path).convert("RGB") if pathlib.Path(path).is_file() else load_sample_image(path)
    return np.asarray(pixels, dtype=np.float32) / 127.5 - 1


def draw(image, n, seed):
    """n pixels of an image, [n, 3]."""
    pixels = image.reshape(-1, 3)
    return pixels[np.random.default_rng(seed).choice(len(pixels), n)]


def exact_cost(x, y):
    """The cost of the exact plan between two samples, or NaN without POT."""
    try:
        import ot
    except ImportError:
        return float("nan")
    return ot.emd2([], [], ot.dist(x, y)) / 2


def main(arguments=None):
    parser = argparse.ArgumentParser(description="Colour transfer between two photographs.")
    parser.add_argument("images", nargs="*", default=["china.jpg", "flower.jpg"], metavar="PHOTO STYLE")
    parser.add_argument("--out", help="file for the recoloured photograph")
    parser.add_argument("--quick", action="store_true", help="fewer pixels and iterations")
    options = parser.parse_args(arguments)
    if len(options.images) != 2:
        parser.error("give two images, or none for those of scikit-learn")
    photo, style = map(read, options.images)

    fit_pixels, iterations = (5000, 300) if options.quick else (20000, 1500)
    transport = monge.Map("strong", threads=1, map__width=64, potential__width=64, train__iterations=iterations)
    transport.fit(draw(photo, fit_pixels, 0), draw(style, fit_pixels, 1))

    x, y = draw(photo, 2000, 2), draw(style, 2000, 3)  # other pixels than those of the fit
    moved = transport.transform(x)
    distance = monge.metrics.energy_distance
    results = {
        "before": distance(x, y),
        "after": distance(moved, y),
        "floor": distance(draw(style, 2000, 4), y),
        "cost": float(0.5 * ((moved - x) ** 2).sum(1).mean()),
        "exact cost": exact_cost(x, y),
    }
    print(f"energy distance of colours  before {results['before']:.4f}, after {results['after']:.4f}, "
          f"floor {results['floor']:.4f}")
    print(f"cost                        map {results['cost']:.3f}, exact plan of 2,000 pixels {results['exact cost']:.3f}")
    if options.out:
        pixels = transport.transform(photo.reshape(-1, 3)).reshape(photo.shape)
        Image.fromarray(np.clip((pixels + 1) * 127.5, 0, 255).round().astype(np.uint8)).save(options.out)
        print("image                      ", options.out)
    return results


if __name__ == "__main__":
    main()

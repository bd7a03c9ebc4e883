// Opens a source from one line of a recipe. The path determines the kind, see source_kinds.h.
#pragma once

#include <memory>
#include <string>

#include "monge/core/log.h"
#include "monge/data/source_kinds.h"

namespace monge::data {

/// Opens one of
///
///     toy:NAME?key=value                   a law by formula, see open_toy
///     w2bench:FILE.safetensors?side=source|target
///                                          a side of a Wasserstein-2 benchmark pair, see W2Benchmark
///     font:FILE.ttf?mode=grey&part=1/2     the glyphs of a font, see load_glyphs; images.size and .grey are the
///     defaults a folder, .zip .tar .tar.gz .tgz .tar.bz2 .tar.xz .tar.zst .7z
///                                          images, see ImageSource
///     a .png .jpg .webp .tif .svg file     one image, see io::kImageExtensions
///     .npy .npz .csv .tsv .txt, the last three also with .gz; npz:FILE.npz?key=NAME; FILE.csv?columns=a,b
///                                          an array or a table, see array_path and open_array
///     .h5ad, FILE.h5ad?obsm=X_pca&where=condition=ctrl
///                                          a table of single cells, see array_path and read_cells
///
/// The path is used literally: "~" and "*" have no special meaning.
/// @param log  is informed once how many items there are (for a table its rows, columns and how its text was
///             interpreted) and which were converted, and warned of images that are left out, with their reasons.
/// @param progress  called while images are decoded, see ProgressCallback.
/// @throws InputError for a missing path, an unknown kind (with what is accepted), and whatever the opened kind throws.
std::shared_ptr<const Source> open_source(const SourceOptions& options, const LogSink& log = silent(),
                                          const ProgressCallback& progress = {});

/// Checks that open_source would take the path for images: it exists, and is a folder or has the name of an image set.
/// @param path  a path that names no table, see names_table.
/// @throws InputError as open_source.
void require_images(const std::string& path);

}  // namespace monge::data

// From one line of a recipe to a source. The path tells the kind, see source_kinds.h.
#pragma once

#include <memory>
#include <string>

#include "monge/core/log.h"
#include "monge/data/source_kinds.h"

namespace monge::data {

/// Opens
///
///     toy:NAME?key=value                   a law by formula, see open_toy
///     w2bench:FILE.safetensors?side=source|target
///                                          a side of a Wasserstein-2 benchmark pair, see W2Benchmark
///     font:FILE.ttf?mode=grey&part=1/2     the colour images of a font; images.size and .grey where it says nothing
///     a folder, .zip .tar .tar.gz .tgz .tar.bz2 .tar.xz .tar.zst .7z
///                                          images, see ImageSource
///     a .png .jpg .webp .tif file          one image, see io::kImageExtensions
///     .npy .npz .csv .tsv .txt, the last three also with .gz; npz:FILE.npz?key=NAME; FILE.csv?columns=a,b
///                                          an array or a table, see array_path and open_array
///
/// The path is used as it stands: "~" and "*" mean nothing.
/// @param log       told once how many items there are (of a table its rows, columns and how its text was understood)
/// and which
///                  were converted, and warned of images left out with their reasons.
/// @param progress  called while images are decoded, see ProgressCallback.
/// @throws InputError  a missing path, a kind that is not known (with what is accepted), or whatever the opened kind
///                complains about.
std::shared_ptr<const Source> open_source(const SourceOptions& options, const LogSink& log = silent(),
                                          const ProgressCallback& progress = {});

/// Checks that open_source would take the path for images: it is there, and is a folder or is named like images.
/// @param path  that names no table, see names_table. @throws InputError as open_source.
void require_images(const std::string& path);

}  // namespace monge::data

// The interface between image.cpp and its codecs: two functions for each format, and the checks that they share.
// Internal.
#pragma once

#include <torch/types.h>

#include <optional>
#include <string>
#include <string_view>

#include "monge/core/image_size.h"
#include "monge/io/decoding_memory.h"
#include "monge/io/image.h"

namespace monge::io {

// Each returns uint8, or uint16 if the file has 16 bits, with the pixels as stored; `notes` receives the file's
// orientation.
torch::Tensor decode_png(std::string_view bytes, const std::string& name, const DecodeOptions& options,
                         ImageNotes& notes);
torch::Tensor decode_jpeg(std::string_view bytes, const std::string& name, const DecodeOptions& options,
                          ImageNotes& notes);
torch::Tensor decode_webp(std::string_view bytes, const std::string& name, const DecodeOptions& options,
                          ImageNotes& notes);
torch::Tensor decode_tiff(std::string_view bytes, const std::string& name, const DecodeOptions& options,
                          ImageNotes& notes);
/// RGBA at the size of options.view; only the groups of `options`.
torch::Tensor decode_svg(std::string_view bytes, const std::string& name, const DecodeOptions& options,
                         ImageNotes& notes);

bool is_tiff(std::string_view bytes);
int tiff_sample_bits(std::string_view bytes);

// Each returns the size as the header states it; nothing if there is no whole header.
std::optional<ImageSize> stored_png_size(std::string_view bytes);
std::optional<ImageSize> stored_jpeg_size(std::string_view bytes);
std::optional<ImageSize> stored_webp_size(std::string_view bytes);
std::optional<ImageSize> stored_tiff_size(std::string_view bytes);

/// @throws InputError unless 1 <= width * height <= most_pixels.
void check_pixel_count(int64_t width, int64_t height, int64_t most_pixels, const std::string& name);

/// Holds the memory of an image that will be decoded, and of its preparation afterwards, in the scope of the calling
/// thread (see DecodingMemory; decode_image has one).
/// @param sample_bytes   1 or 2.
/// @param decoder_bytes  what the codec takes beside the image.
/// @param options  for `resized_pixels`.
/// @throws InputError if that is more than the whole.
void hold_image_memory(const ImageSize& size, int64_t channels, int64_t sample_bytes, int64_t decoder_bytes,
                       const DecodeOptions& options, const std::string& name);

/// The bytes that resizing an image of this size takes, see DecodeOptions::resized_pixels.
int64_t resizing_bytes(const DecodeOptions& options, const ImageSize& size, int64_t sample_bytes);

/// The sample types that an encoder accepts.
enum class Depth { eight, eight_or_sixteen };

/// The image, contiguous on the CPU.
/// @throws InputError unless it is uint8 (or uint16 where `depth` admits it) [H, W, 1..4] and not empty.
torch::Tensor checked_image(const torch::Tensor& image_HWC, const char* caller, Depth depth = Depth::eight);

/// @throws InputError: the file is of this format and cannot be decoded, with the decoder's reason.
[[noreturn]] void refuse_image(const std::string& name, const char* format, const std::string& reason);

}  // namespace monge::io

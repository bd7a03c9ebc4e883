#include "monge/serve/image_input.h"

#include "monge/core/error.h"
#include "monge/core/user_words.h"
#include "monge/data/image_options.h"
#include "monge/data/native_images.h"
#include "monge/io/decoding_memory.h"
#include "monge/io/image.h"
#include "monge/session/translation_size.h"
#include "monge/train/training_data.h"

namespace monge::serve {
namespace {

constexpr const char* kName = "the image";

/// How the recipe of a model prepares images.
data::ImageOptions image_options(const model::Model& model) {
  auto options =
      model.recipe ? train::source_options(model.recipe->source, *model.recipe).images : data::ImageOptions();
  const bool known = options.colour == "rgb" || options.colour == "grey";
  if (!model.recipe || !known) options.colour = model.item_shape[0] == 1 ? "grey" : "rgb";
  if (options.range == "auto") options.range = "full";
  return options;
}

torch::Tensor prepared(const data::PreparationOptions& options, const torch::Tensor& image_HWC) {
  const data::Preparation preparation(options);
  const bool sixteen = image_HWC.scalar_type() == torch::kUInt16;
  auto out = torch::empty({1, preparation.height(), preparation.width(), preparation.channels()},
                          sixteen ? torch::kFloat32 : torch::kUInt8);
  if (sixteen) {
    preparation.write_floats(image_HWC, out.data_ptr<float>());
    out.div_(127.5).sub_(1);
  } else {
    preparation.write(image_HWC, out.data_ptr<uint8_t>());
  }
  return data::as_floats(out.permute({0, 3, 1, 2})).contiguous();
}

void check_pixels(int64_t pixels, int64_t most) {
  if (pixels <= most) return;
  throw InputError({.what = "the image has too many pixels",
                    .value = std::to_string(pixels),
                    .allowed = text("up to ", most),
                    .fix = "send a smaller one, or ask for a smaller size"});
}

}  // namespace

bool is_image(std::string_view bytes) {
  return bytes.starts_with("\x89PNG\r\n\x1a\n") || bytes.starts_with("\xff\xd8\xff") ||
         (bytes.starts_with("RIFF") && bytes.size() > 12 && bytes.substr(8, 4) == "WEBP");
}

ImageInput read_image_input(const model::Model& model, std::string_view bytes, const std::string& size,
                            int64_t most_pixels) {
  if (model.item_shape.size() != 3) {
    throw InputError({.what = "this map takes vectors, and not images",
                      .where = kName,
                      .allowed = text("a .npy array of shape [N, ", model.item_shape.at(0), "]")});
  }
  using Kind = OutputSize::Kind;
  auto wanted = session::with_size_of_recipe({.size = size}, model, /*array=*/false);
  const auto choice = session::size_choice(wanted, model);
  auto options = image_options(model);
  if (choice.size.width > 0) options.size = choice.size;
  auto preparation = options.preparation();
  auto decoding = data::Preparation(preparation).decoding();
  decoding.most_pixels = most_pixels;
  decoding.keep_sixteen_bits = true;
  decoding.view = {};
  const bool residual = choice.kind == Kind::residual;
  const auto keeps_size = [&](const ImageSize& image) {
    return residual || choice.kind == Kind::keep ||
           (choice.kind == Kind::automatic && data::keeps_own_size(image, choice.size));
  };
  decoding.resized_pixels = [&, resized = decoding.resized_pixels](int64_t height, int64_t width) {
    return keeps_size({width, height}) ? 0 : resized(height, width);
  };
  const io::DecodingMemory memory;  // until the image is prepared
  const auto image_HWC = io::decode_image(bytes, kName, decoding);
  const ImageSize stored(image_HWC.size(1), image_HWC.size(0));
  const bool keeps = keeps_size(stored);
  if (keeps) {
    preparation.resize_to = 0;
    preparation.crop = "none";
    preparation.height = stored.height;
    preparation.width = stored.width;
    preparation.most_side = data::NativeImageSource::kMostSide;
  }
  check_pixels(preparation.height * preparation.width, most_pixels);
  const auto of_tensor = residual                     ? "residual"
                         : keeps                      ? "keep"
                         : choice.kind == Kind::given ? text_of(choice.size)
                                                      : "train";
  return {.x = prepared(preparation, image_HWC), .size = of_tensor};
}

}  // namespace monge::serve

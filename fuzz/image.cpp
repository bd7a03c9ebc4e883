// Fuzzes the decoders of PNG, JPEG, WebP and TIFF with their orientations. The first byte of an input chooses the
// options, the rest is the file. Of at most 2^18 pixels, so that one input takes little time.
#include "monge/io/image.h"

#include "fuzz/target.h"

MONGE_FUZZ_TARGET(image) {
  using namespace monge;
  if (input.empty()) return;
  const auto choice = static_cast<uint8_t>(input[0]);
  input.remove_prefix(1);
  io::DecodeOptions options;
  options.most_pixels = int64_t{1} << 18;
  options.orientation = static_cast<io::Orientation>(choice % 3);
  options.keep_sixteen_bits = (choice & 0x40) != 0;
  fuzz::expect(io::sample_bits(input) == 8 || io::sample_bits(input) == 16);
  io::stored_size(input);
  torch::Tensor image;
  io::ImageNotes notes;
  if (!fuzz::accepted([&] { image = io::decode_image(input, "fuzzed", options, &notes); })) return;
  fuzz::expect(image.dim() == 3 && image.is_contiguous() && image.size(0) * image.size(1) <= options.most_pixels);
  fuzz::expect(image.size(2) >= 1 && image.size(2) <= 4 && image.numel() > 0);
  fuzz::expect(notes.orientation >= 1 && notes.orientation <= 8);
  if (image.numel() > 1 << 14) return;
  options.orientation = io::Orientation::ignore;
  fuzz::expect(fuzz::same_tensor(io::decode_image(io::encode_png(image), "written.png", options), image));
}
